# SPDX-License-Identifier: BSD-2-Clause
# Of 80-packages.sh, in mount and pid name spaces of its own: installs the packages of
# $D in an overlay of the machine's root. What is written goes to memory, and away with
# the name spaces; the machine's packages, users and services are not touched.
# shellcheck shell=bash

set -u
O=$T/over R=$T/over/root
mount -t tmpfs tmpfs "$O" && mkdir "$O/upper" "$O/work" "$R" || exit 77

fail() {
	tail -n 20 "$T/nsd.out" "$T/agent.out" "$T/dpkg.out" 2>/dev/null
	printf 'FAIL: %s\n' "$*" | tee -a "$T/.reason"
	exit 1
}
mount -t overlay -o "lowerdir=/,upperdir=$O/upper,workdir=$O/work" overlay "$R" || exit 77
mount -t proc proc "$R/proc" && mount -t tmpfs tmpfs "$R/run" && mount --rbind /dev "$R/dev" ||
	exit 77
mkdir -p "$R$T" "$R$ROOT" && mount --bind "$T" "$R$T" && mount --bind "$ROOT" "$R$ROOT" || exit 77
rm -f "$R/usr/sbin/policy-rc.d"
# What takes long and is of no use here: the index of the manual, and to be on disk.
rm -f "$R/var/lib/man-db/auto-update"
echo force-unsafe-io >"$R/etc/dpkg/dpkg.cfg.d/quick"
mkdir -p "$R/run/systemd/system" "$R/run/lock"

in_root() { chroot "$R" "$@"; }
until_ok() { # SECONDS COMMAND...
	local end=$(($(date +%s) + $1 * WAIT))
	shift
	until "$@" >/dev/null 2>&1; do
		[ "$(date +%s)" -lt "$end" ] || return 1
		sleep 0.1
	done
}
is() { # WHAT IT-IS WHAT-IT-MUST-BE
	[ "$2" = "$3" ] || fail "$1: $2, not $3"
}
owner() { in_root stat -c '%U:%G %a' "$1"; }

# What starts services is told apart from what would be told to: this writes down its
# orders, and starts what the README starts, with the rights that the units give.
cat >"$R/usr/bin/systemctl" <<'S'
#!/bin/sh
echo "$*" >>/run/systemctl.log
case $* in
'restart nsd')
	[ ! -f /run/nsd.pid ] || { kill "$(cat /run/nsd.pid)"; while kill -0 "$(cat /run/nsd.pid)" 2>/dev/null; do sleep 0.1; done; }
	# nsd.service, and the drop-in of the package: root, but without its rights
	mkdir -p /run/nsd
	more=$(sed -n 's/^CapabilityBoundingSet=CAP_//p' /etc/systemd/system/nsd.service.d/nsherd.conf \
		/lib/systemd/system/nsd.service.d/nsherd.conf 2>/dev/null | tr A-Z a-z | head -n 1)
	setpriv --no-new-privs --inh-caps=-all \
	    --bounding-set=-all,+chown,+ipc_lock,+net_bind_service,+net_admin,+net_raw,+setgid,+setuid,+sys_chroot${more:+,+$more} \
	    nsd -d -P "" >>"$T/nsd.out" 2>&1 </dev/null &
	echo $! >/run/nsd.pid ;;
'enable --now nsherdd')
	setpriv --reuid=nsherd --regid=nsherd --init-groups --no-new-privs --inh-caps=-all --bounding-set=-all \
	    nsherdd >>"$T/agent.out" 2>&1 </dev/null &
	echo $! >/run/agent.pid ;;
'reload nsherdd') kill -HUP "$(cat /run/agent.pid)" ;;
'enable --now nsherd-netconfd')
	setpriv --reuid=nsherd-netconf --regid=nsherd-netconf --init-groups --no-new-privs --inh-caps=-all --bounding-set=-all \
	    nsherd-netconfd >>"$T/netconf.out" 2>&1 </dev/null &
	echo $! >/run/netconf.pid ;;
esac
S
chmod 755 "$R/usr/bin/systemctl"
told() { in_root cat /run/systemctl.log; }
# Orders that start something, or will.
started() { told | grep -E '(^| )(start|restart|enable|unmask|reload-or-restart)( |$)' | grep nsherd; }

nsherd_packages() { in_root sh -c "dpkg -i --force-confdef $D/*.deb" >"$T/dpkg.out" 2>&1; }

# -- installed: users, rights, and nothing else -----------------------------------------

nsherd_packages || fail "dpkg -i"
grep -q 'Processing triggers for nsherd ' "$T/dpkg.out" || fail "servers that are installed with it are not seen"
for g in nsd knot bind yadifa; do
	in_root id -nG nsherd | grep -qw $g || fail "nsherd is not in $g: $(in_root id nsherd)"
done
in_root id nsherd-netconf >/dev/null || fail "no user nsherd-netconf"
for d in nsd:/etc/nsd/nsherd nsd:/var/lib/nsd/nsherd knot:/var/lib/knot/nsherd bind:/etc/bind/nsherd \
	bind:/var/lib/bind/nsherd yadifa:/etc/yadifa/nsherd yadifa:/var/lib/yadifa/nsherd; do
	is "$d" "$(owner "${d#*:}")" "nsherd:${d%%:*} 2770"
done
for f in nsd:/etc/nsd/nsherd/nsherd.conf bind:/etc/bind/nsherd/nsherd.conf yadifa:/etc/yadifa/nsherd/zones.conf; do
	is "$f" "$(owner "${f#*:}")" "nsherd:${f%%:*} 640"
done
is keys "$(owner /etc/nsherd/keys)" 'root:nsherd 2750'
is netconf "$(owner /etc/nsherd/netconf)" 'root:nsherd-netconf 2750'
is state "$(owner /var/lib/nsherd)" 'nsherd:nsherd 700'
[ ! -e "$R/etc/nsherd/nsherd.conf" ] || fail "a configuration nobody made"
started && fail "something was started"
find "$R"/etc/systemd -name '*nsherd*' | grep . && fail "a unit is enabled"
in_root systemd-analyze --man=no verify /lib/systemd/system/nsherdd.service \
	/lib/systemd/system/nsherd-netconfd.service >"$T/out" 2>&1
grep nsherd "$T/out" && fail "systemd-analyze verify"
for u in nsherdd nsherd-netconfd; do
	grep -q '^ConditionPathExists=/etc/nsherd/' "$R/lib/systemd/system/$u.service" || fail "$u: no condition"
done
in_root bash -c '. /usr/share/bash-completion/completions/nsherdctl && complete -p nsherdctl' >/dev/null ||
	fail completion

# A server that comes later, as its package would tell
in_root gpasswd --delete nsherd bind >/dev/null
rm -r "$R/etc/bind/nsherd" "$R/var/lib/bind/nsherd"
in_root sh -c 'dpkg-trigger --by-package=bind9 /usr/sbin/named && dpkg --triggers-only nsherd' \
	>"$T/dpkg.out" 2>&1 || fail "the trigger"
in_root id -nG nsherd | grep -qw bind || fail "not in the group of a server that came later"
is "bind's" "$(owner /var/lib/bind/nsherd)" 'nsherd:bind 2770'
told | grep -q 'try-restart nsherdd.service' || fail "an agent that runs would not get the group"

# -- configured by the words of the README, at other ports -------------------------------

printf 'server:\n\tip-address: 127.0.0.1@%s\n\tlog-only-syslog: no\n' "$NSD_PORT" >"$R/etc/nsd/nsd.conf.d/port.conf"
sed -i "s/@5300/@$AGENT_PORT/; s/127\.0\.0\.1@53$/127.0.0.1@$NSD_PORT/; s/, ::1.*//" "$R/usr/share/nsherd/nsherd.conf"
export NSHERD_SERVER=127.0.0.1@$AGENT_PORT
block() { # N [SECTION]: of the section Install, or that one
	awk -v want="$1" -v section="## ${2-Install}" '/^## / { on = $0 == section }
		on && /^```/ { inside = !inside; if (inside) n++; next }
		on && inside && n == want' "$ROOT/README.md" | tee "$T/block" | grep -q . || fail "README: no block $1"
	sed -i "s/dig @127.0.0.1 /&-p $NSD_PORT /; s/--wait\$/--wait=$((20 * WAIT))/" "$T/block"
}
said() { in_root bash -e "$T/block" >"$T/said.out" 2>&1 || { cat "$T/block" "$T/said.out"; fail "README: $1"; }; }
block 2 && said "the server"
until_ok 20 in_root nsd-control status || fail "nsd is not up"
block 3 && said "the agent"
until_ok 20 in_root nsherdctl -k /etc/nsherd/keys/ctl.key -z "$C" list || fail "the agent does not answer"
block 4 && said "a zone"
grep -q 'shop.example *nsd1 *serving' "$T/said.out" || { cat "$T/said.out"; fail "not served"; }
grep -q '^shop.example.*SOA' "$T/said.out" || { cat "$T/said.out"; fail "no answer"; }
grep -q 'deploy: .*zone=shop.example op=add ok' "$T/agent.out" || fail "the log does not say what was done"
is "a zone file" "$(owner /var/lib/nsd/nsherd/shop.example.zone)" 'nsherd:nsd 640'
is "the include" "$(owner /etc/nsd/nsherd/nsherd.conf)" 'nsherd:nsd 640'

# The gateway, by the README's words, too
mkdir -p "$R/home/alice/.ssh"
in_root ssh-keygen -q -t ed25519 -N '' -f /home/alice/.ssh/id_ed25519 || fail "ssh-keygen"
sed -i "s/@5300/@$AGENT_PORT/; s/@830/@$NETCONF_PORT/" "$R/usr/share/nsherd/netconf.conf"
block 1 NETCONF && sed -i '/^ssh /d' "$T/block" && said "NETCONF"
zones_by_netconf() {
	local base=urn:ietf:params:xml:ns:netconf:base:1.0
	printf '%s]]>]]>' "<hello xmlns=\"$base\"><capabilities><capability>urn:ietf:params:netconf:base:1.0</capability></capabilities></hello>" \
		"<rpc xmlns=\"$base\" message-id=\"1\"><get-config><source><running/></source></get-config></rpc>" \
		"<rpc xmlns=\"$base\" message-id=\"2\"><close-session/></rpc>" |
		in_root timeout $((10 * WAIT)) ssh -F /dev/null -o BatchMode=yes -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null \
			-i /home/alice/.ssh/id_ed25519 -s -p "$NETCONF_PORT" alice@127.0.0.1 netconf >"$T/netconf.xml" 2>&1
	grep -q '<domain>shop.example</domain>' "$T/netconf.xml"
}
until_ok 20 zones_by_netconf || { cat "$T/netconf.xml" "$T/netconf.out"; fail "README: no zones by NETCONF"; }
in_root sh -c 'kill $(cat /run/netconf.pid)'

# Whose rights are missing is said, with what to do about it
check() { in_root runuser -u nsherd -- nsherdd -t >"$T/said.out" 2>&1; }
says() { grep -q "$1" "$T/said.out" || { cat "$T/said.out"; fail "nsherdd -t does not say: $1"; }; }
check && [ ! -s "$T/said.out" ] || { cat "$T/said.out"; fail "nsherdd -t"; }
in_root gpasswd --delete nsherd nsd >/dev/null
check && fail "nsherdd -t without the server's group"
says 'control /run/nsd/nsd.sock: Permission denied: nsherd is not in its group nsd (mode 0660)'
in_root gpasswd --add nsherd nsd >/dev/null
in_root setpriv --reuid=nsherd --regid=nsherd --clear-groups nsherdd -t >"$T/said.out" 2>&1 &&
	fail "nsherdd -t, started before it was in the group"
says 'nsherd is in its group nsd by now, but was not when this was started'
in_root chgrp nsherd /etc/nsd/nsherd
in_root chmod 2750 /var/lib/nsd/nsherd
check || { cat "$T/said.out"; fail "what is for the server is no fault"; }
says "warning: backend nsd1: /etc/nsd/nsherd: the server's user nsd is not in its group"
says "warning: backend nsd1: /var/lib/nsd/nsherd: the server's user nsd cannot write to it"
in_root chgrp nsd /etc/nsd/nsherd
in_root chmod 2770 /var/lib/nsd/nsherd
in_root sh -c 'install -d -o nsherd -g nsd -m 2770 /srv/zones && sed "s#/var/lib/nsd/nsherd#/srv/zones#" \
	/etc/nsherd/nsherd.conf >/srv/odd.conf && chmod 644 /srv/odd.conf &&
	runuser -u nsherd -- nsherdd -t -c /srv/odd.conf' >"$T/said.out" 2>&1 || fail "nsherdd -t elsewhere"
says "nsd.service) can write only below /var/lib/nsd"
# A socket that nobody may read, as Knot's is
in_root $PYTHON -c 'import os, socket
s = socket.socket(socket.AF_UNIX); s.bind("/srv/knot.sock"); os.chmod("/srv/knot.sock", 0o220)
import shutil; shutil.chown("/srv/knot.sock", "knot", "knot")
open("/srv/knot.conf", "w").write(open("/etc/nsherd/nsherd.conf").read() + """
[backend knot1]
driver = knot
control = /srv/knot.sock
confdb = /srv
zone-dir = /var/lib/knot/nsherd
""")'
in_root runuser -u nsherd -- nsherdd -t -c /srv/knot.conf >"$T/said.out" 2>&1 ||
	{ cat "$T/said.out"; fail "nsherdd -t with the socket of Knot"; }

stop_agent() {
	in_root sh -c 'kill $(cat /run/agent.pid)'
	until_ok 20 in_root sh -c '! kill -0 $(cat /run/agent.pid)' || fail "the agent does not stop"
}
# The server starts again with it, and without the agent
stop_agent
in_root systemctl restart nsd
served() { dig @127.0.0.1 -p "$NSD_PORT" +norec +time=1 +tries=1 shop.example SOA | grep -q 'flags: qr aa.*ANSWER: 1'; }
until_ok 20 served || fail "nsd does not start again with what the agent wrote"

# -- upgraded, removed, purged -----------------------------------------------------------

state() { in_root sh -c 'cd / && find etc/nsherd var/lib/nsherd etc/nsd var/lib/nsd/nsherd -type f -o -type d |
	grep -v "lock$" | sort | xargs stat -c "%n %U:%G %a"; cat etc/nsherd/nsherd.conf etc/nsherd/keys/*'; }
state >"$T/before"
in_root sh -c ': >/run/systemctl.log'
nsherd_packages || fail "upgrade"
state | diff "$T/before" - || fail "an upgrade changes what is there"
started && fail "an upgrade starts what was not running"
told | grep -q 'try-restart nsherdd.service' || fail "an upgrade does not restart what runs"
told | grep -q 'try-restart nsherd-netconfd.service' || fail "an upgrade does not restart the gateway"
in_root systemctl enable --now nsherdd
until_ok 20 in_root nsherdctl -k /etc/nsherd/keys/ctl.key -z "$C" list || fail "the agent after the upgrade"
in_root nsherdctl -k /etc/nsherd/keys/ctl.key -z "$C" list | grep -q shop.example || fail "the catalog is lost"
stop_agent

in_root dpkg -r nsherd nsherd-ctl nsherd-netconf >"$T/dpkg.out" 2>&1 || fail remove
for u in nsherdd nsherd-netconfd; do
	told | grep -q "stop $u.service" || fail "removed, and $u runs on"
done
in_root sh -c 'test -s /etc/nsherd/nsherd.conf && test -s /var/lib/nsherd/catalog.mdb' || fail "removed is not purged"
in_root dpkg -P nsherd >"$T/dpkg.out" 2>&1 || fail purge
grep -q '/etc/nsd/nsherd is kept' "$T/dpkg.out" || fail "does not say what is kept"
[ -s "$R/etc/nsd/nsherd/nsherd.conf" ] || fail "what the server still includes is gone"
served || fail "not served after the purge"
in_root systemctl restart nsd
until_ok 20 served || fail "nsd does not start again after the purge"
for g in nsd knot bind yadifa; do
	in_root id -nG nsherd | grep -qw $g && fail "nsherd is still in $g"
done

# Once the server does not need it, nothing is left.
rm "$R/etc/nsd/nsd.conf.d/nsherd.conf"
nsherd_packages || fail "installed again"
[ ! -e "$R/etc/systemd/system/nsd.service.d" ] || fail "the drop-in is there twice"
in_root dpkg -P nsherd nsherd-ctl nsherd-netconf >"$T/dpkg.out" 2>&1 || fail "purge"
grep 'is kept' "$T/dpkg.out" && fail "something is kept"
find "$R"/etc "$R"/usr "$R"/lib "$R"/run "$R"/var -xdev -path "$R$ROOT" -prune -o -path "$R$T" -prune -o \
	-name '*nsherd*' ! -path '*/__pycache__/*' -print >"$T/left"
left=$(while read -r f; do # what was on the machine before is not of these packages
	[ -e "${f#"$R"}" ] || echo "${f#"$R"}"
done <"$T/left")
[ -z "$left" ] || fail "left after the purge: $left"
in_root dpkg-query -W 'nsherd*' 2>/dev/null | grep . && fail "dpkg remembers something"
in_root sh -c 'kill $(cat /run/nsd.pid)'
echo 'all of it'
