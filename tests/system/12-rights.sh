# proves: a key can do what its rights, zones and patterns say, and nothing more
. "$(dirname "$0")/lib.sh"

write_patterns
start_nsd
for k in team.example upd.example pat.example; do make_key $k; done
write_agent "[key team.example]
file  = $T/team.example.key
allow = read, update
zones = team.example

[key upd.example]
file  = $T/upd.example.key
allow = update

[key pat.example]
file  = $T/pat.example.key
allow = read, update
patterns = prim*

$(nsd_backend)"
agent_up
as() { KEY=$T/$1.key; shift; printf '%s\n' "$@" | nsup 2>&1; KEY=; }
q() { dig @127.0.0.1 -p "$AGENT_PORT" -k "$T/$1.key" "$2" "$3" +time=2 +tries=1; }
add() { echo "update add $1.zones.$C 0 PTR $2."; echo "update add group.$1.zones.$C 0 TXT $3"; }
ok() { case $1 in *REFUSED*|*NOTAUTH*) fail "refused: $2" ;; esac; }
no() { case $1 in *REFUSED*) ;; *) fail "not refused: $2: $1" ;; esac; }

ok "$(as team.example "$(add t1 a.team.example primary)")" "team adds its own"
no "$(as team.example "$(add t2 other.example primary)")" "team adds another's"
no "$(as team.example "$(add t2 xteam.example primary)")" "a suffix that is no label boundary"
ok "$(as ctl.example "$(add o1 other.example primary)")" "ctl adds any"
no "$(as team.example "update delete o1.zones.$C PTR")" "team deletes another's"
no "$(as team.example "update delete o1.zones.$C PTR" "$(add o1 b.team.example primary)")" "team takes an id over"
no "$(as team.example "prereq yxrrset o1.zones.$C PTR" "update add group.t1.zones.$C 0 TXT shared")" "a prerequisite as an oracle"
no "$(as ro.example "$(add r1 r.example primary)")" "a read-only key"
ok "$(as upd.example "$(add u1 u.example primary)")" "an update-only key"
q upd.example $C SOA | grep -q 'status: REFUSED' || fail "a key without read queries"
q ro.example $C SOA | grep -q 'status: NOERROR' || fail "a key with read cannot query"
q team.example $C AXFR | grep -q PTR && fail "a narrowed key transfers"
q team.example "_status.$C" AXFR | grep -q TXT && fail "a narrowed key transfers the status"
q team.example "_log.$C" AXFR | grep -q TXT && fail "a narrowed key transfers the history"
q team.example "a.team.example._status.$C" TXT | grep -q id=t1 || fail "a narrowed key cannot see its own"
q team.example "other.example._status.$C" TXT | grep -q 'status: REFUSED' || fail "a narrowed key sees another's"
q team.example "o1.zones.$C" PTR | grep -q other && fail "a narrowed key sees another's member"
ok "$(as pat.example "$(add p1 p.example primary)")" "a permitted pattern"
no "$(as pat.example "$(add p2 p2.example shared)")" "a pattern that is not permitted"
no "$(as pat.example "update delete group.p1.zones.$C TXT" "update add group.p1.zones.$C 0 TXT shared")" "to a pattern that is not permitted"
no "$(as xfr.example "$(add x1 x.example primary)")" "a key without allow"
agent_down
