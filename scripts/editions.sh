#!/bin/sh
# Schemas of editions 2023 and 2024, compiled by protoc and by us: the same descriptors, and the same refusals.
#
#   scripts/editions.sh [--only NAME] [--write]
#
# The cases are in crates/seltzer-build/tests/suite/editions. --write stores what protoc says beside them.
#
# EDITIONS_VENV         where the Python packages go (default: target/editions-venv)
#
# Prints what differs and `N passed, M failed`. The exit status is 0 when all passed, 1 when some failed, 2 when a tool
# is missing.
set -eu

repository=$(cd "$(dirname "$0")/.." && pwd)
here=$repository/scripts/editions
target=${CARGO_TARGET_DIR:-$repository/target}
venv=${EDITIONS_VENV:-$target/editions-venv}

missing() {
    echo "editions.sh needs $1: $2" >&2
    exit 2
}

case " $* " in
*" -h "* | *" --help "*) sed -n '2,/^set/{s/^# \{0,1\}//;/^set/d;p;}' "$0" && exit ;;
esac

command -v python3 >/dev/null || missing python3 "install Python 3.10 or newer (Debian: python3 python3-venv)"
if ! "$venv/bin/python" -c 'import grpc_tools.protoc' 2>/dev/null; then
    python3 -m venv "$venv" || missing venv "install Python's venv module (Debian: python3-venv)"
    "$venv/bin/python" -m pip install --quiet --disable-pip-version-check \
        --requirement "$here/requirements.txt" >&2 || missing grpcio-tools "pip could not install it"
fi
cd "$repository"
cargo build --quiet --package seltzer-build --example descriptor_set
exec "$venv/bin/python" "$here/compare.py" "$target/debug/examples/descriptor_set" "$@"
