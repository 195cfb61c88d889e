# proves: malformed, idle, slow and greedy peers get no more than their share, and the agent goes on
. "$(dirname "$0")/lib.sh"

write_agent ""
agent_up
add_zone a1 one.example primary || fail add
rss() { awk '/VmRSS/ {print $2}' "/proc/$AGENT_PID/status"; }
before=$(rss)
SECRET=$(key_secret ctl.example) $PYTHON "$(dirname "$0")/hostile.py" "$AGENT_PORT" $C >"$T/hostile.log" 2>&1 || { cat "$T/hostile.log"; fail "hostile.py"; }
cat "$T/hostile.log"
[ "$(ask one.example._status.$C TXT | grep -c id=a1)" = 1 ] || fail "the agent does not answer any more"
after=$(rss)
echo "resident memory: $before kB before, $after kB after"
fds=$(ls "/proc/$AGENT_PID/fd" | wc -l)
[ "$fds" -lt 60 ] || fail "$fds descriptors are open"
agent_down
