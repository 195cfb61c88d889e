# SPDX-License-Identifier: BSD-2-Clause
# Real servers of every kind behind one set of names, for tests that run
# unchanged on each driver. Source after lib.sh.
#
#   start_server KIND [NAME]   nsd, knot, bind, yadifa, or powerdns by the exec
#                              driver; sets SERVER_* below
#   server_backend             the [backend] section for it
#   server_down, server_up     a clean stop and start of it
#   server_kill                SIGKILL
#   server_pid                 the process that answers the control channel
#   server_edit ZONE FROM TO   what a primary of ours has in its TXT record, which
#                              the server may not know yet
#   operator_zone ZONE         a zone of the operator's own, served
#   operator_busy, operator_done   he is in the midst of his configuration: a
#                              file half written, for Knot a transaction
#   operator_edits, operator_loads  a good change of his file, not read yet, and
#                              had read by him; where the server has such files
# SERVER_PORT, SERVER_DIR, SERVER_NAME, SERVER_KIND, SERVER_ZONES (zone-dir)
# shellcheck shell=bash

# Those that have a driver of their own.
SERVER_KINDS="nsd knot bind yadifa"

start_server() {
	SERVER_KIND=$1 SERVER_NAME=${2:-$1}
	SERVER_DIR=$T/$SERVER_NAME
	SERVER_PORT=$(free_port)
	SERVER_CONTROL=$(free_port)
	SERVER_STATS=$(free_port)
	SERVER_ZONES=$SERVER_DIR/zones
	mkdir -p "$SERVER_ZONES" "$SERVER_DIR/nsherd" "$SERVER_DIR/own"
	shared_zone "$SERVER_DIR/own/static.zone"
	[ -f "$T/xfr.example.key" ] || make_key xfr.example
	[ -f "$T/control.example.key" ] || make_key control.example
	"configure_$SERVER_KIND"
	server_up
}
server_up() { "up_$SERVER_KIND"; PIDS+=("$(server_pid)"); }
server_pid() { "pid_$SERVER_KIND"; }
server_backend() { "backend_$SERVER_KIND"; }
server_edit() {
	local f
	if [ "$SERVER_KIND" = powerdns ]; then
		edit_powerdns "$@"
		return
	fi
	f=$(find "$SERVER_ZONES" -name "$1*" -type f | head -n 1)
	[ -n "$f" ] && sed -i "s/$2/$3/" "$f"
}
operator_zone() { "operator_$SERVER_KIND" "$1"; }
operator_file() {
	case $SERVER_KIND in
	nsd) echo "$SERVER_DIR/nsd.conf" ;;
	bind) echo "$SERVER_DIR/named.conf" ;;
	yadifa) echo "$SERVER_DIR/yadifad.conf" ;;
	esac
}
operator_busy() {
	if [ "$SERVER_KIND" = knot ]; then
		knot_control conf-begin >/dev/null && knot_control conf-set 'zone[half.example]' >/dev/null
	else
		cp "$(operator_file)" "$T/operator.before" && printf 'half of a li' >>"$(operator_file)"
	fi
}
operator_done() {
	if [ "$SERVER_KIND" = knot ]; then
		knot_control conf-diff | grep -q half.example && knot_control conf-abort >/dev/null
	else
		cp "$T/operator.before" "$(operator_file)"
	fi
}
operator_edits() { printf '\n%s a good change\n' "$([ "$SERVER_KIND" = bind ] && echo // || echo '#')" >>"$(operator_file)"; }
operator_loads() {
	case $SERVER_KIND in
	nsd) nsd_control reconfig >/dev/null ;;
	bind) bind_control reconfig ;;
	esac
}
server_down() {
	local p
	p=$(server_pid)
	stop_pid "$p"
	until_ok 10 sh -c "! kill -0 $p 2>/dev/null || ps -o stat= -p $p | grep -q Z"
}
server_kill() { # every process of it
	local p
	p=$(server_pid)
	pkill -KILL -P "$p" 2>/dev/null
	kill -KILL "$p" 2>/dev/null
	until_ok 10 sh -c "! kill -0 $p 2>/dev/null || ps -o stat= -p $p | grep -q Z"
	sleep 0.2
}

# -- NSD -----------------------------------------------------------------------

configure_nsd() {
	NSD_NAME=$SERVER_NAME NSD_DIR=$SERVER_DIR NSD_PORT=$SERVER_PORT
	touch "$NSD_DIR/nsherd/nsherd.conf"
	NSD_EXTRA="pattern:
	name: operators
	zonefile: \"$SERVER_DIR/own/static.zone\"
	provide-xfr: 127.0.0.0/8 NOKEY
zone:
	name: static.example
	zonefile: \"$SERVER_DIR/own/static.zone\"
${NSD_EXTRA-}"
	nsd_conf
	NSD_EXTRA=
}
use_nsd() { NSD_NAME=$SERVER_NAME NSD_DIR=$SERVER_DIR NSD_PORT=$SERVER_PORT; }
up_nsd() { use_nsd; rm -f "$NSD_DIR/nsd.pid"; nsd_up; }
pid_nsd() { cat "$SERVER_DIR/nsd.pid"; }
backend_nsd() { use_nsd; nsd_backend; }
operator_nsd() { use_nsd; nsd_control addzone "$1" operators >/dev/null; }

# -- Knot ----------------------------------------------------------------------

configure_knot() {
	cat >"$SERVER_DIR/knot.conf" <<K
server:
  rundir: $SERVER_DIR
  listen: 127.0.0.1@$SERVER_PORT
  background-workers: 4
  remote-retry-delay: 5000
  tcp-remote-io-timeout: 500
control:
  listen: $SERVER_DIR/knot.sock
database:
  storage: $SERVER_DIR
log:
- target: stderr
  any: notice
key:
- id: xfr.example
  algorithm: hmac-sha256
  secret: $(sed -n 's/.*secret "\(.*\)".*/\1/p' "$T/xfr.example.key")
template:
- id: default
  storage: $SERVER_DIR/own
- id: operators
  file: $SERVER_DIR/own/static.zone
  zonefile-sync: -1
  journal-content: none
zone:
- domain: static.example
  template: operators
K
	knotc -C "$SERVER_DIR/confdb" conf-import "$SERVER_DIR/knot.conf" +nopurge >/dev/null 2>&1 ||
		knotc -C "$SERVER_DIR/confdb" conf-import "$SERVER_DIR/knot.conf" >/dev/null ||
		fail "knotc conf-import"
}
knot_control() { knotc -s "$SERVER_DIR/knot.sock" "$@"; }
up_knot() {
	rm -f "$SERVER_DIR/knot.pid" "$SERVER_DIR/knot.sock"
	knotd -m "${KNOT_MAP:-512}" -C "$SERVER_DIR/confdb" >>"$T/$SERVER_NAME.log" 2>&1 &
	echo $! >"$SERVER_DIR/started.pid"
	until_ok 15 knot_control status || fail "knotd does not answer"
}
pid_knot() { cat "$SERVER_DIR/started.pid"; }
backend_knot() {
	cat <<N
[backend $SERVER_NAME]
driver     = knot
control    = $SERVER_DIR/knot.sock
confdb     = $SERVER_DIR/confdb
config-dir = $SERVER_DIR/nsherd
zone-dir   = $SERVER_ZONES
probe      = 127.0.0.1@$SERVER_PORT
probe-rate = 2000
N
}
operator_knot() {
	knot_control conf-begin >/dev/null && knot_control conf-set "zone[$1]" >/dev/null &&
		knot_control conf-set "zone[$1].template" operators >/dev/null &&
		knot_control conf-commit >/dev/null
}

# -- BIND ----------------------------------------------------------------------

configure_bind() {
	mkdir -p "$SERVER_DIR/nzd"
	[ -f "$SERVER_DIR/nsherd/nsherd.conf" ] || : >"$SERVER_DIR/nsherd/nsherd.conf"
	cat >"$SERVER_DIR/named.conf" <<N
$(cat "$T/control.example.key")
options {
	directory "$SERVER_DIR";
	pid-file "$SERVER_DIR/named.pid";
	session-keyfile "$SERVER_DIR/session.key";
	listen-on port $SERVER_PORT { 127.0.0.1; };
	listen-on-v6 { none; };
	recursion no; dnssec-validation no; notify no;
	allow-new-zones yes;
	new-zones-directory "$SERVER_DIR/nzd";
	lmdb-mapsize 64m;
	key-directory "$SERVER_DIR";
};
controls { inet 127.0.0.1 port $SERVER_CONTROL allow { 127.0.0.1; } keys { control.example; }; };
statistics-channels { inet 127.0.0.1 port $SERVER_STATS allow { 127.0.0.1; }; };
include "$SERVER_DIR/nsherd/nsherd.conf";
zone "static.example" { type primary; file "$SERVER_DIR/own/static.zone"; };
N
	cat >"$SERVER_DIR/rndc.conf" <<N
$(cat "$T/control.example.key")
options { default-server 127.0.0.1; default-port $SERVER_CONTROL; default-key control.example; };
N
}
bind_control() { rndc -c "$SERVER_DIR/rndc.conf" "$@"; }
up_bind() {
	named -f -n 1 -c "$SERVER_DIR/named.conf" -g >>"$T/$SERVER_NAME.log" 2>&1 &
	echo $! >"$SERVER_DIR/started.pid"
	until_ok 15 bind_control status || fail "named does not answer"
}
pid_bind() { cat "$SERVER_DIR/started.pid"; }
backend_bind() {
	cat <<N
[key control.example]
file = $T/control.example.key

[backend $SERVER_NAME]
driver     = bind
control    = 127.0.0.1@$SERVER_CONTROL
key        = control.example
statistics = 127.0.0.1@$SERVER_STATS
config     = $SERVER_DIR/named.conf
config-dir = $SERVER_DIR/nsherd
zone-dir   = $SERVER_ZONES
probe      = 127.0.0.1@$SERVER_PORT
probe-rate = 2000
N
}
operator_bind() {
	bind_control addzone "\"$1\" { type primary; file \"$SERVER_DIR/own/static.zone\"; };" >/dev/null
}

# -- YADIFA --------------------------------------------------------------------

configure_yadifa() {
	mkdir -p "$SERVER_DIR"/{keys,xfr,log,run}
	[ -f "$SERVER_DIR/nsherd/zones.conf" ] || : >"$SERVER_DIR/nsherd/zones.conf"
	cat >"$SERVER_DIR/yadifad.conf" <<Y
<main>
	daemon off
	datapath "$SERVER_DIR"
	keyspath "$SERVER_DIR/keys"
	xfrpath "$SERVER_DIR/xfr"
	logpath "$SERVER_DIR/log"
	pidfile "$SERVER_DIR/run/yadifad.pid"
	listen 127.0.0.1 port $SERVER_PORT
	allow-query any
	allow-transfer any
	allow-control control
	user $(id -un)
	group $(id -gn)
</main>
<key>
	name control.example
	algorithm hmac-sha256
	secret $(key_secret control.example)
</key>
<acl>
	control key control.example
</acl>
<zone>
	domain static.example
	type primary
	file "$SERVER_DIR/own/static.zone"
</zone>
include "$SERVER_DIR/nsherd/zones.conf"
Y
}
up_yadifa() {
	rm -f "$SERVER_DIR/run/yadifad.pid"
	# On one processor: its count of who uses the access lists of <main> is kept
	# by several threads without a lock, and when it comes to nothing too early
	# yadifad aborts, or refuses everybody.
	taskset -c "$(taskset -cp $$ | sed 's/.*[ ,-]//')" \
		yadifad -c "$SERVER_DIR/yadifad.conf" >>"$T/$SERVER_NAME.log" 2>&1 &
	echo $! >"$SERVER_DIR/started.pid"
	until_ok 15 served_at "$SERVER_PORT" static.example || fail "yadifad does not answer"
}
pid_yadifa() { cat "$SERVER_DIR/started.pid"; }
backend_yadifa() {
	cat <<N
[key control.example]
file = $T/control.example.key

[backend $SERVER_NAME]
driver       = yadifa
control      = 127.0.0.1@$SERVER_PORT
key          = control.example
config-dir   = $SERVER_DIR/nsherd
transfer-dir = $SERVER_DIR/xfr
pidfile      = $SERVER_DIR/run/yadifad.pid
config       = $SERVER_DIR/yadifad.conf
zone-dir     = $SERVER_ZONES
probe        = 127.0.0.1@$SERVER_PORT
probe-rate   = 2000
N
}
operator_yadifa() { # in the operator's own file, and read again
	cat >>"$SERVER_DIR/yadifad.conf" <<Y
<zone>
	domain $1
	type primary
	file "$SERVER_DIR/own/static.zone"
</zone>
Y
	# SERVFAIL while it is at the agent's
	until_ok 15 yadifa_reload "$SERVER_PORT" "$(key_secret control.example)"
}
# yadifa_reload PORT SECRET: by YADIFA's own client, where that is not broken.
yadifa_reload() {
	case $(yadifad -V) in
	*\ 3.0.[012]-*) $PYTHON "$(dirname "$0")/yadifa_reload.py" "$1" control.example "$2" ;;
	*) yadifa ctrl -s "127.0.0.1 port $1" -y "hmac-sha256:control.example:$2" -t ZONECFGRELOAD ;;
	esac
}

# -- PowerDNS, which has its zones in a database -------------------------------------

configure_powerdns() {
	SERVER_API=$(free_port)
	mkdir -p "$SERVER_DIR-run"
	cat >"$SERVER_DIR/pdns.conf" <<P
launch=lmdb
lmdb-filename=$SERVER_DIR/pdns.lmdb
lmdb-shards=1
lmdb-sync-mode=nosync
local-address=127.0.0.1
local-port=$SERVER_PORT
socket-dir=$SERVER_DIR-run
setuid=
setgid=
daemon=no
guardian=no
webserver=yes
webserver-address=127.0.0.1
webserver-port=$SERVER_API
webserver-loglevel=none
api=yes
api-key=secret-of-the-test
primary=yes
secondary=yes
only-notify=
allow-axfr-ips=
xfr-cycle-interval=1
cache-ttl=0
query-cache-ttl=0
negquery-cache-ttl=0
zone-cache-refresh-interval=0
zone-metadata-cache-ttl=0
security-poll-suffix=
loglevel=4
P
	(umask 077 && printf 'url = http://127.0.0.1:%s\napi-key = secret-of-the-test\n' "$SERVER_API" \
		>"$SERVER_DIR/nsherd/powerdns.conf")
	operator_powerdns static.example
}
powerdns_util() { pdnsutil --config-dir="$SERVER_DIR" "$@" >>"$T/pdnsutil.log" 2>&1; }
operator_powerdns() { powerdns_util load-zone "$1" "$SERVER_DIR/own/static.zone"; }
edit_powerdns() { powerdns_util replace-rrset "$1" @ TXT "\"$3\""; }
powerdns_api() { # PATH: what the API answers
	$PYTHON -c 'import sys, urllib.request as u
print(u.urlopen(u.Request(sys.argv[1], headers={"X-API-Key": "secret-of-the-test"}), timeout=5).read().decode())' \
		"http://127.0.0.1:$SERVER_API/api/v1/servers/localhost$1"
}
up_powerdns() {
	pdns_server --config-dir="$SERVER_DIR" >>"$T/$SERVER_NAME.log" 2>&1 &
	echo $! >"$SERVER_DIR/started.pid"
	until_ok 15 powerdns_api "" || fail "pdns_server does not answer"
	until_ok 15 served_at "$SERVER_PORT" static.example || fail "pdns_server does not serve"
}
pid_powerdns() { cat "$SERVER_DIR/started.pid"; }
backend_powerdns() {
	cat <<N
[backend $SERVER_NAME]
driver     = exec
command    = $(cd "$(dirname "$0")/../.." && pwd)/patterns/exec/powerdns
config     = $SERVER_DIR/nsherd/powerdns.conf
zone-dir   = $SERVER_ZONES
probe      = 127.0.0.1@$SERVER_PORT
probe-rate = 2000
N
}
