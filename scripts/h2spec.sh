#!/bin/sh
# h2spec judges Seltzer's HTTP/2: all of its cases, strictly, without TLS and with it. Each must pass; none may be
# skipped.
#
#   scripts/h2spec.sh                   # both
#   scripts/h2spec.sh --only h2c        # or --only tls
#   scripts/h2spec.sh --carrier hyper   # what the server is to carry HTTP/2 with
#   scripts/h2spec.sh http2/5.1         # a part of the cases; then all of these must pass
#
# SELTZER_BIN  a `seltzer` to judge; without it one is built
# H2SPEC_BIN   an h2spec; without it the one in the PATH, or one that is built by Go into the target directory
#
# The exit status is 0 when all passed, 1 when not, 2 when a tool is missing.
set -eu

repository=$(cd "$(dirname "$0")/.." && pwd)
target=${CARGO_TARGET_DIR:-$repository/target}
# Where `go install` finds this tag of h2spec.
module=github.com/summerwind/h2spec/cmd/h2spec@v2.2.1+incompatible
# The cases of that version.
cases=146
# Patience with one answer, in seconds. Cases that must hear nothing wait so long.
timeout=2

missing() {
    echo "h2spec.sh needs $1: $2" >&2
    exit 2
}

only='h2c tls' carrier='' parts=''
while [ $# -gt 0 ]; do
    case $1 in
    --only) only=${2:?--only needs h2c or tls} && shift ;;
    --carrier) carrier=${2:?--carrier needs a name} && shift ;;
    -h | --help) sed -n '2,/^set/{s/^# \{0,1\}//;/^set/d;p;}' "$0" && exit ;;
    -*) echo "h2spec.sh: $1 is not known; see --help" >&2 && exit 64 ;;
    *) parts="$parts $1" ;;
    esac
    shift
done

h2spec=${H2SPEC_BIN:-$(command -v h2spec || true)}
if [ -z "$h2spec" ]; then
    h2spec=$target/judges/h2spec
    if [ ! -x "$h2spec" ]; then
        command -v go >/dev/null || missing h2spec "install Go, which builds it, or set H2SPEC_BIN"
        GOBIN=$target/judges go install "$module" >&2 || missing h2spec "go install $module failed"
    fi
fi
if [ -z "${SELTZER_BIN:-}" ]; then
    command -v cargo >/dev/null || missing cargo "install Rust, or set SELTZER_BIN to a built seltzer"
    (cd "$repository" && cargo build --quiet --release -p seltzer-cli) >&2
    SELTZER_BIN=$target/release/seltzer
fi
[ -x "$SELTZER_BIN" ] || missing "a seltzer that can be run" "$SELTZER_BIN is none"

logs=$(mktemp -d)
server=
# `wait` keeps the shell from telling that the server was stopped.
trap '[ -z "$server" ] || { kill "$server" && wait "$server"; } 2>/dev/null || true; rm -rf "$logs"' EXIT INT TERM

judge() {
    serve='' flags=''
    [ "$1" = h2c ] || serve=--tls-self-signed flags='--tls --insecure'
    [ -z "$carrier" ] || serve="$serve --carrier $carrier"
    # shellcheck disable=SC2086 # these are lists of words
    "$SELTZER_BIN" serve --listen 127.0.0.1:0 $serve >"$logs/server" 2>&1 &
    server=$!
    port=
    while [ -z "$port" ]; do
        kill -0 "$server" 2>/dev/null || { cat "$logs/server" >&2 && exit 2; }
        sleep 0.05
        port=$(sed -n 's/^listening on .*127\.0\.0\.1:\([0-9]*\).*/\1/p' "$logs/server" | head -n 1)
    done
    # shellcheck disable=SC2086
    "$h2spec" --host 127.0.0.1 --port "$port" --strict --timeout $timeout $flags $parts >"$logs/verdict" 2>&1 || true
    kill "$server" && wait "$server" 2>/dev/null || true
    server=
    verdict=$(sed -n 's/^\([0-9]* tests, .*\)/\1/p' "$logs/verdict" | tail -n 1)
    echo "$1: ${verdict:-h2spec said nothing}"
    expected="$cases tests, $cases passed, 0 skipped, 0 failed"
    if [ -n "$parts" ]; then
        all=${verdict%% *}
        expected="$all tests, $all passed, 0 skipped, 0 failed"
    fi
    [ "$verdict" = "$expected" ] && return
    # The cases that failed stand once more at the end.
    sed -n '/^Failures:/,$p' "$logs/verdict"
    grep -n 'skipped\|SKIP' "$logs/verdict" | head -n 20 || true
    tail -n 5 "$logs/server"
    return 1
}

failed=0
for transport in $only; do
    judge "$transport" || failed=1
done
exit $failed
