#!/usr/bin/env bash
# Type-checks the library for Windows and macOS: what `cfg` leaves out there must not be missed.
set -euo pipefail
cd "$(dirname "$0")/.."
for target in x86_64-pc-windows-gnu aarch64-apple-darwin; do
    rustup target add "$target" >/dev/null 2>&1 || { echo "rustup cannot add $target here; skipped is not passed" >&2; exit 2; }
    cargo check --quiet -p seltzer -p seltzer-build -p seltzer-cli --target "$target"
    echo "checked for $target"
done
