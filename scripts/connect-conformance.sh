#!/bin/sh
# Connect's conformance suite judges Seltzer's server: gRPC over HTTP/2, with and without TLS, with and without gzip,
# all five kinds of call. Every case must pass.
#
#   scripts/connect-conformance.sh                    # all
#   scripts/connect-conformance.sh --run 'PATTERN'    # some: any of the runner's options (--run, --skip, --trace, -v)
#   scripts/connect-conformance.sh --carrier hyper    # what the server is to carry HTTP/2 with
#
# CONFORMANCE_BIN         a `connectconformance`; without it the one in the PATH, or one that is built by Go into the
#                         target directory
# CONFORMANCE_SERVER_BIN  the server; without it one is built
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

case ${1:-} in
-h | --help) sed -n '2,/^set/{s/^# \{0,1\}//;/^set/d;p;}' "$0" && exit ;;
--carrier)
    SELTZER_CARRIER=${2:?--carrier needs a name}
    export SELTZER_CARRIER
    shift 2
    ;;
esac

runner=${CONFORMANCE_BIN:-$(command -v connectconformance || true)}
if [ -z "$runner" ]; then
    runner=$target/judges/connectconformance
    if [ ! -x "$runner" ]; then
        command -v go >/dev/null || missing connectconformance "install Go, which builds it, or set CONFORMANCE_BIN"
        GOBIN=$target/judges go install "$module" >&2 || missing connectconformance "go install $module failed"
    fi
fi
server=${CONFORMANCE_SERVER_BIN:-}
if [ -z "$server" ]; then
    command -v cargo >/dev/null || missing cargo "install Rust, or set CONFORMANCE_SERVER_BIN"
    (cd "$repository" && cargo build --quiet -p seltzer-peers --features conformance --bin conformance_server) >&2
    server=$target/debug/conformance_server
fi

configuration=$(mktemp)
trap 'rm -f "$configuration"' EXIT INT TERM
cat >"$configuration" <<'Y'
features:
  versions: [HTTP_VERSION_2]
  protocols: [PROTOCOL_GRPC]
  codecs: [CODEC_PROTO]
  compressions: [COMPRESSION_IDENTITY, COMPRESSION_GZIP]
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
  supports_message_receive_limit: true
Y
# Two at a time: on a small machine the suite's own deadlines are tight otherwise.
"$runner" --conf "$configuration" --mode server --parallel "${CONFORMANCE_PARALLEL:-2}" "$@" -- "$server"
