#!/usr/bin/env bash
# Runs a fuzz target for so many executions and says how many there were.
#
#   scripts/fuzz.sh TARGET EXECUTIONS     hpack_decode, frames, connection_server, connection_client,
#                                         grpc_deframe_inflate, protobuf_decode, schema,
#                                         rest_template, rest_query, rest_json
#
# Seeds of the first four come from recorded data, if SELTZER_FUZZ_DATA names a folder with hpack-test-case.tar.xz and
# http2-fuzz-corpus.tar.xz. Inputs have up to SELTZER_FUZZ_BYTES_MAX bytes, 2048 where it is not set: four times as many
# make an execution twice as slow and reach nothing that two thousand do not. What is found on the way stays in
# fuzz/corpus, what fails in fuzz/artifacts. Needs a nightly compiler and a C++ compiler; cargo-fuzz is not needed.
set -euo pipefail
if [ $# -ne 2 ]; then
    echo 'usage: scripts/fuzz.sh TARGET EXECUTIONS' >&2
    exit 2
fi
target=$1 executions=$2
cd "$(dirname "$0")/../fuzz"

triple=$(rustc +nightly -vV | sed -n 's/^host: //p')
coverage='-Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 -Cllvm-args=-sanitizer-coverage-trace-compares
  -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table --cfg fuzzing -Ccodegen-units=1'
# shellcheck disable=SC2086
RUSTFLAGS=$(echo $coverage) cargo +nightly build --quiet --release --target "$triple" --bin "$target"
program=${CARGO_TARGET_DIR:-target}/$triple/release/$target

corpus=corpus/$target
mkdir -p "$corpus" "artifacts/$target"
case $target in
grpc_deframe_inflate | protobuf_decode | schema | rest_*) data=. ;;
*) data=${SELTZER_FUZZ_DATA:-} ;;
esac
if [ -n "$data" ] && [ ! -e "$corpus/.seeded" ]; then
    python3 seeds.py "$target" "$data" "$corpus"
    touch "$corpus/.seeded"
fi

log=$(mktemp)
trap 'rm -f "$log"' EXIT
"$program" "$corpus" -runs="$executions" -rss_limit_mb=512 -max_len="${SELTZER_FUZZ_BYTES_MAX:-2048}" -timeout=10 \
    -artifact_prefix="artifacts/$target/" -print_final_stats=1 -verbosity=1 2>"$log" || {
    tail -60 "$log" >&2
    exit 1
}
grep -E '^(stat::|Done)' "$log"
done_executions=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
inputs=$(find "$corpus" -type f ! -name .seeded | wc -l)
echo "$target: $done_executions executions, $inputs inputs kept, nothing found"
