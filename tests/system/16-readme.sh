# proves: every command that the README shows works as it stands there
. "$(dirname "$0")/lib.sh"

ROOT=$(cd "$(dirname "$0")/../.." && pwd)
README=$ROOT/README.md
# block HEADING N: the N-th code block below the heading
block() {
	awk -v heading="## $1" -v want="$2" '
		/^## / { on = $0 == heading }
		on && /^```/ { inside = !inside; if (inside) n++; next }
		on && inside && n == want' "$README"
}
write_patterns
start_nsd nsd1
shared_zone "$NSD_DIR/zones/shared.zone"
write_agent "$(nsd_backend)"
agent_up
mkdir "$T/bin"
ln -s "$CTL" "$T/bin/nsherdctl"
export PATH=$T/bin:$PATH NSHERD_SERVER=127.0.0.1@$AGENT_PORT NSHERD_KEY=$T/ctl.example.key \
	NSHERD_CATALOG=$C HOME=$T
cd "$T" || exit 1

# the session, whose numbers and times are of its day
masked() { sed -E 's#[0-9]+[smhd]?#0#g; s#\bnow\b#0#g; s# +# #g; s# $##'; }
block 'A session' 1 >"$T/session"
sed -n 's/^\$ //p' "$T/session" | while read -r command; do
	printf '$ %s\n' "$command"
	bash -c "$command" </dev/null 2>&1 || printf 'ended with %d\n' $?
done >"$T/session.now"
[ "$(grep -c '^\$' "$T/session")" -ge 8 ] || fail "README: no session"
diff <(masked <"$T/session") <(masked <"$T/session.now") >"$T/out" ||
	{ cat "$T/out"; fail "README: the session"; }
nsherdctl del shop.example blog.example --wait >/dev/null || fail "after the session"

n=0
while read -r command; do
	[ -n "$command" ] || continue
	bash -c "$command" >"$T/out" 2>&1 || { cat "$T/out"; fail "README: $command"; }
	n=$((n + 1))
done < <(block 'Ten commands to try' 1)
[ $n -eq 10 ] || fail "$n commands, not ten"

# the DNS tools, at the port of this test
block 'Ten commands to try' 2 | sed "s/ 5300/ $AGENT_PORT/" >"$T/tools.sh"
grep -q nsupdate "$T/tools.sh" || fail "no nsupdate in the README"
bash -e "$T/tools.sh" >"$T/out" 2>&1 || { cat "$T/out"; fail "the DNS tools of the README"; }
grep -q 'a1.zones.*PTR.*shop.example' "$T/out" || { cat "$T/out"; fail "no AXFR"; }
until_ok 10 served_at "$NSD_PORT" shop.example || fail "shop.example is not served"

# every make target that is named is there
for target in $(grep -o 'make [a-z]*' "$README" | cut -d' ' -f2 | sort -u); do
	case $target in it | sure) continue ;; esac
	make -C "$ROOT" -n "$target" >/dev/null 2>&1 || fail "no target: make $target"
done
# every directory of the table is there
for d in $(sed -n 's/^| `\([a-z/]*\)\/` |.*/\1/p' "$README"); do
	[ -d "$ROOT/$d" ] || fail "no directory $d"
done
agent_down
