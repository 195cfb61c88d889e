# proves: doc/protocol.md is what the agent does: its examples run, its tables are the sources'
. "$(dirname "$0")/lib.sh"

here=$(cd "$(dirname "$0")" && pwd)
ROOT=$(cd "$here/../.." && pwd)
DOC=$ROOT/doc/protocol.md
doc() { "$PYTHON" "$here/protocol_doc.py" "$@"; }

doc words "$DOC" "$ROOT" || fail "the tables"

# -- the agent of appendix A ---------------------------------------------------------

AGENT_PORT=$(free_port)
TLS_PORT=$(free_port)
D=$T/doc
mkdir -p "$D" "$T/tls"
(cd "$D" && doc write "$DOC" "5300=$AGENT_PORT" "8853=$TLS_PORT") || fail "no files in the document"
for k in ctl.example team.example xfr.example; do make_key $k; done
cp "$T/ctl.example.key" "$D/ctl.key"
cp "$T/team.example.key" "$D/team.key"
cp "$T/ctl.example.knot" "$D/ctl.knot"
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=hub.example \
	-addext subjectAltName=DNS:hub.example -keyout "$T/tls/key.pem" -out "$T/tls/cert.pem" 2>/dev/null ||
	fail "openssl req"
chmod 600 "$T/tls/key.pem"
cp "$T/tls/cert.pem" "$D/ca.pem"
write_patterns
start_nsd
shared_zone "$NSD_DIR/zones/shared.zone"
{
	sed "/^\[backend nsd1\]/,\$d; s#/etc/nsherd/tls#$T/tls#; s#/etc/nsherd/keys#$D#; s#/etc/nsherd/patterns#$T/patterns#
		s#/var/lib/nsherd#$T/state#" "$D/nsherd.conf"
	nsd_backend
	printf '[key xfr.example]\nfile = %s/xfr.example.key\n' "$T"
} >"$T/nsherd.conf"
chmod 600 "$T/nsherd.conf"
agent_up

# -- the examples -------------------------------------------------------------------

(cd "$D" && doc run "$DOC" "5300=$AGENT_PORT" "8853=$TLS_PORT") || fail "the examples"
agent_down
