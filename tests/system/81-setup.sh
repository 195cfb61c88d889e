# proves: nsherdctl setup makes of an operator's own configuration one that nsherd works with, and spoils none
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/servers.sh"
. "$(dirname "$0")/doc.sh"
ROOT=$(cd "$(dirname "$0")/../.." && pwd)

me=$(id -un) mine=$(id -gn)
CLIENT_ASAN=log_path=$T/san
# setup KIND ARGUMENT...: with the configuration and the directories of the test
setup() {
	local kind=$1 more=()
	shift
	case $kind in
	nsd) more=("control=$T/nsd/nsd.sock") ;;
	knot) more=("confdb=$T/knot/confdb" "defaults=$T/knot/default") ;;
	bind) more=("statistics=127.0.0.1@$STATS") ;;
	esac
	ASAN_OPTIONS=$CLIENT_ASAN UBSAN_OPTIONS=$CLIENT_ASAN "$CTL" setup "$kind" --config "${CONFIG-${FILE[$kind]}}" \
		"zone-dir=$T/$kind/zones" "user=$me" "group=$mine" "${more[@]}" "$@"
}
declare -A FILE PORT
# everything that is there, with owner, mode and content
state_of() { (cd "$T/$1" && find . ! -path ./log\* ! -path ./run\* -printf '%p %u:%g %m\n' -type f -exec cksum {} + | sort); }
unchanged() { state_of "$1" | diff "$T/$1.state" - || fail "$1: $2"; }
section() { # KIND: what setup printed for nsherd.conf
	setup "$1" -o json | $PYTHON -c 'import json, sys; print(json.load(sys.stdin)["section"])'
}

# -- the commands of doc/quickstart-KIND.md, where they are of this test ----------------

doc() { # KIND NAME: each line must succeed; in this shell, which knows what it started
	local line
	while read -r line; do
		eval "$line" </dev/null || { printf 'FAIL: doc/quickstart-%s.md: %s\n' "$1" "$line"; return 1; }
	done < <(doc_block "$ROOT/doc/quickstart-$1.md" "$2" | here)
}
here() {
	sed "s#/etc/nsherd/keys/\(ctl\|xfr\).key#$T/\1.example.key#; s#/etc/nsherd/patterns#$ROOT/patterns#; s#/var/lib/nsherd#$T/state#
		s#-o nsherd -g nsherd#-o $me -g $mine#; s#127.0.0.1@5300#127.0.0.1@${AGENT_PORT-}#; s#^dig @127.0.0.1 #&-p ${SERVED_PORT-} #"
}
nsherdctl() {
	local command=$1 kind=${2-}
	case $command$* in
	setup*--apply*) shift 2 && setup "$kind" "$@" --yes ;;
	setup*) shift 2 && setup "$kind" "$@" ;;
	*) NSHERD_SERVER=127.0.0.1@$AGENT_PORT HOME=$T patient "$@" ;;
	esac
}
nsherdd() { "$NSHERDD" -c "$T/nsherd.conf" "$@"; }
runuser() { [ "$1 $2 $3" = '-u nsherd --' ] && shift 3 && "$@"; }
rndc() { rndc_ "$@"; }
systemctl() {
	case $* in
	'enable --now nsherdd') agent_up ;;
	'reload yadifa') kill -HUP "$(<"$T/yadifa/run/yadifad.pid")" ;;
	'reload nsherdd') kill -HUP "$AGENT_PID" ;;
	'restart nsd')
		nsd -c "${FILE[nsd]}" || return 1
		until_ok 10 test -s "$T/nsd/run/nsd.pid" || return 1
		PIDS+=("$(cat "$T/nsd/run/nsd.pid")")
		;;
	'restart knot')
		. "$T/knot/default"
		# shellcheck disable=SC2086
		knotd -m 128 $KNOTD_ARGS >>"$T/knot.log" 2>&1 &
		PIDS+=($!)
		;;
	'restart yadifa') # on one processor, for the reason that servers.sh gives
		taskset -c "$(taskset -cp $$ | sed 's/.*[ ,-]//')" yadifad -c "${FILE[yadifa]}" >>"$T/yadifa.log" 2>&1 &
		PIDS+=($!)
		;;
	*) return 1 ;;
	esac
}

# -- operators' configurations, in the manner of Debian's ---------------------------

for kind in nsd knot bind yadifa; do
	mkdir -p "$T/$kind/etc" "$T/$kind/run" "$T/$kind/log"
	shared_zone "$T/$kind/own.zone"
	PORT[$kind]=$(free_port)
done
STATS=$(free_port)
RNDC=$(free_port)

FILE[nsd]=$T/nsd/etc/nsd.conf
mkdir "$T/nsd/etc/nsd.conf.d"
cat >"${FILE[nsd]}" <<N
# NSD configuration file for Debian.
server:
	log-only-syslog: no
	logfile: "$T/nsd.log"
	username: ""
	database: ""
	zonesdir: "$T/nsd"
	zonelistfile: "$T/nsd/run/zone.list"
	xfrdfile: "$T/nsd/run/xfrd.state"
	xfrdir: "$T/nsd/run"
	pidfile: "$T/nsd/run/nsd.pid"
# The following line includes additional configuration files
include: "$T/nsd/etc/nsd.conf.d/*.conf"
N
cat >"$T/nsd/etc/nsd.conf.d/own.conf" <<N
server:
	ip-address: 127.0.0.1@${PORT[nsd]}
	rrl-ratelimit: 0
zone:
	name: own.example
	zonefile: "$T/nsd/own.zone"
N

FILE[knot]=$T/knot/etc/knot.conf
cat >"${FILE[knot]}" <<K
# This is a sample of a minimal configuration file for Knot DNS.
server:
    rundir: "$T/knot/run"
    listen: [ 127.0.0.1@${PORT[knot]} ]
    automatic-acl: on
log:
  - target: stderr
    any: info
database:
    storage: "$T/knot/run"
template:
  - id: default
    storage: "$T/knot"
    file: "own.zone"
    zonefile-sync: -1
    journal-content: none
zone:
  - domain: own.example
K
printf '# Options to pass to knotd\nKNOTD_ARGS=""\n' >"$T/knot/default"

FILE[bind]=$T/bind/etc/named.conf
cat >"${FILE[bind]}" <<B
// This is the primary configuration file for the BIND DNS server named.
include "$T/bind/etc/rndc.key";
include "$T/bind/etc/named.conf.options";
include "$T/bind/etc/named.conf.local";
controls { inet 127.0.0.1 port $RNDC allow { 127.0.0.1; } keys { "rndc-key"; }; };
B
cat >"$T/bind/etc/named.conf.options" <<B
options {
	directory "$T/bind/run"; // not "options {" of its own
	pid-file "$T/bind/run/named.pid";
	session-keyfile "$T/bind/run/session.key";
	/* recursion no; } */
	recursion no; dnssec-validation no;
	# port 53; {
	listen-on port ${PORT[bind]} { 127.0.0.1; };
	listen-on-v6 { none; };
};
B
printf 'zone "own.example" { type primary; file "%s"; };' "$T/bind/own.zone" >"$T/bind/etc/named.conf.local"
rndc-confgen -A hmac-sha256 -k rndc-key | sed -n '/^key/,/^};/p' >"$T/bind/etc/rndc.key"
chmod 640 "$T/bind/etc/rndc.key"

FILE[yadifa]=$T/yadifa/etc/yadifad.conf
mkdir -p "$T"/yadifa/run/{keys,xfr}
cat >"${FILE[yadifa]}" <<Y
# Example yadifa configuration file.
<main>
        # Detach from the console
        daemon                      off
        logpath                     "$T/yadifa/log"
        pidfile                     "$T/yadifa/run/yadifad.pid"
        datapath                    "$T/yadifa/run"
        keyspath                    "$T/yadifa/run/keys"
        xfrpath                     "$T/yadifa/run/xfr"
        user                        $me
        group                       $mine
        listen                      127.0.0.1 port ${PORT[yadifa]}
        allow-query                 any
        allow-control               controller   # who may
</main>
<control>
        enabled true
</control>
<acl>
         controller 127.0.0.0/8, ::1
</acl>
<zone>
        type                    primary
        domain                  own.example
        file                    "$T/yadifa/own.zone"
</zone>
Y

# named runs before, and is told by its operator afterwards, as setup says
rndc_() { command rndc -s 127.0.0.1 -p "$RNDC" -k "$T/bind/etc/rndc.key" "$@"; }
named -f -g -n 1 -c "${FILE[bind]}" >>"$T/bind.log" 2>&1 &
PIDS+=($!)
until_ok 15 rndc_ status || fail "named does not answer"

# -- setup ----------------------------------------------------------------------------

for kind in nsd knot bind yadifa; do
	state_of $kind >"$T/$kind.state"
	file=${FILE[$kind]}
	# shown, and nothing done
	doc $kind look >"$T/out" 2>&1 || { cat "$T/out"; fail "$kind: setup"; }
	grep -q -- '--apply makes all this' "$T/out" || { cat "$T/out"; fail "$kind: nothing is missing"; }
	grep -q "missing" "$T/out" && grep -q "\[backend ${kind}1\]" "$T/out" || fail "$kind: $(cat "$T/out")"
	setup $kind -o json >"$T/json" || fail "$kind: -o json"
	$PYTHON - "$T/json" "$kind" <<'P' || fail "$kind: $(cat "$T/json")"
import json, sys
d = json.load(open(sys.argv[1]))
assert d["server"] == sys.argv[2] and d["result"] == "missing" and d["then"] and d["todo"] is None, d
assert [s for s in d["steps"] if s["state"] == "missing"] and all(s["path"][0] == "/" for s in d["steps"]), d
assert d["lines"] and all(line["text"] for line in d["lines"]), d
P
	unchanged $kind "setup without --apply changed something"
	# nobody is there to ask
	setup $kind --apply </dev/null >"$T/out" 2>&1 && fail "$kind: applied, and nobody was asked"
	unchanged $kind "changed, and nobody was asked"
	# whoever it is that has no such user
	setup $kind user=nobody-has-this-name --apply --yes >"$T/out" 2>&1
	[ $? -eq 1 ] && grep -q 'useradd' "$T/out" || { cat "$T/out"; fail "$kind: a user that is not there"; }
	unchanged $kind "changed without its user"
	# a broken file of the operator's
	cp -p "$file" "$T/good"
	printf 'half of a li' >>"$file"
	cp -p "$file" "$T/broken"
	state_of $kind >"$T/$kind.state"
	setup $kind --apply --yes >"$T/out" 2>&1
	[ $? -eq 1 ] && grep -q "is as it was" "$T/out" || { cat "$T/out"; fail "$kind: a broken file was taken"; }
	unchanged $kind "a broken file was touched"
	cp -p "$T/good" "$file"

	doc $kind apply >"$T/$kind.out" 2>&1 || { cat "$T/$kind.out"; fail "$kind: --apply"; }
	grep -q '^done; now: ' "$T/$kind.out" || { cat "$T/$kind.out"; fail "$kind: not done"; }
	case $kind in
	knot) cmp "$T/good" "$file" && grep -qx "KNOTD_ARGS=\"-C $T/knot/confdb\"" "$T/knot/default" &&
		grep -qx 'KNOTD_ARGS=""' "$T/knot/default.before-nsherd" || fail "knot: $(cat "$T/knot/default")" ;;
	*) cmp "$T/good" "$file.before-nsherd" || fail "$kind: no copy" ;;
	esac
	for key in "$T/$kind"/etc/nsherd/control.key; do # neither shown nor for others
		[ -f "$key" ] || continue
		grep -qF "$(sed -n 's/.*secret "\(.*\)".*/\1/p' "$key")" "$T/$kind.out" && fail "$kind: the secret was shown"
		[ "$(stat -c %a "$key")" = 640 ] || fail "$kind: $(stat -c %a "$key") $key"
	done
	[ "$(stat -c %a "$T/$kind/zones")" = 2770 ] || fail "$kind: zones: $(stat -c %a "$T/$kind/zones")"
	# once more: nothing
	state_of $kind >"$T/$kind.state"
	for more in '' --apply; do
		# shellcheck disable=SC2086
		setup $kind $more >"$T/out" 2>&1 </dev/null || { cat "$T/out"; fail "$kind: once more"; }
		grep -qx 'nothing to do' "$T/out" || { cat "$T/out"; fail "$kind: there is something to do again"; }
		unchanged $kind "changed again"
	done
	find "$T/$kind" -regextype posix-extended -regex '.*\.[A-Za-z0-9]{6}' | grep . && fail "$kind: left behind"
done
grep -q 'allow-control  *controller, nsherd  *# who may' "${FILE[yadifa]}" || fail "yadifa: $(cat "${FILE[yadifa]}")"

# -- with these, servers and agent work -----------------------------------------------

another_secret() { # for YADIFA, as operations.md says
	local before pid=$(<"$T/yadifa/run/yadifad.pid")
	before=$(cksum <"$T/yadifa/etc/nsherd/control.key")
	doc_block "$ROOT/doc/operations.md" yadifa-secret | sed "s#/etc/yadifa#$T/yadifa/etc#" >"$T/secret.sh"
	(. "$T/secret.sh") || fail "operations.md: yadifa-secret"
	[ "$(cksum <"$T/yadifa/etc/nsherd/control.key")" != "$before" ] || fail "the same secret"
	! ls "$T/yadifa/etc/nsherd" | grep -q '^new' || fail "left behind: $(ls "$T/yadifa/etc/nsherd")"
	until_ok 20 grep -q 'reload: key=nsherd-yadifa changed' "$T/nsherdd.log" || fail "no reload"
	nsherdctl add secret.example -p primary --wait=60 >"$T/out" 2>&1 || { cat "$T/out"; fail "yadifa: another secret: $(nsherdctl backends)"; }
	served_at "${PORT[yadifa]}" secret.example || fail "yadifa: another secret"
	[ "$(<"$T/yadifa/run/yadifad.pid")" = "$pid" ] || fail "yadifa was restarted"
}
for kind in nsd knot bind yadifa; do
	[ "$(doc_unnamed "$ROOT/doc/quickstart-$kind.md")" = 1 ] || fail "quickstart-$kind.md: an example that is not run"
	doc $kind after >"$T/out" 2>&1 || { cat "$T/out"; fail "$kind: afterwards"; }
	[ "$(doc_block "$ROOT/doc/quickstart-$kind.md" after)" = "$(sed -n 's/^done; now: //p' "$T/$kind.out")" ] ||
		fail "$kind: setup says: $(tail -n 1 "$T/$kind.out")"
	until_ok 15 served_at "${PORT[$kind]}" own.example || fail "$kind does not serve its operator's zone"
	rm -rf "$T/state" "$T"/*.example.key
	AGENT_PORT=$(free_port) SERVED_PORT=${PORT[$kind]}
	doc $kind key || fail "$kind: the key"
	{ doc_block "$ROOT/doc/quickstart-$kind.md" conf | here; section $kind; } >"$T/nsherd.conf"
	chmod 600 "$T/nsherd.conf"
	doc $kind start >"$T/out" 2>&1 || { cat "$T/out"; fail "$kind: the agent"; }
	doc $kind zone >"$T/out" 2>&1 || { cat "$T/out"; fail "$kind: the zone: $(nsherdctl status; nsherdctl backends)"; }
	grep -q 'ns1.invalid' "$T/out" && grep -q 'shop.example .*serving' "$T/out" || { cat "$T/out"; fail "$kind: no zone"; }
	served_at "${PORT[$kind]}" own.example || fail "$kind: its operator's zone"
	[ $kind != yadifa ] || another_secret
	agent_down
done

# -- what else it may find --------------------------------------------------------------

other() { # KIND WHAT TEXT: of that file it says so, and leaves it alone
	local before
	before=$(cksum <"$CONFIG")
	setup "$1" --apply --yes >"$T/out" 2>&1
	grep -q -- "$3" "$T/out" || { cat "$T/out"; fail "$1: $2"; }
	[ "$before" = "$(cksum <"$CONFIG")" ] || fail "$1: $2: changed"
}
mkdir -p "$T/bind/other" "$T/yadifa/other"
CONFIG=$T/bind/other/named.conf
printf 'options { allow-new-zones no; recursion no; };\n' >"$CONFIG"
setup bind >"$T/out" 2>&1
[ $? -eq 3 ] && grep -q 'allow-new-zones no; must be yes' "$T/out" || { cat "$T/out"; fail "bind: allow-new-zones no"; }
# keys of rndc go on where there were no controls
printf 'view "in" { zone "a.example" { type primary; file "%s"; }; };\n' "$T/bind/own.zone" >"$CONFIG"
cp -p "$T/bind/etc/rndc.key" "$T/bind/other/rndc.key"
setup bind control=127.0.0.1@"$RNDC" --apply --yes >"$T/out" 2>&1 || { cat "$T/out"; fail "bind: views"; }
grep -q 'view  *= in' "$T/out" && grep -q 'keys { "nsherd-bind"; "rndc-key"; }' "$CONFIG" &&
	named-checkconf "$CONFIG" || { cat "$T/out"; fail "bind: $(cat "$CONFIG")"; }
# Debian's knot.conf listens nowhere
CONFIG=$T/knot/other.conf
sed '/listen/d' "${FILE[knot]}" >"$CONFIG"
setup knot confdb="$T/knot/otherdb" >"$T/out" 2>&1
[ $? -eq 3 ] && grep -q 'set listen in section server' "$T/out" || { cat "$T/out"; fail "knot: no listen"; }
# control of NSD over TLS stays, and is used
CONFIG=$T/nsd/tls/nsd.conf
mkdir "$T/nsd/tls"
nsd-control-setup -d "$T/nsd/tls" >/dev/null 2>&1 && chmod 600 "$T/nsd/tls/nsd_control.key" || fail "nsd-control-setup"
SERVED_PORT=$(free_port)
cat >"$CONFIG" <<N
server:
	ip-address: 127.0.0.1@$SERVED_PORT
	username: ""
	database: ""
	zonelistfile: "$T/nsd/tls/zone.list"
	xfrdfile: "$T/nsd/tls/xfrd.state"
	xfrdir: "$T/nsd/tls"
	pidfile: "$T/nsd/tls/nsd.pid"
remote-control:
	control-enable: yes
	control-interface: 0.0.0.0
	control-port: $(free_port)
$(for f in server control; do printf '\t%s-%s-file: "%s"\n' $f key "$T/nsd/tls/nsd_$f.key" $f cert "$T/nsd/tls/nsd_$f.pem"; done)
N
setup nsd user=nobody >"$T/out" 2>&1
[ $? -eq 3 ] && grep -q 'chgrp .*/nsd_control.key && chmod 640' "$T/out" || { cat "$T/out"; fail "nsd: a key that the agent cannot read"; }
setup nsd --apply --yes >"$T/out" 2>&1 && grep -qx 'done; now: nsd-control reconfig' "$T/out" && ! grep -q 'control-interface' "$T/out" ||
	{ cat "$T/out"; fail "nsd: over TLS"; }
nsd -c "$CONFIG" && until_ok 15 test -s "$T/nsd/tls/nsd.pid" || fail "nsd: over TLS: it does not start"
PIDS+=("$(cat "$T/nsd/tls/nsd.pid")")
rm -rf "$T/state"
AGENT_PORT=$(free_port)
{ doc_block "$ROOT/doc/quickstart-nsd.md" conf | here; section nsd; } >"$T/nsherd.conf"
grep -q '^control *= 127.0.0.1@' "$T/nsherd.conf" && grep -q '^tls-key ' "$T/nsherd.conf" || { cat "$T/nsherd.conf"; fail "nsd: over TLS"; }
doc nsd start >"$T/out" 2>&1 && doc nsd zone >"$T/out" 2>&1 || { cat "$T/out"; fail "nsd: over TLS: $(nsherdctl backends)"; }
grep -q 'shop.example .*serving' "$T/out" || { cat "$T/out"; fail "nsd: over TLS: no zone"; }
agent_down
CONFIG=$T/absent/nsd.conf
setup nsd >"$T/out" 2>&1
[ $? -eq 1 ] || fail "nsd: no file"
CONFIG=nsd.conf
setup nsd >"$T/out" 2>&1
[ $? -eq 2 ] || fail "nsd: a relative path"
unset CONFIG
for bad in nonesuch=1 zone-dir=rel 'probe=127.0.0.1 ; x' 'name=a"b' control; do
	setup nsd "$bad" >"$T/out" 2>&1
	[ $? -eq 2 ] || { cat "$T/out"; fail "nsd: $bad"; }
done
"$CTL" setup powerdns >"$T/out" 2>&1
[ $? -eq 2 ] || fail "setup powerdns"
