# proves: the driver contract, on a real BIND
KIND=bind INCLUDE=nsherd.conf HOLD=1
. "$(dirname "$0")/conformance.sh"
