"""Writes seeds for a fuzz target: seeds.py TARGET DATA CORPUS.

DATA holds hpack-test-case.tar.xz (recorded header blocks) and http2-fuzz-corpus.tar.xz (bytes that clients send); the
seeds of grpc_deframe_inflate, protobuf_decode and those of REST are made here.
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


def schema(_data):
    """The schemas that the tests of seltzer-build compile and refuse."""
    folder = Path(__file__).resolve().parent.parent / "crates/seltzer-build/tests/suite/editions"
    for name in ("accepted.txt", "rejected.txt"):
        for case in (folder / name).read_bytes().split(b"\n== ")[1:]:
            yield case.partition(b"\n")[2]


def rest_template(_data):
    """A template and a path, a line each."""
    templates = ("/", "/v1/{name}", "/v1/{name=shelves/*/books/*}:move", "/{a.b=**}", "/v1/*/x/**:v", "/a%20b/{c}")
    paths = ("/", "/v1/a", "/v1/shelves/1/books/2:move", "/a%2Fb/c", "/v1/%zz", "/../%2e/x:v")
    for template in templates:
        for path in paths:
            yield f"{template}\n{path}".encode()


def rest_query(_data):
    yield b"an_int32=5&aBool=true&numbers=1&numbers=2&texts=x+y&genre=POEM&genres=1"
    yield b"inner.inner.text=x&labels[a.b]=1&counts%5B-1%5D=2&chosen[true]=NOVEL&maybe"
    yield b"time=2024-01-01T00:00:00Z&duration=1.5s&mask=a_b,cD&bool_value=false&int64_value=7&data=aGk%3D"
    yield b"chosen_text=1&chosen_number=2&nothing=%ff&a_double=1e3&&=&[=]"


def rest_json(_data):
    yield b'{"aDouble":1.5e3,"aFloat":"NaN","anInt32":-5,"anInt64":"9","aBool":true,"text":"a\\u00e9\\ud83d\\ude00","data":"aGk="}'
    yield b'{"genre":"POEM","inner":{"inner":{}},"numbers":[1,"2"],"genres":[1,"NOVEL"],"inners":[{}],"maybe":null}'
    yield b'{"labels":{"a":"b"},"counts":{"-1":2},"chosen":{"true":1},"authors":{"a":{"born":1}},"chosenNull":null}'
    yield b'{"time":"2024-02-29T12:00:00.5+01:00","duration":"-1.5s","mask":"aB,c.d","struct":{"a":[1,null]},"value":1,"list":[]}'
    yield b'{"any":{"@type":"type.googleapis.com/rest.Author","name":"A"},"empty":{},"int64Value":"1","bytesValue":"_-8"}'
    yield b'[{"text":"a"},{"text":"]"},{}]'
    yield b'{"text":"a"}\n{"text":"\\"}"}\n1 true "x"'


target, data, corpus = sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3])
makers = (hpack_decode, connection_server, connection_client, frames, grpc_deframe_inflate, protobuf_decode, schema)
makers += (rest_template, rest_query, rest_json)
makers = {maker.__name__: maker for maker in makers}
count = 0
for seed in makers[target](data):
    if 0 < len(seed) <= SEED_BYTES_MAX:
        (corpus / f"seed-{count:05}").write_bytes(seed)
        count += 1
if count == 0:
    sys.exit(f"no seeds for {target} in {data}")
print(f"{count} seeds")
