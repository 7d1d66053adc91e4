#!/bin/sh
# Python's grpcio judges Seltzer: Python clients against `seltzer serve`, and
# Python servers against `seltzer call`.
#
#   scripts/tutorials.sh [--list] [--only NAME]...
#
# SELTZER_BIN   a `seltzer` to judge; without it one is built
# SELTZER_VENV  where the Python packages go (default: target/tutorials-venv)
#
# Prints a line a check and `N passed, M failed`. The exit status is 0 when all
# passed, 1 when some failed, 2 when a tool is missing.
set -eu

repository=$(cd "$(dirname "$0")/.." && pwd)
tutorials=$repository/scripts/tutorials
target=${CARGO_TARGET_DIR:-$repository/target}
venv=${SELTZER_VENV:-$target/tutorials-venv}

missing() {
    echo "tutorials.sh needs $1: $2" >&2
    exit 2
}

command -v python3 >/dev/null || missing python3 "install Python 3.10 or newer (Debian: python3 python3-venv)"
python3 -c 'import sys; sys.exit(sys.version_info < (3, 10))' ||
    missing "Python 3.10 or newer" "this is $(python3 --version)"
command -v openssl >/dev/null || missing openssl "install it (Debian: openssl)"

# Packages by name from the package index; a venv that has them is left alone.
if ! "$venv/bin/python" -c 'import grpc, grpc_tools, grpc_status, google.protobuf' 2>/dev/null; then
    python3 -m venv "$venv" || missing venv "install Python's venv module (Debian: python3-venv)"
    "$venv/bin/python" -m pip install --quiet --disable-pip-version-check \
        --requirement "$tutorials/requirements.txt" >&2 || missing grpcio "pip could not install it"
fi

# Neither a list of the sections nor the judge's own proof needs the binary.
build=yes
for argument in "$@"; do
    case $argument in
    --list | --self | --help | -h) build=no ;;
    esac
done
if [ -z "${SELTZER_BIN:-}" ] && [ $build = yes ]; then
    command -v cargo >/dev/null || missing cargo "install Rust, or set SELTZER_BIN to a built seltzer"
    (cd "$repository" && cargo build --release -p seltzer-cli) >&2
    SELTZER_BIN=$target/release/seltzer
fi
if [ $build = yes ] && [ ! -x "$SELTZER_BIN" ]; then
    missing "a seltzer that can be run" "$SELTZER_BIN is none"
fi
export SELTZER_BIN PYTHONDONTWRITEBYTECODE=1

exec "$venv/bin/python" "$tutorials/run.py" "$@"
