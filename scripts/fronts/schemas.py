"""The messages of gRPC's test service, compiled when they are needed."""

import pathlib
import sys
import tempfile

import grpc_tools
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from grpc_tools import protoc

PROTO = pathlib.Path(__file__).resolve().parents[2] / "proto"


def compile_schemas():
    """Finds messages by their names."""
    well_known = pathlib.Path(grpc_tools.__file__).parent / "_proto"
    with tempfile.TemporaryDirectory() as work:
        compiled = pathlib.Path(work) / "test.bin"
        arguments = ["protoc", f"-I{PROTO}", f"-I{well_known}", "--include_imports", f"--descriptor_set_out={compiled}"]
        if protoc.main([*arguments, "grpc/testing/test.proto"]) != 0:
            sys.exit("the test service's schemas cannot be compiled")
        files = descriptor_pb2.FileDescriptorSet.FromString(compiled.read_bytes())
    # One of its own: `grpc` is the name of the client's package, too.
    pool = descriptor_pool.DescriptorPool()
    for file in files.file:
        pool.Add(file)

    def message(name):
        return message_factory.GetMessageClass(pool.FindMessageTypeByName(f"grpc.testing.{name}"))

    return message


MESSAGE = compile_schemas()
