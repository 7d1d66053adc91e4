#!/usr/bin/env python
"""A stand-in for `seltzer call`, made of grpcio, so that the judge can be judged.

It takes the flags that cli.py uses and behaves as `seltzer call` should.
"""

import argparse
import base64
import os
import pathlib
import re
import subprocess
import sys
import tempfile

import grpc
from google.protobuf import descriptor_pb2, descriptor_pool, json_format, message_factory

import cli

CHOICES = {"gzip": grpc.Compression.Gzip, "deflate": grpc.Compression.Deflate}


class Usage(argparse.ArgumentParser):
    def error(self, message):
        print(f"usage: {message}", file=sys.stderr)
        sys.exit(cli.USAGE)


def main():
    flags = parse_flags()
    try:
        method, pool = find_method(flags)
        kind = message_factory.GetMessageClass(method.input_type)
        requests = parse_requests(flags, kind, method.client_streaming)
        metadata = [header_of(header) for header in flags.header]
    except (json_format.ParseError, ValueError, LookupError) as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(cli.USAGE)
    with open_channel(flags) as channel:
        try:
            for reply in replies(channel, method, requests, metadata, flags.timeout):
                text = json_format.MessageToJson(reply, indent=None, descriptor_pool=pool, ensure_ascii=False)
                print(text, flush=True)
        except grpc.RpcError as error:
            print(f"{error.code().name}: {error.details()}", file=sys.stderr)
            sys.exit(error.code().value[0])


def parse_flags():
    parser = Usage()
    parser.add_argument("verb", choices=("call",))
    parser.add_argument("address")
    parser.add_argument("method")
    parser.add_argument("-d", "--data", default="{}")
    parser.add_argument("-H", "--header", action="append", default=[])
    parser.add_argument("--timeout", type=seconds)
    parser.add_argument("--compression", choices=CHOICES)
    parser.add_argument("--max-message-bytes", type=int)
    parser.add_argument("--proto", action="append", default=[])
    parser.add_argument("-I", dest="includes", action="append", default=[])
    parser.add_argument("--tls-ca")
    parser.add_argument("--tls-cert")
    parser.add_argument("--tls-key")
    return parser.parse_args()


def seconds(text):
    if float(text) < 0:
        raise ValueError(text)
    return float(text)


def find_method(flags):
    service, _, name = flags.method.partition("/")
    if flags.proto:
        files, includes = flags.proto, flags.includes
    else:
        repository = os.environ["TUTORIALS_REPOSITORY"]
        includes = [os.path.join(repository, folder) for folder in ("proto", "crates/seltzer-build/proto")]
        files = [built_in(service, pathlib.Path(includes[0]))]
    pool = descriptor_pool.DescriptorPool()
    with tempfile.TemporaryDirectory() as folder:
        output = os.path.join(folder, "set.bin")
        subprocess.run(
            [sys.executable, "-m", "grpc_tools.protoc", "--include_imports", f"--descriptor_set_out={output}"]
            + [f"-I{include}" for include in includes]
            + files,
            check=True,
        )
        for file in descriptor_pb2.FileDescriptorSet.FromString(pathlib.Path(output).read_bytes()).file:
            pool.Add(file)
    method = pool.FindServiceByName(service).FindMethodByName(name)
    if method is None:
        raise LookupError(f"{service} has no method {name}")
    return method, pool


def built_in(service, proto):
    package, _, name = service.rpartition(".")
    for file in sorted(proto.rglob("*.proto")):
        text = file.read_text(encoding="utf-8")
        declared = re.search(r"^package ([\w.]+);", text, re.M)
        same_package = (declared.group(1) if declared else "") == package
        if same_package and re.search(rf"^service {name}\b", text, re.M):
            return str(file.relative_to(proto))
    raise LookupError(f"no schema declares {service}")


def parse_requests(flags, kind, streams):
    if flags.data == "@":
        return (json_format.Parse(line, kind()) for line in sys.stdin)
    requests = [json_format.ParseDict(value, kind()) for value in cli.parse(flags.data)]
    if not streams and len(requests) != 1:
        raise ValueError(f"the method takes one message, not {len(requests)}")
    return requests


def open_channel(flags):
    options = [("grpc.primary_user_agent", "seltzer-stand-in")]
    if flags.max_message_bytes:
        options.append(("grpc.max_receive_message_length", flags.max_message_bytes))
    compression = CHOICES.get(flags.compression)
    if not flags.address.startswith("https://"):
        return grpc.insecure_channel(flags.address, options, compression)
    paths = (flags.tls_ca, flags.tls_key, flags.tls_cert)
    files = [pathlib.Path(path).read_bytes() if path else None for path in paths]
    address = flags.address.removeprefix("https://")
    return grpc.secure_channel(address, grpc.ssl_channel_credentials(*files), options, compression)


def replies(channel, method, requests, metadata, timeout_s):
    shapes = {False: "unary", True: "stream"}
    kind = f"{shapes[method.client_streaming]}_{shapes[method.server_streaming]}"
    call = getattr(channel, kind)(
        f"/{method.containing_service.full_name}/{method.name}",
        request_serializer=message_factory.GetMessageClass(method.input_type).SerializeToString,
        response_deserializer=message_factory.GetMessageClass(method.output_type).FromString,
    )
    argument = iter(requests) if method.client_streaming else next(iter(requests))
    answer = call(argument, timeout=timeout_s, metadata=metadata)
    return answer if method.server_streaming else [answer]


def header_of(header):
    name, colon, value = header.partition(":")
    if not colon:
        raise ValueError(f"{header} is not NAME:VALUE")
    return name.lower(), base64.b64decode(value) if name.endswith("-bin") else value.strip()


if __name__ == "__main__":
    main()
