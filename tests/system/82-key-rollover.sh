# proves: control key, transfer key and the keys of backends are rolled over on a running fleet with no request refused
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/servers.sh"
. "$(dirname "$0")/doc.sh"
here=$(dirname "$0")
DOC=$(cd "$here/../.." && pwd)/doc/operations.md

# -- a hub, and an agent that follows it with an NSD (by TLS) and a BIND --------------

for k in ctl.example new-ctl.example xfr.example new-xfr.example control.example new-control.example; do make_key $k; done
write_patterns
NSD_TLS=1 start_nsd
shared_zone "$NSD_DIR/zones/shared.zone"
NSD_SECTION=$(NSD_TLS=1 nsd_backend)
start_server bind
shared_zone "$SERVER_ZONES/shared.zone"
HUB_PORT=$(free_port)
NODE_PORT=$(free_port)
declare -A PID
# what the two agents know at the time
CLIENT_KEYS=ctl.example XFR_KEYS=xfr.example NOTIFY_KEY=xfr.example PRIMARY_KEY=xfr.example BIND_KEY=control.example

keys() { # ALLOW KEY...
	local k allow=$1
	shift
	for k; do printf '[key %s]\nfile = %s\nallow = %s\n\n' "$k" "$T/$k.key" "$allow"; done
}
agent_part() {
	printf '[agent]\nname = %s\nlisten = 127.0.0.1@%s\nstate-dir = %s\npattern-dir = %s\nlog = debug\n\n' \
		"$1" "$2" "$T/$1.state" "$T/patterns"
	# shellcheck disable=SC2086
	keys 'read, update, command' $CLIENT_KEYS
	# shellcheck disable=SC2086
	keys read $XFR_KEYS
	printf '[catalog main]\nname = %s\n' $C
}
configure() { # hub or node, as things are now; replaced in one step
	case $1 in
	hub)
		agent_part hub "$HUB_PORT"
		printf 'role = primary\nguard-remove = off\nnotify = 127.0.0.1@%s key %s\n' "$NODE_PORT" "$NOTIFY_KEY"
		;;
	node)
		agent_part node "$NODE_PORT"
		printf 'role = follower\nguard-remove = off\nprimaries = 127.0.0.1@%s key %s\n\n' "$HUB_PORT" "$PRIMARY_KEY"
		printf '%s\n\n' "$NSD_SECTION"
		server_backend | sed "s/control\.example/$BIND_KEY/"
		;;
	esac >"$T/new.conf"
	chmod 600 "$T/new.conf"
	mv "$T/new.conf" "$T/$1.conf"
}
n_ended() { grep -c 'reload: keys=\|nothing is changed' "$T/nsherdd-$1.log"; }
more_ended() { [ "$(n_ended "$1")" -gt "$2" ]; }
reload() { # hub or node
	local n
	configure "$1"
	n=$(n_ended "$1")
	kill -HUP "${PID[$1]}"
	until_ok 20 more_ended "$1" "$n" || fail "$1: no reload"
	tail -n 20 "$T/nsherdd-$1.log" | grep -q 'nothing is changed' && fail "$1: the reload was refused"
	:
}
start() {
	configure "$1"
	ASAN_OPTIONS=log_path=$T/san:detect_leaks=1 UBSAN_OPTIONS=log_path=$T/san TSAN_OPTIONS=$TSAN \
		"$NSHERDD" -c "$T/$1.conf" 2>>"$T/nsherdd-$1.log" &
	PID[$1]=$!
	PIDS+=("${PID[$1]}")
	AGENT_PORT=$2
	until_ok 20 ask $C SOA || fail "$1 does not answer"
}
start hub "$HUB_PORT"
start node "$NODE_PORT"

# -- what goes on all the time ----------------------------------------------------------

cp -p "$T/ctl.example.key" "$T/client.key"
at_hub() { # nsherdctl, with the key of the day
	NSHERD_SERVER=127.0.0.1@$HUB_PORT NSHERD_KEY=$T/client.key NSHERD_CATALOG=$C HOME=$T patient "$@"
}
at_node() { NSHERD_SERVER=127.0.0.1@$NODE_PORT NSHERD_KEY=$T/client.key NSHERD_CATALOG=$C HOME=$T patient "$@"; }
seq 10 | sed 's/.*/z&.example shared/' >"$T/zones"
at_hub add --from "$T/zones" >/dev/null || fail "add"
until_ok 60 sh -c "[ \$(dig @127.0.0.1 -p $NODE_PORT -k $T/ctl.example.key _status.$C AXFR | grep -c state=serving) = 20 ]" ||
	fail "not served: $(at_node status)"
cut -d' ' -f1 "$T/zones" | $PYTHON "$here/keep.py" "$T/stop" "$NSD_PORT" "$SERVER_PORT" >"$T/keep.out" 2>&1 &
KEEP_PID=$!
$PYTHON "$here/rollover.py" "$T/stop" "$T/client.key" $C "$T/used" "$HUB_PORT" "$NODE_PORT" >"$T/client.out" 2>&1 &
CLIENT=$!
PIDS+=($KEEP_PID $CLIENT)
until_ok 20 test -s "$T/used" || fail "the client has not begun: $(cat "$T/client.out")"

n=0
arrives() { # WHAT: a new zone comes through to both servers, and requests go on
	local zone round=0
	kill -0 $CLIENT || fail "$1: $(cat "$T/client.out")"
	kill -0 $KEEP_PID || fail "$1: $(cat "$T/keep.out")"
	n=$((n + 1)) zone=new$n.example
	round=$(cut -d' ' -f2 "$T/used")
	at_hub add $zone -p shared >/dev/null || fail "$1: add"
	until_ok 60 served_at "$NSD_PORT" $zone || fail "$1: not served by NSD: $(at_node status $zone)"
	until_ok 60 served_at "$SERVER_PORT" $zone || fail "$1: not served by BIND: $(at_node status $zone)"
	until_ok 20 sh -c "[ \$(cut -d' ' -f2 $T/used) -gt $((round + 1)) ]" || fail "$1: requests have stopped: $(cat "$T/client.out")"
}
arrives "before"

# -- the key of clients -----------------------------------------------------------------

rm "$T/new-ctl.example.key"
nsherdctl() { "$CTL" "$@"; }
doc_block "$DOC" keygen | sed "s#/etc/nsherd/keys#$T#; s#-o nsherd -g nsherd#-o $(id -un) -g $(id -gn)#" >"$T/keygen.sh"
. "$T/keygen.sh" || fail "operations.md: keygen"
ln -s new-ctl.key "$T/new-ctl.example.key"
CLIENT_KEYS="ctl.example new-ctl.example"
reload hub
reload node
cp -p "$T/new-ctl.key" "$T/client.next" && mv "$T/client.next" "$T/client.key"
until_ok 20 grep -q '^new-ctl.example ' "$T/used" || fail "the client has its old key still: $(cat "$T/client.out")"
CLIENT_KEYS=new-ctl.example
reload hub
reload node
arrives "the control key"

# -- the key of transfers ---------------------------------------------------------------

XFR_KEYS="xfr.example new-xfr.example"
reload hub # takes both
reload node
PRIMARY_KEY=new-xfr.example
reload node
arrives "transfers with the new key"
NOTIFY_KEY=new-xfr.example
reload hub
arrives "NOTIFY with the new key"
XFR_KEYS=new-xfr.example
reload node
reload hub
arrives "the transfer key"

# -- the key of a BIND ------------------------------------------------------------------

tail -n +5 "$SERVER_DIR/named.conf" >"$T/named.base" # without its key
named_keys() { # what its operator does: KEY...
	{
		for k; do cat "$T/$k.key"; done
		sed "s/keys { .*; }; };/keys { $(printf '%s; ' "$@")}; };/" "$T/named.base"
	} >"$SERVER_DIR/named.conf"
	rndc -s 127.0.0.1 -p "$SERVER_CONTROL" -k "$T/$1.key" reconfig || fail "named does not take its keys"
}
named_keys control.example new-control.example
BIND_KEY=new-control.example
reload node
arrives "rndc with the new key"
named_keys new-control.example
arrives "the key of BIND"

# -- the certificate of the agent at an NSD ------------------------------------------------

old=$(cksum <"$NSD_DIR/nsd_control.pem")
doc_block "$DOC" nsd-certificate | sed "s#/etc/nsd#$NSD_DIR#g" >"$T/certificate.sh"
sh -e "$T/certificate.sh" >"$T/nsd-control-setup.log" 2>&1 || fail "operations.md: nsd-certificate"
[ "$(cksum <"$NSD_DIR/nsd_control.pem")" != "$old" ] || fail "the same certificate"
arrives "the certificate for NSD"
grep -q "tls-cert=$NSD_DIR/nsd_control.pem read again" "$T/nsherdd-node.log" || fail "the new certificate was not read"

# -- nobody was refused -------------------------------------------------------------------

touch "$T/stop"
wait $CLIENT || { cat "$T/client.out"; fail "a request was refused"; }
wait $KEEP_PID || { cat "$T/keep.out"; fail "a zone was not served all the time"; }
cat "$T/client.out" "$T/keep.out"
for agent in hub node; do # transfers and NOTIFY neither
	# that somebody was slow is another matter
	grep -hE 'refused=|rcode=|reason=|state=down|guard=holding|catalog=broken|primary=.*error=' "$T/nsherdd-$agent.log" |
		grep -viE 'time ?out|timed out|no answer' >"$T/out" &&
		{ cat "$T/out"; fail "$agent refused or failed"; }
done
grep -E 'bad auth|invalid command' "$T/bind.log" && fail "named refused the agent"
# and the old keys are worth nothing
for key in ctl.example xfr.example; do
	dig @127.0.0.1 -p "$HUB_PORT" -k "$T/$key.key" +norec $C SOA >"$T/out" 2>&1
	grep -q 'status: NOTAUTH' "$T/out" || { cat "$T/out"; fail "$key is good still"; }
done
for agent in node hub; do
	kill "${PID[$agent]}"
	wait "${PID[$agent]}" || fail "$agent ended with status $?"
done
