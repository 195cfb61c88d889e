# SPDX-License-Identifier: BSD-2-Clause
# Helpers of the system tests and the demo: real servers on loopback, high
# ports, a directory of their own, everything stopped by pid at the end.
# Source it with $B set to the build directory.
# shellcheck shell=bash

set -u
: "${B:?the build directory}"
PATH=/usr/sbin:/sbin:$PATH
NSHERDD=$B/nsherdd
CTL=$B/nsherdctl
C=catalog.example
PYTHON=/usr/bin/python3

T=$(mktemp -d "${TMPDIR:-/tmp}/nsherd-test.XXXXXX")
chmod 755 "$T"
PIDS=()
# Some crash yadifad, which is itself a fault of it: no core in the source tree.
ulimit -c 0

# TSan does not see openat() nor libuv's close(): a descriptor whose number a loop had
# before, opened by a driver's thread, is a race to it. These files have none but that.
TSAN=log_path=$T/san:suppressions=$T/tsan.supp
printf 'race:agent/backend/%s.c\n' spool bind_journal bind_bulk yadifa_guard yadifa_load yadifa_operator \
	yadifa_files >"$T/tsan.supp"

# Every bound of a wait is this many times what the test says: that is for a machine
# with nothing else to do, and a wait that succeeds costs no more for being patient.
export WAIT=${WAIT:-3}

# The reason comes first, and again as the last line of all (cleanup): who sees
# only the end sees it, too. The agent's own logs stand last.
fail() {
	local log
	printf 'FAIL: %s\n' "$*" | tee -a "$T/.reason"
	for log in "$T"/[!n]*.log "$T"/n[!s]*.log "$T"/ns[!h]*.log "$T"/nsh*.log; do
		[ -f "$log" ] || continue
		printf -- '--- %s\n' "${log##*/}"
		tail -n 20 "$log" | cut -c 1-400
	done
	exit 1
}
say_why() { # STATUS
	if [ -s "$T/.reason" ]; then
		head -n 8 "$T/.reason" | cut -c 1-600
	else
		printf 'FAIL: ended with status %s after %s s\n' "$1" "$SECONDS"
	fi
	[ -z "${WAITING-}" ] || printf 'FAIL: the last wait was for: %s\n' "${WAITING:0:300}"
}
skip() { printf '%s\n' "$*"; exit 77; }

stop_pid() { # PID: TERM, then KILL after 10 s
	kill "$1" 2>/dev/null || return 0
	for _ in $(seq 100); do
		kill -0 "$1" 2>/dev/null || return 0
		# a zombie of ours counts as gone
		[ "$(ps -o stat= -p "$1" 2>/dev/null | cut -c1)" = Z ] && return 0
		sleep 0.1
	done
	kill -KILL "$1" 2>/dev/null
}

# Numbers of processes are used again, within minutes where many tests run: what is
# in PIDS and has ended may be somebody else's by now.
export NSHERD_TEST=$T
is_ours() { # PID: a child, or it bears our mark, or has files of ours open
	[ "$(ps -o ppid= -p "$1" | tr -d ' ')" = $$ ] || grep -qsz "^NSHERD_TEST=$T\$" "/proc/$1/environ" ||
		readlink "/proc/$1/cwd" "/proc/$1"/fd/* 2>/dev/null | grep -qF "$T"
}

cleanup() {
	local rc=$? p
	trap - EXIT INT TERM
	for p in "${PIDS[@]}"; do
		is_ours "$p" || continue
		kill -CONT "$p" 2>/dev/null
		stop_pid "$p"
	done
	# A sanitizer's report fails the test, whatever else it showed.
	if grep -lE 'ERROR: (Address|Leak|Thread)Sanitizer|WARNING: ThreadSanitizer|runtime error:' \
	    "$T"/*.log "$T"/san.* 2>/dev/null; then
		cat "$T"/san.* 2>/dev/null | head -n 80
		grep -hE -A 30 'Sanitizer|runtime error:' "$T"/*.log | head -n 60
		[ $rc -ne 0 ] || rc=1
	fi
	if [ -n "${KEEP-}" ]; then
		printf 'kept: %s\n' "$T"
	fi
	[ $rc -eq 0 ] || [ $rc -eq 77 ] || say_why $rc
	[ -n "${KEEP-}" ] || rm -rf "$T"
	exit $rc
}
trap cleanup EXIT
trap 'printf "FAIL: told to stop after %s s\\n" "$SECONDS"; exit 130' INT TERM

# A port that is free for UDP and TCP now, on every loopback address. Tests run
# side by side, so each has 150 of its own; the demo and others have the first. None
# is given twice, as it may not be in use before the next one is asked for.
free_port() {
	$PYTHON - "${PORTS_OF:-$0}" "$T/ports-given" <<'P'
import glob, os, random, socket, sys
tests = sorted(glob.glob(os.path.join(os.path.dirname(sys.argv[1]), "[0-9]*.sh")))
base = 20000 + 150 * (tests.index(sys.argv[1]) + 1 if sys.argv[1] in tests else 0)
assert base < 32000, "more tests than ports"
given = open(sys.argv[2], "a+")
given.seek(0)
taken = set(given.read().split())
while True:
    p = random.randint(base, base + 149)
    if str(p) in taken and len(taken) < 140:
        continue
    socks = []
    try:
        for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
            s = socket.socket(socket.AF_INET, kind)
            socks.append(s)
            s.bind(("127.0.0.1", p))
        print(p)
        print(p, file=given)
        break
    except OSError:
        pass
    finally:
        for s in socks:
            s.close()
P
}

# until_ok SECONDS COMMAND...: tries it until it succeeds, for WAIT times as long.
until_ok() {
	local end
	end=$(($(date +%s) + $1 * WAIT))
	shift
	WAITING=$*
	until "$@" >/dev/null 2>&1; do
		[ "$(date +%s)" -lt "$end" ] || return 1
		sleep 0.05
	done
	WAITING=
}

# patient COMMAND...: nsherdctl, which waits WAIT times as long; but where it is
# told to wait for a few seconds only, it is meant not to see what it waits for.
patient() {
	local args=() arg before=
	for arg; do
		case $before$arg in
		--wait=[5-9] | --wait=[1-9][0-9]*) arg=--wait=$((${arg#*=} * WAIT)) ;;
		--timeout[5-9] | --timeout[1-9][0-9]*) arg=$((arg * WAIT)) ;;
		esac
		args+=("$arg")
		before=
		[ "$arg" != --timeout ] || before=$arg
	done
	"$CTL" "${args[@]}"
}

# -- keys --------------------------------------------------------------------

make_key() { # NAME [ALGORITHM]: writes $T/NAME.key, and $T/NAME.knot
	(umask 077 && printf 'key "%s" {\n\talgorithm %s;\n\tsecret "%s";\n};\n' "$1" \
		"${2:-hmac-sha256}" "$(head -c 32 /dev/urandom | base64 -w0)" >"$T/$1.key"
	# kdig and knsupdate have a form of their own
	sed -n 's/.*algorithm \(.*\);/\1/p; s/.*secret "\(.*\)".*/\1/p' "$T/$1.key" |
		tr '\n' : | sed "s/:/:$1:/; s/:$//" >"$T/$1.knot")
}
key_secret() { sed -n 's/.*secret "\(.*\)".*/\1/p' "$T/$1.key"; }

# -- NSD ---------------------------------------------------------------------

# start_nsd [NAME]: an nsd of its own in $T/NAME; sets NSD_PORT NSD_PID NSD_DIR.
# NSD_EXTRA: more lines for nsd.conf. NSD_TLS=1: control over TLS.
nsd_conf() {
	local control
	if [ -n "${NSD_TLS-}" ]; then
		control="control-interface: 127.0.0.1
	control-port: $NSD_CONTROL_PORT
	server-key-file: $NSD_DIR/nsd_server.key
	server-cert-file: $NSD_DIR/nsd_server.pem
	control-key-file: $NSD_DIR/nsd_control.key
	control-cert-file: $NSD_DIR/nsd_control.pem"
	else
		control="control-interface: $NSD_DIR/nsd.sock"
	fi
	cat >"$NSD_DIR/nsd.conf" <<N
server:
	ip-address: 127.0.0.1@$NSD_PORT
	server-count: 1
	username: ""
	database: ""
	zonesdir: "$NSD_DIR/zones"
	zonelistfile: "$NSD_DIR/zone.list"
	pidfile: "$NSD_DIR/nsd.pid"
	xfrdfile: "$NSD_DIR/xfrd.state"
	xfrdir: "$NSD_DIR"
	logfile: "$T/nsd-$NSD_NAME.log"
	rrl-ratelimit: 0
	verbosity: 1
remote-control:
	control-enable: yes
	$control
include: "$NSD_DIR/nsherd/nsherd.conf"
${NSD_EXTRA-}
N
}
nsd_up() {
	nsd -c "$NSD_DIR/nsd.conf" || fail "nsd does not start"
	until_ok 10 test -s "$NSD_DIR/nsd.pid" || fail "nsd wrote no pid file"
	NSD_PID=$(cat "$NSD_DIR/nsd.pid")
	PIDS+=("$NSD_PID")
	until_ok 10 nsd_control status || fail "nsd does not answer"
}
nsd_down() {
	stop_pid "$NSD_PID"
	until_ok 10 sh -c "! test -e $NSD_DIR/nsd.sock || ! nsd-control -c $NSD_DIR/nsd.conf status"
	rm -f "$NSD_DIR/nsd.pid"
}
start_nsd() {
	NSD_NAME=${1:-nsd1}
	NSD_DIR=$T/$NSD_NAME
	NSD_PORT=$(free_port)
	mkdir -p "$NSD_DIR/zones" "$NSD_DIR/nsherd"
	touch "$NSD_DIR/nsherd/nsherd.conf"
	if [ -n "${NSD_TLS-}" ]; then
		NSD_CONTROL_PORT=$(free_port)
		nsd-control-setup -d "$NSD_DIR" >"$T/nsd-control-setup.log" 2>&1 ||
			fail "nsd-control-setup"
	fi
	nsd_conf
	nsd_up
}
nsd_control() { nsd-control -c "$NSD_DIR/nsd.conf" "$@"; }
# start_hidden [ZONE...]: a hidden primary, an nsd in $T/hidden that lets who has the key
# xfr.example transfer these; each is $HIDDEN_DIR/zones/shared.zone. Sets HIDDEN_PORT
# HIDDEN_DIR. hidden_zone ZONE: one more.
start_hidden() {
	local zone
	[ -f "$T/xfr.example.key" ] || make_key xfr.example
	NSD_EXTRA="pattern:
	name: hidden
	zonefile: \"shared.zone\"
	provide-xfr: 127.0.0.0/8 xfr.example
key:
	name: xfr.example
	algorithm: hmac-sha256
	secret: \"$(key_secret xfr.example)\"" start_nsd hidden
	HIDDEN_PORT=$NSD_PORT HIDDEN_DIR=$NSD_DIR
	shared_zone "$HIDDEN_DIR/zones/shared.zone"
	for zone; do hidden_zone "$zone"; done
}
hidden_zone() {
	nsd-control -c "$HIDDEN_DIR/nsd.conf" addzone "$1" hidden >/dev/null || fail "the hidden primary: $1"
}
# the [backend] section for the nsd that was started last
nsd_backend() {
	if [ -n "${NSD_TLS-}" ]; then
		cat <<N
[backend $NSD_NAME]
driver     = nsd
control    = 127.0.0.1@$NSD_CONTROL_PORT
tls-cert   = $NSD_DIR/nsd_control.pem
tls-key    = $NSD_DIR/nsd_control.key
tls-ca     = $NSD_DIR/nsd_server.pem
N
	else
		cat <<N
[backend $NSD_NAME]
driver     = nsd
control    = $NSD_DIR/nsd.sock
N
	fi
	cat <<N
config     = $NSD_DIR/nsd.conf
zonelist   = $NSD_DIR/zone.list
config-dir = $NSD_DIR/nsherd
zone-dir   = $NSD_DIR/zones
probe      = 127.0.0.1@$NSD_PORT
probe-rate = 2000
N
}

# -- the agent ---------------------------------------------------------------

# write_agent BACKEND-SECTIONS...: nsherd.conf with keys ctl.example (read,
# update, command) and ro.example (read), catalog C, and the sections given. The
# guard is off: most tests remove more than it would let go; GUARD=... sets it.
write_agent() {
	AGENT_PORT=${AGENT_PORT:-$(free_port)}
	mkdir -p "$T/patterns"
	for k in ctl.example ro.example xfr.example; do
		[ -f "$T/$k.key" ] || make_key $k
	done
	cat >"$T/nsherd.conf" <<N
[agent]
name        = ams1
listen      = 127.0.0.1@$AGENT_PORT
state-dir   = $T/state
pattern-dir = $T/patterns
log         = ${AGENT_LOG:-info}

[key ctl.example]
file  = $T/ctl.example.key
allow = read, update, command

[key ro.example]
file  = $T/ro.example.key
allow = read

[key xfr.example]
file  = $T/xfr.example.key

[catalog main]
name = $C
role = primary
guard-remove = ${GUARD:-off}
${CATALOG_EXTRA-}

$*
N
	chmod 600 "$T/nsherd.conf"
}
# AGENT_AS: the user (a number) that it runs as
agent_up() {
	ASAN_OPTIONS=log_path=$T/san:detect_leaks=1 UBSAN_OPTIONS=log_path=$T/san:print_stacktrace=1 \
	TSAN_OPTIONS=$TSAN ${AGENT_AS:+setpriv --reuid=$AGENT_AS --regid=$AGENT_AS --clear-groups} \
		"$NSHERDD" -c "$T/nsherd.conf" 2>>"$T/nsherdd.log" &
	AGENT_PID=$!
	PIDS+=("$AGENT_PID")
	until_ok "${AGENT_WAIT:-20}" ask $C SOA || fail "nsherdd does not answer"
}
agent_down() { # clean stop; fails if it takes over 5 s (20 s with sanitizers)
	kill "$AGENT_PID" || fail "nsherdd is gone already"
	local n=0
	while kill -0 "$AGENT_PID" 2>/dev/null; do
		sleep 0.1
		n=$((n + 1))
		[ $n -lt 200 ] || fail "nsherdd does not stop"
	done
	wait "$AGENT_PID"
	local rc=$?
	[ $rc -eq 0 ] || fail "nsherdd ended with status $rc"
}
# SIGHUP, and its end: what follows meets the files as they are now, be they good
# or with faults
agent_reload() {
	local n
	n=$(reloads)
	kill -HUP "$AGENT_PID" || fail "nsherdd is gone"
	until_ok 30 reloaded_after "$n" || fail "no reload: $(tail -n 5 "$T/nsherdd.log")"
}
reloads() { grep -c 'reload: keys=\|nothing is changed' "$T/nsherdd.log"; }
reloaded_after() { [ "$(reloads)" -gt "$1" ]; }
agent_kill() {
	kill -KILL "$AGENT_PID" 2>/dev/null
	wait "$AGENT_PID" 2>/dev/null
}

# Patterns for tests: `primary` from an initial file, `secondary` of $1@$2.
write_patterns() {
	mkdir -p "$T/patterns"
	cat >"$T/patterns/primary.template" <<'P'
$TTL 300
@ SOA ns.${zone}. host.${zone}. ${serial} 3600 600 86400 300
@ NS ns.invalid.
@ TXT "made by nsherd"
P
	cat >"$T/patterns/primary.ini" <<'P'
[pattern]
description  = primary with an initial file
role         = primary
zonefile     = ${zone}.zone
initial-file = primary.template
P
	cat >"$T/patterns/shared.ini" <<P
[pattern]
description = primary, all zones from one file
role        = primary
zonefile    = shared.zone
P
	if [ $# -eq 2 ]; then
		cat >"$T/patterns/secondary.ini" <<P
[pattern]
description  = secondary of the hidden primary
role         = secondary
primaries    = $1@$2 key xfr.example
allow-notify = $1 key xfr.example
zonefile     = \${zone}.zone
P
	fi
}
shared_zone() { # FILE: a zone file that fits any zone
	cat >"$1" <<'Z'
$TTL 300
@ SOA ns.invalid. host.invalid. 1 3600 600 86400 300
@ NS ns.invalid.
@ TXT "shared"
Z
}

# -- clients -----------------------------------------------------------------

ask() { # NAME TYPE [dig options]: short answer of the agent
	local name=$1 type=$2
	shift 2
	dig @127.0.0.1 -p "$AGENT_PORT" -k "$T/ctl.example.key" +time=2 +tries=1 +norec "$@" \
		"$name" "$type" +short
}
nsup() { # commands on stdin; -v for TCP
	{
		printf 'server 127.0.0.1 %s\nzone %s\n' "$AGENT_PORT" "$C"
		cat
		printf 'send\nanswer\n'
	} | nsupdate -k "${KEY:-$T/ctl.example.key}" "$@"
}
add_zone() { # ID ZONE PATTERN
	printf 'update add %s.zones.%s 0 PTR %s.\nupdate add group.%s.zones.%s 0 TXT "%s"\n' \
		"$1" $C "$2" "$1" $C "$3" | nsup >/dev/null
}
del_zone() { # ID
	printf 'update delete %s.zones.%s PTR\n' "$1" $C | nsup >/dev/null
}
ctl() {
	NSHERD_SERVER=127.0.0.1@$AGENT_PORT NSHERD_KEY=$T/ctl.example.key NSHERD_CATALOG=$C \
		HOME=$T patient "$@"
}
status_of() { ask "$1._status.$C" TXT; }
status_has() { status_of "$1" | grep -q -- "$2"; }
soa_at() { # PORT ZONE: rcode and flags of the answer to an SOA query
	dig @127.0.0.1 -p "$1" +norec +time=1 +tries=2 "$2" SOA |
		sed -n 's/.*status: \([A-Z]*\),.*/\1/p; s/^;; flags: \([a-z ]*\);.*/\1/p' | tr '\n' ' '
}
served_at() { case $(soa_at "$1" "$2") in *NOERROR*aa*) return 0 ;; esac; return 1; }
refused_at() { case $(soa_at "$1" "$2") in *REFUSED*) return 0 ;; esac; return 1; }
