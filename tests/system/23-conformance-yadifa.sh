# proves: the driver contract, on a real YADIFA
KIND=yadifa INCLUDE=zones.conf
. "$(dirname "$0")/conformance.sh"
