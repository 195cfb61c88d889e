# SPDX-License-Identifier: BSD-2-Clause
# A server of every kind, and one agent with all of them as backends, named by
# their kinds. Source after lib.sh and servers.sh.
#
#   start_cloud            the servers; PORT, ZONES (zone-dir), DIR by kind
#   cloud_agent            the agent, once $T/patterns is filled; all are up
#   at KIND NAME TYPE      the short answer of that server; at_has: holds TEXT
#   from KIND SOURCE ...   the rcode of its answer, asked from that address
#   transfers KIND ZONE    does an AXFR give the zone? more options of dig
#   state_at KIND ZONE     the record of the zone's status for that backend
#   each SECONDS WHAT COMMAND...  until COMMAND KIND ... is true for each kind
# shellcheck shell=bash

declare -A PORT ZONES DIR
start_cloud() {
	local kind
	CLOUD_SECTIONS=
	for kind in $SERVER_KINDS; do
		start_server "$kind"
		PORT[$kind]=$SERVER_PORT ZONES[$kind]=$SERVER_ZONES DIR[$kind]=$SERVER_DIR
		CLOUD_SECTIONS="$CLOUD_SECTIONS
$(server_backend | sed '/^\[key control/,/^$/d')"
	done
}
backend_is_up() { ask "$1._backend._status.$C" TXT | grep -q state=up; }
cloud_agent() {
	write_agent "[key control.example]
file = $T/control.example.key

[key admin.example]
file  = $T/admin.example.key
allow = read, admin
${CLOUD_KEYS-}
$CLOUD_SECTIONS"
	[ -f "$T/admin.example.key" ] || make_key admin.example
	agent_up
	each 30 "not up" backend_is_up
}
# the patterns are read again: by nsherdctl, or by a signal
reconfigure() {
	NSHERD_SERVER=127.0.0.1@$AGENT_PORT NSHERD_KEY=$T/admin.example.key NSHERD_CATALOG=$C \
		HOME=$T "$CTL" reconfigure >/dev/null || fail "nsherdctl reconfigure"
}

each() {
	local kind seconds=$1 what=$2 command=$3
	shift 3
	for kind in $SERVER_KINDS; do
		until_ok "$seconds" "$command" "$kind" "$@" || fail "$kind: $what: $(ctl status)"
	done
}
at() {
	local kind=$1
	shift
	dig @127.0.0.1 -p "${PORT[$kind]}" +norec +short +time=2 +tries=2 "$@"
}
at_has() { at "$1" "$2" "$3" | grep -q -- "$4"; }
from() {
	local kind=$1 source=$2
	shift 2
	dig @127.0.0.1 -p "${PORT[$kind]}" -b "$source" +norec +time=2 +tries=2 "$@" |
		sed -n 's/.*status: \([A-Z]*\),.*/\1/p'
}
transfers() {
	local kind=$1 zone=$2
	shift 2
	dig @127.0.0.1 -p "${PORT[$kind]}" +time=5 +tries=1 +noall +answer "$zone" AXFR "$@" 2>/dev/null |
		grep -q '[[:space:]]SOA[[:space:]]'
}
transfers_not() { ! transfers "$@"; }
state_at() { status_of "$2" | grep "\"backend=$1\""; }
state_has() { state_at "$1" "$2" | grep -q -- "$3"; }
is_serving() { state_has "$1" "$2" state=serving; }
