# proves: a recorded message played again, at once, later, after a restart or over another transport, is answered as before and not run
. "$(dirname "$0")/lib.sh"

PAUSE=${QUICK:+2}; PAUSE=${PAUSE:-61}
write_patterns
start_nsd
shared_zone "$NSD_DIR/zones/shared.zone"
write_agent "$(nsd_backend)"
mkdir -p "$T/tls"
openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost -addext subjectAltName=DNS:localhost \
	-keyout "$T/tls/key.pem" -out "$T/tls/cert.pem" 2>/dev/null || fail "openssl req"
chmod 600 "$T/tls/key.pem"
TLS_PORT=$(free_port)
sed -i "s#^state-dir.*#&\nlisten-tls = 127.0.0.1@$TLS_PORT\ntls-cert = $T/tls/cert.pem\ntls-key = $T/tls/key.pem#" "$T/nsherd.conf"
agent_up
r() { $PYTHON "$(dirname "$0")/replay.py" "$AGENT_PORT" "$C" ctl.example "$(key_secret ctl.example)" "$@" 2>&1; }
r_tls() { $PYTHON "$(dirname "$0")/replay.py" "$TLS_PORT" "$C" ctl.example "$(key_secret ctl.example)" send "$1" tls "$T/tls/cert.pem" 2>&1; }
serial() { ask "$C" SOA | awk '{print $3}'; }
log_lines() { ask "_log.$C" AXFR +tcp | grep -c '"time='; }

# each of: a change, a refusal, a verb
r sign "$T/add" "$C" "add a1.zones PTR shop.example." "add group.a1.zones TXT shared"
r sign "$T/bad" "$C" "add a2.zones A 192.0.2.1"
r sign "$T/verb" "_command.$C" "add shop.example._command.$C. TXT reload"
[ "$(r send "$T/add" udp)" = NOERROR ] || fail "the first time"
r send "$T/bad" udp | grep -q '^REFUSED reason=type-not-writable' || fail "the refusal"
until_ok 20 status_has shop.example state=serving || fail "not served"
r send "$T/verb" udp | grep -q '^NOERROR seq=' || fail "the verb: $(r send "$T/verb" udp)"
# the zone goes, by another message: playing the first one again must not bring it back
printf 'update delete a1.zones.%s PTR\n' "$C" | nsup >/dev/null
[ -z "$(ask "a1.zones.$C" PTR)" ] || fail "not removed"

again() { # WHEN
	local before lines how
	before=$(serial) lines=$(log_lines)
	for how in udp tcp tls; do
		for m in add bad verb; do
			if [ $how = tls ]; then out=$(r_tls "$T/$m"); else out=$(r send "$T/$m" $how); fi
			case $m:$out in
			add:NOERROR* | verb:NOERROR* | bad:REFUSED*) ;;
			*) fail "$1, $how, $m: $out" ;;
			esac
		done
	done
	[ "$(serial)" = "$before" ] || fail "$1: the catalog changed"
	[ "$(log_lines)" = "$lines" ] || fail "$1: something was run, or logged as new"
	[ -z "$(ask "a1.zones.$C" PTR)" ] || fail "$1: the zone is back"
}
again "at once"
agent_down; agent_up
again "after a restart"
agent_kill; agent_up
again "after SIGKILL"

# signed before a start, and never seen: refused
r sign "$T/unseen" "$C" "add a3.zones PTR unseen.example."
sleep 1.1
agent_down; agent_up
r send "$T/unseen" tcp | grep -q '^REFUSED reason=signed-before-start' || fail "signed before the start, and run"
sleep "$PAUSE"
again "after $PAUSE s"
# out of its time altogether
[ -n "${QUICK-}" ] || again "in the end"
agent_down
