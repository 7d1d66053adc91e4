"""Writes seeds for a fuzz target: seeds.py TARGET DATA CORPUS.

DATA holds hpack-test-case.tar.xz (recorded header blocks) and http2-fuzz-corpus.tar.xz (bytes that clients send); the
seeds of grpc_deframe_inflate and protobuf_decode are made here.
"""

import gzip
import json
import sys
import tarfile
import zlib
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


def grpc_deframe_inflate(_data):
    """Encoding and meaning, limit, then what they say; see the target."""
    gzipped, deflated = 0, 1
    text = b"seltzer " * 12
    for limit in range(16):
        for encoding, compress in ((gzipped, lambda text: gzip.compress(text, mtime=0)), (deflated, zlib.compress)):
            payload = compress(text)
            prefix = b"\x01" + len(payload).to_bytes(4, "big")
            yield bytes([encoding, limit]) + (prefix + payload) * 2
            yield bytes([encoding | 1 << 2, limit]) + bytes([1, len(payload)]) + payload + bytes([0, 3]) + b"abc"
        for encoding in range(4):
            for at in (0, 3, 9, 20):
                yield bytes([encoding | 2 << 2, limit, 40, 0, at, at]) + text
    yield bytes([3, 3]) + b"\0\0\0\0\x05hello\0\0\0\0\0"


def protobuf_decode(_data):
    """The type, then fields of all kinds and of many numbers, nested and not."""

    def field(number, wire_type, payload):
        return bytes([number << 3 | wire_type]) + payload

    def of_length(number, payload):
        return field(number, 2, bytes([len(payload)]) + payload)

    for kind in range(8):
        for number in range(1, 16):
            inner = of_length(number, b"text") + field(number, 0, b"\x96\x01")
            yield bytes([kind]) + of_length(number, inner) + of_length(1, of_length(number, inner))
            yield bytes([kind]) + field(number, 5, b"\1\2\3\4") + field(number, 1, b"\1\2\3\4\5\6\7\x7f")
            yield bytes([kind]) + field(number, 3, field(9, 2, b"\1a")) + field(number, 4, b"") + of_length(number, b"")


target, data, corpus = sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3])
makers = (hpack_decode, connection_server, connection_client, frames, grpc_deframe_inflate, protobuf_decode)
makers = {maker.__name__: maker for maker in makers}
count = 0
for seed in makers[target](data):
    if 0 < len(seed) <= SEED_BYTES_MAX:
        (corpus / f"seed-{count:05}").write_bytes(seed)
        count += 1
if count == 0:
    sys.exit(f"no seeds for {target} in {data}")
print(f"{count} seeds")
