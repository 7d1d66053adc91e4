#!/bin/sh
# What a channel makes of servers that die, come back or are slow. Prints a table of figures a test, and what each had
# to be.
#
#   scripts/failover.sh                  # all
#   scripts/failover.sh --quick          # all, short
#   scripts/failover.sh round-robin      # calls over four servers, each killed (-9) and started again in turn
#   scripts/failover.sh restart          # calls to one server that is killed and started again, 100 times
#   scripts/failover.sh hedging          # calls to a server of which 1 % are slow, with hedging and without
#   scripts/failover.sh --no-build       # with what was built before
#
# FAILOVER_PORT  the first of four ports for the servers, outside of those that outgoing connections get; 21600
#
# The exit status is 0 when nothing is short, 1 when something is, 2 when a tool is missing or a server did not start.
set -eu

repository=$(cd "$(dirname "$0")/.." && pwd)
program=${CARGO_TARGET_DIR:-$repository/target}/release/failover
tests='' quick='' build=yes
while [ $# -gt 0 ]; do
    case $1 in
    --quick) quick=--quick ;;
    --no-build) build='' ;;
    -h | --help) sed -n '2,/^set/{s/^# \{0,1\}//;/^set/d;p;}' "$0" && exit ;;
    round-robin | restart | hedging) tests="$tests $1" ;;
    *) echo "failover.sh: $1 is not known; see --help" >&2 && exit 64 ;;
    esac
    shift
done
if [ -n "$build" ]; then
    command -v cargo >/dev/null || { echo 'failover.sh needs cargo: install Rust' >&2 && exit 2; }
    (cd "$repository" && cargo build --quiet --release -p seltzer-peers --bin failover) >&2
fi

status=0
for test in ${tests:-round-robin restart hedging}; do
    code=0
    # shellcheck disable=SC2086 # it is nothing or one word
    "$program" "$test" --port "${FAILOVER_PORT:-21600}" $quick || code=$?
    [ "$code" -le "$status" ] || status=$code
    echo
done
exit $status
