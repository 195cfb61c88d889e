# proves: every command of nsherdctl does what its help says, with its exit statuses and its JSON
. "$(dirname "$0")/lib.sh"

write_patterns
start_nsd
shared_zone "$NSD_DIR/zones/shared.zone"
write_agent "$(nsd_backend)"
agent_up
rc() { # STATUS COMMAND...
	local want=$1 got
	shift
	"$@" >"$T/out" 2>"$T/err"
	got=$?
	[ $got -eq "$want" ] || { cat "$T/out" "$T/err"; fail "$*: status $got, not $want"; }
}
rc 0 ctl add shop.example -p primary --wait=20
served_at "$NSD_PORT" shop.example || fail "--wait returned before the zone was served"
rc 0 ctl list
grep -qx 'shop.example.*primary' "$T/out" || grep -q '^shop.example' "$T/out" || fail "list: $(cat "$T/out")"
rc 0 ctl -o json list
jq_py() { $PYTHON -c 'import json,sys; d=json.load(open(sys.argv[1])); print(eval(sys.argv[2]))' "$T/out" "$1"; }
[ "$(jq_py 'type(d).__name__')" != str ] || fail "JSON"
rc 0 ctl show shop.example
grep -q serving "$T/out" || fail "show: $(cat "$T/out")"
rc 0 ctl status
grep -q 'shop.example.*serving' "$T/out" || fail "status: $(cat "$T/out")"
rc 0 ctl -o json status shop.example
rc 0 ctl status --summary
rc 0 ctl backends
grep -q "$NSD_NAME.*nsd.*up" "$T/out" || fail "backends: $(cat "$T/out")"
rc 0 ctl patterns
grep -q '^primary' "$T/out" || fail "patterns: $(cat "$T/out")"
rc 0 ctl set shop.example -p shared --wait=20
until_ok 5 status_has shop.example pattern=shared || fail "set"
rc 0 ctl export
grep -q '^shop.example shared' "$T/out" || fail "export: $(cat "$T/out")"
# many from a file, and back
seq 700 | sed 's/.*/z&.example shared/' >"$T/many"
rc 0 ctl add --from "$T/many" --wait=60
rc 0 ctl list 'z6*.example'
[ "$(grep -c . "$T/out")" -ge 111 ] || fail "list GLOB: $(wc -l <"$T/out")"
# a part refused: 3, each named
rc 3 ctl add fresh.example shop.example -p shared
grep -q shop.example "$T/err" || fail "the refused one is not named: $(cat "$T/err")"
rc 0 ctl wait fresh.example --timeout 20
rc 1 ctl add shop.example -p shared
rc 2 ctl add
rc 2 ctl nosuch
rc 2 ctl add 'bad..name' -p shared
rc 1 ctl del absent.example
rc 4 ctl add unknown.example -p nosuch --wait=2
cut -d' ' -f1 "$T/many" >"$T/many.del"
rc 0 ctl del --from "$T/many.del" --wait=60
refused_at "$NSD_PORT" z700.example || fail "z700.example is still served"
rc 0 ctl keygen new.example
mkdir -p "$T/k" && cp "$T/out" "$T/k/new.key" && chmod 600 "$T/k/new.key"
grep -q 'algorithm hmac-sha256' "$T/k/new.key" || fail keygen
out=$(NSHERD_SERVER=127.0.0.1@$AGENT_PORT NSHERD_KEY=$T/k/new.key NSHERD_CATALOG=$C HOME=$T "$CTL" list 2>&1)
[ $? -eq 1 ] || fail "unknown key: status"
case $out in *BADKEY*|*"does not know"*) ;; *) fail "unknown key: $out" ;; esac
rc 1 env NSHERD_SERVER=127.0.0.1@1 NSHERD_KEY="$T/ctl.example.key" NSHERD_CATALOG=$C "$CTL" list
grep -qi refused "$T/err" || fail "no agent: $(cat "$T/err")"
# completion: what the program knows, zones of the agent among it
rc 0 ctl completion bash
cp "$T/out" "$T/completion"
complete_words() {
	NSHERD_SERVER=127.0.0.1@$AGENT_PORT NSHERD_KEY=$T/ctl.example.key NSHERD_CATALOG=$C HOME=$T \
		bash -c '. "$0"; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _nsherdctl; printf "%s\n" "${COMPREPLY[@]}"' \
		"$T/completion" "$CTL" "$@" 2>"$T/err"
}
[ "$(complete_words rec | sort | tr '\n' ' ')" = "reconcile reconfigure " ] || fail "completion of commands: $(cat "$T/err")"
complete_words add -- >/dev/null || fail "completion: $(cat "$T/err")"
complete_words add --f | grep -qx -- --from || fail "completion of options"
complete_words show fre | grep -qx fresh.example || fail "completion of zones"
# a name is no word of the shell
rc 0 ctl add 'fre`>pwned`.example' -p shared
(cd "$T" && complete_words show fre) >"$T/words"
[ "$(cat "$T/words")" = fresh.example ] || fail "completion of zones: $(cat "$T/words")"
[ ! -e "$T/pwned" ] || fail "completion ran the name of a zone"
rc 0 ctl del 'fre`>pwned`.example'
complete_words add x.example -p pri | grep -qx primary || fail "completion of patterns"
rc 2 ctl completion fish
# the history: who, what, before and after, refusals
rc 0 ctl add past.example -p shared -P color=red
rc 0 ctl set past.example -P color=blue
rc 0 ctl set past.example -p primary
rc 0 ctl del past.example
rc 0 ctl history past.example
[ "$(awk 'NR > 1 {print $2}' "$T/out" | tr '\n' ' ')" = "add set set del " ] || fail "history of a zone"
grep -q 'del="color.nsherd.ext TXT \\"red\\"" add="color.nsherd.ext TXT \\"blue\\""' "$T/out" || fail "no before and after"
rc 1 env NSHERD_SERVER=127.0.0.1@"$AGENT_PORT" NSHERD_KEY="$T/ro.example.key" NSHERD_CATALOG=$C HOME="$T" \
	"$CTL" add not.example -p shared
rc 0 ctl history -n 1
grep -q 'refused *ro.example.*reason=no-update-right' "$T/out" || fail "no refusal"
rc 0 ctl -o json history -n 2
$PYTHON -c 'import json,sys; h=json.load(sys.stdin)["history"]; assert [e["op"] for e in h] == ["del", "refused"], h' \
	<"$T/out" || fail "history as JSON"
rc 2 ctl history -n 0
rc 2 ctl history bad..name
for c in add del set list show export status wait refresh thaw reconcile reconfigure backends patterns history guard keygen; do
	rc 0 ctl help $c
	[ -s "$T/out" ] || fail "no help for $c"
done
agent_down
