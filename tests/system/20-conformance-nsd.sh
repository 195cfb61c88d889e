# proves: the driver contract, on a real NSD
KIND=nsd INCLUDE=nsherd.conf HOLD=1
. "$(dirname "$0")/conformance.sh"
