#!/bin/sh
# Rolling restarts: two servers that are told to stop (SIGTERM) and started again in turn, under 5,000 unary calls a
# second and 200 open streams, with peers that say nothing attached. Prints a table of figures a client, and what each
# had to be.
#
#   scripts/drain.sh                      # Seltzer's channel, then grpc-go's: 50 cycles each, about five minutes
#   scripts/drain.sh --quick              # 5 cycles each
#   scripts/drain.sh --client grpc-go     # one of them (seltzer, grpc-go)
#   scripts/drain.sh --cycles N --rate N  # as many restarts, and calls a second
#   scripts/drain.sh --no-build           # with what was built before
#
# DRAIN_PORT  the first of two ports for the servers, outside of those that outgoing connections get; 21700
#
# The exit status is 0 when nothing is short, 1 when something is, 2 when a tool is missing (Go, for grpc-go's channel)
# or a server did not start: what can be run without it is run before.
set -eu

repository=$(cd "$(dirname "$0")/.." && pwd)
target=${CARGO_TARGET_DIR:-$repository/target}
program=$target/release/trials
go_client=$target/judges/drain/client
clients='seltzer grpc-go' options='' build=yes
while [ $# -gt 0 ]; do
    case $1 in
    --quick) options="$options --quick" ;;
    --cycles | --rate | --streams) options="$options $1 ${2:?$1 needs a number}" && shift ;;
    --client) clients=${2:?--client needs a name} && shift ;;
    --no-build) build='' ;;
    -h | --help) sed -n '2,/^set/{s/^# \{0,1\}//;/^set/d;p;}' "$0" && exit ;;
    *) echo "drain.sh: $1 is not known; see --help" >&2 && exit 64 ;;
    esac
    shift
done
if [ -n "$build" ]; then
    command -v cargo >/dev/null || { echo 'drain.sh needs cargo: install Rust' >&2 && exit 2; }
    (cd "$repository" && cargo build --quiet --release -p seltzer-peers --features trials --bin trials) >&2
fi

# build_go_client: builds it; without Go an older one will do.
build_go_client() {
    if ! command -v go >/dev/null; then
        [ -x "$go_client" ] && return
        echo 'drain.sh needs Go for the channel of grpc-go: install it' >&2
        return 1
    fi
    (cd "$repository/scripts/drain" && go build -o "$go_client" .) >&2 ||
        { echo 'drain.sh: Go could not build scripts/drain' >&2 && return 1; }
}

status=0
for client in $clients; do
    case $client in
    seltzer) set -- ;;
    grpc-go)
        build_go_client || { [ "$status" -ne 0 ] || status=2; continue; }
        set -- --client "$go_client"
        ;;
    *) echo "drain.sh knows no client $client; there are seltzer and grpc-go" >&2 && exit 64 ;;
    esac
    code=0
    # shellcheck disable=SC2086 # these are words without spaces
    "$program" drain --port "${DRAIN_PORT:-21700}" $options "$@" || code=$?
    [ "$code" -eq 0 ] || status=$code
    echo
done
exit $status
