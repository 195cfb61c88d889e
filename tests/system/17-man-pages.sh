# proves: what the manual pages say is so: examples run, every option is in them, and no other
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/servers.sh"

ROOT=$(cd "$(dirname "$0")/../.." && pwd)
MAN=$ROOT/doc/man
R=$T/root
mkdir -p "$R"/etc/{nsherd/{keys,patterns},nsd/nsherd,bind/nsherd,yadifa/nsherd,knot} \
	"$R"/var/lib/{nsd/nsherd,knot/nsherd,bind/nsherd,yadifa/{nsherd,xfr}} \
	"$R/var/cache/bind" "$R"/run/{nsd,knot,yadifa}
mkdir -m 700 "$R/var/lib/nsherd"
touch "$R"/etc/{nsd,bind}/nsherd/nsherd.conf "$R/etc/yadifa/nsherd/zones.conf"
chmod o= "$R"/etc/{nsd,bind}/nsherd/nsherd.conf

# -- reading the pages ---------------------------------------------------------

# block PAGE MARK: the literal block below the comment MARK, below $R
block() {
	awk -v mark=".\\\\\" $2" '$0 == mark { on = 1; next }
		on && /^\.Bd/ { inside = 1; next }
		inside && /^\.Ed/ { exit }
		inside' "$MAN/$1" |
		sed "s/\\\\&//g; s/\\\\-/-/g; s/\\\\e/\\\\/g; s#/\(etc\|var\|run\)/#$R/\1/#g" >"$T/block"
	[ -s "$T/block" ] || fail "$1: no block: $2"
	cat "$T/block"
}
# part PAGE HEADING [SUBHEADING]: the source below it
part() {
	awk -v head=".Sh $2" -v sub_head="${3:+.Ss $3}" '
		/^\.Sh/ { on = $0 == head; in_sub = sub_head == "" }
		/^\.Ss/ && sub_head != "" { in_sub = $0 == sub_head }
		on && in_sub' "$MAN/$1"
}
strings_of() { # FILE ARRAY: of the initializer
	awk -v a="$2" 'index($0, a "[") { on = 1 } on; on && /;/ { exit }' "$1" |
		grep -o '"[a-z-]*"' | tr -d '"' | sort
}
settings_of() { sed -n 's/^\.It Cm \([a-z-]*\) No = .*/\1/p' | sort; }
same() { # WHAT, and two lists in files
	diff "$T/in.page" "$T/in.source" >"$T/diff" ||
		{ cat "$T/diff"; fail "$1: < in the page alone, > in nsherdd alone"; }
	[ -s "$T/in.page" ] || fail "$1: nothing in the page"
}

# a key file for each [key] section of stdin
keys_for() {
	sed -n 's/^\[key \(.*\)\]/\1/p; s/^file *= *//p' | paste - - | while read -r name file; do
		[ -f "$T/$name.key" ] || make_key "$name"
		cp -p "$T/$name.key" "$file"
	done
}
check() {
	ASAN_OPTIONS=log_path=$T/san UBSAN_OPTIONS=log_path=$T/san TSAN_OPTIONS=$TSAN \
		"$NSHERDD" -t -c "$1" >"$T/out" 2>&1
}

# -- the examples ----------------------------------------------------------------

for p in $(sed -n 's/^\.\\" pattern: //p' "$MAN/nsherd-pattern.5"); do
	block nsherd-pattern.5 "pattern: $p" >"$R/etc/nsherd/patterns/$p"
done
[ "$(ls "$R/etc/nsherd/patterns" | wc -l)" -ge 6 ] || fail "too few examples of patterns"

block nsherd.conf.5 'example: whole' >"$T/whole.conf"
keys_for <"$T/whole.conf"
check "$T/whole.conf" || { cat "$T/out"; fail "nsherd.conf.5: the whole example"; }
sed "s#/etc/nsherd/patterns#$ROOT/patterns#; s# /\(etc\|var\|run\)/# $R/\1/#g" \
	"$ROOT/packaging/nsherd.conf" >"$T/packaged.conf"
check "$T/packaged.conf" || { cat "$T/out"; fail "packaging/nsherd.conf"; }
# with every comment that is a setting as a setting
mkdir -p "$R/etc/nsherd/tls"
openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=ams1.example -addext subjectAltName=DNS:ams1.example \
	-keyout "$R/etc/nsherd/tls/key.pem" -out "$R/etc/nsherd/tls/cert.pem" 2>/dev/null || fail "openssl req"
chmod 600 "$R/etc/nsherd/tls/key.pem"
for f in clients ca; do cp "$R/etc/nsherd/tls/cert.pem" "$R/etc/nsherd/tls/$f.pem"; done
sed 's/^#\([a-z-]* *= \)/\1/' "$T/packaged.conf" >"$T/all.conf"
check "$T/all.conf" || { cat "$T/out"; fail "packaging/nsherd.conf with its comments"; }

BASE="[agent]
state-dir   = $R/var/lib/nsherd
pattern-dir = $R/etc/nsherd/patterns
[key xfr.example]
file = $R/etc/nsherd/keys/xfr.key
[catalog main]
name = catalog.example
"
# drivers as nsherdd names them
printf '%s\n[backend x]\ndriver = nonesuch\n' "$BASE" >"$T/c.conf"
check "$T/c.conf" && fail "a driver nonesuch"
KNOWN=$(sed -n 's/.*in this version, only //p' "$T/out" | tr -d ,)
for d in $(part nsherd.conf.5 DRIVERS | sed -n 's/^\.Ss //p'); do
	grep -qw "$d" <<<"$KNOWN" || fail "nsherd.conf.5 has a driver that nsherdd has not: $d"
done
for d in $KNOWN; do
	part nsherd.conf.5 DRIVERS "$d" | grep -q . || fail "nsherd.conf.5: nothing about $d"
	[ "$d" = null ] && continue
	block nsherd.conf.5 "server: $d" >"$T/server.$d"
	block nsherd.conf.5 "example: $d" >"$T/example.$d"
	keys_for <"$T/example.$d"
done
# the program, where `make install` would have put it
mkdir -p "$R/usr/local/lib/nsherd/exec" "$R/var/lib/nsherd/powerdns"
cp "$ROOT/patterns/exec/powerdns" "$R/usr/local/lib/nsherd/exec/"
sed -i "s#= /usr/#= $R/usr/#" "$T/example.exec"
(umask 077 && block nsherd.conf.5 'config: exec' >"$R/etc/nsherd/powerdns.conf")
# what the servers themselves say of the lines for their configurations
nsd-checkconf "$T/server.nsd" >"$T/out" 2>&1 || { cat "$T/out"; fail "the lines for nsd.conf"; }
named-checkconf "$T/server.bind" >"$T/out" 2>&1 || { cat "$T/out"; fail "the lines for named.conf"; }
printf 'server:\n  rundir: %s\n' "$R/run/knot" >"$R/etc/knot/knot.conf"
sh -e "$T/server.knot" >"$T/out" 2>&1 || { cat "$T/out"; fail "the line for knot"; }
mkdir "$T/pdns" && cp "$T/server.exec" "$T/pdns/pdns.conf"
pdns_server --config-dir="$T/pdns" --config=check >"$T/out" 2>&1 || { cat "$T/out"; fail "the lines for pdns.conf"; }
if [ -f "$T/server.yadifa" ]; then # it has no check tool: start it
	port=$(free_port)
	mkdir "$R"/var/lib/yadifa/{keys,log}
	sed "s#^<main>#&\n\tdaemon off\n\tdatapath \"$R/var/lib/yadifa\"\n\tkeyspath \"$R/var/lib/yadifa/keys\"\n\tlogpath \"$R/var/lib/yadifa/log\"\n\tlisten 127.0.0.1 port $port\n\tuser $(id -un)\n\tgroup $(id -gn)#" \
		"$T/server.yadifa" >"$T/yadifad.conf"
	yadifad -c "$T/yadifad.conf" >"$T/yadifad.log" 2>&1 &
	PIDS+=($!)
	until_ok 15 yadifa_reload "$port" c2VjcmV0 || fail "the lines for yadifad.conf"
	[ -s "$R/run/yadifa/yadifad.pid" ] || fail "yadifad wrote no pid file"
	stop_pid "${PIDS[-1]}"
fi
for d in $KNOWN; do
	[ "$d" = null ] && continue
	{ printf '%s' "$BASE"; cat "$T/example.$d"; } >"$T/c.conf"
	check "$T/c.conf" || { cat "$T/out"; fail "nsherd.conf.5: the example of $d"; }
done

# -- options, both ways ------------------------------------------------------------

printf '%s' "$BASE" >"$T/all.conf"
while read -r heading table section; do
	part nsherd.conf.5 "$heading" | settings_of >"$T/in.supported"
	sed -n "/^const struct conf_setting conf_${table}_settings/,/^};/s/^ *{\"\([a-z-]*\)\".*/\1/p" \
		"$ROOT/agent/conf_set.c" | sort >"$T/in.source"
	sort -u "$T/in.supported" >"$T/in.page"
	same "[$table]"
	{
		printf '[%s]\nnonesuch = 1\n' "$section"
		sed 's/$/ = 1/' "$T/in.supported"
	} >"$T/c.conf"
	check "$T/c.conf" && fail "nonesuch in [$table]"
	# to a backend, other names are its driver's
	[ "$table" = backend ] || grep -q 'nonesuch: unknown setting' "$T/out" || fail "nonesuch in [$table]"
	grep -v nonesuch "$T/out" | grep 'unknown setting' &&
		fail "[$table]: in the page, and not in nsherdd"
done <<'N'
AGENT agent agent
KEYS key key a
CATALOGS catalog catalog a
BACKENDS backend backend a
N

# defaults that are numbers
default_of() { # SECTION SETTING
	part nsherd.conf.5 "$1" | awk -v it=".It Cm $2 No =" '
		/^\.It Cm/ { on = index($0, it) == 1 } on && /^Default: / { print $2 + 0; exit }'
}
while read -r heading setting constant; do
	value=$(grep -ohE "\b$constant = [0-9]+" "$ROOT/agent/conf_set.c" | grep -oE '[0-9]+$')
	[ -n "$value" ] && [ "$(default_of "$heading" "$setting")" = "$value" ] ||
		fail "nsherd.conf.5: the default of $setting is $value, not $(default_of "$heading" "$setting")"
done <<'N'
CATALOGS max-transaction MAX_TRANSACTION
CATALOGS max-lock MAX_LOCK_S
AGENT health-down-after HEALTH_DOWN_AFTER_S
AGENT health-up-after HEALTH_UP_AFTER_S
AGENT health-min-serving HEALTH_MIN_SERVING
BACKENDS probe-rate PROBE_RATE
BACKENDS apply-rate APPLY_RATE
BACKENDS max-transfers-pending MAX_TRANSFERS
BACKENDS transfer-patience TRANSFER_PATIENCE_S
BACKENDS max-variants VARIANTS
N
for n in PERCENT:5% MIN:min.10 WINDOW_S:in.600; do
	grep -q "LIMIT_${n%%:*} = $(tr -cd 0-9 <<<"${n#*:}")\b" "$ROOT/lib/limit.h" || fail "lib/limit.h: $n"
	part nsherd.conf.5 CATALOGS | grep -q "^Default: .*${n#*:}\b\|^Default: ${n#*:}" || fail "nsherd.conf.5: guard-remove: $n"
done

# values that are words
words() { # PAGE-PART: "name word word..."
	sed -n 's/^\.It Cm \([a-z-]*\) No = Cm \([a-z0-9% |-]*\)$/\1 \2/p' | tr -d '|'
}
try_word() { # SECTION NAME WORD: is there a fault of that line?
	printf '%s\n%s = %s\n' "$1" "$2" "$3" >"$T/c.conf"
	check "$T/c.conf"
	! grep -q 'c.conf:[0-9]*: '"$2" "$T/out"
}
while read -r heading section; do
	part nsherd.conf.5 "$heading" | words >"$T/words"
	while read -r name list; do
		for w in $list; do
			case $name-$w in
			driver-*) grep -qw "$w" <<<"$KNOWN" || continue ;;
			esac
			try_word "$section" "$name" "$w" || { cat "$T/out"; fail "$name = $w"; }
		done
		try_word "$section" "$name" nonesuch && fail "$name = nonesuch"
	done <"$T/words"
done <<'N'
AGENT [agent]
KEYS [key a]
CATALOGS [catalog a]
BACKENDS [backend a]
N

for d in $KNOWN; do
	part nsherd.conf.5 DRIVERS "$d" | settings_of >"$T/in.page"
	strings_of "$ROOT/agent/backend/$d.c" '*const options' >"$T/in.source"
	if [ "$d" = null ]; then
		[ -s "$T/in.page" ] && fail "null has settings"
		continue
	fi
	same "driver $d"
	{
		printf '%s[backend a]\ndriver = %s\nnonesuch = 1\n' "$BASE" "$d"
		sed 's/$/ = 1/' "$T/in.page"
	} >"$T/c.conf"
	check "$T/c.conf" && fail "nonesuch of $d"
	grep -q 'nonesuch: unknown setting' "$T/out" || fail "nonesuch of $d"
	grep -v nonesuch "$T/out" | grep 'unknown setting' && fail "driver $d: in the page alone"
done

# -- patterns, both ways -------------------------------------------------------------

P=$ROOT/agent/pattern
part nsherd-pattern.5 PATTERN | settings_of >"$T/in.page"
{
	grep -o '{"[a-z-]*", &spec->' "$P/spec.c" | cut -d'"' -f2
	strings_of "$P/spec.c" '*const list_names'
} | sort >"$T/in.source"
same "[pattern]"
part nsherd-pattern.5 PARAMETERS | settings_of >"$T/in.page"
sed -n '/^read_param_key/,/^}/p' "$P/spec.c" | sed -n 's/.*strcmp(it->name, "\([a-z]*\)").*/\1/p' |
	sort >"$T/in.source"
same "[param]"
part nsherd-pattern.5 PARAMETERS | sed -n 's/^\.It Cm \([a-z-]*\)$/\1/p' | sort >"$T/in.page"
strings_of "$P/value.c" '*const type_names' >"$T/in.source"
same "types of parameters"
part nsherd-pattern.5 'RAW OPTIONS' | sed -n 's/^\.It Ic \[\([a-z]*\)\]$/\1/p' | sort >"$T/in.page"
strings_of "$P/spec.c" '*const drivers' >"$T/in.source"
same "raw sections"

# what raw options may not, or only, be
raw() { # DRIVER FILE ARRAY
	part nsherd-pattern.5 'RAW OPTIONS' |
		awk -v it=".It Ic [$1]" '/^\.It/ { on = $0 == it } on' >"$T/raw"
	for w in $(strings_of "$2" "$3"); do
		grep -qE -- "[ .]$w( |$)" "$T/raw" || fail "nsherd-pattern.5: [$1] does not name $w"
	done
}
raw knot "$ROOT/agent/backend/knot_native.c" '*const ours'
raw bind "$ROOT/agent/backend/bind_body.c" '*const own_options'
[ ! -f "$ROOT/agent/backend/yadifa_native.c" ] ||
	raw yadifa "$ROOT/agent/backend/yadifa_native.c" '*const known'

# nsherdd agrees: no key of the page is unknown, and one that is not there is
{ printf '%s' "$BASE" | sed "s#^pattern-dir.*#pattern-dir = $T/odd#"; } >"$T/c.conf"
mkdir "$T/odd"
for k in $(part nsherd-pattern.5 PATTERN | settings_of) nonesuch; do
	printf '[pattern]\n%s = 1\n' "$k" >"$T/odd/a.ini"
	check "$T/c.conf"
	if [ "$k" = nonesuch ]; then
		grep -q 'a.ini:2: unknown key' "$T/out" || fail "nonesuch in a pattern"
	else
		! grep -q 'unknown key' "$T/out" || fail "$k of a pattern is unknown"
	fi
done

# -- usage ---------------------------------------------------------------------------

"$NSHERDD" -h | grep -o '^  -[a-zA-Z]' | while read -r o; do
	grep -qE "^\.(It|Op) Fl ${o#-}( |\$)" "$MAN/nsherdd.8" || exit 1
done || fail "nsherdd.8 has not all options"
"$NSHERDD" -x >/dev/null 2>&1
[ $? -eq 2 ] || fail "wrong usage of nsherdd is not 2"
"$NSHERDD" -c "$T/none.conf" >/dev/null 2>&1
[ $? -eq 1 ] || fail "no configuration is not 1"
"$CTL" help | sed -n '/^Commands:/,/^$/s/^  \([a-z]*\) .*/\1/p' >"$T/commands"
[ "$(wc -l <"$T/commands")" -ge 20 ] || fail "nsherdctl help"
while read -r c; do
	grep -qE "^\.(It )?Cm (.* )?$c( |\$)" "$MAN/nsherdctl.1" || fail "nsherdctl.1: no $c"
	"$CTL" help "$c" | sed -n 's/^  \(--*[a-z-]*\).*/\1/ip' | while read -r o; do
		grep -qE "Fl ${o#-}( |\$)" "$MAN/nsherdctl.1" || exit 1
	done || fail "nsherdctl.1: an option of $c is missing"
done <"$T/commands"
"$CTL" help fleet | sed -n '/^Commands:/,$s/^  fleet \([a-z]*\) .*/\1/p' >"$T/fleet"
[ "$(wc -l <"$T/fleet")" -ge 8 ] || fail "nsherdctl help fleet"
while read -r c; do
	part nsherdctl.1 FLEET | grep -qE "^\.It Cm fleet (.* )?$c( |\$)" || fail "nsherdctl.1: no fleet $c"
	"$CTL" help fleet "$c" | sed -n 's/^  \(--*[a-z-]*\).*/\1/ip' | while read -r o; do
		grep -qE "Fl ${o#-}( |\$)" "$MAN/nsherdctl.1" || exit 1
	done || fail "nsherdctl.1: an option of fleet $c is missing"
done <"$T/fleet"
part nsherdctl.1 COMMANDS | sed -n 's/^\.It Cm \([a-z]*\).*/\1/p' | sort -u | while read -r c; do
	grep -qx "$c" "$T/commands" || exit 1
done || fail "nsherdctl.1 has a command that is none"

# every name that -o json writes
grep -hoE '\{"[a-z_]+", (NULL|"[A-Z ]+"|"[A-Z][a-z ]+"), CELL_|output_(field|table)\([^,]*, "[a-z_]+"|row_table [a-z_]+ = \{"[a-z]+"' \
	"$ROOT"/ctl/*.c | grep -o '"[a-z_]*"' | tr -d '"' | sort -u >"$T/in.source"
part nsherdctl.1 'JSON OUTPUT' | grep -E '^\.(Va|It)' | grep -oE '[a-z_]+' | sort -u >"$T/words"
while read -r w; do
	grep -qx "$w" "$T/words" || fail "nsherdctl.1: JSON OUTPUT does not have $w"
done <"$T/in.source"
[ "$(wc -l <"$T/in.source")" -ge 40 ] || fail "the names in JSON were not found"
# where defaults come from
sed -n 's/^    {"\([a-z-]*\)", "\(NSHERD_[A-Z_]*\)".*/\1 \2/p' "$ROOT/ctl/defaults.c" >"$T/defaults"
[ "$(wc -l <"$T/defaults")" -ge 7 ] || fail "the settings of ctl.conf were not found"
while read -r setting variable; do
	part nsherdctl.1 ENVIRONMENT | grep -qE "[ ,]$variable( |\$)" || fail "nsherdctl.1: no $variable"
	part nsherdctl.1 FILES | grep -qE "(^|Cm )$setting( |\$)" || fail "nsherdctl.1: no $setting in ctl.conf"
done <"$T/defaults"

# -- formatting ----------------------------------------------------------------------

for p in "$MAN"/*; do
	mandoc -T lint -W warning "$p" >"$T/out" 2>&1
	[ ! -s "$T/out" ] || { cat "$T/out"; fail "${p##*/}: warnings of mandoc"; }
	command -v groff >/dev/null || continue
	groff -ww -mandoc -Tutf8 "$p" 2>"$T/out" >/dev/null
	[ ! -s "$T/out" ] || { cat "$T/out"; fail "${p##*/}: warnings of groff"; }
done
for p in "$MAN"/*; do # what they refer to is there
	for x in $(sed -n 's/^\.Xr \(nsherd[a-z.-]*\) \([0-9]\).*/\1.\2/p' "$p"); do
		[ -f "$MAN/$x" ] || fail "${p##*/}: no page $x"
	done
done

# -- and on real servers -----------------------------------------------------------

rm -r "$T/odd"
sections=
for d in $KNOWN; do
	case $d in null | exec) continue ;; esac # of 23b
	start_server "$d"
	shared_zone "$SERVER_ZONES/parked.shared"
	sections+=$'\n'$(server_backend | awk '/^\[key control/ && n++ { skip = 1 } /^\[backend/ { skip = 0 } !skip')
done
# one [key control.example] for all
sections=$(awk '/^\[key control/ { skip = seen++ } /^\[backend/ { skip = 0 } !skip' <<<"$sections")
write_agent "$sections"
sed -i 's/^allow = read, update$/&, command/' "$T/nsherd.conf"
cp "$R"/etc/nsherd/patterns/* "$T/patterns/"
agent_up
nsherdctl() { ctl "$@"; }
sed -n 's/^\.Dl \$ \(nsherdctl add.*\)/\1/p' "$MAN/nsherd-pattern.5" >"$T/adds"
[ "$(wc -l <"$T/adds")" -eq 2 ] || fail "nsherd-pattern.5: commands"
. "$T/adds" >"$T/out" 2>&1 || { cat "$T/out"; fail "nsherd-pattern.5: commands"; }
ctl add d.example -p distributor >/dev/null || fail add
ctl add s.example -p signed -P nameserver=ns1.example.net. >/dev/null || fail add
block nsherdd.8 'example: dns' | sed "s/ 5300/ $AGENT_PORT/; s#ctl\.key#$T/ctl.example.key#" >"$T/dns.sh"
sh -e "$T/dns.sh" >"$T/out" 2>&1 || { cat "$T/out"; fail "nsherdd.8: the example"; }
grep -q 'op=reload.*shop.example' "$T/out" || { cat "$T/out"; fail "nsherdd.8: no verb in the history"; }
ctl wait b.example shop.example --timeout 60 >"$T/out" 2>&1 || { cat "$T/out"; fail "not served"; }
for z in a.example d.example; do # their primaries are not there: taken, not refused
	for d in $KNOWN; do
		case $d in null | exec) continue ;; esac # of 23b
		until_ok 60 sh -c "dig @127.0.0.1 -p $AGENT_PORT -k $T/ctl.example.key +short \
			$z._status.$C TXT | grep 'backend=$d\"' | grep -vq 'state=pending'" || fail "$z at $d"
	done
done
until_ok 60 status_has s.example state=serving || fail "s.example is served nowhere"
block nsherdctl.1 'example: fleet' >"$T/fleet.txt"
ctl fleet nodes --fleet "$T/fleet.txt" -k "$T/ctl.example.key" >"$T/out" 2>&1
grep -q 'lon1.key: No such file' "$T/out" || { cat "$T/out"; fail "nsherdctl.1: the inventory"; }
printf 'here 127.0.0.1@%s hub\n' "$AGENT_PORT" >"$T/fleet.txt"
block nsherdctl.1 'example: fleet commands' |
	sed "s# fleet.txt# $T/fleet.txt#; s#shop.example#fleet.example#; s#-p primary#-p parked#" >"$T/fleet.sh"
grep -c nsherdctl "$T/fleet.sh" | grep -qx 3 || fail "nsherdctl.1: the example of a fleet"
(set -e; . "$T/fleet.sh") >"$T/out" 2>&1 || { cat "$T/out"; fail "nsherdctl.1: the example of a fleet"; }
ctl patterns >"$T/out" 2>&1 || fail patterns
for d in $KNOWN; do
	case $d in null | exec) continue ;; esac # of 23b
	for p in secondary distributor primary parked signed; do
		case $p-$d in signed-nsd | signed-yadifa) say=no ;; *) say=yes ;; esac
		grep -qE "^$p .*[ ,]$d:$say( |\$)" "$T/out" || { cat "$T/out"; fail "$p: not $d:$say"; }
	done
done
agent_down
