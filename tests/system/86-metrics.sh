# proves: metrics are sound OpenMetrics with the numbers of status --summary, manual, alerts and dashboard name what there is, and the pages of agent and fleet show in a real browser what is wrong, as text
. "$(dirname "$0")/lib.sh"

ROOT=$(cd "$(dirname "$0")/../.." && pwd)
look() { $PYTHON "$ROOT/tests/system/metrics.py" "$@"; }

# -- an agent with all that it can tell of ------------------------------------------

openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 30 \
	-subj /CN=ams1.example -addext subjectAltName=DNS:ams1.example \
	-keyout "$T/tls.key" -out "$T/tls.pem" 2>/dev/null || fail "openssl req"
chmod 600 "$T/tls.key"
write_patterns
shared_zone "$T/static.zone"
NSD_EXTRA="zone:
	name: static.example
	zonefile: \"$T/static.zone\"" start_nsd
WEB=$(free_port) WEB2=$(free_port) NOBODY=$(free_port)
GUARD='0% min 2 in 600' write_agent "[catalog sub]
name      = sub.example
role      = follower
primaries = 127.0.0.1@$NOBODY

$(nsd_backend)"
sed -i "/^listen /a listen-tls = 127.0.0.1@$(free_port)\ntls-cert = $T/tls.pem\ntls-key = $T/tls.key\nmetrics = 127.0.0.1@$WEB" \
	"$T/nsherd.conf"
agent_up
URL=http://127.0.0.1:$WEB
ctl add a1.example a2.example a3.example a4.example a5.example -p primary --wait=30 >/dev/null || fail "add"
# three that cannot be served, each for another reason
ctl add static.example -p primary >/dev/null && ctl add '<script>x<b>.example' -p nosuch >/dev/null ||
	fail "add what cannot be served"
KEY=$T/ro.example.key nsup <<<"update add x.zones.$C 0 PTR x.example." | grep -q REFUSED || fail "not refused"
# the guard lets two go, and holds what comes then
ctl del a1.example a2.example --wait=30 >/dev/null || fail "del"
ctl del a3.example >/dev/null
ask $C AXFR -k "$T/ro.example.key" +tcp >/dev/null

settled() {
	ctl status --summary -o json >"$T/summary"
	$PYTHON - "$T/summary" <<'P'
import json, sys
s = json.load(open(sys.argv[1]))
b = s["backends"][0]
assert s["guard"] == "holding" and s["held"] == 1 and s["health"] == "ok"
assert (b["serving"], b["conflict"], b["unassigned"], b["removing"] or 0, b["queue"]) == (3, 1, 1, 0, 0), b
P
}
until_ok 30 settled || fail "status: $(cat "$T/summary")"

# -- metrics ------------------------------------------------------------------------

look names "$URL/metrics" "$ROOT/doc/man/nsherdd.8" || fail "nsherdd.8 and /metrics"
look files "$URL/metrics" "$ROOT/packaging/prometheus/nsherd.rules.yml" "$ROOT/packaging/grafana/nsherd.json" ||
	fail "rules and dashboard"
is_same() { settled && look same "$URL/metrics" main "$T/summary" 2>"$T/why"; }
until_ok 20 is_same || { cat "$T/why"; fail "not the numbers of status --summary"; }
is() { # VALUE NAME LABEL=VALUE...
	local want=$1 got
	shift
	got=$(look value "$URL/metrics" "$@") && [ "$got" = "$want" ] || { echo "$*: $got, not $want" | tee "$T/is"; return 1; }
}
{
	is 1 nsherd_backend_answering backend=nsd1 && is 4 nsherd_catalog_members catalog=main &&
		is 1 nsherd_catalog_state catalog=sub state=none && is 0 nsherd_follower_last_success_timestamp_seconds &&
		is 2 nsherd_guard_used catalog=main && is 2 nsherd_guard_limit catalog=main
} || fail "$(cat "$T/is")"
# what is sent again is counted again
while read -r least labels; do
	# shellcheck disable=SC2086
	n=$(look value "$URL/metrics" $labels)
	[ "${n:-0}" -ge "$least" ] || fail "$labels: $n"
done <<'N'
1 nsherd_updates_total catalog=main rcode=REFUSED
4 nsherd_updates_total catalog=main rcode=NOERROR
1 nsherd_transfers_total catalog=main direction=out type=axfr result=ok
3 nsherd_backend_operations_total operation=add result=ok
1 nsherd_backend_operations_total operation=remove result=ok
4 nsherd_commit_seconds_count store=catalog
1 nsherd_requests_total transport=udp
N
days=$((($(look value "$URL/metrics" nsherd_tls_certificate_expiry_timestamp_seconds | xargs printf '%.0f') - $(date +%s)) / 86400))
[ $days -ge 28 ] && [ $days -le 30 ] || fail "the certificate ends in $days days"

# -- pages, as a browser has them ---------------------------------------------------

# browse URL FILE: the page after the browser's own parser
browse() {
	(cd "$T" && HOME=$T timeout -k 5 $((40 * WAIT)) chromium --headless --no-sandbox --disable-gpu --disable-dev-shm-usage \
		--no-first-run --disable-extensions --user-data-dir="$T/chromium" --enable-logging=stderr \
		--timeout=20000 --dump-dom "$1" >"$2" 2>"$T/browser.err")
	[ -s "$2" ] || { tail -n 5 "$T/browser.err"; fail "chromium: nothing of $1"; }
	! grep -i 'content security policy\|refused to \(apply\|load\|execute\)' "$T/browser.err" || fail "the page's own policy is in its way"
}
curl -sS "$URL/" >"$T/page.html" || fail "curl"
texts=('nsherd agent ams1' 'catalog.example' 'holding' '2 of 2 in 600 s' 'NSD' 'zone <script>x<b>.example on nsd1' unassigned
	'zone static.example on nsd1' 'the server has this zone, and it is not ours' 'catalog sub' "127.0.0.1@$NOBODY")
look page "$T/page.html" "${texts[@]}" || fail "the page"
ctl fleet status --fleet <(echo "ams1 127.0.0.1@$AGENT_PORT") --html >"$T/fleet.html" || fail "fleet status --html"
fleet_texts=('nsherd fleet' ams1 nsd1 holding valid 'Catalog serial')
look page "$T/fleet.html" "${fleet_texts[@]}" || fail "the fleet's page"
if [ -z "${QUICK-}" ] && command -v chromium >/dev/null; then
	browse "$URL/" "$T/dom.html"
	look page "$T/dom.html" "${texts[@]}" || fail "the page in chromium"
	browse "file://$T/fleet.html" "$T/dom.html"
	look page "$T/dom.html" "${fleet_texts[@]}" || fail "the fleet's page in chromium"
fi

# -- a server that is gone, and other addresses ---------------------------------------

nsd_down
until_ok 30 is 0 nsherd_backend_up backend=nsd1 || fail "nsd is gone: $(cat "$T/is")"
until_ok 30 is 0 nsherd_backend_answering backend=nsd1 || fail "nsd is gone: $(cat "$T/is")"
fetched() { curl -sS "http://127.0.0.1:$1/metrics" 2>/dev/null | grep -q '^# EOF'; }
reload() { # PORTS WHAT-THE-LOG-SAYS
	local n
	n=$(grep -c "$2" "$T/nsherdd.log")
	sed -i "s/^metrics .*/metrics = $1/" "$T/nsherd.conf"
	kill -HUP "$AGENT_PID"
	until_ok 20 sh -c "[ \$(grep -c '$2' $T/nsherdd.log) -gt $n ]" || fail "no reload: $1"
}
reload "127.0.0.1@$WEB 127.0.0.1@$WEB2" 'reload: keys='
fetched "$WEB" && fetched "$WEB2" || fail "two addresses"
reload "127.0.0.1@$NSD_PORT 192.0.2.1@$WEB" 'nothing is changed'
grep -q "nsherd.conf:[0-9]*: metrics: 192.0.2.1@$WEB: Cannot assign" "$T/nsherdd.log" || fail "no reason in the log"
fetched "$WEB" && fetched "$WEB2" || fail "a reload with a fault changed it"
reload "127.0.0.1@$WEB2" 'reload: keys='
fetched "$WEB" && fail "still there"
fetched "$WEB2" || fail "the one that stays is gone"
agent_down
