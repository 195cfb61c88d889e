# proves: under load and faults of a fixed seed nothing acknowledged is lost, nothing refused is there, no status is false, and all comes right
# The short form of `make soak`: what it does is the seed's, when it does so the machine's.
PORTS_OF=$0 SOAK_SEED=${SOAK_SEED:-5} SOAK_TIME=${QUICK:+10} SOAK_KINDS=${SOAK_KINDS:-nsd knot}
SOAK_FAULTS="kill-agent stop-agent freeze-agent kill-server disk-full partition hostile-primary hail"
export SOAK_KEEP=0 PORTS_OF SOAK_SEED SOAK_TIME=${SOAK_TIME:-20} SOAK_LULL=20 SOAK_KINDS SOAK_FAULTS
exec "$(dirname "$0")/../soak/run"
