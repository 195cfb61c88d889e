# proves: a follower keeps to its primary, by NOTIFY, IXFR and AXFR, over TCP and TLS, through restarts and partitions, and serves its own followers
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/follow.sh"

# -- certificates ----------------------------------------------------------------

ec="-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes"
# shellcheck disable=SC2086
openssl req -x509 $ec -keyout "$T/ca.key" -out "$T/ca.pem" -days 30 -subj "/CN=ca" 2>/dev/null &&
	openssl req $ec -keyout "$T/hub.key" -out "$T/hub.csr" -subj "/CN=hub" 2>/dev/null &&
	openssl x509 -req -in "$T/hub.csr" -CA "$T/ca.pem" -CAkey "$T/ca.key" -CAcreateserial -days 10 \
		-out "$T/hub.pem" -extfile <(echo "subjectAltName=DNS:hub.example") 2>/dev/null &&
	chmod 600 "$T/hub.key" || fail certificates

# -- a tree: hub (TLS) -> middle -> leaf ---------------------------------------------

for n in hub middle leaf wrong untrusted tail; do PORT[$n]=$(free_port) TLS[$n]=$(free_port); done
NODE_TLS=1 node hub primary "notify = 127.0.0.1@${PORT[middle]} key xfr.example, 127.0.0.1@${PORT[wrong]}, 127.0.0.1@${PORT[tail]}"
NODE_TLS=1 node middle follower "primaries = 127.0.0.1@${TLS[hub]} key xfr.example tls hub.example" \
	"notify = 127.0.0.1@${PORT[leaf]}"
# the first of its primaries is not there
node leaf follower "primaries = 127.0.0.1@1 key xfr.example, 127.0.0.1@${PORT[middle]} key xfr.example"
for n in hub middle leaf; do "$NSHERDD" -t -c "$T/$n.conf" || fail "nsherdd -t: $n"; done

# before there is anything to follow
up leaf
[ "$(rcode_of leaf $C SOA | cut -d' ' -f1)" = SERVFAIL ] || fail "no version, but $(rcode_of leaf $C SOA)"
says leaf 'role=follower' || fail "role"
says leaf 'catalog=none' || fail "catalog=none: $(of leaf _status.$C TXT)"
up hub
add hub a1 one.example || fail "add one.example"
up middle
until_ok 20 same hub middle || fail "middle: no first transfer"
until_ok 90 same hub leaf || fail "leaf: no first transfer"
until_ok 10 says leaf catalog=valid || fail "catalog=valid"
says leaf "primary=127.0.0.1@${PORT[middle]}" || fail "primary=: $(of leaf _status.$C TXT)"
says leaf 'refreshed=[0-9]' || fail "refreshed="
[ "$(axfr leaf | grep -c 'group.a1.*primary')" = 1 ] || fail "the group is lost"

# NOTIFY, then IXFR, all the way
add hub a2 two.example || fail "add two.example"
until_ok 10 same hub leaf || fail "leaf: no second version"
for n in middle leaf; do
	grep -q 'ixfr from=2' "$T/$n.log" || fail "$n took no IXFR"
	grep -q 'told by=udp' "$T/$([ $n = leaf ] && echo middle || echo hub).log" || fail "$n had no NOTIFY by UDP"
	until_ok 10 sh -c "dig @127.0.0.1 -p ${PORT[$n]} -k $T/ctl.example.key two.example._status.$C TXT +short |
		grep -q state=" || fail "$n does not deploy"
done
dig @127.0.0.1 -p "${PORT[leaf]}" -k "$T/ctl.example.key" "_log.$C" AXFR >"$T/history"
grep '"op=add"' "$T/history" | grep -q key=xfr.example || { cat "$T/history"; fail "no history of it"; }
printf 'update delete a1.zones.%s\n' $C | up_to hub || fail "delete"
until_ok 10 same hub leaf || fail "leaf: no removal"
[ "$(members leaf)" = 1 ] || fail "leaf has $(members leaf) members"
n=$(grep -c axfr "$T/leaf.log")
for i in $(seq 30); do add hub "b$i" "b$i.example"; done
until_ok 20 same hub leaf || fail "leaf: not after 30 changes"
[ "$(grep -c axfr "$T/leaf.log")" = "$n" ] || fail "leaf needed an AXFR for them"

# -- no changes here -----------------------------------------------------------------

for n in middle leaf; do
	add $n x1 not.example >"$T/out" 2>&1 && fail "UPDATE at $n was taken"
done
out=$(printf 'server 127.0.0.1 %s\nzone %s\nupdate delete b1.zones.%s\nsend\nanswer\n' "${PORT[leaf]}" $C $C |
	nsupdate -d -k "$T/ctl.example.key" 2>&1)
grep -q REFUSED <<<"$out" || fail "UPDATE: $out"
$PYTHON - "${PORT[middle]}" "$(key_secret ctl.example)" "127.0.0.1@${TLS[hub]} tls=hub.example" <<'P' || fail "no primary= in the error"
import dns.edns, dns.message, dns.query, dns.tsigkeyring, dns.update, sys
u = dns.update.Update("catalog.example", keyring=dns.tsigkeyring.from_text({"ctl.example": sys.argv[2]}),
                      keyalgorithm="hmac-sha256")
u.delete("b1.zones")
u.use_edns(0)
r = dns.query.tcp(u, "127.0.0.1", port=int(sys.argv[1]))
text = " ".join(o.text for o in r.options if o.otype == 15)
assert r.rcode() == 5 and "reason=not-primary primary=" + sys.argv[3] in text, (r.rcode(), text)
P
# nsherdctl goes there, by itself
lctl() {
	local n=$1
	shift
	NSHERD_SERVER=127.0.0.1@${PORT[$n]} NSHERD_KEY=$T/ctl.example.key NSHERD_CATALOG=$C HOME=$T patient "$@"
}
node tail follower "primaries = 127.0.0.1@${PORT[hub]} key xfr.example"
up tail
until_ok 20 same hub tail || fail "tail: no transfer"
lctl tail add by-ctl.example -p primary 2>"$T/err" || { cat "$T/err"; fail "nsherdctl add at a follower"; }
grep -q "the agent follows 127.0.0.1@${PORT[hub]}: going there" "$T/err" || fail "said: $(cat "$T/err")"
until_ok 20 same hub leaf || fail "not after nsherdctl"
axfr leaf | grep -q by-ctl.example || fail "by-ctl.example is not at the leaf"
# and what it waits for is there where it was asked, when the change has come
lctl tail add wait.example -p primary --wait=1 2>"$T/err"
[ $? -eq 4 ] && grep -q 'wait.example: not served' "$T/err" || { cat "$T/err"; fail "add --wait at a follower"; }
until_ok 90 same hub tail || fail "tail: no wait.example"
lctl tail del wait.example --wait=90 2>"$T/err" || { cat "$T/err"; fail "del --wait at a follower"; }
of tail "wait.example._status.$C" TXT | grep -q . && fail "del --wait ended before tail had it"
lctl tail add wait.example -p primary 2>/dev/null
until_ok 90 same hub tail || fail "tail: no wait.example again"
lctl tail sync <(lctl tail export 2>/dev/null | grep -v wait.example) --prune --yes --wait=90 >"$T/out" 2>&1 ||
	{ cat "$T/out"; fail "sync --wait at a follower"; }
of tail "wait.example._status.$C" TXT | grep -q . && fail "sync --wait ended before tail had it"
down tail
# a fleet, in part by TLS
printf '%s\n' "hub 127.0.0.1@${TLS[hub]} hub tls=hub.example tls-ca=$T/ca.pem" \
	"middle 127.0.0.1@${TLS[middle]} tls=hub.example tls-ca=$T/ca.pem" "leaf 127.0.0.1@${PORT[leaf]}" >"$T/fleet"
NSHERD_KEY=$T/ctl.example.key NSHERD_CATALOG=$C HOME=$T "$CTL" fleet status --fleet "$T/fleet" >"$T/out" 2>&1 ||
	{ cat "$T/out"; fail "fleet status by TLS"; }
sed -i 's/tls=hub.example/tls=other.example/' "$T/fleet"
NSHERD_KEY=$T/ctl.example.key NSHERD_CATALOG=$C HOME=$T "$CTL" fleet status --fleet "$T/fleet" >"$T/out" 2>&1
[ $? -eq 3 ] && [ "$(grep -c 'not for other.example' "$T/out")" = 2 ] || { cat "$T/out"; fail "fleet status, another name"; }
# by TLS where the refusal says so, if the authority is known; and never without where TLS was asked for
lctl middle del by-ctl.example >"$T/out" 2>&1 && fail "nsherdctl went to a primary that it cannot know"
grep -q "the agent follows 127.0.0.1@${TLS[hub]}: .*certificate" "$T/out" || { cat "$T/out"; fail "why it went not by TLS"; }
NSHERD_TLS_CA=$T/ca.pem lctl middle del by-ctl.example >"$T/out" 2>&1 || { cat "$T/out"; fail "nsherdctl to a primary by TLS"; }
grep -q "the agent follows 127.0.0.1@${TLS[hub]}: going there" "$T/out" || { cat "$T/out"; fail "said: going by TLS"; }
NODE_TLS=1 node tail follower "primaries = 127.0.0.1@${PORT[hub]} key xfr.example"
up tail
NSHERD_SERVER=127.0.0.1@${TLS[tail]} NSHERD_KEY=$T/ctl.example.key NSHERD_CATALOG=$C HOME=$T "$CTL" \
	--tls hub.example --tls-ca "$T/ca.pem" add plain.example -p primary >"$T/out" 2>&1 && fail "nsherdctl left TLS"
axfr hub | grep -q plain.example && fail "plain.example is at the hub"
down tail

# -- restarts and partitions ----------------------------------------------------------

down middle
add hub c1 c1.example
up middle
until_ok 30 same hub leaf || fail "not after a restart of middle"
drop leaf
add hub c2 c2.example
up leaf
until_ok 30 same hub leaf || fail "not after a kill of leaf"
drop hub
sleep 1
same middle leaf || fail "middle and leaf differ without the hub"
up hub
add hub c3 c3.example
until_ok 30 same hub leaf || fail "not after a kill of the hub"
kill -STOP "${PID[middle]}"
add hub c4 c4.example
add hub c5 c5.example
sleep 3
kill -CONT "${PID[middle]}"
until_ok 60 same hub leaf || fail "not after a pause of middle"
kill -STOP "${PID[hub]}"
sleep 1
same middle leaf || fail "middle and leaf differ while the hub does not answer"
kill -CONT "${PID[hub]}"

# -- wrong keys ----------------------------------------------------------------------

node wrong follower "primaries = 127.0.0.1@${PORT[hub]} key other.example"
sed -i 's/^name = wrong/name = wrong/; s/other.example.key/ro.example.key/' "$T/wrong.conf"
make_key other.example && cp "$T/other.example.key" "$T/ro.example.key"
up wrong
until_ok 10 says wrong 'error=127.0.0.1@.*BADSIG' || fail "BADSIG: $(of wrong _status.$C TXT)"
[ "$(rcode_of wrong $C SOA | cut -d' ' -f1)" = SERVFAIL ] || fail "wrong has a catalog"
down wrong
NODE_TLS=1 node untrusted follower "primaries = 127.0.0.1@${TLS[hub]} key xfr.example tls other.example"
up untrusted
until_ok 10 says untrusted 'error=.*not for other.example' || fail "TLS: $(of untrusted _status.$C TXT)"
down untrusted
# an unsigned NOTIFY of a stranger does nothing, one from the primary's address has it asked
dig @127.0.0.1 -p "${PORT[middle]}" +opcode=notify "$C" SOA | grep -q 'status: NOERROR' || fail "NOTIFY of a primary's address"
dig @127.0.0.1 -p "${PORT[middle]}" -b 127.0.0.9 +opcode=notify "$C" SOA | grep -q 'status: REFUSED' || fail "NOTIFY of a stranger"
dig @127.0.0.1 -p "${PORT[hub]}" +opcode=notify "$C" SOA | grep -q 'status: REFUSED' || fail "NOTIFY at a primary"

# -- a state that goes back ------------------------------------------------------------

was=$(serial leaf)
down hub
rm -r "$T/hub.state"
up hub
add hub d1 d1.example
until_ok 30 says middle 'error=serial-behind' || fail "serial-behind: $(of middle _status.$C TXT)"
has_serial leaf "$was" || fail "leaf went back to $(serial leaf)"
axfr leaf | grep -q b30.example || fail "leaf lost its members"
down hub; down middle; down leaf
