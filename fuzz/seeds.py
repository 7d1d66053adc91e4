"""Writes seeds for a fuzz target: seeds.py TARGET DATA CORPUS.

DATA holds hpack-test-case.tar.xz (recorded header blocks) and http2-fuzz-corpus.tar.xz (bytes that clients send).
"""

import json
import sys
import tarfile
from pathlib import Path

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
SEED_BYTES_MAX = 8192


def members(path):
    with tarfile.open(path) as archive:
        for member in archive:
            if member.isfile():
                yield member.name, archive.extractfile(member).read()


def hpack_decode(data):
    """A story's first blocks, each after its length, behind a table of 4096 bytes."""
    for name, text in members(data / "hpack-test-case.tar.xz"):
        if not name.endswith(".json") or "raw-data" in name:
            continue
        seed = (4096).to_bytes(2, "big")
        for case in json.loads(text)["cases"]:
            block = bytes.fromhex(case["wire"])
            if len(seed) + len(block) > SEED_BYTES_MAX // 4:
                break
            seed += len(block).to_bytes(2, "big") + block
        yield seed


def connection_server(data):
    for name, raw in members(data / "http2-fuzz-corpus.tar.xz"):
        if "corpus" in name:
            yield raw


def connection_client(data):
    for raw in connection_server(data):
        yield raw.removeprefix(PREFACE)


def frames(data):
    """Type, flags, stream and length in a byte each, then the payload."""
    for raw in connection_client(data):
        seed = b""
        while len(raw) >= 9:
            length = int.from_bytes(raw[:3], "big")
            payload = raw[9 : 9 + length][:255]
            seed += bytes([raw[3], raw[4], raw[8], len(payload)]) + payload
            raw = raw[9 + length :]
        yield seed


target, data, corpus = sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3])
makers = {maker.__name__: maker for maker in (hpack_decode, connection_server, connection_client, frames)}
count = 0
for seed in makers[target](data):
    if 0 < len(seed) <= SEED_BYTES_MAX:
        (corpus / f"seed-{count:05}").write_bytes(seed)
        count += 1
if count == 0:
    sys.exit(f"no seeds for {target} in {data}")
print(f"{count} seeds")
