#!/usr/bin/env bash
# Recorded HPACK traffic against our decoder, and our encoder against two decoders: ours, and Python's `hpack`.
#
#   scripts/hpack-stories.sh ARCHIVE     hpack-test-case.tar.xz, or a folder where it is unpacked
#
# The stories are those of https://github.com/http2jp/hpack-test-case.
set -euo pipefail
if [ $# -ne 1 ] || [ ! -e "$1" ]; then
    echo 'usage: scripts/hpack-stories.sh ARCHIVE-OR-FOLDER' >&2
    exit 2
fi
archive=$(realpath "$1")
cd "$(dirname "$0")/.."

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
if [ -d "$archive" ]; then
    stories=$archive
else
    stories=$scratch/stories
    mkdir "$stories"
    tar -xf "$archive" -C "$stories"
fi

export SELTZER_HPACK_STORIES=$stories SELTZER_HPACK_OUTPUT=$scratch/encoded
cargo test --release -p seltzer-h2 --test hpack -- --show-output stories | tee "$scratch/log"
# A test that found nothing to do has proven nothing.
grep -q '^decoded [1-9][0-9]* recorded blocks' "$scratch/log"
grep -q '^encoded and decoded [1-9][0-9]* blocks' "$scratch/log"

python3 -m venv "$scratch/venv"
"$scratch/venv/bin/pip" install --quiet --disable-pip-version-check 'hpack==4.1.0'
"$scratch/venv/bin/python" - "$SELTZER_HPACK_OUTPUT" <<'PYTHON'
import sys
from hpack import Decoder

def text(digits):
    return b"" if digits == "-" else bytes.fromhex(digits)

lines = open(sys.argv[1]).read().split("\n")[:-1]
position = blocks = fields = 0
decoder = None
while position < len(lines):
    if lines[position] == "connection":
        decoder = Decoder(max_header_list_size=1 << 24)
        position += 1
        continue
    words = lines[position].split()
    expected = [(text(name), text(value)) for name, value in zip(words[::2], words[1::2])]
    found = [(name, value) for name, value in decoder.decode(text(lines[position + 1]), raw=True)]
    if found != expected:
        sys.exit(f"block {blocks}: {found} instead of {expected}")
    position += 2
    blocks += 1
    fields += len(expected)
if blocks == 0:
    sys.exit("no blocks")
print(f"Python's hpack decoded {blocks} blocks of ours with {fields} fields, all equal")
PYTHON
