# SPDX-License-Identifier: BSD-2-Clause
# For the tests of the recorded ways in which who controls a server can crash
# it or leave it inconsistent. Each drives the real agent towards such a way;
# then `sound` must hold. Source it, then crash_start KIND.
#
#   way TEXT            the next way
#   sound [SECONDS]     same process as before, the operator's zones answer, the
#                       status tells the truth, the server has no zone too many
#   restarted           the server is another process now, and that is meant
#   served, absent ZONE...
# shellcheck shell=bash
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/servers.sh"

WAY=start
OPERATORS="static.example hand.example"
way() { WAY=$1; printf -- "-- %3d s: %s\n" "$SECONDS" "$1"; }
soa() { $PYTHON "$(dirname "$0")/soa.py" "$SERVER_PORT" "$@"; }
served() { printf '%s\n' "$@" | soa served "${SECONDS_MAX:-40}" || fail "$WAY: not served"; }
absent() { printf '%s\n' "$@" | soa absent "${SECONDS_MAX:-40}" || fail "$WAY: still served"; }
many() { # PREFIX COUNT [FIRST]
	seq "${3:-1}" $((${3:-1} + $2 - 1)) | sed "s/.*/$1&.example/"
}
add_many() { # PREFIX COUNT PATTERN
	many "$1" "$2" | sed "s/\$/ $3/" >"$T/add"
	ctl add --from "$T/add" >/dev/null || fail "$WAY: add"
}
del_many() { # PREFIX COUNT
	many "$1" "$2" >"$T/del"
	ctl del --from "$T/del" >/dev/null || fail "$WAY: del"
}
backend_of() { ask "$SERVER_NAME._backend._status.$C" TXT; }
id_of() { status_of "$1" | sed -n 's/.*"id=\([^"]*\)".*/\1/p' | head -n 1; }
# another id for a zone that is there, in one message: removal, then addition
renew_id() { # ZONE NEW-ID PATTERN
	printf '%s\n' "update delete $(id_of "$1").zones.$C PTR" \
		"update add $2.zones.$C 0 PTR $1." "update add group.$2.zones.$C 0 TXT $3" |
		nsup >/dev/null || fail "$WAY: another id for $1"
}
reconfigured() { # the pattern files are read again
	agent_reload
}

# hidden_up ZONE...: an NSD that is the primary of these; hidden_down. Before
# crash_start, which makes the pattern sec.
hidden_up() {
	local z
	NSD_EXTRA="pattern:
	name: hidden
	zonefile: \"shared.zone\"
	provide-xfr: 127.0.0.0/8 NOKEY" start_nsd hidden
	HIDDEN_PORT=$NSD_PORT HIDDEN_DIR=$NSD_DIR
	shared_zone "$HIDDEN_DIR/zones/shared.zone"
	for z; do
		nsd-control -c "$HIDDEN_DIR/nsd.conf" addzone "$z" hidden >/dev/null || fail "hidden primary"
	done
	NSD_EXTRA=
	mkdir -p "$T/patterns"
	printf '[pattern]\nrole = secondary\nprimaries = 127.0.0.1@%s\n' "$HIDDEN_PORT" >"$T/patterns/sec.ini"
}
hidden_down() { stop_pid "$(cat "$HIDDEN_DIR/nsd.pid")"; }
# The data of a zone that went must not be served under another id (sec.example).
old_data() {
	ctl add sec.example -p sec --wait=40 >/dev/null || fail "$WAY: $(status_of sec.example)"
	ctl flush sec.example >/dev/null || [ "$KIND" = yadifa ] || fail "$WAY: flush"
	hidden_down
	renew_id sec.example sec2 sec
	until_ok 40 status_has sec.example id=sec2 || fail "$WAY: $(status_of sec.example)"
	until_ok 40 status_has sec.example error= || fail "$WAY: $(status_of sec.example)"
	for _ in 1 2 3; do
		served_at "$SERVER_PORT" sec.example && fail "$WAY: the old data is served"
		sleep 0.5
	done
	ctl del sec.example >/dev/null || fail "$WAY: del"
}

crash_start() {
	write_patterns "$@"
	start_server "$KIND"
	shared_zone "$SERVER_ZONES/shared.zone"
	sed -i 's/ 1 3600/ 2000000000 3600/' "$SERVER_ZONES/shared.zone"
	operator_zone hand.example || fail "the operator's zone"
	served static.example hand.example
	write_agent "$(server_backend)"
	agent_up
	until_ok 20 backend_is_up || fail "the backend is not up: $(backend_of)"
	restarted
}
backend_is_up() { backend_of | grep -q state=up; }
restarted() { SAME_PID=$(server_pid); }

truth() {
	ctl -o json status >"$T/status.json" && ctl -o json list >"$T/list.json" || return 1
	set --
	if [ "$(type -t "zones_of_$KIND")" = function ]; then
		"zones_of_$KIND" >"$T/has" || return 1
		set -- "$T/has"
	fi
	OPERATORS=$OPERATORS $PYTHON "$(dirname "$0")/truth.py" "$SERVER_PORT" "$T/status.json" "$T/list.json" "$@"
}
at_rest() { truth && backend_is_up; }
sound() {
	until_ok "${1:-40}" at_rest || { truth; fail "$WAY: no truth, or no rest: $(backend_of)"; }
	[ "$(server_pid)" = "$SAME_PID" ] && kill -0 "$SAME_PID" || fail "$WAY: the server died"
	printf 'static.example\nhand.example\n' | soa served 5 || fail "$WAY: the operator's zones"
	kill -0 "$AGENT_PID" || fail "$WAY: the agent died"
}
