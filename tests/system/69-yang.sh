# proves: the YANG modules and their examples are valid, the examples do what they say on a real server, netconf.conf(5) has every setting and no other
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/netconf.sh"

ROOT=$(cd "$(dirname "$0")/../.." && pwd)
[ -x "$NETCONFD" ] || skip "built without NETCONF"
cd "$ROOT/yang" || fail "no modules"

# -- yanglint --------------------------------------------------------------------

lint() { yanglint -p . -p ietf "$@" >"$T/lint.log" 2>&1; }
for m in nsherd.yang ietf/*.yang; do
	lint "$m" || { cat "$T/lint.log"; fail "$m"; }
done
MODULES="nsherd.yang $(echo ietf/ietf-netconf@*.yang) $(echo ietf/notifications@*.yang)"
FEATURES=ietf-netconf:writable-running,candidate,rollback-on-error,validate,xpath
n=0
for f in examples/*.xml; do
	case $f in
	*/config-*) set -- -t config ;;
	*/data-*) set -- -t get ;;
	*/rpc-*) set -- -F $FEATURES -t nc-rpc ;;
	*/notification-*) set -- -t nc-notif ;;
	*) fail "$f: what is it an example of?" ;;
	esac
	# shellcheck disable=SC2086
	lint "$@" $MODULES "$f" || { cat "$T/lint.log"; fail "$f"; }
	n=$((n + 1))
done
[ $n -ge 10 ] || fail "only $n examples"
sed 's/shop.example/Shop.example/' examples/config-zones.xml >"$T/bad.xml"
lint -t config nsherd.yang "$T/bad.xml" && fail "a name in upper case is valid"

# -- on a real server --------------------------------------------------------------

start_nsd
write_patterns 127.0.0.1 "$(free_port)"
shared_zone "$NSD_DIR/zones/shared.zone"
write_agent "$(netconf_keys)
$(nsd_backend)"
agent_up
netconf_up
cat >"$T/run.py" <<'P'
import os, re, sys
from ncclient import manager
from ncclient.xml_ import to_ele

T = os.environ["T"]
m = manager.connect(host="127.0.0.1", port=int(os.environ["NETCONF_SSH"]), username="alice", timeout=60,
                    key_filename=T + "/alice", hostkey_verify=False, allow_agent=False, look_for_keys=False)
for name in sys.argv[1:]:
    text = re.sub(r"<!--.*?-->", "", open("examples/" + name + ".xml").read(), flags=re.S)
    if name.startswith("config-"):
        config = '<config xmlns="urn:ietf:params:xml:ns:netconf:base:1.0">%s</config>' % text
        reply = m.edit_config(target="running", config=config)
    else:
        # ncclient makes the rpc around it, with an id of its own
        reply = m.dispatch(to_ele(re.search(r"<rpc[^>]*>(.*)</rpc>", text, re.S).group(1).replace(
            "<get>", '<get xmlns="urn:ietf:params:xml:ns:netconf:base:1.0">').replace(
            "<get-config>", '<get-config xmlns="urn:ietf:params:xml:ns:netconf:base:1.0">').replace(
            "<edit-config>", '<edit-config xmlns="urn:ietf:params:xml:ns:netconf:base:1.0">').strip()))
    print(name, str(reply))
P
export T NETCONF_SSH
run() { $PYTHON "$T/run.py" "$@" >"$T/run.out" 2>&1 || { cat "$T/run.out"; fail "$*"; }; }
served() { until_ok 60 served_at "$NSD_PORT" "$1" || fail "$1 is not served"; }

run rpc-add-zone
served shop.example
$PYTHON "$T/run.py" rpc-add-zone 2>&1 | grep -q 'is there already' || fail "created twice"
run rpc-change-pattern
until_ok 60 status_has shop.example pattern=shared || fail "another pattern"
run rpc-delete-zone
until_ok 60 refused_at "$NSD_PORT" shop.example || fail "shop.example is not gone"
run config-zones
served 0/25.2.0.192.in-addr.arpa
run rpc-get-zone rpc-get-names rpc-zone-command rpc-subscribe rpc-guard-release
grep -q '<state>' "$T/run.out" || fail "no state of a zone"
[ "$(grep '^rpc-get-names' "$T/run.out" | grep -o '<domain>' | wc -l)" -eq 3 ] || fail "not three names"
run rpc-reload-zone
until_ok 30 status_has shop.example last-command=reload:ok || fail "not reloaded"
ask _log.$C AXFR | grep 'op=release' | grep -q 'origin=alice' || fail "no origin in the history"
# what a get has is valid data, too
cat >"$T/get.py" <<'P'
import os, re
exec(open(os.environ["T"] + "/run.py").read().split("for name")[0])
NS = "urn:nsherd:params:xml:ns:yang:nsherd"
reply = str(m.get(filter=("subtree", '<dns-server xmlns="%s"/>' % NS)))
audit = str(m.get(filter=("subtree", '<dns-server xmlns="%s"><audit/></dns-server>' % NS)))
for name, text in ("all", reply), ("audit", audit):
    open(os.environ["T"] + "/%s.xml" % name, "w").write(re.search(r"<data>(.*)</data>", text, re.S).group(1))
P
$PYTHON "$T/get.py" >"$T/run.out" 2>&1 || { cat "$T/run.out"; fail get; }
for f in all audit; do
	lint -t get nsherd.yang "$T/$f.xml" || { cat "$T/lint.log"; fail "get: $f"; }
done
grep -q '<origin>alice</origin>' "$T/audit.xml" || fail "no origin in audit"
netconf_down

# -- the configuration ---------------------------------------------------------------

MAN=$ROOT/doc/man/netconf.conf.5
settings() { awk -v head=".Sh $1" '/^\.Sh/ { on = $0 == head } on' "$MAN" | sed -n 's/^\.It Cm \([a-z-]*\) No = .*/\1/p' | sort; }
for part in "NETCONF netconf" "USERS user"; do
	settings "${part% *}" >"$T/in.page"
	sed -n "/^static const struct setting ${part#* }_settings/,/^};/s/^ *{\"\([a-z-]*\)\".*/\1/p" \
		"$ROOT/netconf/conf.c" | sort >"$T/in.source"
	[ -s "$T/in.page" ] || fail "nothing in the page"
	diff "$T/in.page" "$T/in.source" || fail "netconf.conf(5): < in the page alone, > in the program alone"
done
check() { "$NETCONFD" -t -c "$1" >"$T/out" 2>&1; }
check "$T/netconf.conf" || { cat "$T/out"; fail "the configuration that ran"; }
while IFS='|' read -r change wanted; do
	sed "$change" "$T/netconf.conf" >"$T/bad.conf"
	check "$T/bad.conf" && fail "taken: $change"
	grep -q "$wanted" "$T/out" || { cat "$T/out"; fail "no '$wanted' of $change"; }
done <<'N'
s/^catalog.*/nonesuch = 1/|nonesuch: unknown setting
s/^catalog.*//|no catalog
s/^listen-ssh.*/listen-ssh = here/|not ADDRESS
s/^host-key.*//|without a host-key
s/^\[user bob\]/[user alice]/|given twice
s/^\[user bob\]/[other]/|unknown section
s/^log .*/workers = 9/|from 1 to 4
s/^certificate.*/certificate = 01:02/|SHA-256
s/^log .*/cert-to-name = common-name/|one of the two
s/^tls-ca.*/tls-ca = nonesuch/|cannot be read
s!^host-key.*!host-key = /etc/passwd!|no private key of SSH
s!^tls-cert.*!tls-cert = /etc/passwd!|no certificate
s/^yang-dir.*/yang-dir = nonesuch/|nonesuch
N
chmod 644 "$T/alice.key.example.key"
check "$T/netconf.conf" && fail "a key that others can read"
agent_down
