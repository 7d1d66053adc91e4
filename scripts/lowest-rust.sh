#!/usr/bin/env bash
# Checks each package with the Rust that its `rust-version` promises.
set -euo pipefail
cd "$(dirname "$0")/.."
for package in seltzer seltzer-build seltzer-cli; do
    version=$(cargo metadata --no-deps --format-version 1 |
        python3 -c "import json,sys; print(next(p['rust_version'] for p in json.load(sys.stdin)['packages'] if p['name'] == '$package'))")
    rustup toolchain install "$version" --profile minimal >/dev/null 2>&1 ||
        { echo "rustup cannot install Rust $version here; clippy's incompatible_msrv checked the library's own code" >&2; continue; }
    CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-target}/rust-$version cargo "+$version" check --quiet -p "$package"
    echo "$package: checked with Rust $version"
done
