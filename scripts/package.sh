#!/usr/bin/env bash
# Packs and builds every package that will be published, as the registry would receive it.
set -euo pipefail
cd "$(dirname "$0")/.."
# cargo unpacks the archives where it keeps what came from registries, and takes what it finds there the next time, in
# the belief that a version never changes. Ours do until they are published. Registries have a name before the dash.
rm -rf "${CARGO_HOME:-$HOME/.cargo}"/registry/src/-*/seltzer-*
cargo package --workspace --quiet --allow-dirty
echo 'all packages build from their archives'
