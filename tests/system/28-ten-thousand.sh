# proves: 10,000 zones on each server, each with a file of its own, one more among them, and all removed again; the agent killed in the midst of either
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/servers.sh"

N=${QUICK:+1000}; N=${N:-10000}
LIMIT=${QUICK:+600}; LIMIT=${LIMIT:-300} # the sanitizers' builds are slow
soa() { $PYTHON "$(dirname "$0")/soa.py" "$@"; }
step() { printf -- '-- %s (%d s, agent: %s)\n' "$*" $SECONDS "$(anonymous) kB"; }
# What the agent holds itself, without the files it has mapped.
anonymous() { sed -n 's/^RssAnon:[^0-9]*\([0-9]*\).*/\1/p' "/proc/$AGENT_PID/status"; }
on_all() { # served|absent FILE: real answers of every server, all zones of the file
	local p waits=
	for p in $PORTS; do
		soa "$p" "$1" "$LIMIT" <"$2" >"$T/soa.$p" &
		waits="$waits $!"
	done
	for p in $waits; do
		wait "$p" || fail "not $1: $(cat "$T"/soa.*)"
	done
}

# Lists and transactions of some thousands are under way then, one after the other.
in_the_midst() {
	sleep "$((RANDOM % 2)).$((RANDOM % 9))"
	agent_kill
	agent_up
	step "killed, and back"
}

write_patterns
PORTS= SECTIONS= SERVERS=
for kind in ${KINDS:-$SERVER_KINDS}; do
	start_server $kind
	SECTIONS="$SECTIONS
$(server_backend | sed '/^\[key control/,/^$/d; s/^probe-rate.*/probe-rate = 20000/')"
	PORTS="$PORTS $SERVER_PORT"
	SERVERS="$SERVERS $(server_pid)"
done
write_agent "[key control.example]
file = $T/control.example.key
$SECTIONS"
agent_up
step start

seq "$N" | sed 's/.*/t&.example/' >"$T/zones"
sed 's/$/ primary/' "$T/zones" | ctl add --from - || fail "add"
step accepted
in_the_midst
ctl wait --timeout "$LIMIT" >/dev/null || fail "not served: $(ctl status --summary)"
step the agent saw all of them served
{ cat "$T/zones"; echo static.example; } >"$T/all"
on_all served "$T/all"
step the servers answer for all of them

ctl add among.example -p primary --wait="$LIMIT" || fail "one more: $(status_of among.example)"
echo among.example >"$T/among"
on_all served "$T/among"
ctl del among.example --wait="$LIMIT" || fail "one less: $(status_of among.example)"
on_all absent "$T/among"
step one among them came and went

ctl del --from "$T/zones" || fail "del"
in_the_midst
on_all absent "$T/zones" # the status was lost with the agent, and says so a little later
step the servers have none of them
nothing_left() { [ -z "$(ctl status)" ]; }
until_ok "$LIMIT" nothing_left || fail "not removed: $(ctl status --summary)"
echo static.example >"$T/own"
on_all served "$T/own"
for p in $SERVERS; do kill -0 "$p" || fail "a server is gone"; done
step all are gone
# what they took is given back; a sanitizer keeps memory of its own
is_small() { [ "$(anonymous)" -lt 32000 ]; }
case $B in
*build) until_ok 30 is_small || fail "the agent keeps $(anonymous) kB" ;;
esac
agent_down
