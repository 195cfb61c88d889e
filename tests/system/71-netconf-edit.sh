# proves: every edit of NETCONF does what RFC 6241 says or nothing at all, in one serial, and errors say what and where
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/netconf.sh"

write_patterns
export ZONES=${QUICK:+2000}; ZONES=${ZONES:-10000}
CATALOG_EXTRA="accept-zones = example, in-addr.arpa
max-transaction = $((ZONES * 5))"
NETCONF_USERS="carol dave"
write_agent "$(netconf_keys)
$(netconf_user carol "allow = read, update
zones = team.example")
$(netconf_user dave "allow = read, update
patterns = sec*")
[backend null1]
driver = null"
agent_up
netconf_up
nc netconf_edit.py || fail "edits"
netconf_down
