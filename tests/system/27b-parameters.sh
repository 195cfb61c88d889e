# proves: zones bring parameters of every type to every server, bad ones are that zone's state alone, raw options and extends work
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/servers.sh"
. "$(dirname "$0")/cloud.sh"

for k in xfr.example other.example; do make_key $k; done
CLOUD_KEYS="
[key other.example]
file = $T/other.example.key"
start_cloud

# the hidden primary: each zone for one key
key_clause() { printf 'key:\n\tname: %s\n\talgorithm: hmac-sha256\n\tsecret: "%s"\n' "$1" "$(key_secret "$1")"; }
NSD_EXTRA="$(key_clause xfr.example)
$(key_clause other.example)
pattern:
	name: forxfr
	zonefile: \"shared.zone\"
	provide-xfr: 127.0.0.1 xfr.example
pattern:
	name: forother
	zonefile: \"shared.zone\"
	provide-xfr: 127.0.0.1 other.example"
start_nsd hidden
HIDDEN_PORT=$NSD_PORT
NSD_EXTRA=
shared_zone "$NSD_DIR/zones/shared.zone"
nsd_control addzone fed1.example forxfr >/dev/null && nsd_control addzone fed2.example forother >/dev/null || fail "the hidden primary"

# who is notified: writes down every name, and says that it heard. Knot comes by TCP.
SINK_PORT=$(free_port)
$PYTHON - "$SINK_PORT" "$T/notified" <<'P' &
import socket, struct, sys, threading, dns.flags, dns.message, dns.opcode


def hear(data):
    m = dns.message.from_wire(data)
    if m.opcode() == dns.opcode.NOTIFY:
        with open(sys.argv[2], "a") as f:
            print(m.question[0].name, file=f)
    m.flags |= dns.flags.QR
    return m.to_wire()


def hear_tcp(listener):
    while True:
        s = listener.accept()[0]
        with s, s.makefile("rb") as f:
            size = struct.unpack("!H", f.read(2).rjust(2, b"\0"))[0]
            if size:
                data = hear(f.read(size))
                s.sendall(struct.pack("!H", len(data)) + data)


peer = ("127.0.0.1", int(sys.argv[1]))
threading.Thread(target=hear_tcp, args=(socket.create_server(peer),), daemon=True).start()
udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
udp.bind(peer)
while True:
    data, peer = udp.recvfrom(65535)
    udp.sendto(hear(data), peer)
P
PIDS+=($!)

# -- patterns: a chain, with parameters added on the way --------------------------

mkdir -p "$T/patterns"
cat >"$T/patterns/own.template" <<'P'
$TTL ${ttl}
@ SOA ${nameserver} host.${zone}. ${serial} 3600 600 86400 300
@ NS ${nameserver}
@ TXT "colour=${colour}" "signer=${signer}" "hosts=${hosts}"
P
cat >"$T/patterns/base.ini" <<'P'
[pattern]
role           = primary
zonefile       = base/${zone}.zone
initial-file   = own.template
[param nameserver]
type           = name
required       = yes
[param ttl]
type           = number
default        = 3600
[param colour]
type           = keyword
default        = red
[param signer]
type           = key-name
default        = xfr.example
[param hosts]
type           = address-list
default        = 192.0.2.1
P
cat >"$T/patterns/middle.ini" <<'P'
[pattern]
extends        = base
zonefile       = own/${zone}.zone
allow-transfer = 127.0.0.1 key xfr.example
[param allow-transfer]
type           = address-list
P
cat >"$T/patterns/own.ini" <<'P'
[pattern]
description    = the end of the chain
extends        = middle
[param notify]
type           = address-list
[param ttl]
type           = number
default        = 7200
P
cat >"$T/patterns/fed.ini" <<P
[pattern]
role           = secondary
primaries      = 127.0.0.1@$(free_port)
zonefile       = fed/\${zone}.zone
[param primaries]
type           = address-list
[param allow-notify]
type           = address-list
P
cat >"$T/patterns/bindform.ini" <<P
[pattern]
extends        = fed
P

# raw options: each server's own, by a chain in which one section is replaced
cat >"$T/patterns/raw1.ini" <<'P'
[pattern]
role     = primary
zonefile = raw.shared
[nsd]
option   = provide-xfr: 127.0.0.8 NOKEY
option   = store-ixfr: no
[knot]
option   = acl: [operators]
option   = semantic-checks: soft
[bind]
option   = allow-query { 127.0.0.1; 127.0.0.6; };
option   = max-journal-size 1m; check-names ignore;
[yadifa]
option   = allow-transfer 127.0.0.6
option   = journal-size 65536
P
cat >"$T/patterns/raw2.ini" <<'P'
[pattern]
extends  = raw1
[nsd]
option   = provide-xfr: 127.0.0.6 NOKEY
P
printf '[pattern]\nextends = raw2\n' >"$T/patterns/raw3.ini"
# what no server takes; and what it would take, and may not be
cat >"$T/patterns/badraw.ini" <<'P'
[pattern]
role     = primary
zonefile = raw.shared
[nsd]
option   = nonsense: 1
[knot]
option   = nonsense: 1
[bind]
option   = nonsense 1;
[yadifa]
option   = nonsense 1
P
cat >"$T/patterns/evilraw.ini" <<'P'
[pattern]
role     = primary
zonefile = raw.shared
[nsd]
option   = zonefile: "/etc/passwd"
[knot]
option   = file: /etc/passwd
[bind]
option   = }; zone "evil.example" { type primary; file "/etc/passwd"; };
[yadifa]
option   = file /etc/passwd
P
# Knot's access lists are objects with names: one of the operator's
kc() { knotc -s "${DIR[knot]}/knot.sock" "$@" >/dev/null || fail "knotc $*"; }
kc conf-begin
kc conf-set 'acl[operators]'
kc conf-set 'acl[operators].address' 127.0.0.6
kc conf-set 'acl[operators].action' transfer
kc conf-commit
for k in $SERVER_KINDS; do shared_zone "${ZONES[$k]}/raw.shared"; done
cloud_agent

# -- a value of each type ------------------------------------------------------------

ctl add v.example -p own -P nameserver=NS1.example.net -P ttl=1234 -P colour=dark-blue -P signer=other.example \
	-P "hosts=192.0.2.7, 2001:db8::1@5353 key other.example" --wait=60 >/dev/null || fail "parameters: $(ctl status)"
ctl add d.example -p own -P nameserver=ns2.example.net. --wait=60 >/dev/null || fail "defaults: $(ctl status)"
for k in $SERVER_KINDS; do
	at_has "$k" v.example NS '^ns1\.example\.net\.$' || fail "$k: name: $(at "$k" v.example NS)"
	dig @127.0.0.1 -p "${PORT[$k]}" +norec +noall +answer v.example SOA | grep -q '[[:space:]]1234[[:space:]]' || fail "$k: number"
	at "$k" v.example TXT >"$T/txt"
	grep -q '"colour=dark-blue"' "$T/txt" || fail "$k: keyword: $(cat "$T/txt")"
	grep -q '"signer=other\.example\.*"' "$T/txt" || fail "$k: key-name: $(cat "$T/txt")"
	grep -q '"hosts=192\.0\.2\.7, 2001:db8::1@5353 key other\.example\.*"' "$T/txt" || fail "$k: address-list: $(cat "$T/txt")"
	at "$k" d.example TXT >"$T/txt"
	grep -q '"colour=red" "signer=xfr\.example\.*" "hosts=192\.0\.2\.1"' "$T/txt" || fail "$k: defaults: $(cat "$T/txt")"
	dig @127.0.0.1 -p "${PORT[$k]}" +norec +noall +answer d.example SOA | grep -q '[[:space:]]7200[[:space:]]' ||
		fail "$k: the default of the child"
	[ -f "${ZONES[$k]}/own/d.example.zone" ] || fail "$k: the file of the pattern in the middle"
done
echo "each type, defaults, required; extends"

# -- lists as parameters: who may transfer, who is notified -----------------------------

for k in $SERVER_KINDS; do
	transfers "$k" v.example -k "$T/xfr.example.key" || fail "$k: the pattern's allow-transfer"
done
ctl set v.example -P "allow-transfer=127.0.0.1 key other.example" --wait=60 >/dev/null || fail "set: $(ctl status)"
each 30 "the zone's own allow-transfer" transfers v.example -k "$T/other.example.key"
each 30 "the pattern's allow-transfer is left" transfers_not v.example -k "$T/xfr.example.key"
for k in $SERVER_KINDS; do
	transfers "$k" d.example -k "$T/other.example.key" && fail "$k: another zone has it, too"
done
ctl set v.example -P "notify=127.0.0.1@$SINK_PORT" --wait=60 >/dev/null || fail "set: $(ctl status)"
for k in $SERVER_KINDS; do
	sleep 0.2
	: >"$T/notified"
	sed -i "s/\(example\.net\.* host\.v\.example\. \)[0-9]*/\12000000001/" "${ZONES[$k]}/own/v.example.zone"
	ctl reload v.example -b "$k" >/dev/null || fail reload
	until_ok 40 grep -q '^v\.example\.$' "$T/notified" || fail "$k: the zone's own notify"
done
echo "allow-transfer and notify of a zone"

# -- primaries: as TXT, and as BIND's catalogs have it ---------------------------------

ctl add fed1.example -p fed -P "primaries=127.0.0.1@$HIDDEN_PORT key xfr.example" --wait=60 >/dev/null || fail "primaries: $(ctl status)"
ctl add fed2.example -p fed -P "primaries=127.0.0.1@$(free_port), 127.0.0.1@$HIDDEN_PORT key other.example" --wait=90 >/dev/null ||
	fail "primaries, the second: $(ctl status)"
for z in fed1 fed2; do each 30 "primaries" at_has $z.example TXT shared; done
# port 53 is what it is for: that it gets there can be seen in what they were told
bindform() { printf 'update add %s 0 %s\n' "$1.bf.zones.$C" "$2"; }
{
	printf 'update add bf.zones.%s 0 PTR bf.example.\nupdate add group.bf.zones.%s 0 TXT bindform\n' $C $C
	bindform ns1.primaries.ext 'A 127.0.0.11'
	bindform ns1.primaries.ext 'TXT "other.example"'
	bindform ns2.primaries.ext 'AAAA ::12'
	bindform primaries.ext 'A 127.0.0.13'
} | nsup >/dev/null || fail "the form of BIND"
knows() { # KIND: are the three primaries of bf.example in its configuration, the first with its key?
	case $1 in
	nsd)
		grep -q '^.request-xfr: 127\.0\.0\.11 "other\.example\."' "${DIR[nsd]}/nsherd/nsherd.conf" &&
			grep -q '^.request-xfr: ::12 NOKEY' "${DIR[nsd]}/nsherd/nsherd.conf" &&
			grep -q '^.request-xfr: 127\.0\.0\.13 NOKEY' "${DIR[nsd]}/nsherd/nsherd.conf" &&
			nsd-control -c "${DIR[nsd]}/nsd.conf" zonestatus bf.example | grep -q 'pattern: nsherd-bindform'
		;;
	knot)
		local template ids a
		kr() { knotc -s "${DIR[knot]}/knot.sock" conf-read "$1" 2>/dev/null | sed 's/.* = //'; }
		template=$(kr 'zone[bf.example].template')
		ids=$(kr "template[$template].master")
		[ "$(wc -w <<<"$ids")" = 3 ] || return 1
		for a in 127.0.0.11 ::12 127.0.0.13; do
			for id in $ids; do kr "remote[$id].address"; done | grep -qxF $a || return 1
		done
		for id in $ids; do kr "remote[$id].key"; done | grep -q '^other\.example'
		;;
	bind)
		rndc -c "${DIR[bind]}/rndc.conf" showzone bf.example |
			grep -q 'primaries { 127\.0\.0\.11 key "other.example"; 127\.0\.0\.13; ::12; }\|primaries { 127\.0\.0\.13; 127\.0\.0\.11 key "other.example"; ::12; }'
		;;
	yadifa)
		grep -A 5 'domain bf\.example' "${DIR[yadifa]}/nsherd/zones.conf" |
			grep 'primary ' | grep '127\.0\.0\.11 port 53 key other\.example' | grep '::12 port 53' | grep -q '127\.0\.0\.13 port 53'
		;;
	esac
}
each 40 "the form of BIND" knows
bindform ns2.primaries.ext 'TXT "stranger.example"' | nsup >/dev/null || fail "the form of BIND"
each 20 "an unknown key in the form of BIND" state_has bf.example 'error=parameter primaries: key stranger.example is not configured'
echo "primaries, in both forms"

# -- bad values ----------------------------------------------------------------------------

long=$(printf '%064d' 1)
while IFS='|' read -r id value error; do
	required=(-P nameserver=ns1.example.net.)
	[ "${value%%=*}" != nameserver ] || required=()
	ctl add "bad-$id.example" -p own "${required[@]}" -P "$value" >/dev/null || fail "the catalog does not take $value"
	each 20 "$value is not refused" state_has "bad-$id.example" state=unassigned
	each 20 "$value: no reason" state_has "bad-$id.example" "error=$error"
	# and of a zone that is served
	ctl set v.example -P "$value" >/dev/null || fail "the catalog does not take $value"
	each 20 "$value of a zone that is served" state_has v.example "error=$error"
	each 5 "$value of a zone that is served" is_serving v.example
	for k in $SERVER_KINDS; do
		served_at "${PORT[$k]}" v.example || fail "$k: $value: not served any more"
		refused_at "${PORT[$k]}" "bad-$id.example" || fail "$k: $value: served"
	done
	if [ ${#required[@]} -eq 0 ]; then
		ctl set v.example -P nameserver=ns1.example.net. >/dev/null || fail "set"
	else
		ctl set v.example -P "${value%%=*}=" >/dev/null || fail "set"
	fi
done <<N
name|nameserver=$long.example|parameter nameserver: .* is not a name
number|ttl=4294967296|parameter ttl: .* is not a number
sign|ttl=-1|parameter ttl: .* is not a number
word|colour=Dark Blue|parameter colour: .* is not a keyword
key|signer=stranger.example|parameter signer: key stranger.example is not configured
list|hosts=192.0.2.1, evil; } include|parameter hosts: .* is not ADDRESS
host|allow-transfer=name.example|parameter allow-transfer: .*name.example.* is not ADDRESS
port|notify=127.0.0.1@65536|parameter notify: .* is not ADDRESS
key2|notify=127.0.0.1 key stranger.example|parameter notify: key stranger.example is not configured
unknown|nonesuch=1|unknown parameter
N
ctl add bad-none.example -p own >/dev/null || fail add
each 20 "a required one is missing" state_has bad-none.example 'error=parameter nameserver is missing'
no_error() { state_at "$1" v.example | grep state=serving | grep -vq error=; }
each 30 "mended, and still an error" no_error
grep -rq 'evil\|stranger' "$T"/{nsd,bind,yadifa}/nsherd && fail "text from the catalog reached a configuration"
echo "bad values: a state of that zone, with the reason"

# -- raw options ----------------------------------------------------------------------------

ctl add raw.example -p raw3 --wait=60 >/dev/null || fail "raw: $(ctl status)"
transfers nsd raw.example -b 127.0.0.6 || fail "nsd: the option of the child"
transfers nsd raw.example -b 127.0.0.8 && fail "nsd: the option of the parent is left"
transfers knot raw.example -b 127.0.0.6 || fail "knot: its option"
transfers knot raw.example -b 127.0.0.8 && fail "knot: anybody may transfer"
transfers yadifa raw.example -b 127.0.0.6 || fail "yadifa: its option"
transfers yadifa raw.example -b 127.0.0.8 && fail "yadifa: anybody may transfer"
[ "$(from bind 127.0.0.6 raw.example SOA)" = NOERROR ] || fail "bind: its option"
[ "$(from bind 127.0.0.8 raw.example SOA)" = REFUSED ] || fail "bind: its option has no effect"
for p in badraw evilraw; do
	ctl add $p.example -p $p >/dev/null || fail add
	for k in $SERVER_KINDS; do
		until_ok 30 state_has "$k" $p.example state=failed || fail "$k: $p: $(status_of $p.example)"
		state_has "$k" $p.example error= || fail "$k: $p: no reason: $(status_of $p.example)"
		refused_at "${PORT[$k]}" $p.example || fail "$k: $p is served"
		refused_at "${PORT[$k]}" evil.example || fail "$k: evil.example is served"
	done
	ask "$p._pattern._status.$C" TXT | grep -q 'usable=nsd:no knot:no bind:no yadifa:no' ||
		fail "$p: $(ask "$p._pattern._status.$C" TXT)"
done
status_of badraw.example
each 10 "it spoiled the others" is_serving raw.example
ctl add after.example -p raw3 --wait=60 >/dev/null || fail "after bad options: $(ctl status)"
echo "raw options, of each server and in a chain"
agent_down
