# proves: bad input of every kind gets a clear error in the right place and changes nothing
. "$(dirname "$0")/lib.sh"

write_patterns 127.0.0.1 "$(free_port)"
cat >"$T/patterns/nofile.ini" <<P
[pattern]
role         = primary
zonefile     = \${zone}.zone
initial-file = absent.template
P
start_nsd
write_agent "$(nsd_backend)"
agent_up
add_zone good good.example primary || fail "add good.example"
serial=$(ask $C SOA | awk '{print $3}')

# keys: unknown, wrong secret, without the right
make_key stranger.example
out=$(printf 'update add x.zones.%s 0 PTR x.example.\n' $C | KEY=$T/stranger.example.key nsup 2>&1)
case $out in *BADKEY*) ;; *) fail "unknown key: $out" ;; esac
sed "s|secret .*|secret \"$(head -c 32 /dev/zero | base64 -w0)\";|" "$T/ctl.example.key" >"$T/wrong.key"
chmod 600 "$T/wrong.key"
out=$(printf 'update add x.zones.%s 0 PTR x.example.\n' $C | KEY=$T/wrong.key nsup 2>&1)
case $out in *BADSIG*) ;; *) fail "wrong secret: $out" ;; esac
out=$(printf 'update add x.zones.%s 0 PTR x.example.\n' $C | KEY=$T/ro.example.key nsup 2>&1)
case $out in *REFUSED*) ;; *) fail "read-only key: $out" ;; esac

# a zone that is not ours
out=$(printf 'server 127.0.0.1 %s\nzone other.example\nupdate add x.other.example 0 A 192.0.2.1\nsend\n' \
	"$AGENT_PORT" | nsupdate -k "$T/ctl.example.key" 2>&1)
case $out in *NOTAUTH*) ;; *) fail "wrong zone: $out" ;; esac
# a name outside the zone, a type and owner that are not a catalog's
out=$(printf 'update add a.zones.%s 0 A 192.0.2.1\n' $C | nsup 2>&1)
case $out in *REFUSED*) ;; *) fail "A at a member node: $out" ;; esac
out=$(printf 'update add bad2.zones.%s 0 PTR good.example.\n' $C | nsup 2>&1)
case $out in *REFUSED*) ;; *) fail "a zone under two ids: $out" ;; esac
out=$(printf 'update delete version.%s TXT\n' $C | nsup 2>&1)
case $out in *REFUSED*) ;; *) fail "the version deleted: $out" ;; esac
out=$(printf 'update add group.orphan.zones.%s 0 TXT primary\n' $C | nsup 2>&1)
case $out in *REFUSED*) ;; *) fail "an orphan property: $out" ;; esac
out=$(printf 'update add own.zones.%s 0 PTR sub.%s.\n' $C $C | nsup 2>&1)
case $out in *REFUSED*) ;; *) fail "a control zone as a member: $out" ;; esac
[ "$(ask $C SOA | awk '{print $3}')" = "$serial" ] || fail "a refusal made a serial"
# the reason, as an Extended DNS Error
reason=$($PYTHON - "$AGENT_PORT" $C "$(key_secret ctl.example)" <<'P'
import sys, dns.update, dns.query, dns.tsigkeyring
port, c, secret = int(sys.argv[1]), sys.argv[2], sys.argv[3]
ring = dns.tsigkeyring.from_text({"ctl.example.": ("hmac-sha256", secret)})
u = dns.update.UpdateMessage(c, keyring=ring, keyalgorithm="hmac-sha256")
u.use_edns(0)
u.add("dup.zones", 0, "PTR", "good.example.")
r = dns.query.tcp(u, "127.0.0.1", port=port, timeout=5)
print([o.to_text() for o in r.options])
P
)
case $reason in *reason=*rr=1*) ;; *) fail "no reason with rr=1 in the Extended DNS Error: $reason" ;; esac
dig @127.0.0.1 -p "$AGENT_PORT" -k "$T/ctl.example.key" _log.$C AXFR | grep -q 'op=refused.*reason=' ||
	fail "no refusal in the history"

# an unknown pattern is a state of that zone
add_zone up unknown-pattern.example nosuch || fail "an unknown pattern was refused"
until_ok 10 status_has unknown-pattern.example state=unassigned || fail "$(status_of unknown-pattern.example)"
status_has unknown-pattern.example nosuch || fail "the status does not name the pattern"
# a pattern whose initial file is missing
add_zone nf nofile.example nofile
until_ok 10 status_has nofile.example absent.template || fail "$(status_of nofile.example)"
# a name that NSD cannot take: 253 characters
long=$(printf '%063d.' 1 2 3)$(printf '%057d' 4).fin
[ ${#long} = 253 ] || fail "the long name has ${#long} characters"
add_zone ln "$long" shared
until_ok 20 sh -c "dig @127.0.0.1 -p $AGENT_PORT -k $T/ctl.example.key ln._id._status.$C TXT +short | grep -Eq 'state=(failed|serving|applied)'" ||
	fail "long name: $(ask ln._id._status.$C TXT)"
# a primary that does not answer
add_zone dead dead.example secondary
until_ok 20 status_has dead.example error= || fail "unreachable primary: $(status_of dead.example)"
status_has dead.example state=serving && fail "serving without data"
# all that is good is still good
until_ok 10 status_has good.example state=serving || fail "$(status_of good.example)"

# NSD gone: accepted, pending, caught up
nsd_down
add_zone late late.example primary || fail "an UPDATE was refused because NSD is away"
until_ok 20 sh -c "dig @127.0.0.1 -p $AGENT_PORT -k $T/ctl.example.key $NSD_NAME._backend._status.$C TXT +short | grep -q state=down" ||
	fail "NSD is away, and the status says $(ask "$NSD_NAME._backend._status.$C" TXT)"
status_has late.example state=serving && fail "serving, without a server"
nsd_up
until_ok 40 served_at "$NSD_PORT" late.example || fail "late.example was not caught up"
until_ok 20 status_has late.example state=serving || fail "$(status_of late.example)"
agent_down

# configuration: each fault with file and line
bad() { # EXPECTED sed-script
	sed "$2" "$T/nsherd.conf" >"$T/bad.conf"
	chmod "${3:-600}" "$T/bad.conf"
	out=$("$NSHERDD" -t -c "$T/bad.conf" 2>&1) && fail "accepted: $2"
	case $out in *"$T/bad.conf:"*"$1"*) ;; *) fail "$2 gives: $out" ;; esac
}
"$NSHERDD" -t -c "$T/nsherd.conf" >"$T/t.log" 2>&1
grep -q nofile.ini "$T/t.log" || fail "-t does not name the broken pattern: $(cat "$T/t.log")"
mv "$T/patterns/nofile.ini" "$T/"
"$NSHERDD" -t -c "$T/nsherd.conf" >"$T/t.log" 2>&1 || fail "-t: $(cat "$T/t.log")"
bad unknown 's/^allow = read$/alow = read/'
bad unknown 's/^\[catalog main\]/[catalogue main]/'
bad 'driver' 's/^driver .*/driver = nosuch/'
bad 'role' 's/^role = primary/role = boss/'
bad 'listen' 's/^listen .*/listen = localhost/'
bad 'indent' 's/^allow = read$/  allow = read/'
bad ';' 's/^allow = read$/allow = read ; not update/'
bad '198' "s/^name        = ams1/name = $(printf '%0250d' 0)/"
bad 'sha1' 's/^file  = .*ro.example.key/algorithm = hmac-sha1\nsecret = AAAA/'
bad 'sec' 's/^file  = .*ro.example.key/algorithm = hmac-sha256\nsecret = !!!/'
bad 'secret' 's/^file  = .*ro.example.key/algorithm = hmac-sha256\nsecret = AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA/' 644
chmod 644 "$T/ro.example.key"
out=$("$NSHERDD" -t -c "$T/nsherd.conf" 2>&1) && fail "a world-readable key file was accepted"
case $out in *ro.example.key*) ;; *) fail "world-readable key file: $out" ;; esac
chmod 600 "$T/ro.example.key"
out=$("$NSHERDD" -t -c "$T/absent.conf" 2>&1) && fail "an absent file was accepted"
case $out in *absent.conf*) ;; *) fail "absent file: $out" ;; esac
# a second agent on the same state
agent_up
out=$(timeout 10 "$NSHERDD" -c "$T/nsherd.conf" 2>&1) && fail "two agents on one state directory"
agent_down
