#!/bin/sh
# The standard services of `seltzer serve`, judged by gRPC's own Python packages (health checking, reflection,
# channelz) and by grpcurl: list, describe, a call of each kind, health check and watch, channelz, a drain.
#
#   scripts/standard-services.sh [--only NAME]...    # --list names all
#
# SELTZER_BIN           a `seltzer` to judge; without it one is built
# GRPCURL_BIN           a `grpcurl`; without it one is built by Go into the target directory
# STANDARD_VENV         where the Python packages go (default: target/standard-services-venv)
#
# Prints a line a check and `N passed, M failed`. The exit status is 0 when all passed, 1 when some failed, 2 when a
# tool is missing.
set -eu

repository=$(cd "$(dirname "$0")/.." && pwd)
here=$repository/scripts/standard-services
target=${CARGO_TARGET_DIR:-$repository/target}
venv=${STANDARD_VENV:-$target/standard-services-venv}
# Where `go install` finds it.
grpcurl=github.com/fullstorydev/grpcurl/cmd/grpcurl@latest

missing() {
    echo "standard-services.sh needs $1: $2" >&2
    exit 2
}

case " $* " in
*" -h "* | *" --help "*) sed -n '2,/^set/{s/^# \{0,1\}//;/^set/d;p;}' "$0" && exit ;;
esac

command -v python3 >/dev/null || missing python3 "install Python 3.10 or newer (Debian: python3 python3-venv)"
if ! "$venv/bin/python" -c 'import grpc_health.v1, grpc_reflection.v1alpha, grpc_channelz.v1' 2>/dev/null; then
    python3 -m venv "$venv" || missing venv "install Python's venv module (Debian: python3-venv)"
    "$venv/bin/python" -m pip install --quiet --disable-pip-version-check \
        --requirement "$here/requirements.txt" >&2 || missing grpcio "pip could not install it"
fi
if [ -z "${GRPCURL_BIN:-}" ]; then
    GRPCURL_BIN=$target/judges/grpcurl
    if [ ! -x "$GRPCURL_BIN" ]; then
        command -v go >/dev/null || missing grpcurl "install Go, which builds it, or set GRPCURL_BIN"
        GOBIN=$target/judges go install "$grpcurl" >&2 || missing grpcurl "go install $grpcurl failed"
    fi
fi
if [ -z "${SELTZER_BIN:-}" ]; then
    command -v cargo >/dev/null || missing cargo "install Rust, or set SELTZER_BIN to a built seltzer"
    (cd "$repository" && cargo build --quiet -p seltzer-cli) >&2
    SELTZER_BIN=$target/debug/seltzer
fi
[ -x "$SELTZER_BIN" ] || missing "a seltzer that can be run" "$SELTZER_BIN is none"
export SELTZER_BIN GRPCURL_BIN PYTHONDONTWRITEBYTECODE=1 GRPC_VERBOSITY=NONE

exec "$venv/bin/python" "$here/run.py" "$@"
