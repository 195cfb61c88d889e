# proves: the driver contract, on a real Knot
KIND=knot INCLUDE=
. "$(dirname "$0")/conformance.sh"
