# proves: zones whose pattern is removed, made invalid or no longer named are served on, and say why; mended, all is well
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/servers.sh"
. "$(dirname "$0")/cloud.sh"

step() { printf -- '-- %s (%d s)\n' "$*" $SECONDS; }

start_hidden
write_patterns 127.0.0.1 "$HIDDEN_PORT"
# gone is a secondary: with its pattern go a key, an access list and a primary
cp "$T/patterns/secondary.ini" "$T/patterns/gone.ini"
cp "$T/patterns/primary.ini" "$T/patterns/syntax.ini"
cp "$T/patterns/shared.ini" "$T/patterns/unknown.ini"
cp "$T/patterns/primary.ini" "$T/patterns/above.ini"
printf '[pattern]\nextends = above\n' >"$T/patterns/below.ini"
printf '[pattern]\nrole = primary\nzonefile = filed.zone\n' >"$T/patterns/filed.ini"
mkdir "$T/good" && cp "$T"/patterns/*.ini "$T/good"
start_cloud
for kind in $SERVER_KINDS; do shared_zone "${ZONES[$kind]}/shared.zone"; done
cloud_agent

OLD="gone syntax unknown below nosuch"
spoil() {
	rm "$T/patterns/gone.ini" "$T/patterns/above.ini"
	echo 'this is no line of an ini file' >>"$T/patterns/syntax.ini"
	sed -i 's/^role/rule/' "$T/patterns/unknown.ini"
	ctl set nosuch.example -p nosuch >/dev/null || fail "set"
}
mend() {
	cp "$T"/good/*.ini "$T/patterns"
	ctl set nosuch.example -p primary >/dev/null || fail "set"
}
reason() { # PATTERN: what the status of its zones is to say
	case $1 in
	gone | nosuch) echo "error=no such pattern: $1" ;;
	syntax) echo "error=pattern syntax is not usable: $T/patterns/syntax.ini:" ;;
	unknown) echo "error=pattern unknown is not usable: $T/patterns/unknown.ini:.*rule" ;;
	below) echo "error=pattern below is not usable: .*extends above, which does not exist" ;;
	deny) echo "error=not in accept-zones" ;;
	esac
}
again_signal() { agent_reload; }
again_verb() { reconfigure; }
again_restart() { agent_down; agent_up; }

served_but() { # KIND ZONE REASON
	state_has "$1" "$2" state=serving && state_has "$1" "$2" "$3"
}
not_added() { # KIND ZONE REASON
	state_has "$1" "$2" state=unassigned && state_has "$1" "$2" "$3"
}
well() { state_has "$1" "$2" state=serving && ! state_has "$1" "$2" error=; }
is_refused() { refused_at "${PORT[$1]}" "$2"; }
is_there() { served_at "${PORT[$1]}" "$2"; }

hidden_zone gone.example
for p in $OLD; do
	case $p in nosuch) q=primary ;; *) q=$p ;; esac
	ctl add "$p.example" -p "$q" >/dev/null || fail "add"
done
ctl add far.test -p primary >/dev/null || fail "add"
ctl wait --timeout 60 >/dev/null || fail "not served: $(ctl status)"
printf '%s.example SOA\n' $OLD >"$T/queries"
echo 'far.test SOA' >>"$T/queries"
for kind in $SERVER_KINDS; do
	dnsperf -s 127.0.0.1 -p "${PORT[$kind]}" -d "$T/queries" -Q 200 -l 1200 -t 10 -c 2 >"$T/dnsperf-$kind.out" 2>&1 &
	DNSPERF="${DNSPERF-} $!"
	PIDS+=($!)
done
sleep 1

for how in signal verb restart; do
	step "spoilt, $how"
	spoil
	"again_$how"
	for p in $OLD; do each 60 "not served on, with the reason" served_but "$p.example" "$(reason "$p")"; done
	for p in gone syntax unknown; do
		hidden_zone "$how-$p.example"
		ctl add "$how-$p.example" -p "$p" >/dev/null || fail "add"
		each 30 "added with a pattern that is none" not_added "$how-$p.example" "$(reason "$p")"
		each 5 "served" is_refused "$how-$p.example"
	done
	ctl -o json patterns >"$T/patterns.json" 2>&1
	grep -q "syntax.ini:" "$T/patterns.json" || fail "patterns: $(cat "$T/patterns.json")"
	# nothing but its absence from the catalog removes it
	ctl add "$how-del.example" -p primary --wait=60 >/dev/null || fail "a good pattern: $(status_of "$how-del.example")"
	ctl set "$how-del.example" -p nosuch >/dev/null || fail "set"
	each 30 "not served on" served_but "$how-del.example" "$(reason nosuch)"
	ctl del "$how-del.example" --wait=60 >/dev/null || fail "a zone without a pattern is not removed: $(status_of "$how-del.example")"
	each 10 "not gone" is_refused "$how-del.example"

	step "mended, $how"
	mend
	"again_$how"
	for p in $OLD; do each 60 "not well again" well "$p.example"; done
	for p in gone syntax unknown; do
		each 60 "not served after all" well "$how-$p.example"
		each 10 "not served after all" is_there "$how-$p.example"
		ctl del "$how-$p.example" >/dev/null || fail "del"
	done
done

# Knot goes on with what it has by itself
step a file that is not there
ctl add file.example -p primary --wait=60 >/dev/null || fail "add"
ctl set file.example -p filed >/dev/null || fail "set"
for kind in nsd bind yadifa; do
	until_ok 30 served_but $kind file.example 'error=.*filed.zone: No such file' || fail "$kind: $(status_of file.example)"
done
each 5 "lost with the file that is not there" is_there file.example
for kind in $SERVER_KINDS; do shared_zone "${ZONES[$kind]}/filed.zone"; done
ctl reconcile --wait=60 >/dev/null || fail "reconcile"
each 60 "not well with the file" well file.example
each 10 "not served with the file" is_there file.example

step accept-zones narrowed
agent_down
cp "$T/nsherd.conf" "$T/nsherd.conf.wide"
sed -i 's/^role = primary$/&\naccept-zones = example/' "$T/nsherd.conf"
agent_up
each 60 "not served on, with the reason" served_but far.test "$(reason deny)"
ctl add new.test -p primary >/dev/null || fail "add"
each 30 "added" not_added new.test "$(reason deny)"
ctl add new.example -p primary --wait=60 >/dev/null || fail "what is accepted: $(status_of new.example)"
step accept-zones as before
agent_down
cp "$T/nsherd.conf.wide" "$T/nsherd.conf"
agent_up
each 60 "not well again" well far.test
each 60 "not served after all" well new.test

step no query lost
kill -INT $DNSPERF
for kind in $SERVER_KINDS; do
	until_ok 20 grep -q 'Queries lost' "$T/dnsperf-$kind.out" || fail "$kind: dnsperf"
	grep -q 'Queries lost: *0 ' "$T/dnsperf-$kind.out" && grep -q 'NOERROR.*100.00%' "$T/dnsperf-$kind.out" ||
		{ cat "$T/dnsperf-$kind.out"; fail "$kind: queries lost"; }
	sed -n "s/ *Queries sent: */$kind queries: /p" "$T/dnsperf-$kind.out"
done
agent_down
