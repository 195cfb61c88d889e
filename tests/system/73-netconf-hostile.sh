# proves: whoever sends what kills libnetconf2, says nothing, or does not read, harms the gateway at most, and nothing acknowledged is lost
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/netconf.sh"

write_patterns
export ZONES=${QUICK:+2000}; ZONES=${ZONES:-10000}
CATALOG_EXTRA="max-transaction = 100000"
write_agent "$(netconf_keys)
[backend null1]
driver = null"
agent_up
NETCONF_EXTRA="hello-timeout = 3s
auth-timeout  = 3s
write-timeout = 3s
acceptors     = 4
workers       = 4"
netconf_keep
agent=$AGENT_PID
nc netconf_hostile.py || fail "hostile clients"
[ "$agent" = "$AGENT_PID" ] && kill -0 "$agent" || fail "the agent is gone"
sort "$T/netconfd.ends" | uniq -c
# Of a sanitizer's reports, those in which the libraries die are no fault of ours.
for f in "$T"/san.*; do
	[ -f "$f" ] || continue
	where=$(grep -E '^ +#[0-9]+ ' "$f" | grep -v -m 1 interceptor)
	case $(head -n 3 "$f")$where in *SEGV*libnetconf2.so* | *SEGV*libyang.so*) rm "$f" ;; esac
done
