# proves: a server's state wiped: every zone comes back; the agent's wiped: what bears its mark is taken over, nothing else touched; both
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/servers.sh"

N=${QUICK:+20}; N=${N:-200}
soa() { $PYTHON "$(dirname "$0")/soa.py" "$SERVER_PORT" "$@"; }
step() { printf -- '-- %s: %s (%d s)\n' "$SERVER_KIND" "$*" $SECONDS; }
served() { soa served "${1:-60}" || fail "$SERVER_KIND: not served"; }
absent() { soa absent "${1:-60}" || fail "$SERVER_KIND: served"; }
backend_has() { ask "$SERVER_NAME._backend._status.$C" TXT | grep -q -- "$1"; }

# The server as it is after an installation: with its own configuration, and
# nothing of what it was told or received since. static.example is in that
# configuration; hand.example was told, so the operator has to tell it again.
wipe_server() {
	server_down
	case $SERVER_KIND in
	nsd) rm -f "$SERVER_DIR"/{zone.list,xfrd.state} "$SERVER_DIR"/nsherd/* ;;
	knot) rm -rf "$SERVER_DIR"/{confdb,journal,timers,catalog,keys} "$SERVER_DIR"/nsherd/* ;;
	bind) rm -rf "$SERVER_DIR"/{nzd,nsherd/*} ;;
	yadifa) rm -rf "$SERVER_DIR"/{xfr,nsherd}/* ;;
	esac
	find "$SERVER_ZONES" -type f ! -name shared.zone -delete
	"configure_$SERVER_KIND"
	server_up
	operator_zone hand.example || fail "the operator's zone"
}
wipe_agent() {
	agent_down
	rm -rf "$T/state"
	agent_up
	until_ok 30 backend_has state=up || fail "$SERVER_KIND: not up"
}
load_begin() { # ZONE...: questions until load_end; no answer but NOERROR is allowed
	printf '%s SOA\n' "$@" >"$T/queries"
	dnsperf -s 127.0.0.1 -p "$SERVER_PORT" -d "$T/queries" -Q 500 -l 600 -t 10 -c 2 >"$T/dnsperf.out" 2>&1 &
	DNSPERF=$!
	PIDS+=($DNSPERF)
	sleep 1
}
load_end() {
	kill -INT "$DNSPERF"
	wait "$DNSPERF"
	grep -q 'Queries lost: *0 ' "$T/dnsperf.out" && grep -q 'NOERROR.*100.00%' "$T/dnsperf.out" ||
		{ cat "$T/dnsperf.out"; fail "$SERVER_KIND: queries lost"; }
}
own() { # the operator's zones, as they are: neither ours nor gone
	served 10 < <(printf 'static.example\nhand.example\n')
	dig @127.0.0.1 -p "$SERVER_PORT" +short hand.example TXT | grep -q shared || fail "$SERVER_KIND: hand.example is another"
}

start_hidden sec1.example sec2.example sec3.example
write_patterns 127.0.0.1 "$HIDDEN_PORT"
{
	seq 3 | sed 's/.*/sec&.example secondary/'
	seq 5 | sed 's/.*/pri&.example primary/'
	seq "$N" | sed 's/.*/sha&.example shared/'
} >"$T/lines"
cut -d' ' -f1 "$T/lines" >"$T/zones"

for kind in ${KINDS:-$SERVER_KINDS}; do
	rm -rf "$T/state"
	unset AGENT_PORT
	start_server $kind
	shared_zone "$SERVER_ZONES/shared.zone"
	operator_zone hand.example || fail "the operator's zone"
	served 20 <<<hand.example
	write_agent "$(server_backend)"
	agent_up
	ctl add --from "$T/lines" --wait=120 || fail "$kind: add: $(ctl status --summary)"
	served <"$T/zones"

	step "zone files are removed under it: what it serves stays"
	before=$(dig @127.0.0.1 -p "$SERVER_PORT" +short pri1.example SOA)
	sleep 1 # a file made anew would have another serial
	find "$SERVER_ZONES" -name 'pri*' -delete
	ctl reconcile --wait=30 >/dev/null || fail "$kind: reconcile"
	ctl wait --timeout 60 >/dev/null || fail "$kind: $(ctl status --summary)"
	served 10 <"$T/zones"
	[ "$(dig @127.0.0.1 -p "$SERVER_PORT" +short pri1.example SOA)" = "$before" ] || fail "$kind: pri1.example began anew"

	step "its state is wiped"
	wipe_server
	served 120 <"$T/zones"
	own
	ctl wait --timeout 60 >/dev/null || fail "$kind: $(ctl status --summary)"

	step "its state is wiped while the agent is down"
	agent_down
	wipe_server
	agent_up
	served 120 <"$T/zones"
	own
	ctl wait --timeout 60 >/dev/null || fail "$kind: $(ctl status --summary)"

	step "the agent's state is wiped"
	ctl export >"$T/export"
	pid=$(server_pid)
	load_begin $(cat "$T/zones") static.example hand.example
	wipe_agent
	grep -v -e '^pri5' -e '^sha[12]\.' "$T/export" >"$T/given"
	ctl add --from "$T/given" --wait=120 >/dev/null || fail "$kind: taken over: $(ctl status | grep -v serving | head)"
	ctl add hand.example static.example -p shared >/dev/null || fail "$kind: add"
	for z in hand static; do
		until_ok 30 status_has $z.example state=conflict || fail "$kind: $(status_of $z.example)"
	done
	# zones with our mark that nobody wants now: we do not know why, so they stay
	for how in reconcile restart; do
		case $how in
		reconcile) ctl reconcile --wait=30 >/dev/null || fail "$kind: reconcile" ;;
		restart) agent_down; agent_up; until_ok 30 backend_has state=up || fail "$kind: not up" ;;
		esac
		ctl wait --from <(cut -d' ' -f1 "$T/given") --timeout 60 >/dev/null || fail "$kind: $how: $(ctl status --summary)"
		served 10 <"$T/zones"
	done
	ctl del hand.example static.example >/dev/null || fail "$kind: del"
	# and are taken over when they are wanted again, whatever comes of them then
	grep -e '^pri5' -e '^sha[12]\.' "$T/export" | ctl add --from - --wait=60 >/dev/null ||
		fail "$kind: taken over later: $(ctl status | grep -v serving | head)"
	load_end
	own
	[ "$(server_pid)" = "$pid" ] && kill -0 "$pid" || fail "$kind: restarted"
	ctl del pri5.example sha1.example --wait=60 >/dev/null || fail "$kind: del: $(ctl status --summary)"
	absent < <(printf 'pri5.example\nsha1.example\n')
	grep -e '^pri5' -e '^sha1\.' "$T/export" | ctl add --from - --wait=60 >/dev/null || fail "$kind: add again"

	step "both are wiped"
	agent_down
	rm -rf "$T/state"
	wipe_server
	agent_up
	ctl add --from "$T/export" --wait=120 >/dev/null || fail "$kind: given again: $(ctl status | grep -v serving | head)"
	served <"$T/zones"
	own

	step "and all removed"
	ctl del --from "$T/zones" --wait=120 >/dev/null || fail "$kind: del: $(ctl status --summary)"
	absent <"$T/zones"
	own
	agent_down
	server_down
done
