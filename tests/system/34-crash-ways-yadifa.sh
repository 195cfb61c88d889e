# proves: no recorded way to crash or corrupt YADIFA, or to keep it from starting, can be reached through the agent
KIND=yadifa
. "$(dirname "$0")/crash.sh"
ulimit -c 0

INCLUDE=nsherd/zones.conf
: >"$T/gone"
# Zones that went must have gone: yadifad has no list of what it serves.
yadifa_sound() {
	sound "$@"
	soa absent 40 <"$T/gone" || fail "$WAY: ghosts"
}
went() { printf '%s\n' "$@" >>"$T/gone"; }
hidden_up sec.example
crash_start
cp "$T/patterns/shared.ini" "$T/patterns/turning.ini"
reconfigured
add_many z 20 shared
yadifa_sound

# backend-yadifa.md 4.4.1: a reload of one zone while another is under way is the
# end of yadifad. The agent sends none; its verbs are other orders.
way "verbs and changes at once"
for i in 1 2 3 4 5 6; do
	many v 20 "$((i * 20))" | sed 's/$/ shared/' >"$T/add"
	ctl add --from "$T/add" >/dev/null || fail "$WAY: add"
	for verb in reload notify freeze thaw; do
		for z in z1 z2 z3; do ctl $verb $z.example >/dev/null || fail "$WAY: $verb"; done
	done
done
many v 120 20 | soa served 40 || fail "$WAY: not served"
many v 120 20 >"$T/del"
ctl del --from "$T/del" >/dev/null || fail "$WAY: del"
cat "$T/del" >>"$T/gone"
yadifa_sound

# 4.4.2: a zone name of 247 characters or more kills yadifad at every start. 1.6,
# 4.2: there are no escapes, and some names become another zone, the root at worst.
way "names"
l63=$(printf '%063d' 1)
for n in 52 53 54 58 59; do
	ctl add "$l63.$l63.$l63.$(printf '%0*d' $n 4)" -p shared >/dev/null || fail "$WAY: add"
done
for name in 'a\046\046b.test' '\046lead.test' 'sp\032ace.example' 'sl\047ash.example' 'ha\035sh.example' \
    'pa\040ren\041.example' 'quo\039te.example' 'semi\059.example' 'co\044mma.example' 'at\064.example' 'dol\036lar.example' \
    'back\092slash.example' 'quo\034ted.example' 'lt\060zone\062.example' 'line\010include.example' '\200high.example' \
    '0\04725.2.0.192.in-addr.arpa' '*.w.example' '_u.example' 'UP.example'; do
	ctl add "$name" -p shared >/dev/null || fail "$WAY: the agent refuses $name"
done
add_many n 10 shared
many n 10 | soa served 40 || fail "$WAY: not served"
yadifa_sound 60
served_at "$SERVER_PORT" . && fail "$WAY: the root zone is served"
[ "$(ctl status | grep -c ' failed ')" -ge 15 ] || fail "$WAY: $(ctl status)"
server_kill
server_up || fail "$WAY: yadifad does not start"
restarted
yadifa_sound 60

# 1.3, 4.4.3: include files within each other, 5 deep; 4.1: an error in a block has
# all after it passed over, and keeps yadifad from starting. From a pattern's raw
# options neither gets into the file.
way "raw options"
i=0
for o in 'include "/nonexistent"' 'include "zones.conf"' '</zone>' 'bogus 1' 'allow-query nolist' 'dnssec-policy nopolicy' \
    'domain other.example' 'type secondary' '"unclosed' 'notify-auto maybe'; do
	i=$((i + 1))
	printf '[pattern]\nextends = shared\n[yadifa]\noption = %s\n' "$o" >"$T/patterns/raw$i.ini"
done
reconfigured
for n in $(seq $i); do ctl add raw$n.example -p raw$n >/dev/null || fail "$WAY: add"; done
add_many beside 10 shared
many beside 10 | soa served 60 || fail "$WAY: not served"
sleep 1
yadifa_sound 60
printf 'other.example\n' | soa absent 5 || fail "$WAY: another zone"
printf 'refused, of %d: %d\n' "$i" "$(ctl status | grep '^raw' | grep -vc serving)"
server_kill
server_up || fail "$WAY: yadifad does not start"
restarted
yadifa_sound 60
for n in $(seq $i); do ctl del raw$n.example >/dev/null || fail "$WAY: del"; went raw$n.example; done
yadifa_sound

# 4.4.4, 1.3: zones added and removed faster than they load stay as ghosts
way "the same zones added and removed again and again"
for _ in 1 2 3 4 5 6 7 8; do
	add_many g 40 shared
	sleep 0.0$((RANDOM % 10))
	del_many g 40
	sleep 0.0$((RANDOM % 10))
done
many g 40 >>"$T/gone"
yadifa_sound 60
for i in 1 2 3; do
	ctl add flap.example -p shared >/dev/null && ctl del flap.example >/dev/null || fail "$WAY: flap"
done
went flap.example
yadifa_sound 60

# 1.4, 4.1: what is missing from a file that is cut, emptied or deleted is removed,
# with NOERROR; without the file yadifad does not start.
way "the include cut, emptied, edited and deleted"
n=0
for how in "truncate -s 300" "truncate -s 0" "sed -i /z5.example/,\$d" rm; do
	n=$((n + 1))
	$how "$SERVER_DIR/$INCLUDE"
	ctl add cut$n.example -p shared --wait=60 >/dev/null || fail "$WAY: $how: $(status_of cut$n.example)"
	served z1.example z20.example
	yadifa_sound 60
done
# the operator has it read before we see it: the zones go, and come back
truncate -s 0 "$SERVER_DIR/$INCLUDE"
kill -HUP "$SAME_PID"
sleep 1
ctl reconcile >/dev/null || fail "$WAY: reconcile"
served z1.example z20.example cut1.example
yadifa_sound 60
server_down
rm "$SERVER_DIR/$INCLUDE"
until_ok 40 test -s "$SERVER_DIR/$INCLUDE" || fail "$WAY: the include is not made again"
server_up || fail "$WAY: yadifad does not start"
restarted
yadifa_sound 60

# 4.1: reloads of others meanwhile: SERVFAIL, and done afterwards; 3.2: SIGHUP
way "reloads by the operator"
add_many h 200 shared
for _ in 1 2 3 4 5 6; do
	kill -HUP "$SAME_PID"
	yadifa_reload "$SERVER_PORT" "$(key_secret control.example)" >/dev/null 2>&1
	sleep 0.1
done
many h 200 | soa served 60 || fail "$WAY: not served"
del_many h 200
many h 200 >>"$T/gone"
yadifa_sound 60

# 4.1: of a zone that is twice in the files the last one counts; and a half edited
# file of the operator's has all after it passed over
way "the operator's file"
ctl add hand.example static.example -p shared >/dev/null || fail "$WAY: add"
until_ok 30 status_has hand.example state=conflict || fail "$WAY: $(status_of hand.example)"
until_ok 30 status_has static.example state=conflict || fail "$WAY: $(status_of static.example)"
grep -Eq 'domain (hand|static).example' "$SERVER_DIR/$INCLUDE" && fail "$WAY: twice"
ctl del hand.example static.example >/dev/null || fail "$WAY: del"
cp "$SERVER_DIR/yadifad.conf" "$T/yadifad.conf.before"
printf '<zone>\n\tdomain half.example\n\tbogus 1\n' >>"$SERVER_DIR/yadifad.conf"
ctl add halfway.example -p shared >/dev/null || fail "$WAY: add"
until_ok 40 status_has halfway.example error= || fail "$WAY: $(status_of halfway.example)"
served z1.example static.example hand.example
cp "$T/yadifad.conf.before" "$SERVER_DIR/yadifad.conf"
served halfway.example
yadifa_sound 60

# 3.5: a zone that becomes a secondary in place keeps its old data; what a removed
# one leaves below xfrpath is loaded again; one without a file never loads
way "old data"
ctl add sec.example -p primary --wait=120 >/dev/null || fail "$WAY: $(status_of sec.example)"
ctl set sec.example -p sec >/dev/null || fail "$WAY: set"
until_ok 60 sh -c "dig @127.0.0.1 -p $SERVER_PORT sec.example TXT +short | grep -q shared" || fail "$WAY: $(status_of sec.example)"
ctl del sec.example --wait=120 >/dev/null || fail "$WAY: del"
old_data
went sec.example
# one that was not loaded when yadifad started answers SERVFAIL even when removed
ctl add never.example -p sec >/dev/null || fail "$WAY: add"
yadifa_sound 60

# 3.4: a key that is removed stays valid until yadifad starts again: so none is
# taken back by the agent, prepare__* and agent__restarted_with_another_secret__*.
# 5.1, 5.2: files with parts of the zones are not used.

# 4.4: whatever kills it must not do so at every start. A removal is no poison: as
# ours dies below, it may die of another one's (zones are counted without a lock).
way "yadifad dies while zones come and go"
add_many d 30 shared
many d 30 | soa served 40 || fail "$WAY: not served"
del_many d 30
many d 30 >>"$T/gone"
sleep 0.3
server_kill
server_up || fail "$WAY: yadifad does not start"
restarted
add_many e 30 shared
sleep 0.2
server_kill
server_up || fail "$WAY: yadifad does not start"
restarted
SECONDS_MAX=90 served e1.example e30.example
ctl del never.example >/dev/null || fail "$WAY: del"
went never.example
yadifa_sound 90
agent_down
