# proves: the driver contract, on a real PowerDNS by the exec driver and its HTTP API
KIND=powerdns NO_FILES=1 MANY=1000
. "$(dirname "$0")/conformance.sh"
