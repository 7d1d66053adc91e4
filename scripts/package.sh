#!/usr/bin/env bash
# Packs and builds every package that will be published, as the registry would receive it.
set -euo pipefail
cd "$(dirname "$0")/.."
cargo package --workspace --quiet --allow-dirty
echo 'all packages build from their archives'
