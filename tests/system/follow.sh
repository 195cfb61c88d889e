# SPDX-License-Identifier: BSD-2-Clause
# Agents by name, each with a configuration, state and log of its own, for the tests of
# followers. Source after lib.sh.
#
#   node NAME ROLE [LINE...]   writes $T/NAME.conf and sets PORT[NAME]; LINEs go to its
#                              catalog. NODE_TLS=1: listens for TLS, too: TLS[NAME].
#   up NAME, down NAME, drop NAME (KILL)
#   of NAME NAME TYPE ...      what it says; says NAME TEXT: the apex of its status
#   serial NAME; members NAME  of its catalog
#   same A B                   do both have the same catalog?
# shellcheck shell=bash

declare -A PORT TLS PID
for k in ctl.example xfr.example other.example; do
	[ -f "$T/$k.key" ] || make_key $k
done
mkdir -p "$T/patterns"

node() {
	local name=$1 role=$2 tls=
	shift 2
	PORT[$name]=${PORT[$name]-$(free_port)}
	if [ -n "${NODE_TLS-}" ]; then
		TLS[$name]=${TLS[$name]-$(free_port)}
		tls="listen-tls = 127.0.0.1@${TLS[$name]}
tls-cert = $T/hub.pem
tls-key = $T/hub.key
tls-ca = $T/ca.pem"
	fi
	cat >"$T/$name.conf" <<N
[agent]
name = $name
listen = 127.0.0.1@${PORT[$name]}
state-dir = $T/$name.state
pattern-dir = $T/patterns
log = debug
$tls
${AGENT_LINES-}

[key ctl.example]
file = $T/ctl.example.key
allow = read, update, command, admin

[key xfr.example]
file = $T/xfr.example.key
allow = read

[key other.example]
file = $T/other.example.key

[catalog main]
name = $C
role = $role
guard-remove = ${GUARD:-off}
$(printf '%s\n' "$@")

[backend null]
driver = null
N
	chmod 600 "$T/$name.conf"
}
up() {
	ASAN_OPTIONS=log_path=$T/san:detect_leaks=1 UBSAN_OPTIONS=log_path=$T/san:print_stacktrace=1 \
	TSAN_OPTIONS=$TSAN "$NSHERDD" -c "$T/$1.conf" 2>>"$T/$1.log" &
	PID[$1]=$!
	PIDS+=("${PID[$1]}")
	until_ok 20 of "$1" "_status.$C" SOA || fail "$1 does not answer"
}
down() {
	kill "${PID[$1]}" || fail "$1 is gone already"
	until_ok 20 sh -c "! kill -0 ${PID[$1]} 2>/dev/null" || fail "$1 does not stop"
	wait "${PID[$1]}" || fail "$1 ended with status $?"
}
drop() {
	kill -KILL "${PID[$1]}"
	wait "${PID[$1]}" 2>/dev/null
}
of() {
	local name=$1
	shift
	dig @127.0.0.1 -p "${PORT[$name]}" -k "$T/ctl.example.key" +time=5 +tries=1 +norec +short "$@" |
		grep -v '^;'
}
rcode_of() {
	local name=$1
	shift
	dig @127.0.0.1 -p "${PORT[$name]}" -k "$T/ctl.example.key" +time=5 +tries=1 +norec "$@" |
		sed -n 's/.*status: \([A-Z]*\),.*/\1/p; s/^; EDE: *//p' | tr '\n' ' '
}
says() { of "$1" "_status.$C" TXT | grep -q -- "$2"; }
serial() { of "$1" $C SOA | awk '{print $3}'; }
axfr() {
	dig @127.0.0.1 -p "${PORT[$1]}" -k "$T/ctl.example.key" $C AXFR +nocmd +nocomments +nostats \
		+onesoa +time=20 | grep -v '^;' | grep -v TSIG | sed 's/[[:space:]][[:space:]]*/ /g' | sort
}
members() { axfr "$1" | grep -c ' PTR '; }
same() { [ -n "$(serial "$1")" ] && [ "$(serial "$1")" = "$(serial "$2")" ] &&
	[ "$(axfr "$1")" = "$(axfr "$2")" ]; }
has_serial() { [ "$(serial "$1")" = "$2" ]; }
up_to() { # NAME: commands of nsupdate on stdin
	{
		printf 'server 127.0.0.1 %s\nzone %s\n' "${PORT[$1]}" $C
		cat
		printf 'send\n'
	} | nsupdate -k "$T/ctl.example.key"
}
add() { # NAME ID ZONE
	printf 'update add %s.zones.%s 0 PTR %s.\nupdate add group.%s.zones.%s 0 TXT primary\n' \
		"$2" $C "$3" "$2" $C | up_to "$1"
}
