# proves: DNS over TLS carries every command and transfer, to real clients alone that speak TLS 1.3 with the right names and certificates
. "$(dirname "$0")/lib.sh"
TOOL="$PYTHON $(dirname "$0")/tls.py"

# -- certificates ----------------------------------------------------------------

P=$T/pki
mkdir "$P"
ec="-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes"
make_ca() { # NAME
	# shellcheck disable=SC2086
	openssl req -x509 $ec -keyout "$P/$1.key" -out "$P/$1.pem" -days 30 -subj "/CN=$1" \
		-addext keyUsage=critical,keyCertSign,cRLSign 2>/dev/null
}
make_cert() { # FILE CA HOW-LONG SUBJECT-ALT-NAME
	# shellcheck disable=SC2086
	openssl req $ec -keyout "$P/$1.key" -out "$P/$1.csr" -subj "/CN=$1" 2>/dev/null &&
		openssl x509 -req -in "$P/$1.csr" -CA "$P/$2.pem" -CAkey "$P/$2.key" -CAcreateserial \
			$3 -out "$P/$1.pem" -extfile <(echo "subjectAltName=$4") 2>/dev/null &&
		chmod 600 "$P/$1.key"
}
# OpenSSL 3.5 takes no days below 0, 3.0 knows no other way
past='-days -1'
openssl x509 -help 2>&1 | grep -q not_after && past='-not_before 20200101000000Z -not_after 20200102000000Z'
make_ca ca && make_ca other-ca && make_cert hub ca "-days 10" DNS:hub.example,IP:127.0.0.1 &&
	make_cert renewed ca "-days 20" DNS:hub.example,DNS:renewed.example &&
	make_cert expired ca "$past" DNS:hub.example && make_cert client ca "-days 10" DNS:client.example &&
	make_cert stranger other-ca "-days 10" DNS:client.example || fail "certificates"
use_cert() { # NAME: as the agent's
	cp "$P/$1.pem" "$P/now.pem" && (umask 077 && cp "$P/$1.key" "$P/now.key")
}
use_cert hub

# -- an agent and its clients -----------------------------------------------------

write_patterns
start_nsd
make_key admin.example
TLS_PORT=$(free_port)
write_tls_agent() { # SECTIONS...
	write_agent "[key admin.example]
file  = $T/admin.example.key
allow = admin

$*"
	sed -i "/^listen /a listen-tls = 127.0.0.1@$TLS_PORT\ntls-cert = $P/now.pem\ntls-key = $P/now.key" \
		"$T/nsherd.conf"
}
reload() {
	agent_reload
	ask $C SOA >/dev/null
}
AGENT_LOG=debug write_tls_agent "$(nsd_backend)"
"$NSHERDD" -t -c "$T/nsherd.conf" || fail "nsherdd -t"
agent_up
tctl() { # nsherdctl by TLS, with no default but these
	NSHERD_SERVER=${SERVER:-127.0.0.1@$TLS_PORT} NSHERD_KEY=$T/${K:-ctl.example}.key NSHERD_CATALOG=$C \
		HOME=$T "$CTL" --tls "${NAME:-hub.example}" --tls-ca "${CA:-$P/ca.pem}" "$@"
}
rc() { # STATUS COMMAND...
	local want=$1 got
	shift
	"$@" >"$T/out" 2>"$T/err" </dev/null
	got=$?
	[ $got -eq "$want" ] || { cat "$T/out" "$T/err"; fail "$*: status $got, not $want"; }
}
says() { grep -qE -- "$1" "$T/err" || { cat "$T/err"; fail "not said: $1"; }; }

# every command
rc 0 tctl add one.example two.example three.example -p primary --wait
shared_zone "$NSD_DIR/zones/shared.zone"
rc 0 tctl set two.example -p shared
rc 0 tctl wait --timeout 60
for c in list 'list tw*' 'show one.example' export status 'status one.example' 'status --summary' \
	backends patterns 'reload one.example' 'notify one.example' 'flush one.example' reconcile; do
	# shellcheck disable=SC2086
	rc 0 tctl $c
	[ -s "$T/out" ] || fail "$c says nothing"
done
rc 0 env K=admin.example bash -c "$(declare -f tctl); CTL=$CTL T=$T C=$C P=$P TLS_PORT=$TLS_PORT; tctl reconfigure"
rc 0 tctl del three.example --wait
for i in $(seq 3000); do echo "bulk$i.example"; done >"$T/bulk"
rc 0 tctl add -p - --from "$T/bulk"
rc 0 tctl list
[ "$(wc -l <"$T/out")" -ge 3002 ] || fail "list by TLS: $(wc -l <"$T/out") lines"
rc 0 tctl del --from "$T/bulk"
grep -q 'source=127.0.0.1@[0-9]*/tls' "$T/nsherdd.log" || fail "the log does not say tls"
dig @127.0.0.1 -p "$AGENT_PORT" -k "$T/ctl.example.key" "_log.$C" AXFR >"$T/history"
grep -q 'source=127.0.0.1@[0-9]*/tls' "$T/history" || fail "the history does not say tls"

# what nsherdctl makes of it that the agent is another, or none
rc 1 env NAME=no.example bash -c "$(declare -f tctl); CTL=$CTL T=$T C=$C P=$P TLS_PORT=$TLS_PORT; tctl list"
says 'not for no.example but for hub.example'
NAME=127.0.0.1 tctl list >/dev/null || fail "by address"
NAME=127.0.0.2 tctl list 2>"$T/err" && fail "by another address"
says 'not for 127.0.0.2'
NAME=HUB.example. tctl list >/dev/null || fail "a name is a name"
CA=$P/other-ca.pem tctl list 2>"$T/err" && fail "another authority"
says 'unknown authority'
CA=$P/none.pem tctl list 2>"$T/err" && fail "no such authority"
says 'none.pem: No such file'
CA=$T/bulk tctl list 2>"$T/err" && fail "no authority"
says 'bulk: no certificate'
rc 2 env NSHERD_KEY="$T/ctl.example.key" NSHERD_CATALOG=$C "$CTL" --tls '' list
rc 2 env NSHERD_KEY="$T/ctl.example.key" NSHERD_CATALOG=$C "$CTL" --tls-ca "$P/ca.pem" list
says 'TLS with whom'
# from the file, and not
mkdir -p "$T/.config/nsherd"
cat >"$T/.config/nsherd/ctl.conf" <<N
[ctl]
server  = 127.0.0.1@$TLS_PORT
key     = ~/ctl.example.key
catalog = $C
tls     = hub.example
tls-ca  = ~/pki/ca.pem
N
HOME=$T "$CTL" list >/dev/null || fail "TLS as ctl.conf says"
HOME=$T "$CTL" --tls - -s "127.0.0.1@$AGENT_PORT" list >/dev/null || fail "no TLS as the option says"
rm "$T/.config/nsherd/ctl.conf"

# -- other clients ------------------------------------------------------------------

members=$(ask $C AXFR | wc -l)
dig @127.0.0.1 -p "$TLS_PORT" +tls-ca="$P/ca.pem" +tls-hostname=hub.example -k "$T/ctl.example.key" $C AXFR \
	>"$T/dig" || fail "dig +tls"
grep -q '(TLS)' "$T/dig" || { cat "$T/dig"; fail "dig +tls"; }
[ "$(grep -vc '^;\|^$\|TSIG' "$T/dig")" -eq "$members" ] || { cat "$T/dig"; fail "dig: AXFR by TLS"; }
dig @127.0.0.1 -p "$TLS_PORT" +tls +keepopen -k "$T/ctl.example.key" $C SOA $C NS "one.example._status.$C" TXT \
	>"$T/dig" || fail "dig +keepopen"
[ "$(grep -c 'status: NOERROR' "$T/dig")" -eq 3 ] || { cat "$T/dig"; fail "dig: three questions"; }
dig @127.0.0.1 -p "$TLS_PORT" +tls-ca="$P/ca.pem" +tls-hostname=no.example +tries=1 -k "$T/ctl.example.key" $C SOA \
	>"$T/dig" && grep -q "status: NOERROR" "$T/dig" && fail "dig takes another name"
if command -v kdig >/dev/null; then
	k() { kdig @127.0.0.1 -p "$TLS_PORT" +tls-ca="$P/ca.pem" +tls-hostname=hub.example -k "$T/ctl.example.knot" "$@" >"$T/kdig" 2>&1; }
	k $C -t SOA && grep -q TLS1.3 "$T/kdig" || { cat "$T/kdig"; fail "kdig +tls"; }
	k $C -t AXFR && [ "$(grep -vc '^;\|^$\|TSIG' "$T/kdig")" -eq "$members" ] || { cat "$T/kdig"; fail "kdig: AXFR"; }
	k $C -t IXFR=1 && grep -q two.example "$T/kdig" || { cat "$T/kdig"; fail "kdig: IXFR"; }
fi
$TOOL pipeline "$TLS_PORT" "$P/ca.pem" hub.example "$T/ctl.example.key" $C 500 || fail "pipelined UPDATEs"
$TOOL half "$TLS_PORT" "$P/ca.pem" hub.example || fail "an end that was closed first"

# BIND follows the catalog by TLS; knotd 3.2 knows no TLS to a primary, NSD 4.6 does.
BP=$(free_port)
mkdir "$T/bind"
cat >"$T/bind/named.conf" <<N
$(cat "$T/ro.example.key")
tls hub { ca-file "$P/ca.pem"; remote-hostname "hub.example"; protocols { TLSv1.3; }; };
tls other { ca-file "$P/ca.pem"; remote-hostname "other.example"; };
options {
	directory "$T/bind";
	pid-file "$T/bind/named.pid";
	session-keyfile "$T/bind/session.key";
	listen-on port $BP { 127.0.0.1; };
	listen-on-v6 { none; };
	recursion no; dnssec-validation no; notify no;
	allow-transfer { 127.0.0.1; };
	min-refresh-time 1; max-refresh-time 2; min-retry-time 1; max-retry-time 1;
};
controls { };
zone "$C" { type secondary; file "catalog.db"; masterfile-format text;
	primaries { 127.0.0.1 port $TLS_PORT key ro.example tls hub; }; };
zone "_status.$C" { type secondary; primaries { 127.0.0.1 port $TLS_PORT key ro.example tls other; }; };
N
named -g -n 1 -c "$T/bind/named.conf" >"$T/named.log" 2>&1 &
PIDS+=($!)
at_bind() { dig @127.0.0.1 -p "$BP" +norec +time=1 +tries=1 +short $C SOA | cut -d' ' -f3; }
in_step() { [ "$(at_bind)" = "$(ask $C SOA | cut -d' ' -f3)" ]; }
until_ok 30 in_step || fail "BIND does not follow by TLS"
rc 0 tctl add four.example -p primary
until_ok 30 in_step || fail "BIND does not follow a change by TLS"
grep -q 'Transfer completed' "$T/named.log" || fail "BIND: no transfer"
diff <(dig @127.0.0.1 -p "$BP" $C AXFR +short | sort) <(ask $C AXFR | sort) >"$T/out" ||
	{ head "$T/out"; fail "BIND has another catalog"; }
until_ok 20 grep -qi "_status.*TLS peer certificate verification failed\|_status.*verif" "$T/named.log" ||
	fail "BIND does not look at the name"
kill "${PIDS[-1]}"

NP=$(free_port)
mkdir "$T/follower"
cat >"$T/follower/nsd.conf" <<N
server:
	ip-address: 127.0.0.1@$NP
	server-count: 1
	username: ""
	database: ""
	zonesdir: "$T/follower"
	zonelistfile: "$T/follower/zone.list"
	pidfile: "$T/follower/nsd.pid"
	xfrdfile: "$T/follower/xfrd.state"
	xfrdir: "$T/follower"
	logfile: "$T/follower.log"
	tls-cert-bundle: "$P/ca.pem"
	verbosity: 2
remote-control:
	control-enable: no
key:
	name: ro.example
	algorithm: hmac-sha256
	secret: "$(key_secret ro.example)"
tls-auth:
	name: hub
	auth-domain-name: hub.example
zone:
	name: $C
	zonefile: catalog.zone
	request-xfr: AXFR 127.0.0.1@$TLS_PORT ro.example hub
N
nsd -c "$T/follower/nsd.conf" || fail "nsd as a secondary"
until_ok 10 test -s "$T/follower/nsd.pid" && PIDS+=("$(cat "$T/follower/nsd.pid")")
at_nsd() { dig @127.0.0.1 -p "$NP" +norec +time=1 +tries=1 +short $C SOA | cut -d' ' -f3; }
nsd_in_step() { [ "$(at_nsd)" = "$(ask $C SOA | cut -d' ' -f3)" ]; }
until_ok 30 nsd_in_step || fail "NSD does not follow by TLS"

stop_pid "${PIDS[-1]}"

# -- who does not speak it ------------------------------------------------------------

s_client() { # ARGUMENTS: what openssl sees of the handshake; fails with it
	openssl s_client -connect "127.0.0.1:$TLS_PORT" -CAfile "$P/ca.pem" -verify_return_error "$@" \
		</dev/null >"$T/out" 2>&1
}
no_handshake() { # TEXT ARGUMENTS
	local text=$1
	shift
	s_client "$@" && { cat "$T/out"; fail "a handshake with $*"; }
	grep -qi -- "$text" "$T/out" || { cat "$T/out"; fail "$*: not $text"; }
}
s_client -alpn dot || { cat "$T/out"; fail "openssl s_client"; }
grep -q 'ALPN protocol: dot' "$T/out" && grep -q 'TLSv1.3' "$T/out" || { cat "$T/out"; fail "no ALPN"; }
grep -q 'Early data was not sent' "$T/out" || { cat "$T/out"; fail "early data"; }
! grep -q 'New Session Ticket' "$T/out" || fail "a session ticket"
s_client -alpn h2,dot && grep -q 'ALPN protocol: dot' "$T/out" || fail "dot among others"
no_handshake 'alert protocol version' -alpn dot -tls1_2
no_handshake 'alert no application protocol' -alpn h2
no_handshake 'alert no application protocol' -alpn do
no_handshake 'alert no application protocol'
$TOOL garbage "$TLS_PORT" || fail "garbage"
$TOOL slow "$TLS_PORT" &
slow=$!
$TOOL storm "$TLS_PORT" "$P/ca.pem" hub.example 200 || fail "200 handshakes at once"
$TOOL idle "$TLS_PORT" "$P/ca.pem" hub.example 1000 || fail "1000 idle connections"
wait $slow || fail "a slow handshake"
ask $C SOA >/dev/null || fail "the agent is gone"
until_ok 30 grep -q 'net: tls peer=127.0.0.1@[0-9]* \(refused\|dropped\) why=' "$T/nsherdd.log" || fail "nothing is logged"
# plain DNS to the port of TLS, and TLS to that of plain DNS
NSHERD_SERVER=127.0.0.1@$TLS_PORT NSHERD_KEY=$T/ctl.example.key NSHERD_CATALOG=$C HOME=$T "$CTL" list \
	>/dev/null 2>&1 && fail "plain DNS by the port of TLS"
agent_down

# -- certificates, renewed and wrong ------------------------------------------------------

# with no backend: members enough that a transfer of them does not fit into buffers
rm -rf "$T/state"
write_tls_agent
agent_up
subject() { openssl s_client -connect "127.0.0.1:$TLS_PORT" -alpn dot </dev/null 2>/dev/null | sed -n 's/^subject=.*CN *= *//p'; }
[ "$(subject)" = hub ] || fail "not the certificate of hub"
for i in $(seq 60000); do echo "m$i.example"; done >"$T/many"
rc 0 tctl add -p primary --from "$T/many"
use_cert renewed
: >"$T/nsherdd.log"
cat >"$T/renew.sh" <<N
kill -HUP $AGENT_PID
for _ in \$(seq 600); do grep -q "reload: tls-cert=" $T/nsherdd.log && break; sleep 0.05; done
openssl s_client -connect 127.0.0.1:$TLS_PORT -alpn dot </dev/null 2>/dev/null |
	grep -q '^subject=.*CN *= *renewed'
N
n=$($TOOL paused "$TLS_PORT" "$P/ca.pem" hub.example "$T/ctl.example.key" $C "bash $T/renew.sh") ||
	fail "a transfer, and a new certificate in the middle of it"
[ "$n" -eq $((2 * 60000 + 4)) ] || fail "the transfer has $n records"
NAME=renewed.example tctl list 'm1.*' >/dev/null || fail "the new certificate is not in use"
# what cannot be used is not
use_cert expired
reload
grep -q 'now.pem: the certificate expired on' "$T/nsherdd.log" || fail "an expired certificate: not said"
[ "$(subject)" = renewed ] || fail "the certificate in use is gone"
bad() { # TEXT: what nsherdd -t says of the files
	"$NSHERDD" -t -c "$T/nsherd.conf" >"$T/out" 2>&1 && fail "nsherdd -t takes it: $1"
	grep -qE "nsherd.conf:[0-9]+: tls-[a-z-]+: .*$1" "$T/out" || { cat "$T/out"; fail "nsherdd -t: not $1"; }
}
bad 'now.pem: the certificate expired on'
use_cert hub
cp "$P/renewed.key" "$P/now.key"
bad 'now.key: the key does not belong to the certificate in'
cp "$P/hub.key" "$P/now.key"
chmod 644 "$P/now.key"
bad 'now.key: others may read'
chmod 600 "$P/now.key"
openssl ec -in "$P/hub.key" -aes128 -passout pass:secret -out "$P/now.key" 2>/dev/null
bad 'now.key: the key is protected by a passphrase'
rm "$P/now.key"
bad 'now.key: No such file'
mkfifo -m 600 "$P/now.key"
bad 'now.key: not a file'
rm "$P/now.key"
use_cert hub
: >"$P/now.pem"
bad 'now.pem: no certificate'
sed '3s/./!/' "$P/hub.pem" >"$P/now.pem"
bad 'now.pem: a certificate that cannot be read'
reload
[ "$(subject)" = renewed ] || fail "the certificate in use is gone"
agent_down
"$NSHERDD" -c "$T/nsherd.conf" >"$T/out" 2>&1 && fail "nsherdd starts without a certificate"
grep -q 'now.pem: a certificate that cannot be read' "$T/out" || { cat "$T/out"; fail "why it does not start"; }
use_cert hub

# clients that need a certificate
sed -i "/^tls-key/a tls-client-ca = $P/ca.pem" "$T/nsherd.conf"
agent_up
rc 1 tctl list 'm1.*'
says 'wants a client certificate'
rc 1 tctl add m0.example -p primary
says 'wants a client certificate'
rc 0 tctl --tls-cert "$P/client.pem" --tls-key "$P/client.key" list 'm1.*'
rc 1 tctl --tls-cert "$P/stranger.pem" --tls-key "$P/stranger.key" list 'm1.*'
says 'does not know the authority of our certificate'
rc 1 tctl --tls-cert "$P/client.pem" list
says 'go together'
rc 1 tctl --tls-cert "$P/expired.pem" --tls-key "$P/expired.key" list
says 'expired.pem: the certificate expired'
s_client -alpn dot -cert "$P/client.pem" -key "$P/client.key" || fail "openssl s_client with a certificate"
if command -v kdig >/dev/null; then
	k +tls-certfile="$P/client.pem" +tls-keyfile="$P/client.key" $C -t SOA &&
		grep -q 'status: NOERROR' "$T/kdig" || { cat "$T/kdig"; fail "kdig with a certificate"; }
	k +retry=0 $C -t SOA && grep -q 'status: NOERROR' "$T/kdig" && fail "kdig without a certificate"
fi
sed -i '/^tls-client-ca/d' "$T/nsherd.conf"
reload
rc 0 tctl list 'm1.*'
agent_down

# servers that nsherdctl must not trust: real ones, with other certificates and rules
s_server() { # ARGUMENTS: at $SP
	SP=$(free_port)
	openssl s_server -accept "127.0.0.1:$SP" -quiet "$@" >"$T/s_server.log" 2>&1 </dev/null &
	PIDS+=($!)
	until_ok 10 sh -c "! openssl s_client -connect 127.0.0.1:$SP </dev/null 2>&1 | grep -q 'connect:errno'" ||
		fail "openssl s_server"
	SERVER=127.0.0.1@$SP tctl list >"$T/out" 2>"$T/err"
	[ $? -eq 1 ] || { cat "$T/err"; fail "nsherdctl and s_server $*"; }
	kill "${PIDS[-1]}"
}
s_server -cert "$P/expired.pem" -key "$P/expired.key" -alpn dot
says "the server's certificate has expired"
s_server -cert "$P/stranger.pem" -key "$P/stranger.key" -alpn dot
says 'unknown authority'
s_server -cert "$P/client.pem" -key "$P/client.key" -alpn dot
says 'not for hub.example but for client.example'
s_server -cert "$P/hub.pem" -key "$P/hub.key" -alpn h2
says 'does not speak DNS over TLS'
s_server -cert "$P/hub.pem" -key "$P/hub.key"
says 'does not speak DNS over TLS'
s_server -cert "$P/hub.pem" -key "$P/hub.key" -alpn dot -tls1_2
says 'does not speak TLS 1.3'
