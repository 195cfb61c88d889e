# SPDX-License-Identifier: BSD-2-Clause
# A NETCONF gateway in front of the agent of lib.sh: SSH and TLS on loopback, users
# alice (every right) and bob (read alone). Source it behind lib.sh; call write_agent
# and agent_up, then netconf_up. Clients: tests/system/netconf.py, or any.
#
#   NETCONF_SSH NETCONF_TLS   ports
#   $T/alice $T/bob           SSH keys; $T/alice.pem+.tlskey the same for TLS
#   $T/nc-ca.pem              authority of the server's certificate (localhost)
# shellcheck shell=bash

NETCONFD=$B/nsherd-netconfd
YANG=$PWD/yang

# write_agent's, with a key for each user.
netconf_keys() {
	for k in alice.key.example bob.key.example gate.example; do
		[ -f "$T/$k.key" ] || make_key $k
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
	openssl req -newkey rsa:2048 -nodes -keyout "$T/$1.tlskey" -subj "/CN=$2" \
		-addext "subjectAltName=DNS:$2" -out "$T/$1.csr" 2>/dev/null
	openssl x509 -req -in "$T/$1.csr" -CA "$T/nc-ca.pem" -CAkey "$T/nc-ca.key" -days 2 \
		-copy_extensions copy -out "$T/$1.pem" 2>/dev/null
}
netconf_print() { # NAME: the fingerprint of RFC 7407
	printf '04:%s' "$(openssl x509 -in "$T/$1.pem" -noout -fingerprint -sha256 | cut -d= -f2)"
}

# NETCONF_EXTRA: more lines for [netconf].
write_netconf() {
	NETCONF_SSH=${NETCONF_SSH:-$(free_port)}
	NETCONF_TLS=${NETCONF_TLS:-$(free_port)}
	if [ ! -f "$T/nc-ca.pem" ]; then
		openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=nc-ca \
			-keyout "$T/nc-ca.key" -out "$T/nc-ca.pem" 2>/dev/null
		netconf_cert nc-server localhost
		for k in host alice bob; do
			ssh-keygen -q -t ed25519 -N '' -f "$T/$k" -C $k
		done
		netconf_cert alice alice
		netconf_cert bob bob
	fi
	cat >"$T/netconf.conf" <<N
[netconf]
listen-ssh = 127.0.0.1@$NETCONF_SSH
listen-tls = 127.0.0.1@$NETCONF_TLS
host-key   = $T/host
tls-cert   = $T/nc-server.pem
tls-key    = $T/nc-server.tlskey
tls-ca     = $T/nc-ca.pem
server     = 127.0.0.1@$AGENT_PORT
catalog    = $C
key        = $T/gate.example.key
yang-dir   = $YANG
log        = ${NETCONF_LOG:-info}
${NETCONF_EXTRA-}
[user alice]
key             = $T/alice.key.example.key
authorized-keys = $T/alice.pub
certificate     = $(netconf_print alice)
[user bob]
key             = $T/bob.key.example.key
authorized-keys = $T/bob.pub
certificate     = $(netconf_print bob)
N
}
# Leaks of the libraries, which are not ours: tests/lsan.supp says which.
netconf_up() {
	write_netconf
	ASAN_OPTIONS=log_path=$T/san:detect_leaks=1 \
	LSAN_OPTIONS=suppressions=$PWD/tests/lsan.supp:print_suppressions=0 \
	UBSAN_OPTIONS=log_path=$T/san:print_stacktrace=1 TSAN_OPTIONS=log_path=$T/san \
		"$NETCONFD" -c "$T/netconf.conf" 2>>"$T/netconfd.log" &
	NETCONF_PID=$!
	PIDS+=("$NETCONF_PID")
	until_ok 20 grep -q ' ready' "$T/netconfd.log" || fail "nsherd-netconfd does not start"
}
netconf_down() {
	kill "$NETCONF_PID" || fail "nsherd-netconfd is gone already"
	wait "$NETCONF_PID"
	local rc=$?
	[ $rc -eq 0 ] || fail "nsherd-netconfd ended with status $rc"
}
