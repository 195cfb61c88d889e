# proves: an agent that takes a large catalog answers queries and UPDATEs of another meanwhile, and gives its memory back
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/follow.sh"

# FIGURES=1: prints them (make bench ONLY=transfer).
N=${N:-${QUICK:+20000}} N=${N:-300000}
HERE=$(dirname "$0")
export NSHERD_KEY=$T/ctl.example.key
PORT[hub]=$(free_port) PORT[leaf]=$(free_port)
node hub primary
node leaf follower "primaries = 127.0.0.1@${PORT[hub]} key ctl.example"
for n in hub leaf; do sed -i '/^\[backend null\]/,$d; s/^log = debug/log = info/' "$T/$n.conf"; done
cat >>"$T/leaf.conf" <<N

[catalog other]
name = other.example
role = primary
guard-remove = off
N
hub_ctl() { NSHERD_SERVER=127.0.0.1@${PORT[hub]} NSHERD_CATALOG=$C HOME=$T "$CTL" "$@" >"$T/ctl.out" 2>&1 || fail "nsherdctl $1: $(tail -n 3 "$T/ctl.out")"; }
resident() { sed -n 's/^RssAnon:[^0-9]*\([0-9]*\) kB/\1/p' "/proc/${PID[leaf]}/status"; }
is_small() { [ "$(resident)" -lt 65536 ]; }
busy() { # TITLE
	$PYTHON "$HERE/busy.py" "${PORT[leaf]}" "$(serial hub)" "${PID[leaf]}" "$1" >"$T/busy" 2>&1 || fail "$1: $(cat "$T/busy")"
	[ -z "${FIGURES-}" ] || cat "$T/busy"
	# memory of a sanitizer is no measure
	[ "$(basename "$B")" != build ] || until_ok 30 is_small || fail "$1: $(resident) kB are left"
	[ -z "${FIGURES-}" ] || printf '%s: %d MB are left\n' "$1" $(($(resident) / 1024))
}

up hub
seq "$N" | sed 's/.*/m&.example shared/' >"$T/list"
hub_ctl add --from "$T/list"
up leaf
busy "AXFR of $N members"
kill -STOP "${PID[leaf]}"
seq $((N / 5)) | sed 's/.*/n&.example shared/' >"$T/list"
hub_ctl add --from "$T/list"
kill -CONT "${PID[leaf]}"
dig @127.0.0.1 -p "${PORT[leaf]}" +opcode=notify $C SOA >/dev/null
busy "IXFR of $((N / 5)) members"
[ "$(members leaf)" = $((N + N / 5)) ] || fail "the members are not all there: $(members leaf)"
down leaf
down hub
