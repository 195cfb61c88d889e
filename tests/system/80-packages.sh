# proves: the packages install, start nothing, serve a zone by the README's words, upgrade and purge
. "$(dirname "$0")/lib.sh"

ROOT=$(cd "$(dirname "$0")/../.." && pwd)
[ -x "$B/nsherd-netconfd" ] || skip "nsherd-netconfd is not built, and is one of the packages"
D=$T/debs

# -- what is in them -----------------------------------------------------------------

DEB_BUILD_OPTIONS='nostrip noautodbgsym' make -C "$ROOT" --no-print-directory deb D="$D" PREBUILT="$B" \
	>"$T/build.out" 2>&1 || { tail -n 40 "$D/build.log" "$T/build.out"; fail "make deb"; }
[ "$(ls "$D"/*.deb | wc -l)" -eq 3 ] || fail "not three packages: $(ls "$D")"
for p in nsherd nsherd-ctl nsherd-netconf; do
	dpkg-deb -c "$D/$p"_*.deb | awk '!/^d/ { print $1, $2, substr($6, 2) }' |
		tee "$T/$p.list" | cut -d' ' -f3 >"$T/$p.files"
	mkdir "$T/$p.control"
	dpkg-deb -e "$D/$p"_*.deb "$T/$p.control"
	for s in "$T/$p.control"/*; do
		case $(head -c 2 "$s") in '#!') sh -n "$s" || fail "$p: ${s##*/}" ;; esac
	done
done
has() { # PACKAGE FILE...
	local p=$1
	shift
	for f; do grep -qxF "$f" "$T/$p.files" || fail "$p: no $f"; done
}
has nsherd /usr/sbin/nsherdd /lib/systemd/system/nsherdd.service /usr/lib/tmpfiles.d/nsherd.conf \
	/usr/share/nsherd/nsherd.conf /usr/share/nsherd/join-servers /usr/share/doc/nsherd/copyright
for f in "$ROOT"/patterns/*.ini "$ROOT"/patterns/*.zone; do has nsherd "/usr/share/nsherd/patterns/${f##*/}"; done
for f in "$ROOT"/doc/man/*; do
	case ${f##*/} in
	nsherdctl*) p=nsherd-ctl ;;
	*netconf*) p=nsherd-netconf ;;
	*) p=nsherd ;;
	esac
	has $p "/usr/share/man/man${f##*.}/${f##*/}.gz"
done
has nsherd-ctl /usr/bin/nsherdctl /usr/share/bash-completion/completions/nsherdctl
has nsherd-netconf /usr/sbin/nsherd-netconfd /usr/share/nsherd/yang/nsherd.yang \
	/lib/systemd/system/nsherd-netconfd.service
cat "$T"/*.files | sort | uniq -d | grep . && fail "a file in two packages"
grep -h ' /etc/' "$T"/*.list && fail "a configuration that is not the operator's"
grep -hvE '^(-rw-r--r--|-rwxr-xr-x|l[rwx]{9}) root/root ' "$T"/*.list && fail "modes"

# -- the units -----------------------------------------------------------------------

# Of 100, where less is less exposed. An older systemd knows no --threshold.
if systemd-analyze security --help 2>/dev/null | grep -q -- --threshold; then
	for u in nsherdd nsherd-netconfd; do
		systemd-analyze security --offline=true --threshold=20 "$ROOT/packaging/$u.service" \
			>"$T/out" 2>&1 || { grep '✗\|→' "$T/out"; fail "$u.service is exposed"; }
	done
fi

# -- in a root of their own ----------------------------------------------------------

# The machine's own root, with whatever is changed kept in memory until this ends.
[ "$(id -u)" -eq 0 ] || skip "contents are right; only root can install"
mkdir "$T/over"
unshare --mount --propagation private sh -c 'mount -t tmpfs tmpfs "$1" && cd "$1" &&
	mkdir upper work root && mount -t overlay -o lowerdir=/,upperdir="$1/upper,workdir=$1/work" overlay root' \
	sh "$T/over" >"$T/out" 2>&1 || skip "contents are right; no overlay to install in: $(head -n 1 "$T/out")"
write_agent # for its port
NSD_PORT=$(free_port) NETCONF_PORT=$(free_port)
export T D ROOT C WAIT PYTHON AGENT_PORT NSD_PORT NETCONF_PORT
unshare --mount --propagation private --pid --fork --kill-child \
	bash "$ROOT/tests/system/packages_root.sh" >"$T/root.log" 2>&1
case $? in
0) ;;
77) skip "contents are right; no root to install in: $(tail -n 1 "$T/root.log")" ;;
*) fail "in a root of its own" ;;
esac
grep -q '^all of it$' "$T/root.log" || fail "not all of it"
