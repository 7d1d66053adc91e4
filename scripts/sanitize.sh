#!/usr/bin/env bash
# Runs the tests of the one file with `unsafe`, crates/seltzer-h2/src/rope.rs, and of what is built on it, where
# undefined behaviour shows: under Miri, or with AddressSanitizer where rustup has no Miri.
#
#   scripts/sanitize.sh
#
# Needs a nightly compiler (`rustup toolchain install nightly`). The exit status is 0 when all is well, 1 when it is
# not, 2 when neither of the two can be had here.
set -euo pipefail
cd "$(dirname "$0")/.."

refuse() {
    echo "sanitize.sh: $1" >&2
    exit 2
}

command -v rustup >/dev/null || refuse 'rustup is missing: see https://rustup.rs'
rustc +nightly --version >/dev/null 2>&1 || refuse 'no nightly compiler: rustup toolchain install nightly'
export CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-target}/sanitize
tests=(--package seltzer-h2 --lib -- rope:: output::)

if rustup component add miri rust-src --toolchain nightly >/dev/null 2>&1; then
    echo 'under Miri, with strict provenance'
    MIRIFLAGS=-Zmiri-strict-provenance cargo +nightly miri test "${tests[@]}"
else
    # The system's name has to be given: without it build scripts are instrumented too.
    system=$(rustc +nightly -vV | sed -n 's/^host: //p')
    echo "with AddressSanitizer, $system"
    RUSTFLAGS=-Zsanitizer=address cargo +nightly test --target "$system" "${tests[@]}"
fi
