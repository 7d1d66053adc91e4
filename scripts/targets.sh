#!/usr/bin/env bash
# Type-checks the library for Windows and macOS: what `cfg` leaves out there must not be missed.
#
# The exit status is 0 when all were checked, 1 when one is wrong, 2 when rustup cannot get one here.
set -euo pipefail
cd "$(dirname "$0")/.."
status=0
for target in x86_64-pc-windows-gnu aarch64-apple-darwin; do
    if ! why=$(rustup target add "$target" 2>&1); then
        printf 'not checked for %s, because rustup cannot add it: %s\n' "$target" "${why##*$'\n'}" >&2
        status=2
        continue
    fi
    cargo check --quiet -p seltzer -p seltzer-build -p seltzer-cli --target "$target" || exit 1
    echo "checked for $target"
done
exit $status
