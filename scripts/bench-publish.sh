#!/usr/bin/env bash
# Measures everything anew in one run and puts it into BENCHMARKING.md and docs/benchmarks/. Leave the machine alone
# meanwhile: about a quarter of an hour on two cores, and as long again to build with fat LTO the first time.
#
#   scripts/bench-publish.sh            # what is published
#   scripts/bench-publish.sh --quick    # the same with fewer samples, to try it out; do not publish that
set -euo pipefail

cd "$(dirname "$0")/.."
results=$(realpath -m "${CARGO_TARGET_DIR:-target}/bench-publish")
rm -rf "$results"
mkdir -p "$results"
# A directory of its own: nothing of an earlier run can get in.
export CRITERION_HOME="$results/criterion"

# Built first, so that nothing is built while something is measured.
cargo bench --no-run
cargo bench --no-run --package seltzer-peers
cargo bench -- "$@"
cargo bench --package seltzer-peers -- "$@"
# It is an error if the library weighs more than tonic, but what was measured is written down first.
weight=0
scripts/weight.sh >"$results/weight.md" || weight=$?
cat "$results/weight.md"
python3 scripts/bench-report.py "$CRITERION_HOME" "$results/weight.md"
exit "$weight"
