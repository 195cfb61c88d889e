# proves: a follower keeps to its primary, by NOTIFY, IXFR and AXFR, over TCP and TLS, through restarts and partitions, and serves its own followers
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/follow.sh"

PORT[leaf]=$(free_port)
node hub primary "notify = 127.0.0.1@${PORT[leaf]} key xfr.example"
node leaf follower "primaries = 127.0.0.1@${PORT[hub]} key xfr.example"
up hub
add hub a1 one.example || fail add
up leaf
until_ok 10 same hub leaf || fail "no first transfer"
add hub a2 two.example || fail add
until_ok 5 same hub leaf || fail "no second"
grep -q 'ixfr from=' "$T/leaf.log" || fail "no ixfr"
says leaf role=follower || fail "role"
of leaf _status.$C TXT
grep follow "$T/leaf.log"
