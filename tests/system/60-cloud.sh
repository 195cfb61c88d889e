# proves: a hub, two agents between and twelve leaves over four servers agree after every change, partition and kill
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/servers.sh"
. "$(dirname "$0")/follow.sh"

# PARTITION=600: how long, in seconds, each partition lasts. ROUNDS: of the times.
# TIMES=1: nothing but the times (make bench ONLY=cloud).
PARTITION=${PARTITION:-${QUICK:+3}} PARTITION=${PARTITION:-10}
ROUNDS=${ROUNDS:-${QUICK:+2}} ROUNDS=${ROUNDS:-5}
N=${QUICK:+10}; N=${N:-30}
HERE=$(dirname "$0")
export NSHERD_KEY=$T/ctl.example.key PYTHONDONTWRITEBYTECODE=1
SECRET=$(key_secret ctl.example)
export SECRET

# -- the cloud -----------------------------------------------------------------------

if [ -n "$QUICK" ]; then
	UNDER_mid1="nsd1 bind1" UNDER_mid2="knot1 yadifa1"
else
	UNDER_mid1="nsd1 nsd2 knot1 bind1 bind2 yadifa1" UNDER_mid2="nsd3 knot2 knot3 bind3 yadifa2 yadifa3"
fi
LEAVES="$UNDER_mid1 $UNDER_mid2" AGENTS="hub mid1 mid2 $UNDER_mid1 $UNDER_mid2"
write_patterns
declare -A SECTION SERVER
for leaf in $LEAVES; do
	start_server "${leaf%[0-9]}" "$leaf"
	shared_zone "$SERVER_ZONES/shared.zone"
	SECTION[$leaf]=$(server_backend | sed '/^\[key control/,/^$/d')
	SERVER[$leaf]=$SERVER_PORT
done
taken=" "
for a in $AGENTS; do
	while PORT[$a]=$(free_port); [[ $taken == *" ${PORT[$a]} "* ]]; do :; done
	taken="$taken${PORT[$a]} "
done

# Each link is a relay: up.NAME leads from the agent NAME to the one above, down.NAME
# from there to NAME.
declare -A ABOVE VIA
for a in mid1 mid2; do
	ABOVE[$a]=hub
	under=UNDER_$a
	for leaf in ${!under}; do ABOVE[$leaf]=$a; done
done
mkfifo "$T/relay"
links=
for a in mid1 mid2 $LEAVES; do links="$links up.$a=${PORT[${ABOVE[$a]}]} down.$a=${PORT[$a]}"; done
# shellcheck disable=SC2086
$PYTHON "$HERE/relay.py" "$T/relay" $links >"$T/links" 2>"$T/relay.log" &
PIDS+=($!)
until_ok 10 sh -c "[ \$(wc -l <$T/links) = $(echo "$links" | wc -w) ]" || fail "the relay"
while read -r link port; do VIA[$link]=$port; done <"$T/links"
relay() { timeout 5 sh -c 'echo "$*" >"$0"' "$T/relay" "$@" || fail "the relay is gone"; }

make_agent() { # NAME: what node() writes, with the server in place of null
	local name=$1 a told=
	shift
	for a in "${!ABOVE[@]}"; do
		[ "${ABOVE[$a]}" != "$name" ] || told="$told
notify = 127.0.0.1@${VIA[down.$a]} key xfr.example"
	done
	if [ "$name" = hub ]; then
		node hub primary "$told"
	else
		node "$name" follower "primaries = 127.0.0.1@${VIA[up.$name]} key xfr.example" "$told"
	fi
	sed -i 's/^log = debug/log = info/' "$T/$name.conf"
	[ -n "${SERVER[$name]-}" ] || return 0
	sed -i '/^\[backend null\]/,$d' "$T/$name.conf"
	printf '[key control.example]\nfile = %s\n\n%s\n' "$T/control.example.key" "${SECTION[$name]}" >>"$T/$name.conf"
}
launch() { # as up(), and does not wait
	ASAN_OPTIONS=log_path=$T/san:detect_leaks=1 UBSAN_OPTIONS=log_path=$T/san:print_stacktrace=1 \
		TSAN_OPTIONS=$TSAN "$NSHERDD" -c "$T/$1.conf" 2>>"$T/agent-$1.log" &
	PID[$1]=$!
	PIDS+=($!)
}
level_of() { case $1 in hub) echo 0 ;; mid*) echo 1 ;; *) echo 2 ;; esac; }
for a in $AGENTS; do
	make_agent "$a"
	kind=-
	[ -z "${SERVER[$a]-}" ] || kind=${a%[0-9]}
	echo "$a $(level_of "$a") $kind ${PORT[$a]} ${SERVER[$a]--}" >>"$T/inventory"
done
for a in $AGENTS; do launch "$a"; done
for a in $AGENTS; do until_ok 20 of "$a" "_status.$C" SOA || fail "$a does not answer"; done

: >"$T/names"
converge() { $PYTHON "$HERE/converge.py" "$1" "$T/inventory" "${@:2}"; }
# all agents, or those named, serve what the hub's catalog has and nothing else
equal() { # WHEN [AGENT...]
	local begun=$SECONDS
	converge equal 120 "$T/names" "${@:2}" || fail "$1"
	printf '%-44s %8d s\n' "$1: equal after" $((SECONDS - begun))
}
keeps() { # WHEN AGENT...: their servers answer for what was there always
	converge keep "$T/always" "${@:2}" >"$T/kept" 2>&1 || fail "$1, and not served: $(head -n 5 "$T/kept")"
}
change() { # WORD: three zones come, and the three of the last change go
	local i
	{
		for i in 1 2 3; do
			printf 'update add %s%s.zones.%s 0 PTR %s%s.example.\n' "$1" $i $C "$1" $i
			printf 'update add group.%s%s.zones.%s 0 TXT shared\n' "$1" $i $C
			[ -z "${last-}" ] || printf 'update delete %s%s.zones.%s PTR\n' "$last" $i $C
			echo "$1$i.example" >>"$T/names"
		done
	} | up_to hub || fail "UPDATE at the hub"
	last=$1
}

# -- a change reaches all ------------------------------------------------------------

for i in $(seq "$N"); do
	printf 'update add s%s.zones.%s 0 PTR s%s.example.\nupdate add group.s%s.zones.%s 0 TXT shared\n' "$i" $C "$i" "$i" $C
	echo "s$i.example" >>"$T/names"
done | up_to hub || fail "UPDATE at the hub"
cp "$T/names" "$T/always"
equal "the first $N zones"
converge times "$ROUNDS" || fail "times"
[ -z "${TIMES-}" ] || exit 0
change first
change second
equal "zones added and removed"

# -- partitions ----------------------------------------------------------------------

# one leaf is cut off, and an agent with all its leaves hears nothing any more
one=${UNDER_mid1%% *}
relay cut "*.$one"
relay freeze "*.mid2"
change cut
sleep "$PARTITION"
change cut-late
equal "those that are not cut off" hub mid1 $(echo " $UNDER_mid1 " | sed "s/ $one / /")
keeps cut "$one" mid2 $UNDER_mid2
for a in "$one" mid2; do
	[ "$(serial "$a")" != "$(serial hub)" ] || fail "$a is not cut off"
done
relay heal "*"
equal "one leaf, and one agent with its leaves"

# the hub
relay cut "*.mid?"
change alone
sleep "$PARTITION"
keeps "without the hub" $LEAVES
same mid1 mid2 || fail "mid1 and mid2 differ"
change alone-late
drop hub
relay heal "*"
launch hub
equal "the hub"

# an agent that stands still, and connections that break at every turn
kill -STOP "${PID[mid1]}"
change still
for i in $(seq "$PARTITION"); do
	relay reset "*.mid2" "*[13]"
	change "reset$i"
	sleep 1
done
kill -CONT "${PID[mid1]}"
equal "an agent that stood still"

# -- kills ---------------------------------------------------------------------------

# Any agent at any time, under a load of changes at the hub: each once or more, some
# while others are still away.
load() {
	local r=0
	while [ ! -e "$T/enough" ]; do
		r=$((r + 1))
		PAUSE=0.1 $PYTHON "$HERE/load.py" "${PORT[hub]}" $C "$T/acked" "$T/refused" $r 2>>"$T/load.log"
		sleep 0.1
	done
}
load &
load_pid=$!
n=0
for a in $(shuf -e $AGENTS hub mid1 mid2) hub; do
	drop "$a"
	[ $((n % 3)) -eq 0 ] || sleep 0.$((RANDOM % 9))
	launch "$a"
	n=$((n + 1))
	sleep 0.$((RANDOM % 9))
done
touch "$T/enough"
drop hub # which ends the load
launch hub
wait $load_pid
until_ok 20 of hub "_status.$C" SOA || fail "the hub does not answer"
$PYTHON "$HERE/load.py" --verify "${PORT[hub]}" $C "$T/acked" "$T/refused" || fail "the hub lost something"
awk '$1 != "refused" { print $2 ".example" }' "$T/acked" | sort -u >>"$T/names"
[ "$(grep -c '^add' "$T/acked")" -gt 10 ] || fail "no load: $(cat "$T/load.log")"
equal "$n kills"
change after
equal "a change after all that"
for a in $AGENTS; do kill "${PID[$a]}"; done
for a in $AGENTS; do wait "${PID[$a]}" || fail "$a ended with status $?"; done
