# proves: with the disk full an UPDATE gets SERVFAIL, nothing acknowledged is lost, and work goes on when there is room
. "$(dirname "$0")/lib.sh"

mkdir "$T/small"
mount -t tmpfs -o size=40m tmpfs "$T/small" 2>/dev/null || skip "no permission to mount a small file system"
trap 'umount -l "$T/small" 2>/dev/null; cleanup' EXIT
write_patterns
start_nsd
shared_zone "$NSD_DIR/zones/shared.zone"
write_agent "$(nsd_backend)"
sed -i "s|^state-dir.*|state-dir = $T/small/state|" "$T/nsherd.conf"
agent_up
add_zone a1 before.example shared || fail "add"
until_ok 10 served_at "$NSD_PORT" before.example || fail "not served"
serial=$(ask $C SOA | awk '{print $3}')
dd if=/dev/zero of="$T/small/ballast" bs=1M 2>/dev/null
out=$(printf 'update add a2.zones.%s 0 PTR full.example.\n' $C | nsup 2>&1)
case $out in *SERVFAIL*) ;; *) fail "disk full: $out" ;; esac
[ "$(ask $C SOA | awk '{print $3}')" = "$serial" ] || fail "the serial moved"
[ -z "$(ask a2.zones.$C PTR)" ] || fail "refused, and there"
served_at "$NSD_PORT" before.example || fail "what was served is not any more"
rm "$T/small/ballast"
until_ok 10 add_zone a3 after.example shared || fail "no work after there was room"
until_ok 20 served_at "$NSD_PORT" after.example || fail "not served after there was room"
agent_kill
agent_up
[ -n "$(ask a3.zones.$C PTR)" ] || fail "lost"
[ -n "$(ask a1.zones.$C PTR)" ] || fail "lost"
agent_down
