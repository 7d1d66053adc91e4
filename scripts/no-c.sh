#!/usr/bin/env bash
# Builds everything but the C providers of TLS where neither a C compiler nor protoc can be found by a build script,
# and looks for the crate that would call one.
set -euo pipefail
cd "$(dirname "$0")/.."

if cargo tree --workspace --edges normal,build,dev --prefix none | grep -E '^(cc|cmake|bindgen) v'; then
    echo 'the crates above compile C: something in the default tree depends on them (cargo tree -i cc)' >&2
    exit 1
fi

# rustc needs its linker, which is called cc: that name alone stays, everything else that compiles goes.
tools=$(mktemp -d)
trap 'rm -rf "$tools"' EXIT
for tool in cargo rustc rustup cc ld ld.lld as ar env bash sh uname mkdir rm cat; do
    path=$(command -v "$tool") && ln -s "$path" "$tools/$tool"
done
# A linker driver calls its own parts by absolute paths; a build script would ask for these.
export CC=false CXX=false PROTOC=/nonexistent/protoc CMAKE=/nonexistent/cmake
target=${CARGO_TARGET_DIR:-target}/no-c
features=server,client,gzip,zstd,tls,tls-webpki-roots,tls-native-roots,dynamic,tonic-compat,services
PATH=$tools CARGO_TARGET_DIR=$target cargo build --quiet -p seltzer
PATH=$tools CARGO_TARGET_DIR=$target cargo build --quiet -p seltzer -p seltzer-build -p seltzer-cli --features "seltzer/${features//,/,seltzer/}"
echo 'built without a C compiler and without protoc'
