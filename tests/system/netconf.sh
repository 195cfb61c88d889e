# SPDX-License-Identifier: BSD-2-Clause
# A NETCONF gateway in front of the agent of lib.sh: SSH and TLS on loopback, users
# alice (every right) and bob (read alone). Source it behind lib.sh; call write_agent
# and agent_up, then netconf_up. Clients: tests/system/netconf.py, or any; nc FILE
# runs one that is written with it. NETCONF_USERS: more users, see netconf_user.
#
#   NETCONF_SSH NETCONF_TLS   ports
#   $T/alice $T/bob           SSH keys; $T/alice.pem+.tlskey the same for TLS
#   $T/nc-ca.pem              authority of the server's certificate (localhost)
# shellcheck shell=bash

NETCONFD=$B/nsherd-netconfd
YANG=$PWD/yang
NETCONF_USERS=${NETCONF_USERS-}
[ -x "$NETCONFD" ] || skip "the gateway is not built (libnetconf2 is not here, or NETCONF=)"

# write_agent's, with a key for each user.
netconf_keys() {
	for k in alice.key.example bob.key.example gate.example; do
		[ -f "$T/$k.key" ] || make_key "$k"
	done
	cat <<N
[key alice.key.example]
file  = $T/alice.key.example.key
allow = read, update, command, admin
[key bob.key.example]
file  = $T/bob.key.example.key
allow = read
[key gate.example]
file  = $T/gate.example.key
allow = read
N
}

netconf_cert() { # NAME CN: a certificate of the authority
	openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$T/$1.tlskey" -subj "/CN=$2" \
		-addext "subjectAltName=DNS:$2" -out "$T/$1.csr" 2>/dev/null
	openssl x509 -req -in "$T/$1.csr" -CA "$T/nc-ca.pem" -CAkey "$T/nc-ca.key" -days 2 \
		-copy_extensions copy -out "$T/$1.pem" 2>/dev/null
}
netconf_print() { # NAME: the fingerprint of RFC 7407
	printf '04:%s' "$(openssl x509 -in "$T/$1.pem" -noout -fingerprint -sha256 | cut -d= -f2)"
}

# A further user NAME, with what the key says: netconf_user carol "allow = read" prints
# the [key] for the agent; NETCONF_USERS has him then.
netconf_user() {
	[ -f "$T/$1.key.example.key" ] || make_key "$1.key.example"
	printf '[key %s]\nfile = %s\n%s\n' "$1.key.example" "$T/$1.key.example.key" "$2"
}

# NETCONF_EXTRA: more lines for [netconf]. NETCONF_SERVER: those that lead to the agent.
# NETCONF_BY_NAME: no fingerprints; NETCONF_EXTRA has cert-to-name.
write_netconf() {
	NETCONF_SSH=${NETCONF_SSH:-$(free_port)}
	NETCONF_TLS=${NETCONF_TLS:-$(free_port)}
	if [ ! -f "$T/nc-ca.pem" ]; then
		openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=nc-ca \
			-keyout "$T/nc-ca.key" -out "$T/nc-ca.pem" 2>/dev/null
		netconf_cert nc-server localhost
		for k in host alice bob $NETCONF_USERS; do
			ssh-keygen -q -t ed25519 -N '' -f "$T/$k" -C "$k"
		done
		for k in alice bob $NETCONF_USERS; do netconf_cert "$k" "$k"; done
	fi
	cat >"$T/netconf.conf" <<N
[netconf]
listen-ssh = 127.0.0.1@$NETCONF_SSH
listen-tls = 127.0.0.1@$NETCONF_TLS
host-key   = $T/host
tls-cert   = $T/nc-server.pem
tls-key    = $T/nc-server.tlskey
tls-ca     = $T/nc-ca.pem
${NETCONF_SERVER:-server = 127.0.0.1@$AGENT_PORT}
catalog    = $C
key        = $T/gate.example.key
yang-dir   = $YANG
log        = ${NETCONF_LOG:-info}
${NETCONF_EXTRA-}
N
	for k in alice bob $NETCONF_USERS; do
		cat <<N
[user $k]
key             = $T/$k.key.example.key
authorized-keys = $T/$k.pub
${NETCONF_BY_NAME:+#}certificate     = $(netconf_print "$k")
N
	done >>"$T/netconf.conf"
}
netconf_run() {
	ASAN_OPTIONS=log_path=$T/san:detect_leaks=1${NETCONF_ASAN:+:$NETCONF_ASAN} \
	UBSAN_OPTIONS=log_path=$T/san:print_stacktrace=1 TSAN_OPTIONS=$TSAN \
		exec "$NETCONFD" -c "$T/netconf.conf" 2>>"$T/netconfd.log"
}
netconf_ready() { [ "$(grep -c ' ready' "$T/netconfd.log")" -ge "$1" ]; }
netconf_up() {
	local before=0
	[ ! -f "$T/netconfd.log" ] || before=$(grep -c ' ready' "$T/netconfd.log")
	write_netconf
	netconf_run &
	NETCONF_PID=$!
	PIDS+=("$NETCONF_PID")
	until_ok 20 netconf_ready $((before + 1)) || fail "nsherd-netconfd does not start"
}
# As its unit does, only sooner: started again when it has ended. $T/netconfd.pid is its
# process, $T/netconfd.ends has a line for each end.
netconf_keep() {
	write_netconf
	(
		trap 'kill "$(cat "$T/netconfd.pid")"; wait; exit 0' TERM
		while :; do
			netconf_run &
			echo $! >"$T/netconfd.pid.new" && mv "$T/netconfd.pid.new" "$T/netconfd.pid"
			wait $!
			echo "status=$?" >>"$T/netconfd.ends"
			sleep 0.2
		done
	) &
	NETCONF_PID=$!
	PIDS+=("$NETCONF_PID")
	until_ok 20 netconf_ready 1 || fail "nsherd-netconfd does not start"
}
netconf_down() {
	kill "$NETCONF_PID" || fail "nsherd-netconfd is gone already"
	wait "$NETCONF_PID"
	local rc=$?
	[ $rc -eq 0 ] || fail "nsherd-netconfd ended with status $rc"
}
nc() { # FILE ARG...: a test of netconf.py's
	local file=$1
	shift
	T=$T C=$C AGENT_PORT=$AGENT_PORT NETCONF_SSH=$NETCONF_SSH NETCONF_TLS=$NETCONF_TLS \
		NETCONF_PID=$NETCONF_PID AGENT_PID=$AGENT_PID YANG=$YANG PYTHONPATH=$(dirname "$0") \
		PYTHONDONTWRITEBYTECODE=1 $PYTHON "$(dirname "$0")/$file" "$@"
}
