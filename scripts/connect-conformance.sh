#!/bin/sh
# Connect's conformance suite judges Seltzer's server and client, with and without TLS, compressed and not, in all five
# kinds of call. Every case must pass; how many there were is the last line of each.
#
#   the server   gRPC over HTTP/2; gRPC-Web and Connect over HTTP/1.1 and HTTP/2, in protobuf and in JSON,
#                with gzip, deflate and zstd
#   the client   gRPC over HTTP/2; gRPC-Web and Connect over HTTP/1.1 and HTTP/2, Connect in protobuf and in JSON, with GET;
#                with gzip
#
#   scripts/connect-conformance.sh                    # both
#   scripts/connect-conformance.sh --mode client      # or --mode server
#   scripts/connect-conformance.sh --run 'PATTERN'    # some: any of the runner's options (--run, --skip, --trace, -v)
#   scripts/connect-conformance.sh --carrier hyper    # what is to carry HTTP/2
#
# CONFORMANCE_BIN         a `connectconformance`; without it the one in the PATH, or one that is built by Go into the
#                         target directory
# CONFORMANCE_SERVER_BIN  the server; without it one is built
# CONFORMANCE_CLIENT_BIN  the client; without it one is built
#
# The exit status is 0 when all passed, 1 when not, 2 when a tool is missing.
set -eu

repository=$(cd "$(dirname "$0")/.." && pwd)
target=${CARGO_TARGET_DIR:-$repository/target}
module=connectrpc.com/conformance/cmd/connectconformance@v1.0.5

missing() {
    echo "connect-conformance.sh needs $1: $2" >&2
    exit 2
}

modes='server client'
while :; do
    case ${1:-} in
    -h | --help) sed -n '2,/^set/{s/^# \{0,1\}//;/^set/d;p;}' "$0" && exit ;;
    --mode) modes=${2:?--mode needs server or client} ;;
    --carrier)
        SELTZER_CARRIER=${2:?--carrier needs a name}
        export SELTZER_CARRIER
        ;;
    *) break ;;
    esac
    shift 2
done

runner=${CONFORMANCE_BIN:-$(command -v connectconformance || true)}
if [ -z "$runner" ]; then
    runner=$target/judges/connectconformance
    if [ ! -x "$runner" ]; then
        command -v go >/dev/null || missing connectconformance "install Go, which builds it, or set CONFORMANCE_BIN"
        GOBIN=$target/judges go install "$module" >&2 || missing connectconformance "go install $module failed"
    fi
fi
# program MODE: the program under test.
program() {
    case $1 in
    server) given=${CONFORMANCE_SERVER_BIN:-} ;;
    client) given=${CONFORMANCE_CLIENT_BIN:-} ;;
    *) echo "connect-conformance.sh: there is no mode $1; there are server and client" >&2 && exit 64 ;;
    esac
    if [ -z "$given" ]; then
        command -v cargo >/dev/null || missing cargo "install Rust, or set CONFORMANCE_SERVER_BIN and CONFORMANCE_CLIENT_BIN"
        (cd "$repository" && cargo build --quiet -p seltzer-peers --features conformance --bin "conformance_$1") >&2
        given=$target/debug/conformance_$1
    fi
    echo "$given"
}

# features MODE: what is judged, as the runner reads it.
features() {
    versions='HTTP_VERSION_1, HTTP_VERSION_2'
    protocols='PROTOCOL_GRPC, PROTOCOL_GRPC_WEB, PROTOCOL_CONNECT'
    codecs='CODEC_PROTO, CODEC_JSON'
    if [ "$1" = server ]; then
        compressions='COMPRESSION_IDENTITY, COMPRESSION_GZIP, COMPRESSION_DEFLATE, COMPRESSION_ZSTD'
    else
        compressions='COMPRESSION_IDENTITY, COMPRESSION_GZIP'
    fi
    cat <<Y
features:
  versions: [$versions]
  protocols: [$protocols]
  codecs: [$codecs]
  compressions: [$compressions]
  stream_types:
    - STREAM_TYPE_UNARY
    - STREAM_TYPE_CLIENT_STREAM
    - STREAM_TYPE_SERVER_STREAM
    - STREAM_TYPE_HALF_DUPLEX_BIDI_STREAM
    - STREAM_TYPE_FULL_DUPLEX_BIDI_STREAM
  supports_h2c: true
  supports_tls: true
  supports_tls_client_certs: true
  supports_trailers: true
  supports_connect_get: true
  supports_half_duplex_bidi_over_http1: true
  supports_message_receive_limit: true
Y
    # gRPC itself is protobuf's here; JSON is what the other two offer. A client offers it in Connect alone.
    printf 'exclude_cases:\n  - protocol: PROTOCOL_GRPC\n    codec: CODEC_JSON\n'
    [ "$1" = server ] || printf '  - protocol: PROTOCOL_GRPC_WEB\n    codec: CODEC_JSON\n'
}

configuration=$(mktemp)
trap 'rm -f "$configuration"' EXIT INT TERM
failed=0
for mode in $modes; do
    under_test=$(program "$mode")
    features "$mode" >"$configuration"
    echo "the $mode:"
    # Two at a time: on a small machine the suite's own deadlines are tight otherwise.
    parallel="--parallel ${CONFORMANCE_PARALLEL:-2}"
    # The runner has no say over a client's own number of calls.
    [ "$mode" = server ] || parallel=
    # shellcheck disable=SC2086 # it is an option and its value
    "$runner" --conf "$configuration" --mode "$mode" $parallel "$@" -- "$under_test" || failed=1
done
exit $failed
