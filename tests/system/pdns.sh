# SPDX-License-Identifier: BSD-2-Clause
# PowerDNS with a database of its own (LMDB). Source after lib.sh.
#
#   start_pdns NAME [LINE...]   LINEs go to its configuration; sets PDNS_PORT
#   pdnsu ARGUMENT...           pdnsutil, for the one that was started last
# It keeps the keys xfr.example. Its answers are not cached, so that what is changed
# behind its back is seen.
# shellcheck shell=bash

start_pdns() {
	PDNS_DIR=$T/$1
	PDNS_NAME=$1
	PDNS_PORT=${PDNS_PORT:-$(free_port)}
	mkdir -p "$PDNS_DIR"
	shift
	{
		cat <<P
launch=lmdb
lmdb-filename=$PDNS_DIR/pdns.lmdb
lmdb-shards=1
local-address=127.0.0.1
local-port=$PDNS_PORT
socket-dir=$PDNS_DIR
setuid=
setgid=
daemon=no
guardian=no
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
domain-metadata-cache-ttl=0
security-poll-suffix=
loglevel=6
P
		printf '%s\n' "$@"
	} >"$PDNS_DIR/pdns.conf"
	sed -i '/^domain-metadata/d' "$PDNS_DIR/pdns.conf"
	pdnsu import-tsig-key xfr.example hmac-sha256 "$(key_secret xfr.example)" >/dev/null 2>&1 ||
		fail "pdnsutil import-tsig-key"
	pdns_up
}
pdnsu() { pdnsutil --config-dir="$PDNS_DIR" "$@"; }
pdns_up() {
	pdns_server --config-dir="$PDNS_DIR" >>"$T/$PDNS_NAME.log" 2>&1 &
	PDNS_PID=$!
	PIDS+=("$PDNS_PID")
	until_ok 15 pdns_answers || fail "pdns_server does not answer"
}
pdns_answers() { dig @127.0.0.1 -p "$PDNS_PORT" +time=1 +tries=1 . SOA | grep -q status:; }
pdns_down() { stop_pid "$PDNS_PID"; wait "$PDNS_PID" 2>/dev/null; }
