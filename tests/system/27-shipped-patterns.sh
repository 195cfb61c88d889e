# proves: every pattern that ships does on every server what it says: transfers by TSIG, NOTIFY both ways, initial files, signatures
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/servers.sh"
. "$(dirname "$0")/cloud.sh"

ROOT=$(cd "$(dirname "$0")/../.." && pwd)
for k in xfr.example other.example; do make_key $k; done

# -- the servers, and on both sides of them an NSD of the operator's own --------

start_cloud
for kind in $SERVER_KINDS; do
	cat >"${ZONES[$kind]}/parked.shared" <<'Z'
@ 3600 IN SOA ns1.example.net. hostmaster.example.net. 1 14400 3600 1209600 300
@ 3600 IN NS  ns1.example.net.
@ 3600 IN A   192.0.2.80
Z
done
KEY_CLAUSE="key:
	name: xfr.example
	algorithm: hmac-sha256
	secret: \"$(key_secret xfr.example)\""

# the hidden primary of `secondary` and `distributor`: it tells all of them
NSD_EXTRA="$KEY_CLAUSE
pattern:
	name: hidden
	zonefile: \"%s.zone\"
	provide-xfr: 127.0.0.1 xfr.example
$(for k in $SERVER_KINDS; do printf '\tnotify: 127.0.0.1@%s xfr.example\n' "${PORT[$k]}"; done)"
start_nsd hidden
HIDDEN_PORT=$NSD_PORT HIDDEN_DIR=$NSD_DIR
hidden_zone() {
	shared_zone "$HIDDEN_DIR/zones/$1.zone"
	nsd-control -c "$HIDDEN_DIR/nsd.conf" addzone "$1" hidden >/dev/null || fail "the hidden primary: $1"
}
hidden_zone sec.example
for k in $SERVER_KINDS; do hidden_zone "dist-$k.example"; done

# the secondary behind `hidden` and `distributor`: a zone of each server's
NSD_EXTRA=$KEY_CLAUSE
for k in $SERVER_KINDS; do
	for z in "hid-$k.example" "dist-$k.example"; do
		NSD_EXTRA="$NSD_EXTRA
zone:
	name: $z
	request-xfr: 127.0.0.1@${PORT[$k]} xfr.example
	allow-notify: 127.0.0.1 xfr.example"
	done
done
start_nsd behind
BEHIND_PORT=$NSD_PORT
NSD_EXTRA=

# -- the files that ship, with addresses of this machine, and no other change ----

mkdir -p "$T/patterns"
for f in "$ROOT"/patterns/*; do
	sed "s/192\.0\.2\.53@53/127.0.0.1@$HIDDEN_PORT/; s/192\.0\.2\.53/127.0.0.1/
		s/192\.0\.2\.6[12]@53/127.0.0.1@$BEHIND_PORT/g; s/192\.0\.2\.61/127.0.0.1/g
		s/192\.0\.2\.62/127.0.0.2/g" "$f" >"$T/patterns/${f##*/}"
done
grep -h '^[^#].*192\.0\.2' "$T"/patterns/*.ini && fail "an address of the documentation is left"
cloud_agent

behind_serial() { dig @127.0.0.1 -p "$BEHIND_PORT" +norec +short "$1" SOA | awk '{print $3}'; }
behind_has() { [ "$(behind_serial "$1")" = "$2" ]; }
behind_knows() { [ -n "$(behind_serial "$1")" ]; }

# -- primary: answers from its initial file, then from what the operator writes --

ctl add pri.example -p primary -P nameserver=ns1.example.net. --wait=60 >/dev/null || fail "primary: $(ctl status)"
ctl add plain.example -p primary --wait=60 >/dev/null || fail "primary: $(ctl status)"
each 30 "the parameter is not in the initial file" at_has pri.example NS '^ns1\.example\.net\.$'
each 30 "the default is not in the initial file" at_has plain.example SOA '^ns1\.invalid\. hostmaster\.invalid\. '
for k in $SERVER_KINDS; do
	f=${ZONES[$k]}/pri.example.zone
	sed -i 's/^\([[:blank:]]*\)[0-9]*\([[:blank:]]*; serial\)/\12000000001\2/' "$f"
	echo 'www A 192.0.2.81' >>"$f"
done
ctl reload pri.example >/dev/null || fail reload
each 30 "the operator's change is not served" at_has www.pri.example A 192.0.2.81
each 30 "not serving" is_serving pri.example
for k in $SERVER_KINDS; do
	transfers "$k" pri.example -k "$T/xfr.example.key" && fail "$k: a primary without allow-transfer is transferred"
done
echo "primary: initial file, parameters, reload"

# -- parked: one file for many ---------------------------------------------------

ctl add park1.example park2.example -p parked --wait=60 >/dev/null || fail "parked: $(ctl status)"
for z in park1 park2; do each 30 "parked" at_has $z.example A 192.0.2.80; done
echo "parked: all from one file"

# -- secondary: TSIG, NOTIFY -----------------------------------------------------

# without the key it gives nothing, so whoever has the zone has signed
dig @127.0.0.1 -p "$HIDDEN_PORT" +time=2 +tries=1 sec.example AXFR | grep -q 'Transfer failed' || fail "the hidden primary takes anybody"
ctl add sec.example -p secondary --wait=60 >/dev/null || fail "secondary: $(ctl status)"
each 30 "transfer" at_has sec.example TXT shared
new_serial() { # ZONE SERIAL: at the hidden primary; its timers are hours away
	sed -i "s/invalid\. [0-9]* 3600/invalid. $2 3600/" "$HIDDEN_DIR/zones/$1.zone"
	nsd-control -c "$HIDDEN_DIR/nsd.conf" reload "$1" >/dev/null
}
new_serial sec.example 2
each 40 "NOTIFY is not followed" at_has sec.example SOA ' 2 3600 '
for k in $SERVER_KINDS; do
	transfers "$k" sec.example -k "$T/xfr.example.key" && fail "$k: a secondary without allow-transfer is transferred"
done
# who else may notify: nobody
$PYTHON - "$T" "${!PORT[@]}" -- "${PORT[@]}" <<'P' || fail "who may notify"
import sys, dns.exception, dns.flags, dns.message, dns.opcode, dns.query, dns.rcode, dns.tsig, dns.tsigkeyring

t, args = sys.argv[1], sys.argv[2:]
cut = args.index("--")
bad = False


def notify(port, key, source):
    m = dns.message.make_query("sec.example", "SOA")
    m.flags = dns.flags.AA
    m.set_opcode(dns.opcode.NOTIFY)
    if key:
        secret = open(f"{t}/{key}.key").read().split('secret "')[1].split('"')[0]
        m.use_tsig(dns.tsigkeyring.from_text({key: ("hmac-sha256", secret)}), key)
    try:
        r = dns.query.udp(m, "127.0.0.1", port=int(port), timeout=5, source=source)
        return dns.rcode.to_text(r.rcode())
    except (dns.exception.Timeout, dns.tsig.PeerError) as e:
        return e.__class__.__name__


for kind, port in zip(args[:cut], args[cut + 1:]):
    # that yadifa looks at the key alone, and that bind always takes its primaries'
    # word, is in nsherd-pattern(5)
    for key, source, want in (
        ("xfr.example", "127.0.0.1", True),
        (None, "127.0.0.1", kind == "bind"),
        ("other.example", "127.0.0.1", False),
        ("xfr.example", "127.0.0.3", kind == "yadifa"),
        (None, "127.0.0.3", False),
    ):
        rcode = notify(port, key, source)
        if (rcode == "NOERROR") != want:
            print(f"NOTIFY by {key} from {source} at {kind}: {rcode}")
            bad = True
sys.exit(bad)
P
echo "secondary: TSIG, NOTIFY"

# -- hidden: notifies, and lets the key transfer, from there alone ----------------

for k in $SERVER_KINDS; do
	ctl add "hid-$k.example" -p hidden -P nameserver=ns1.example.net. >/dev/null || fail "hidden: $(ctl status)"
done
ctl wait --timeout 60 >/dev/null || fail "hidden: $(ctl status)"
for k in $SERVER_KINDS; do
	z=hid-$k.example
	until_ok 60 behind_knows "$z" || fail "$k: what it has is not transferred"
	transfers "$k" "$z" -k "$T/xfr.example.key" || fail "$k: the key may not transfer"
	transfers "$k" "$z" && fail "$k: anybody may transfer"
	transfers "$k" "$z" -k "$T/other.example.key" && fail "$k: another key may transfer"
	# with yadifa the key alone decides, as nsherd-pattern(5) says
	[ "$k" = yadifa ] || { transfers "$k" "$z" -k "$T/xfr.example.key" -b 127.0.0.3 && fail "$k: the key may transfer from elsewhere"; }
	f=${ZONES[$k]}/$z.zone
	sed -i 's/^\([[:blank:]]*\)[0-9]*\([[:blank:]]*; serial\)/\12000000002\2/' "$f"
	ctl reload "$z" -b "$k" >/dev/null || fail "$k: reload"
	until_ok 60 behind_has "$z" 2000000002 || fail "$k: the secondary was not notified"
done
echo "hidden: NOTIFY to the secondary, transfer with the key alone"

# -- distributor: what comes in by NOTIFY goes on by NOTIFY ------------------------

for k in $SERVER_KINDS; do ctl add "dist-$k.example" -p distributor >/dev/null || fail "distributor"; done
ctl wait --timeout 60 >/dev/null || fail "distributor: $(ctl status)"
for k in $SERVER_KINDS; do
	z=dist-$k.example
	until_ok 60 behind_has "$z" 1 || fail "$k: what it distributes is not transferred"
	new_serial "$z" 2
	until_ok 60 behind_has "$z" 2 || fail "$k: a change is not passed on"
	transfers "$k" "$z" && fail "$k: anybody may transfer"
done
echo "distributor: from the primary, on to the secondary"

# -- signed: Knot and BIND; the others say why not ----------------------------------

# who cannot is known before a zone wants it
ask "signed._pattern._status.$C" TXT | grep -q 'usable=nsd:no knot:yes bind:yes yadifa:no' ||
	fail "usable= of signed: $(ask "signed._pattern._status.$C" TXT)"
ctl add signed.example -p signed -P nameserver=ns1.example.net. >/dev/null || fail add
for k in $SERVER_KINDS; do
	case $k in
	knot | bind)
		until_ok 60 at_has "$k" signed.example DNSKEY '^257 3 ' || fail "$k: no DNSKEY: $(ctl status)"
		until_ok 60 sh -c "dig @127.0.0.1 -p ${PORT[$k]} +norec +dnssec +noall +answer signed.example SOA | grep -q RRSIG.SOA" ||
			fail "$k: no RRSIG"
		until_ok 30 is_serving "$k" signed.example || fail "$k: $(status_of signed.example)"
		# and they hold: a validator with this key as its only anchor says so
		at "$k" signed.example DNSKEY | awk '$1 == 257 { k = $4; for (i = 5; i <= NF; i++) k = k $i
			printf "trust-anchors { signed.example. static-key 257 3 %s \"%s\"; };\n", $3, k }' >"$T/anchor.$k"
		delv @127.0.0.1 -p "${PORT[$k]}" -a "$T/anchor.$k" +root=signed.example signed.example NS >"$T/delv" 2>&1
		grep -q '^; fully validated' "$T/delv" || { cat "$T/delv"; fail "$k: signatures do not validate"; }
		delv @127.0.0.1 -p "${PORT[$k]}" -a "$T/anchor.$k" +root=signed.example nope.signed.example A >"$T/delv" 2>&1
		grep -q 'negative response, fully validated' "$T/delv" || { cat "$T/delv"; fail "$k: a denial does not validate"; }
		;;
	*)
		until_ok 30 sh -c "dig @127.0.0.1 -p $AGENT_PORT -k $T/ctl.example.key +short signed.example._status.$C TXT |
			grep '\"backend=$k\"' | grep 'state=failed' | grep -q 'error=dnssec = default'" ||
			fail "$k does not say why it cannot sign: $(status_of signed.example)"
		refused_at "${PORT[$k]}" signed.example || fail "$k serves, unsigned, what is to be signed"
		;;
	esac
done
usable=$(ask "signed._pattern._status.$C" TXT)
for want in knot:yes bind:yes nsd:no yadifa:no; do
	grep -qw "$want" <<<"$usable" || fail "usable= of signed is not $want: $usable"
done
grep -q 'error=.*dnssec' <<<"$usable" || fail "no reason: $usable"
echo "signed: $usable"

# -- and all of it goes --------------------------------------------------------------

ctl export | cut -d' ' -f1 >"$T/all"
ctl del --from "$T/all" --wait=90 >/dev/null || fail "removal: $(ctl status)"
for k in $SERVER_KINDS; do
	while read -r z; do until_ok 30 refused_at "${PORT[$k]}" "$z" || fail "$k still serves $z"; done <"$T/all"
done
agent_down
