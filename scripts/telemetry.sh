#!/bin/sh
# Whether metrics mean the same as gRPC's own: the same calls are made with grpc-go, client and server with its
# OpenTelemetry plugin, and with ours, and what both have measured is compared: names, units, labels and their values,
# bounds, how many calls, and how large. Prints a table, what differs, and why where that is known.
#
#   scripts/telemetry.sh
#
# TELEMETRY_GO     what makes the calls with grpc-go; without it Go builds scripts/telemetry into the target directory
# TELEMETRY_CALLS  a `telemetry_calls`; without it one is built
#
# The exit status is 0 when nothing differs that is not explained, 1 when something does, 2 when a tool is missing.
set -eu

repository=$(cd "$(dirname "$0")/.." && pwd)
target=${CARGO_TARGET_DIR:-$repository/target}
case ${1:-} in
'') ;;
*) sed -n '2,/^set/{s/^# \{0,1\}//;/^set/d;p;}' "$0" && exit ;;
esac
need() {
    command -v "$1" >/dev/null || { echo "telemetry.sh needs $1: $2" >&2 && exit 2; }
}

need python3 "install Python 3 (Debian: python3)"
if [ -z "${TELEMETRY_GO:-}" ]; then
    need go "install Go, or set TELEMETRY_GO"
    TELEMETRY_GO=$target/judges/telemetry
    (cd "$repository/scripts/telemetry" && go build -o "$TELEMETRY_GO" .) >&2
fi
if [ -z "${TELEMETRY_CALLS:-}" ]; then
    need cargo "install Rust, or set TELEMETRY_CALLS"
    (cd "$repository" && cargo build --quiet -p seltzer-peers --features interop,telemetry --bin telemetry_calls) >&2
    TELEMETRY_CALLS=$target/debug/telemetry_calls
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
"$TELEMETRY_GO" >"$work/theirs"
"$TELEMETRY_CALLS" >"$work/ours"
python3 "$repository/scripts/telemetry/compare.py" "$work/theirs" "$work/ours"
