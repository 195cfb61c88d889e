# proves: one agent with a server of every kind serves the same catalog on all of them
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/servers.sh"

N=${QUICK:+50}; N=${N:-300}
soa() { $PYTHON "$(dirname "$0")/soa.py" "$@"; }
start_hidden sec1.example sec2.example
write_patterns 127.0.0.1 "$HIDDEN_PORT"

sections= ports= pids=
declare -A PORT_OF
port_of() { echo "${PORT_OF[$1]}"; }
for kind in $SERVER_KINDS; do
	start_server $kind
	shared_zone "$SERVER_ZONES/shared.zone"
	sections="$sections
$(server_backend | sed '/^\[key control/,/^$/d')"
	ports="$ports $SERVER_PORT"
	PORT_OF[$kind]=$SERVER_PORT
	pids="$pids $(server_pid)"
done
write_agent "[key control.example]
file = $T/control.example.key
$sections"
agent_up
all_served() { # ZONE... on every server
	local p
	for p in $ports; do printf '%s\n' "$@" | soa "$p" served 40 || fail "port $p"; done
}
all_absent() {
	local p
	for p in $ports; do printf '%s\n' "$@" | soa "$p" absent 40 || fail "port $p"; done
}
ctl add one.example -p primary --wait=60 || fail "a primary: $(ctl status)"
ctl add sec1.example -p secondary --wait=60 || fail "a secondary: $(ctl status)"
all_served one.example sec1.example static.example
seq "$N" | sed 's/.*/m&.example shared/' >"$T/many"
ctl add --from "$T/many" --wait=120 || fail "many: $(ctl status --summary)"
all_served $(cut -d' ' -f1 "$T/many")
[ "$(status_of one.example | grep -c state=serving)" = "$(echo $SERVER_KINDS | wc -w)" ] || fail "status: $(status_of one.example)"
# a name that one server cannot take is failed there alone, with the reason
only_fails_on() { # ZONE KIND REASON
	local k
	ctl add "$1" -p shared || fail "$1"
	for k in $SERVER_KINDS; do
		if [ "$k" = "$2" ]; then
			until_ok 30 status_has "$1" "backend=$k.*state=failed.*error=[^\"]*$3" || fail "$1 on $k: $(status_of "$1")"
		else
			until_ok 30 status_has "$1" "backend=$k.*state=serving" || fail "$1 on $k: $(status_of "$1")"
		fi
	done
	[ "$(status_of "$1" | grep -c error=)" = 1 ] || fail "$1: $(status_of "$1")"
	for k in $SERVER_KINDS; do
		if [ "$k" = "$2" ]; then
			echo "$1" | soa "$(port_of "$k")" absent 10
		else
			echo "$1" | soa "$(port_of "$k")" served 10
		fi || fail "$1: $k"
	done
}
only_fails_on '*.wild.example' bind 'wildcard'
only_fails_on '0/25.2.0.192.in-addr.arpa' yadifa 'octet'
# a name that cannot stand in _status is there by its id, with the name beside it
ctl add odd._zone -p shared --wait=30 || fail "odd._zone"
ctl status odd._zone | grep -q '^odd\._zone .*serving' && ctl status | grep -q '^odd\._zone .*serving' || fail "odd._zone: $(ctl status | grep -v '^m')"
ask "$(ctl list | sed -n 's/^odd\._zone .* //p')._id._status.$C" TXT | grep -q '"zone=odd._zone"' || fail "no zone= in the status"
ctl del odd._zone --wait=30 || fail "odd._zone"
# one server away: the others go on, it catches up
server_down # the last of them
ctl add late.example -p shared
for p in $(echo $ports | awk '{NF--} 1'); do echo late.example | soa "$p" served 30 || fail "port $p"; done
server_up
all_served late.example
ctl del one.example sec1.example late.example --wait=60 || fail "removal: $(ctl status)"
all_absent one.example sec1.example late.example
n=0
for p in $pids; do
	n=$((n + 1))
	[ $n -eq "$(echo $SERVER_KINDS | wc -w)" ] || kill -0 "$p" || fail "a server was restarted"
done
cut -d' ' -f1 "$T/many" >"$T/many.del"
ctl del --from "$T/many.del" '*.wild.example' 0/25.2.0.192.in-addr.arpa --wait=120 || fail "removal of many"
agent_down
