#!/usr/bin/env bash
# What the library weighs for a package that depends on it, against tonic: crates to compile, and the time a clean
# build takes. Prints a Markdown table. Ends with status 1 if the library is the heavier one in either.
#
#   scripts/weight.sh [RUNS]     RUNS clean builds of each, in turn; 2 unless given
#
# Both are measured in the same way: a new package with an empty library and these dependencies alone, with default
# features, the versions of this workspace's Cargo.lock, `cargo build` without network, an empty target directory.
# A crate counts once a version; the new package does not count, the libraries themselves do.
set -euo pipefail

runs=${1:-2}
root=$(cd "$(dirname "$0")/.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
unset CARGO_TARGET_DIR RUSTFLAGS
# cargo compiles what comes from a registry once and for all; the library here is a folder, for which it would keep
# what the next build can use again. Whoever depends on a release does not pay for that.
export CARGO_INCREMENTAL=0

# A new package in $work/$1 with the dependencies on standard input.
new_package() {
    mkdir -p "$work/$1/src"
    {
        printf '[package]\nname = "weight-of-%s"\nversion = "0.0.0"\nedition = "2024"\n\n[workspace]\n\n[dependencies]\n' "$1"
        cat
    } >"$work/$1/Cargo.toml"
    : >"$work/$1/src/lib.rs"
    cp "$root/Cargo.lock" "$work/$1/Cargo.lock"
    (cd "$work/$1" && cargo fetch --quiet)
}

# How many crates the package of that name pulls in.
crates() {
    (cd "$work/$1" && cargo tree --quiet --offline --edges normal --prefix none --no-dedupe --format '{p}') |
        awk 'NF { print $1, $2 }' | grep -v '^weight-of-' | sort -u | wc -l
}

# The version of a dependency ($2) of that package.
version() {
    (cd "$work/$1" && cargo tree --quiet --offline --edges normal --prefix none --depth 1) | awk -v name="$2" '$1 == name { sub(/^v/, "", $2); print $2 }'
}

# One clean build: appends its seconds by the clock, and those of all processors together.
build() {
    rm -rf "$work/$1/target"
    local TIMEFORMAT='%R %U %S' timing
    timing=$({ time (cd "$work/$1" && cargo build --offline --quiet 2>"$work/$1.errors" >&2); } 2>&1) || {
        cat "$work/$1.errors" >&2
        exit 1
    }
    echo "$timing" | awk '{ printf "%.1f %.1f\n", $1, $2 + $3 }' >>"$work/$1.seconds"
}

# The least of a column of what was appended: anything else that runs can only make a build slower.
fastest() {
    awk -v column="$2" 'NR == 1 || $column < least { least = $column } END { print least }' "$work/$1.seconds"
}

new_package seltzer <<EOF
seltzer = { path = "$root" }
EOF
new_package tonic <<EOF
tonic = "0.14"
tonic-prost = "0.14"
prost = "0.14"
EOF

for run in $(seq "$runs"); do
    for name in seltzer tonic; do
        echo "run $run: building $name" >&2
        build "$name"
    done
done

row() { # name, what
    local each
    each=$(awk '{ printf "%s%s", sep, $1; sep = ", " }' "$work/$1.seconds")
    echo "| $2 | $(crates "$1") | $(fastest "$1" 1) | $(fastest "$1" 2) | $each |"
}

echo '| a package that depends on | crates | clean build, s | processor time, s | each build, s |'
echo '|---|--:|--:|--:|---|'
row seltzer "seltzer $(version seltzer seltzer), default features"
row tonic "tonic $(version tonic tonic), default features, with tonic-prost and prost"

failed=0
if [ "$(crates seltzer)" -gt "$(crates tonic)" ]; then
    echo "seltzer pulls in more crates than tonic: compare 'cargo tree --edges normal' of both" >&2
    failed=1
fi
if awk -v ours="$(fastest seltzer 1)" -v theirs="$(fastest tonic 1)" 'BEGIN { exit !(ours > theirs) }'; then
    echo "seltzer takes longer to build than tonic: compare 'cargo build --timings' of both" >&2
    failed=1
fi
exit $failed
