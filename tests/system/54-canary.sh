# proves: a follower with apply-delay applies additions, changes and removals that much later, never one taken back meanwhile, and says what it waits for; through kills, restarts and reloads
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/servers.sh"
. "$(dirname "$0")/follow.sh"

DELAY=${QUICK:+10}
DELAY=${DELAY:-8}

# -- hub, one follower that is at once, one that is late ---------------------------

write_patterns
sed 's/made by nsherd/made anew/' "$T/patterns/primary.template" >"$T/patterns/other.template"
sed 's/primary.template/other.template/; s/^description.*/description = another/' \
	"$T/patterns/primary.ini" >"$T/patterns/other.ini"

cp "$T/patterns/other.ini" "$T/patterns/third.ini"

for n in hub fast late; do PORT[$n]=$(free_port); done
node hub primary "notify = 127.0.0.1@${PORT[fast]}, 127.0.0.1@${PORT[late]}"
node fast follower "primaries = 127.0.0.1@${PORT[hub]} key xfr.example"
node late follower "primaries = 127.0.0.1@${PORT[hub]} key xfr.example" "apply-delay = $DELAY"
with_server() { # NODE KIND: a real server in place of the null one
	start_server "$2" "$1-$2"
	sed -i '/^\[backend null\]/,$d' "$T/$1.conf"
	server_backend >>"$T/$1.conf"
	DNS[$1]=$SERVER_PORT
}
declare -A DNS
with_server fast knot
with_server late nsd
for n in hub fast late; do up $n; done

status_at() { of "$1" "$2._status.$C" TXT; }
has() { status_at "$1" "$2" | grep -q -- "$3"; }
served() { served_at "${DNS[$1]}" "$2"; }
refused() { refused_at "${DNS[$1]}" "$2"; }
# Where all this takes long, what is looked at may have happened by right.
early() { [ "$1" != kept ] && [ "$(date +%s)" -ge "$first" ]; }
pattern_of() { nsd_control zonestatus "$1" | grep -q "pattern: nsherd-$2\."; }
waits() { # ZONE: and for a time that is still to come; sets UNTIL
	UNTIL=$(status_at late "$1" | sed -n 's/.*"waiting=apply-delay" "until=\([0-9]*\)".*/\1/p')
	[ -n "$UNTIL" ] && [ "$UNTIL" -gt "$(date +%s)" ]
}
hub() { up_to hub || fail "the hub refuses an UPDATE"; }
put() { printf 'update add %s.zones.%s 0 PTR %s.example.\nupdate add group.%s.zones.%s 0 TXT %s\n' "$1" $C "$2" "$1" $C "${3:-primary}"; }
take() { printf 'update delete %s.zones.%s PTR\n' "$1" $C; }
regroup() { printf 'update delete group.%s.zones.%s TXT\nupdate add group.%s.zones.%s 0 TXT %s\n' "$1" $C "$1" $C "$2"; }

# -- additions ------------------------------------------------------------------

for z in stays changed removed kept thrice twice; do put $z $z; done | hub
until_ok 20 served fast twice.example || fail "fast does not serve"
until_ok 10 same hub late || fail "late is no follower"
waits stays.example || fail "late does not wait: $(status_at late stays.example)"
has late stays.example state=pending || fail "not pending: $(status_at late stays.example)"
refused late stays.example || [ "$(date +%s)" -ge "$UNTIL" ] || fail "late serves at once"
until_ok $((DELAY + 20)) served late twice.example || fail "late never serves"
[ "$(date +%s)" -ge "$UNTIL" ] || fail "late serves $((UNTIL - $(date +%s))) s too early"
for z in stays changed removed kept; do
	until_ok 10 has late $z.example state=serving || fail "late: $(status_at late $z.example)"
done
has late stays.example waiting= && fail "waits, and is served: $(status_at late stays.example)"

# -- changes, removals, and what is taken back -----------------------------------

# somebody asks for it all the time
(
	while :; do
		refused late kept.example && echo refused >>"$T/gap"
		sleep 0.1
	done
) &
PIDS+=($!)
asker=$!
{ regroup changed other; take removed; take kept; put never never; regroup twice other; regroup thrice other; } | hub
until_ok 20 refused fast removed.example || fail "fast does not remove"
{ put kept kept; take never; } | hub
until_ok 10 same hub late || fail "late is behind"
waits changed.example || fail "late does not wait: $(status_at late changed.example)"
first=$UNTIL
has late removed.example waiting=apply-delay || fail "removed: $(status_at late removed.example)"
until_ok 10 has fast changed.example pattern=other || fail "fast: $(status_at fast changed.example)"
until_ok 10 served fast kept.example || fail "fast: kept"
# a kill in the midst of it, and a stop
drop late
up late
down late
up late
# a change that is due must not bring a later one of the same zone with it
sleep 3
{ take twice; regroup thrice third; } | hub
until_ok 10 same hub late || fail "late is behind"
last=$(($(date +%s) + DELAY - 1))
for z in changed removed kept twice; do
	served late $z.example || early $z || fail "late lost $z"
	pattern_of $z.example primary || early $z || fail "$z: $(nsd_control zonestatus $z.example)"
done
until_ok $((DELAY + 20)) pattern_of changed.example other || fail "late: $(nsd_control zonestatus changed.example)"
[ "$(date +%s)" -ge "$first" ] || fail "late changes too early"
until_ok 20 pattern_of thrice.example third || fail "late: $(nsd_control zonestatus thrice.example)"
[ "$(date +%s)" -ge "$last" ] || fail "late changes $((last - $(date +%s))) s too early"
until_ok 20 refused late removed.example || fail "late does not remove"
until_ok 20 refused late twice.example || fail "late does not remove twice"
[ "$(date +%s)" -ge "$last" ] || fail "late removes $((last - $(date +%s))) s too early"
until_ok 10 has late kept.example state=serving || fail "kept: $(status_at late kept.example)"
until_ok 10 sh -c "! dig @127.0.0.1 -p ${PORT[late]} -k $T/ctl.example.key removed.example._status.$C TXT +short | grep -q ." ||
	fail "removed: $(status_at late removed.example)"
kill $asker
[ ! -s "$T/gap" ] || fail "kept.example was not served for a while"
grep -E 'zone=kept.example op=remove' "$T/late.log" && fail "kept.example was removed"
grep -E 'zone=never.example' "$T/late.log" && fail "never.example was touched"

# -- another id, taken at once by the one and later by the other -------------------

{ take stays; put other-id stays; } | hub
until_ok 10 has fast stays.example id=other-id || fail "fast: $(status_at fast stays.example)"
served late stays.example || fail "late: not served before its time"

# -- reloads --------------------------------------------------------------------

delay() { # DURATION
	sed -i "s/^apply-delay.*/apply-delay = $1/" "$T/late.conf"
	kill -HUP "${PID[late]}"
}
delay 1h
until_ok 10 grep -q 'reload.*catalogs=' "$T/late.log" || fail "no reload"
put more more | hub
until_ok 20 served fast more.example || fail "fast: more"
until_ok 10 waits more.example || fail "late: $(status_at late more.example)"
[ "$UNTIL" -gt $(($(date +%s) + 3000)) ] || fail "until=$UNTIL is no hour"
waits stays.example || fail "late: $(status_at late stays.example)"
# in the hour the server loses a zone: that is put back all the same
nsd_control delzone kept.example >/dev/null || fail "delzone"
nsd_down
nsd_up
PIDS+=("$NSD_PID")
until_ok 30 served late kept.example || fail "late: kept.example stays lost"
refused late more.example || fail "late: more too early"
delay 0
until_ok 20 served late more.example || fail "late: more not after the reload"
until_ok 20 has late stays.example id=other-id || fail "late: $(status_at late stays.example)"
until_ok 20 has late stays.example state=serving || fail "late: $(status_at late stays.example)"
has late stays.example waiting= && fail "still waits"
for n in hub fast late; do down $n; done
exit 0
