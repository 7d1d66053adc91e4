#!/usr/bin/env bash
# Attacks a server in every way that is known to have hurt others, with honest clients beside, and traffic that only
# looks like an attack. Prints one line of JSON a test; `missed` names what was not as it must be.
#
#   scripts/attacks.sh                    # all, full length: about an hour
#   scripts/attacks.sh --quick            # all, short
#   scripts/attacks.sh R11 R13            # some
#   scripts/attacks.sh --against tonic    # the same against tonic's server, to compare
#   scripts/attacks.sh --carrier NAME     # what Seltzer carries HTTP/2 with
#   scripts/attacks.sh --tls              # all clients and the server with TLS
#   scripts/attacks.sh --interceptors     # with the interceptors that come with the library around all calls
#   scripts/attacks.sh --list             # which there are
#   scripts/attacks.sh --no-build         # with what was built before
#
# Every test gets a server of its own on core 0 (SERVER_CORE); attackers and honest clients share core 1 (LOAD_CORE).
# Honest clients go before attackers there, which takes the right to raise a priority; without it their latency shows
# the attacker's hunger as well as the server's.
#
# The exit status is 0 when all passed, 1 when one has not, 2 when a tool is missing.
set -euo pipefail

repository=$(cd "$(dirname "$0")/.." && pwd)
target=${CARGO_TARGET_DIR:-$repository/target}
programs=${ATTACKS_BIN:-$target/release}
port=${ATTACKS_PORT:-21500}
# No process here may open more.
files=20000

declare -A about=(
    [R11]='rapid reset'
    [R12]='resets that the server is provoked to'
    [R13]='legitimate traffic that looks like an attack'
    [R14]='header blocks without an end'
    [R15]='header blocks that grow when unpacked'
    [R16]='floods of cheap frames'
    [R17]='connections that say nothing, or a byte a second'
    [R18]='answers that nobody reads'
    [R19]='messages that grow when unpacked'
    [R20]='messages that claim to be large'
    [R22]='ten thousand connections'
    [R22-files]='more connections than files'
)
all=(R11 R12 R13 R14 R15 R16 R17 R18 R19 R20 R22 R22-files)
selected=() quick=() against=seltzer carrier=() tls= interceptors= build=yes
while [ $# -gt 0 ]; do
    case $1 in
    --quick) quick=(--quick) ;;
    --against) against=${2:?--against needs seltzer or tonic} && shift ;;
    --carrier) carrier=(--carrier "${2:?--carrier needs a name}") && shift ;;
    --tls) tls=yes ;;
    --interceptors) interceptors=yes ;;
    --no-build) build='' ;;
    --list) for id in "${all[@]}"; do echo "$id: ${about[$id]}"; done && exit ;;
    -h | --help) sed -n '2,/^set/{s/^# \{0,1\}//;/^set/d;p;}' "$0" && exit ;;
    -*) echo "attacks.sh: $1 is not known; see --help" >&2 && exit 64 ;;
    *)
        [ -n "${about[$1]:-}" ] || { echo "attacks.sh: there is no test $1; see --list" >&2 && exit 64; }
        selected+=("$1")
        ;;
    esac
    shift
done
[ ${#selected[@]} -gt 0 ] || selected=("${all[@]}")
command -v taskset >/dev/null || { echo 'attacks.sh needs taskset: install util-linux' >&2 && exit 2; }
case $against in
seltzer) program=(seltzer_bench_server) ;;
tonic) program=(tonic_bench_server) carrier=() ;;
*) echo 'attacks.sh: --against is seltzer or tonic' >&2 && exit 64 ;;
esac
features=mimalloc serving=() calling=()
if [ -n "$tls$interceptors" ] && [ "$against" != seltzer ]; then
    echo 'attacks.sh: --tls and --interceptors are for Seltzer alone' >&2 && exit 64
fi
if [ -n "$tls" ]; then
    # Made for the tests; nobody else trusts them.
    certificates=$repository/tests/support/tls
    features=mimalloc,tls
    serving+=(--tls "$certificates/server.pem:$certificates/server.key")
    calling+=(--tls "$certificates/ca.pem")
fi
[ -z "$interceptors" ] || { serving+=(--intercept all) && calling+=(--interceptors); }
if [ -n "$build" ]; then
    (cd "$repository" && cargo build --profile bench -p seltzer-peers --features "$features" \
        --bin seltzer_bench_server --bin tonic_bench_server --bin load --bin attacks)
fi
ulimit -n "$files" 2>/dev/null || echo "attacks.sh: only $(ulimit -n) files a process here; R22 needs $files" >&2

log=$(mktemp)
server=
stop() {
    [ -z "$server" ] || { kill "$server" && wait "$server"; } 2>/dev/null || true
    server=
}
trap 'stop; rm -f "$log"' EXIT
trap 'exit 130' INT TERM

status=0
for id in "${selected[@]}"; do
    echo "attacks.sh: $id, ${about[$id]}" >&2
    port=$((port + 1))
    limit=$(ulimit -n)
    [ "$id" != R22-files ] || limit=64
    # mimalloc's huge pages round all that a server takes up to 2 MiB, which hides what an attack costs. Without them
    # it is chance when it gives memory back, which is what R22 compares.
    huge_pages=0
    [ "$id" != R22 ] || huge_pages=1
    # What stops a call that goes on for ever is a deadline of the server's.
    deadline=()
    [ "$id" != R17 ] || [ "$against" != seltzer ] || deadline=(--timeout-s 10)
    : >"$log"
    (ulimit -n "$limit" && MIMALLOC_ALLOW_THP=$huge_pages exec taskset -c "${SERVER_CORE:-0}" \
        "$programs/${program[0]}" "$port" "${carrier[@]}" "${serving[@]}" "${deadline[@]}") >"$log" 2>&1 &
    server=$!
    taskset -c "${LOAD_CORE:-1}" "$programs/load" wait "$port" >/dev/null
    taskset -c "${LOAD_CORE:-1}" nice -n 10 "$programs/attacks" "$id" "$port" --pid "$server" "${quick[@]}" "${calling[@]}" || status=1
    if grep -qi panicked "$log"; then
        echo "attacks.sh: $id made the server panic:" >&2
        grep -i -A 3 panicked "$log" | head -n 20 >&2
        status=1
    fi
    stop
done
exit $status
