# proves: the driver contract, on a real BIND
KIND=bind INCLUDE=nsherd.conf
. "$(dirname "$0")/conformance.sh"
