#!/bin/sh
# The OpenAPI documents of the demo services, judged by openapi-spec-validator and by the answers that the server really
# gives; and Swagger UI in Chromium: that it loads without an error, calls a method and shows a stream.
#
#   scripts/openapi.sh [--only NAME]...    # --list names all
#
# SELTZER_BIN           a `seltzer` to judge; without it one is built
# OPENAPI_VENV          where the Python packages go (default: target/openapi-venv)
# CHROMIUM              the browser (default: the chromium in PATH; as root on Debian it is installed)
#
# Prints a line a check and `N passed, M failed`. The exit status is 0 when all passed, 1 when some failed, 2 when a tool
# is missing.
set -eu

repository=$(cd "$(dirname "$0")/.." && pwd)
here=$repository/scripts/openapi
target=${CARGO_TARGET_DIR:-$repository/target}
venv=${OPENAPI_VENV:-$target/openapi-venv}

missing() {
    echo "openapi.sh needs $1: $2" >&2
    exit 2
}

case " $* " in
*" -h "* | *" --help "*) sed -n '2,/^set/{s/^# \{0,1\}//;/^set/d;p;}' "$0" && exit ;;
esac

command -v python3 >/dev/null || missing python3 "install Python 3.10 or newer (Debian: python3 python3-venv)"
if ! "$venv/bin/python" -c 'import openapi_spec_validator, playwright' 2>/dev/null; then
    python3 -m venv "$venv" || missing venv "install Python's venv module (Debian: python3-venv)"
    "$venv/bin/python" -m pip install --quiet --disable-pip-version-check \
        --requirement "$here/requirements.txt" >&2 || missing openapi-spec-validator "pip could not install it"
fi
if [ -z "${CHROMIUM:-}" ] && ! command -v chromium >/dev/null; then
    [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null || missing chromium "install it, or set CHROMIUM to a browser"
    { apt-get update -q && apt-get install -q -y chromium; } >&2 || missing chromium "apt-get could not install it"
fi
CHROMIUM=${CHROMIUM:-$(command -v chromium)}
if [ -z "${SELTZER_BIN:-}" ]; then
    command -v cargo >/dev/null || missing cargo "install Rust, or set SELTZER_BIN to a built seltzer"
    (cd "$repository" && cargo build --quiet -p seltzer-cli) >&2
    SELTZER_BIN=$target/debug/seltzer
fi
[ -x "$SELTZER_BIN" ] || missing "a seltzer that can be run" "$SELTZER_BIN is none"
export CHROMIUM SELTZER_BIN PYTHONDONTWRITEBYTECODE=1

cd "$repository"
exec "$venv/bin/python" "$here/run.py" "$@"
