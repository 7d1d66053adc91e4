#!/usr/bin/env bash
# Counts the instructions of the engine's hot path: a unary call in memory through two engines, a DATA frame, a header
# block one way. Unlike time they come out the same on a busy machine.
#
#   scripts/instructions.sh [CASE...]     unary, frame, or a name of benches/engine.rs such as decode-request-first
#
# What is printed is the difference between many rounds and few, by the round: what a program does before it begins is
# not in it. Needs valgrind, or perf with access to the processor's counters.
set -euo pipefail
cd "$(dirname "$0")/.."

few=1000 many=11000
cases=("$@")
if [ ${#cases[@]} -eq 0 ]; then
    cases=(unary frame decode-request-first decode-request-repeated decode-response-first decode-response-repeated
        encode-request-first encode-request-repeated encode-response-first encode-response-prepared)
fi

program=$(cargo bench -p seltzer --bench engine --no-run --message-format=json 2>/dev/null |
    sed -n 's/.*"name":"engine".*"executable":"\([^"]*\)".*/\1/p' | tail -1)
if [ -z "$program" ]; then
    echo 'the bench does not build: cargo bench -p seltzer --bench engine --no-run' >&2
    exit 1
fi

# count CASE ROUNDS: the instructions of a whole run.
if command -v valgrind >/dev/null; then
    by='valgrind --tool=callgrind'
    count() {
        valgrind --tool=callgrind --callgrind-out-file=/dev/null "$program" --fixed "$1" "$2" 2>&1 |
            sed -n 's/^.*Collected : \([0-9]*\)$/\1/p'
    }
elif perf stat -e instructions:u true >/dev/null 2>&1; then
    by='perf stat -e instructions:u'
    count() {
        perf stat -x, -e instructions:u "$program" --fixed "$1" "$2" 2>&1 | sed -n 's/^\([0-9]*\),.*instructions.*/\1/p'
    }
else
    echo 'needs valgrind, or perf with access to the processor'"'"'s counters' >&2
    exit 2
fi

echo "instructions by $by"
echo '| what | instructions |'
echo '|---|--:|'
for case in "${cases[@]}"; do
    less=$(count "$case" $few)
    more=$(count "$case" $many)
    echo "| $case | $(((more - less + (many - few) / 2) / (many - few))) |"
done
