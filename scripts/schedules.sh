#!/usr/bin/env bash
# Runs what tasks share (locks, queues, wakers) under very many orders of events: tests/schedules.
#
#   scripts/schedules.sh [SCHEDULES]      of each test, 100000 unless said otherwise
#
# shuttle draws the orders; where the memory model matters loom tries all that there is. A schedule that fails is
# printed, for `shuttle::replay`.
set -euo pipefail
cd "$(dirname "$0")/.."
SELTZER_SCHEDULES=${1:-100000} cargo test --release \
    --manifest-path tests/schedules/Cargo.toml --target-dir "${CARGO_TARGET_DIR:-target}/schedules"
