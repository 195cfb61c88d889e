# proves: patterns changed on disk and read again reach the zones of every server, and none of a query load is lost or refused
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/servers.sh"
. "$(dirname "$0")/cloud.sh"

N=${QUICK:+10}; N=${N:-50} # zones of each pattern
for k in xfr.example other.example; do make_key $k; done
CLOUD_KEYS="
[key other.example]
file = $T/other.example.key"
start_cloud

key_clause() { printf 'key:\n\tname: %s\n\talgorithm: hmac-sha256\n\tsecret: "%s"\n' "$1" "$(key_secret "$1")"; }
NSD_EXTRA="$(key_clause xfr.example)
$(key_clause other.example)
pattern:
	name: hidden
	zonefile: \"%s.zone\"
	provide-xfr: 127.0.0.1 xfr.example
	provide-xfr: 127.0.0.1 other.example"
start_nsd hidden
HIDDEN_PORT=$NSD_PORT HIDDEN_DIR=$NSD_DIR
NSD_EXTRA=
for i in $(seq "$N"); do
	shared_zone "$HIDDEN_DIR/zones/s$i.example.zone"
	echo "s$i.example hidden"
done >"$T/hidden.zones"
nsd-control -c "$HIDDEN_DIR/nsd.conf" addzones <"$T/hidden.zones" >/dev/null || fail "the hidden primary"

mkdir -p "$T/patterns"
cat >"$T/patterns/own.template" <<'P'
$TTL 300
@ SOA ns.invalid. host.invalid. ${serial} 3600 600 86400 300
@ NS ns.invalid.
@ TXT "own"
P
DEAD_PORT=$(free_port)
sec() { # PRIMARIES ALLOW-NOTIFY ALLOW-TRANSFER NOTIFY: a secondary's pattern
	cat >"$T/sec.new" <<P
[pattern]
role           = secondary
primaries      = $1
allow-notify   = $2
allow-transfer = $3
notify         = $4
zonefile       = sec/\${zone}.zone
P
	mv "$T/sec.new" "$T/patterns/sec.ini"
}
own() { # ALLOW-TRANSFER NOTIFY FILE
	cat >"$T/own.new" <<P
[pattern]
role           = primary
allow-transfer = $1
notify         = $2
zonefile       = $3/\${zone}.zone
initial-file   = own.template
P
	mv "$T/own.new" "$T/patterns/own.ini"
}
sec "127.0.0.1@$HIDDEN_PORT key xfr.example" "127.0.0.1 key xfr.example" "127.0.0.1 key xfr.example" "127.0.0.1@$DEAD_PORT"
own "127.0.0.1 key xfr.example" "127.0.0.1@$DEAD_PORT" own
cat >"$T/patterns/heir.ini" <<'P'
[pattern]
extends = own
zonefile = heir/${zone}.zone
P
cloud_agent
{
	for i in $(seq "$N"); do echo "s$i.example sec"; done
	for i in $(seq "$N"); do echo "p$i.example own"; done
	for i in $(seq 5); do echo "h$i.example heir"; done
} >"$T/add"
ctl add --from "$T/add" --wait=120 >/dev/null || fail "add: $(ctl status --summary)"
sed 's/ .*/ SOA/' "$T/add" >"$T/queries"
echo "static.example SOA" >>"$T/queries"

# -- what must be so, and for how long -------------------------------------------------

declare -A PERF PID
load_begin() { # slowly: a busy machine drops what a socket cannot hold
	local k
	for k in $SERVER_KINDS; do
		dnsperf -s 127.0.0.1 -p "${PORT[$k]}" -d "$T/queries" -Q 200 -l 600 -t 30 -c 2 >"$T/dnsperf.$k" 2>&1 &
		PERF[$k]=$!
		PIDS+=($!)
	done
	sleep 1
}
load_end() { # WHAT: none lost, and all NOERROR
	local k
	for k in $SERVER_KINDS; do
		kill -INT "${PERF[$k]}"
		wait "${PERF[$k]}"
		sed -n "s/ *Queries sent: */$1: $k: sent /p; s/ *Queries lost: */$1: $k: lost /p; s/ *Response codes: */$1: $k: /p; s/ *Average Latency/$1: $k: latency/p" "$T/dnsperf.$k"
		grep -q 'Queries lost: *0 ' "$T/dnsperf.$k" && grep -qE 'Response codes: *NOERROR [0-9]+ \(100.00%\)$' "$T/dnsperf.$k" ||
			{ cat "$T/dnsperf.$k"; fail "$k: $1: a gap"; }
	done
}
all_serving() {
	[ "$(ctl status | awk -v k="$1" '$2 == k && $3 == "serving"' | wc -l)" = $((2 * N + 5)) ]
}
ends() { # PATTERN: the first and the last zone of it
	case $1 in sec) echo s1.example s$N.example ;; own) echo p1.example p$N.example ;; esac
}
give() { # KIND KEY PATTERN: do first and last zone of the pattern go to this key?
	local z
	for z in $(ends "$3"); do transfers "$1" "$z" -k "$T/$2.key" || return 1; done
}
give_not() {
	local z
	for z in $(ends "$3"); do transfers "$1" "$z" -k "$T/$2.key" && return 1; done
	return 0
}
for k in $SERVER_KINDS; do PID[$k]=$(SERVER_DIR=${DIR[$k]}; "pid_$k"); done
each 20 "before" give xfr.example sec
each 20 "before" give_not other.example own
each 20 "before" all_serving

# -- addresses, keys and access lists: no gap -----------------------------------------

load_begin
# who may transfer: another key, by nsherdctl
own "127.0.0.1 key other.example" "127.0.0.1@$DEAD_PORT" own
reconfigure
each 60 "allow-transfer" give other.example own
each 60 "allow-transfer, the former" give_not xfr.example own
each 5 "the heir" at_has h1.example TXT own
for k in $SERVER_KINDS; do
	until_ok 60 transfers "$k" h1.example -k "$T/other.example.key" || fail "$k: what extends it was not changed"
done
# the key of the transfers in, and for transfers out: by a signal
sec "127.0.0.1@$HIDDEN_PORT key other.example" "127.0.0.1 key other.example" "127.0.0.1 key other.example" "127.0.0.1@$DEAD_PORT"
agent_reload
each 60 "the keys of a secondary" give other.example sec
each 60 "the former keys of a secondary" give_not xfr.example sec
# another primary more, others that are notified, nobody who is
sec "127.0.0.1@$HIDDEN_PORT key other.example, 127.0.0.1@$DEAD_PORT" "127.0.0.1 key other.example" "127.0.0.1 key xfr.example" "127.0.0.1@$((DEAD_PORT + 1)), 127.0.0.1@$DEAD_PORT key xfr.example"
own "127.0.0.1 key xfr.example, 127.0.0.4 key xfr.example" "127.0.0.1@$((DEAD_PORT + 1)) key other.example" own
reconfigure
each 60 "both at once" give xfr.example sec
each 60 "both at once" give xfr.example own
each 60 "not all are served" all_serving
load_end "addresses, keys, access lists"

# what they were told is what they do: a change at the primary comes with the new key
sed -i 's/invalid\. 1 3600/invalid. 2 3600/' "$HIDDEN_DIR/zones/s1.example.zone"
nsd-control -c "$HIDDEN_DIR/nsd.conf" reload s1.example >/dev/null
ctl refresh s1.example >/dev/null || fail refresh
each 60 "the new primary and key" at_has s1.example SOA ' 2 3600 '

# -- a file that is not good, and one that is gone: nothing happens to what is served ------

load_begin
echo 'nonsense = 1' >>"$T/patterns/own.ini"
reconfigure
each 30 "not said" state_has p1.example 'error=pattern own is not usable: .*own.ini:7: unknown key nonsense'
each 30 "of what extends it" state_has h1.example 'error=pattern heir is not usable: .*heir.ini:2: extends own'
each 5 "not served" is_serving p1.example
mv "$T/patterns/sec.ini" "$T/sec.away"
reconfigure
each 30 "not said" state_has s1.example 'error=no such pattern: sec'
each 5 "not served" is_serving s1.example
mv "$T/sec.away" "$T/patterns/sec.ini"
sed -i '/nonsense/d' "$T/patterns/own.ini"
agent_reload
clean() { state_at "$1" "$2" | grep state=serving | grep -vq error=; }
each 30 "mended" clean p1.example
each 30 "mended" clean s1.example
load_end "bad files"

# -- another file, another role: it may take a moment, and then it is so -------------------

own "127.0.0.1 key xfr.example" "127.0.0.1@$DEAD_PORT" other
reconfigure
for k in $SERVER_KINDS; do
	until_ok 60 test -f "${ZONES[$k]}/other/p$N.example.zone" || fail "$k: no file at the new place: $(status_of p$N.example)"
done
each 60 "the new file" is_serving p1.example
each 60 "the new file" is_serving "p$N.example"
for k in $SERVER_KINDS; do
	echo "new TXT \"there\"" >>"${ZONES[$k]}/other/p1.example.zone"
	sed -i 's/\(host\.invalid\. \)[0-9]*/\12000000001/' "${ZONES[$k]}/other/p1.example.zone"
done
ctl reload p1.example >/dev/null || fail reload
each 60 "what is served is not the new file" at_has new.p1.example TXT there
# and a role, with versions that are newer each time: Knot goes to no older one
turn_primary() {
	printf '[pattern]\nrole = primary\nzonefile = turn/${zone}.zone\ninitial-file = own.template\n' >"$T/patterns/turn.ini"
}
turn_primary
reconfigure
ctl add turn.example -p turn --wait=60 >/dev/null || fail "turn: $(status_of turn.example)"
shared_zone "$HIDDEN_DIR/zones/turn.example.zone"
sed -i 's/invalid\. 1 3600/invalid. 2000000001 3600/' "$HIDDEN_DIR/zones/turn.example.zone"
nsd-control -c "$HIDDEN_DIR/nsd.conf" addzone turn.example hidden >/dev/null || fail "the hidden primary"
printf '[pattern]\nrole = secondary\nprimaries = 127.0.0.1@%s key xfr.example\nzonefile = turn/${zone}.zone\n' \
	"$HIDDEN_PORT" >"$T/patterns/turn.ini"
reconfigure
each 90 "another role" at_has turn.example TXT shared
each 60 "another role" is_serving turn.example
turn_primary
reconfigure
each 90 "and back" state_has turn.example pattern=turn
each 90 "and back" is_serving turn.example
for k in $SERVER_KINDS; do
	f=${ZONES[$k]}/turn/turn.example.zone
	until_ok 60 test -s "$f" || fail "$k: no file"
	printf '$TTL 300\n@ SOA ns.invalid. host.invalid. 2000000002 3600 600 86400 300\n@ NS ns.invalid.\nback TXT "home"\n' >"$f"
done
ctl reload turn.example >/dev/null || fail reload
each 60 "a primary again, and its file is not read" at_has back.turn.example TXT home

for k in $SERVER_KINDS; do
	[ "$(SERVER_DIR=${DIR[$k]}; "pid_$k")" = "${PID[$k]}" ] && kill -0 "${PID[$k]}" || fail "$k was restarted"
done
agent_down
