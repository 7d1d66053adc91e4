#!/usr/bin/env bash
# Builds and runs examples/downstream as a stranger would: outside of the workspace, without protoc.
set -euo pipefail
cd "$(dirname "$0")/.."
root=$PWD
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cp -r examples/downstream/. "$folder"
sed -i "s|path = \"../../|path = \"$root/|; s|path = \"../..\"|path = \"$root\"|" "$folder/Cargo.toml"
rm -f "$folder/Cargo.lock"
cp Cargo.lock "$folder/Cargo.lock"
cd "$folder"
CC=false CXX=false PROTOC=/nonexistent/protoc CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-$root/target}/downstream cargo test --quiet
CC=false CXX=false CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-$root/target}/downstream cargo run --quiet | tee output
grep -q '^Hello, Alice$' output
