# proves: the driver contract, on a real NSD
KIND=nsd INCLUDE=nsherd.conf
. "$(dirname "$0")/conformance.sh"
