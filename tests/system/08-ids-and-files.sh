# proves: another id for a zone starts it anew, the same id finds its data again, and a removed zone's files go in time
. "$(dirname "$0")/lib.sh"

write_patterns
start_nsd
CATALOG_EXTRA="purge-after = 1h"
write_agent "$(nsd_backend)"
agent_up
txt() { dig @127.0.0.1 -p "$NSD_PORT" +norec shop.example TXT +short; }
add_zone a1 shop.example primary || fail add
until_ok 10 served_at "$NSD_PORT" shop.example || fail "not served"
file=$(ls "$NSD_DIR"/zones/shop.example* | head -n 1)
[ -n "$file" ] || fail "no zone file"
# the operator edits the new primary's file: it is the operator's data now
sed -i 's/made by nsherd/edited/; s/ \([0-9]*\) 3600 600/ 4000000000 3600 600/' "$file"
nsd_control reload shop.example >/dev/null
until_ok 10 sh -c "dig @127.0.0.1 -p $NSD_PORT shop.example TXT +short | grep -q edited" || fail "reload"

# removed and added again under the same id: the data is there
del_zone a1 || fail del
until_ok 10 refused_at "$NSD_PORT" shop.example || fail "still served"
[ -f "$file" ] || fail "the file of a removed zone went before purge-after"
until_ok 10 sh -c "! dig @127.0.0.1 -p $AGENT_PORT -k $T/ctl.example.key shop.example._status.$C TXT +short | grep -q ." || fail "still in the status"
add_zone a1 shop.example primary || fail "add again"
until_ok 10 served_at "$NSD_PORT" shop.example || fail "not served again"
txt | grep -q edited || fail "the data of the same id was lost: $(txt)"

# another id in one UPDATE: removal with all state, then addition
printf '%s\n' "update delete a1.zones.$C PTR" "update add a2.zones.$C 0 PTR shop.example." \
	"update add group.a2.zones.$C 0 TXT primary" | nsup >/dev/null || fail "the id replaced"
until_ok 20 sh -c "dig @127.0.0.1 -p $NSD_PORT shop.example TXT +short | grep -q 'made by nsherd'" || fail "old data served: $(txt)"
until_ok 10 status_has shop.example id=a2 || fail "$(status_of shop.example)"

# removed, then added under another id in a later UPDATE
sed -i 's/made by nsherd/edited/; s/ \([0-9]*\) 3600 600/ 4000000001 3600 600/' "$file"
del_zone a2
until_ok 10 refused_at "$NSD_PORT" shop.example || fail "still served (2)"
add_zone a3 shop.example primary
until_ok 20 served_at "$NSD_PORT" shop.example || fail "not served (3)"
txt | grep -q 'made by nsherd' || fail "old data served under a new id: $(txt)"
agent_down

# purge-after: the file goes
sed -i 's/^purge-after.*/purge-after = 2/' "$T/nsherd.conf"
agent_up
del_zone a3
until_ok 10 refused_at "$NSD_PORT" shop.example || fail "still served (4)"
until_ok 40 sh -c "! test -e '$file'" || fail "the file stays after purge-after"
agent_down
