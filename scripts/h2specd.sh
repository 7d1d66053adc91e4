#!/bin/sh
# h2specd judges Seltzer's HTTP/2 as a client: all of its cases, strictly, with requests that have a body and requests
# that have none, without TLS and with it. Each must pass; none may be skipped.
#
#   scripts/h2specd.sh                   # all four
#   scripts/h2specd.sh --only h2c        # or --only tls
#   scripts/h2specd.sh client/5.1        # a part of the cases; then all of these must pass
#
# H2SPECD_BIN       an h2specd; without it the one in the PATH, or one that is built by Go into the target directory
# HTTP2_CLIENT_BIN  the client to judge; without it one is built
# H2SPECD_PORT      the first of the 60 ports of its servers, 31000 unless set
#
# The exit status is 0 when all passed, 1 when not, 2 when a tool is missing.
set -eu

repository=$(cd "$(dirname "$0")/.." && pwd)
target=${CARGO_TARGET_DIR:-$repository/target}
# Where `go install` finds this tag of h2specd.
module=github.com/summerwind/h2spec/cmd/h2specd@v2.2.1+incompatible
# The cases of that version.
cases=57
# Patience with one reaction of the client, in seconds. It gives up a case after three.
timeout=1
port=${H2SPECD_PORT:-31000}

missing() {
    echo "h2specd.sh needs $1: $2" >&2
    exit 2
}

only='h2c tls' parts=''
while [ $# -gt 0 ]; do
    case $1 in
    --only) only=${2:?--only needs h2c or tls} && shift ;;
    -h | --help) sed -n '2,/^set/{s/^# \{0,1\}//;/^set/d;p;}' "$0" && exit ;;
    -*) echo "h2specd.sh: $1 is not known; see --help" >&2 && exit 64 ;;
    *) parts="$parts $1" ;;
    esac
    shift
done

h2specd=${H2SPECD_BIN:-$(command -v h2specd || true)}
if [ -z "$h2specd" ]; then
    h2specd=$target/judges/h2specd
    if [ ! -x "$h2specd" ]; then
        command -v go >/dev/null || missing h2specd "install Go, which builds it, or set H2SPECD_BIN"
        GOBIN=$target/judges go install "$module" >&2 || missing h2specd "go install $module failed"
    fi
fi
client=${HTTP2_CLIENT_BIN:-}
if [ -z "$client" ]; then
    command -v cargo >/dev/null || missing cargo "install Rust, or set HTTP2_CLIENT_BIN"
    (cd "$repository" && cargo build --quiet -p seltzer-peers --features conformance --bin http2_client) >&2
    client=$target/debug/http2_client
fi

verdicts=$(mktemp)
trap 'rm -f "$verdicts"' EXIT INT TERM

# judge TRANSPORT METHOD
judge() {
    flags=''
    [ "$1" = h2c ] || flags="--tls --cert-file $repository/tests/support/tls/server.pem --cert-key-file $repository/tests/support/tls/server.key"
    # It starts a server for each case at once, all of them listening from here on, and tells of each when it ends.
    # shellcheck disable=SC2086 # these are lists of words
    "$h2specd" --host 127.0.0.1 --port "$port" --from-port $((port + 1)) --strict --timeout $timeout $flags \
        --exec "$client $2" $parts 2>&1 | grep -v '^accept tcp\|use of closed network connection$' >"$verdicts" || true
    verdict=$(sed -n 's/^\([0-9]* tests, .*\)/\1/p' "$verdicts" | tail -n 1)
    echo "$1, $2: ${verdict:-h2specd said nothing}"
    expected="$cases tests, $cases passed, 0 skipped, 0 failed"
    if [ -n "$parts" ]; then
        all=${verdict%% *}
        [ "${all:-0}" -gt 0 ] || { echo "there is no such part" && return 1; }
        expected="$all tests, $all passed, 0 skipped, 0 failed"
    fi
    [ "$verdict" = "$expected" ] && return
    # The cases that failed stand once more at the end.
    if grep -q '^Failures:' "$verdicts"; then sed -n '/^Failures:/,$p' "$verdicts"; else tail -n 20 "$verdicts"; fi
    return 1
}

failed=0
for transport in $only; do
    for method in POST GET; do
        judge "$transport" $method || failed=1
    done
done
exit $failed
