#!/bin/sh
# What `seltzer serve --otlp` sends, read by a collector of gRPC's and OpenTelemetry's own Python packages with the
# official schemas: spans and metrics, their parents among the spans of OpenTelemetry's SDK and of grpc-go, what becomes
# of them when the collector is away, refuses or is slow, and all of the settings from the environment.
#
#   scripts/otlp.sh [--only NAME]...    # --list names all
#
# SELTZER_BIN           a `seltzer` to judge; without it one is built
# OTLP_VENV             where the Python packages go (default: target/otlp-venv)
#
# Go builds the caller whose spans ours are compared with. Prints a line a check and `N passed, M failed`. The exit status
# is 0 when all passed, 1 when some failed, 2 when a tool is missing.
set -eu

repository=$(cd "$(dirname "$0")/.." && pwd)
here=$repository/scripts/otlp
target=${CARGO_TARGET_DIR:-$repository/target}
venv=${OTLP_VENV:-$target/otlp-venv}

missing() {
    echo "otlp.sh needs $1: $2" >&2
    exit 2
}

case " $* " in
*" -h "* | *" --help "*) sed -n '2,/^set/{s/^# \{0,1\}//;/^set/d;p;}' "$0" && exit ;;
esac

command -v python3 >/dev/null || missing python3 "install Python 3.10 or newer (Debian: python3 python3-venv)"
if ! "$venv/bin/python" -c 'import google.rpc, grpc_health.v1, opentelemetry.sdk, opentelemetry.proto.trace.v1' 2>/dev/null; then
    python3 -m venv "$venv" || missing venv "install Python's venv module (Debian: python3-venv)"
    "$venv/bin/python" -m pip install --quiet --disable-pip-version-check \
        --requirement "$here/requirements.txt" >&2 || missing opentelemetry-proto "pip could not install it"
fi
command -v go >/dev/null || missing go "install Go 1.24 or newer"
OTLP_GO=$target/judges/otlp-go
(cd "$here/go" && go build -o "$OTLP_GO" .) >&2 || missing grpc-go "go could not build scripts/otlp/go"
if [ -z "${SELTZER_BIN:-}" ]; then
    command -v cargo >/dev/null || missing cargo "install Rust, or set SELTZER_BIN to a built seltzer"
    (cd "$repository" && cargo build --quiet -p seltzer-cli) >&2
    SELTZER_BIN=$target/debug/seltzer
fi
[ -x "$SELTZER_BIN" ] || missing "a seltzer that can be run" "$SELTZER_BIN is none"
export SELTZER_BIN OTLP_GO PYTHONDONTWRITEBYTECODE=1 GRPC_VERBOSITY=NONE

exec "$venv/bin/python" "$here/run.py" "$@"
