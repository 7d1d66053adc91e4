#!/bin/sh
# Calls from a page in Chromium to `seltzer serve`, by the clients that pages have: grpc-web, and @connectrpc/connect-web
# in gRPC-Web and in Connect. Each makes a unary call, a server stream, and a call that fails.
#
#   scripts/browser.sh
#
# SELTZER_BIN    a `seltzer` to judge; without it one is built
# BROWSER_DIR    where the Python and npm packages go (default: target/browser)
# CHROMIUM       the browser (default: the chromium in PATH; as root on Debian it is installed)
#
# Prints a line a call and `N passed, M failed`. The exit status is 0 when all passed, 1 when some failed, 2 when a tool
# is missing.
set -eu

repository=$(cd "$(dirname "$0")/.." && pwd)
here=$repository/scripts/browser
target=${CARGO_TARGET_DIR:-$repository/target}
folder=${BROWSER_DIR:-$target/browser}

missing() {
    echo "browser.sh needs $1: $2" >&2
    exit 2
}

case " $* " in
*" -h "* | *" --help "*) sed -n '2,/^set/{s/^# \{0,1\}//;/^set/d;p;}' "$0" && exit ;;
esac

command -v python3 >/dev/null || missing python3 "install Python 3.10 or newer (Debian: python3 python3-venv)"
command -v npm >/dev/null || missing npm "install Node.js 20 or newer with npm"
mkdir -p "$folder"
if ! "$folder/venv/bin/python" -c 'import playwright' 2>/dev/null; then
    python3 -m venv "$folder/venv" || missing venv "install Python's venv module (Debian: python3-venv)"
    grep '^playwright' "$repository/scripts/openapi/requirements.txt" >"$folder/requirements.txt"
    "$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check \
        --requirement "$folder/requirements.txt" >&2 || missing playwright "pip could not install it"
fi
cp "$here/package.json" "$here/package-lock.json" "$here/calls.js" "$folder/"
(cd "$folder" && npm ci --no-audit --no-fund --silent) >&2 || missing "the clients of pages" "npm could not install them"
BUNDLE=$folder/bundle.js
(cd "$folder" && npx --no-install esbuild calls.js --bundle --format=iife --global-name=calls --log-level=warning \
    --outfile="$BUNDLE") >&2 || missing esbuild "it could not bundle calls.js"
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
export BUNDLE CHROMIUM SELTZER_BIN PYTHONDONTWRITEBYTECODE=1

cd "$repository"
exec "$folder/venv/bin/python" "$here/run.py"
