#!/bin/sh
# `seltzer protoc` beside protoc 35.1, the one inside of PyPI's grpcio-tools: descriptor sets of the schemas of some thirty
# packages, verdicts on schemas right and wrong, plugins and what they are asked, every option.
#
#   scripts/protoc.sh [descriptors|verdicts|plugins|flags]...    # all without an argument
#
# SELTZER_PROTOC        a `seltzer-protoc` to judge; without it one is built
# PROTOC_VENV           where the Python packages go (default: target/protoc-venv)
# PROTOC_PACKAGES       where packages with schemas go (default: target/protoc-packages)
# PROTOC_GO             where Go's plugins go, or are (default: target/protoc-go)
#
# Prints what differs, and `N passed, M failed` for each part. The exit status is 0 when all passed, 1 when some failed, 2
# when a tool is missing.
set -eu

repository=$(cd "$(dirname "$0")/.." && pwd)
here=$repository/scripts/protoc
target=${CARGO_TARGET_DIR:-$repository/target}
venv=${PROTOC_VENV:-$target/protoc-venv}
packages=${PROTOC_PACKAGES:-$target/protoc-packages}
go=${PROTOC_GO:-$target/protoc-go}

missing() {
    echo "protoc.sh needs $1: $2" >&2
    exit 2
}

case " $* " in
*" -h "* | *" --help "*) sed -n '2,/^set/{s/^# \{0,1\}//;/^set/d;p;}' "$0" && exit ;;
esac
[ $# -gt 0 ] || set -- descriptors verdicts plugins flags

command -v python3 >/dev/null || missing python3 "install Python 3.10 or newer (Debian: python3 python3-venv)"
if ! "$venv/bin/python" -c 'import grpc_tools' 2>/dev/null; then
    python3 -m venv "$venv" || missing venv "install Python's venv module (Debian: python3-venv)"
    "$venv/bin/python" -m pip install --quiet --disable-pip-version-check \
        --requirement "$here/requirements.txt" >&2 || missing grpcio-tools "pip could not install it"
fi
if [ -z "${SELTZER_PROTOC:-}" ]; then
    command -v cargo >/dev/null || missing cargo "install Rust, or set SELTZER_PROTOC to a built seltzer-protoc"
    (cd "$repository" && cargo build --quiet -p seltzer-cli --bin seltzer-protoc) >&2
    SELTZER_PROTOC=$target/debug/seltzer-protoc
fi
[ -x "$SELTZER_PROTOC" ] || missing "a seltzer-protoc that can be run" "$SELTZER_PROTOC is none"
export PYTHONDONTWRITEBYTECODE=1

status=0
for part in "$@"; do
    echo "--- $part"
    case $part in
    descriptors) "$venv/bin/python" "$here/compare.py" --ours "$SELTZER_PROTOC" --packages "$packages" || status=1 ;;
    verdicts) "$venv/bin/python" "$here/verdicts.py" --ours "$SELTZER_PROTOC" || status=1 ;;
    flags) "$venv/bin/python" "$here/flags.py" --ours "$SELTZER_PROTOC" || status=1 ;;
    plugins)
        if [ ! -x "$go/protoc-gen-go" ] || [ ! -x "$go/protoc-gen-go-grpc" ]; then
            command -v go >/dev/null || missing go "install Go, or set PROTOC_GO to a directory with protoc-gen-go and protoc-gen-go-grpc"
            mkdir -p "$go"
            GOBIN=$(cd "$go" && pwd) go install google.golang.org/protobuf/cmd/protoc-gen-go@v1.36.11 >&2 &&
                GOBIN=$(cd "$go" && pwd) go install google.golang.org/grpc/cmd/protoc-gen-go-grpc@v1.6.0 >&2 ||
                missing "Go's plugins" "go could not install them"
        fi
        "$venv/bin/python" "$here/plugins.py" --ours "$SELTZER_PROTOC" --go "$(cd "$go" && pwd)" || status=1
        ;;
    *) missing "the name of a part" "there is no '$part'; see --help" ;;
    esac
done
exit $status
