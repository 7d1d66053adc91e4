#!/usr/bin/env bash
# Checks each package with the Rust that its `rust-version` promises.
#
# The exit status is 0 when all were checked, 1 when one is wrong, 2 when rustup cannot get a toolchain here.
set -euo pipefail
cd "$(dirname "$0")/.."
manifests=$(cargo metadata --no-deps --format-version 1) || exit 1
status=0
for package in seltzer seltzer-build seltzer-cli; do
    version=$(python3 -c "import json,sys; print(next(p['rust_version'] for p in json.load(sys.stdin)['packages'] if p['name'] == '$package'))" \
        <<<"$manifests") || exit 1
    if ! why=$(rustup toolchain install "$version" --profile minimal 2>&1); then
        printf '%s: not checked with Rust %s, because rustup cannot install it: %s\n' "$package" "$version" "${why##*$'\n'}" >&2
        status=2
        continue
    fi
    CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-target}/rust-$version cargo "+$version" check --quiet -p "$package" || exit 1
    echo "$package: checked with Rust $version"
done
exit $status
