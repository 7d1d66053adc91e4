#!/usr/bin/env python3
"""Real plugins, run by `seltzer protoc` and by protoc: what they write must be the same, byte for byte.

Go's two generators, and gRPC's own for Python, which is wrapped as a plugin: it is part of grpcio-tools and no program of
its own. What each plugin is asked is compared as well, with source locations sorted. Called by scripts/protoc.sh.
"""

import argparse
import os
import pathlib
import stat
import subprocess
import sys
import tempfile

from google.protobuf.compiler import plugin_pb2

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]
PROTOC = "import sys; from grpc_tools import protoc; sys.exit(protoc.main(['protoc', *sys.argv[1:]]))"

# A plugin that keeps what it was asked and generates with the generator that is built into grpcio-tools: the schemas come
# out of the request, as a descriptor set.
PYTHON_PLUGIN = """#!{python}
import pathlib, sys, tempfile
from google.protobuf import descriptor_pb2
from google.protobuf.compiler import plugin_pb2
from grpc_tools import protoc
request = plugin_pb2.CodeGeneratorRequest.FromString(sys.stdin.buffer.read())
response = plugin_pb2.CodeGeneratorResponse(supported_features=1)
with tempfile.TemporaryDirectory() as scratch:
    folder = pathlib.Path(scratch)
    schemas = descriptor_pb2.FileDescriptorSet(file=request.proto_file)
    (folder / "set").write_bytes(schemas.SerializeToString())
    (folder / "out").mkdir()
    flag = "--{flag}=" + (request.parameter + ":" if request.parameter else "") + str(folder / "out")
    arguments = ["protoc", "--descriptor_set_in=" + str(folder / "set"), flag, *request.file_to_generate]
    if protoc.main(arguments) != 0:
        sys.exit(1)
    for path in sorted((folder / "out").rglob("*.py*")):
        response.file.add(name=str(path.relative_to(folder / "out")), content=path.read_text())
sys.stdout.buffer.write(response.SerializeToString())
"""

RECORDER = """#!{python}
import os, sys
open(os.environ["RECORD"], "wb").write(sys.stdin.buffer.read())
"""


def script(path, text, **values):
    path.write_text(text.format(python=sys.executable, **values))
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


def generate(command, includes, flags, schemas, out, **environment):
    out.mkdir()
    flags = [flag.replace("OUT", str(out)) for flag in flags]
    command = [*command, *(f"-I{folder}" for folder in includes), *flags, *schemas]
    result = subprocess.run(command, capture_output=True, text=True, env={**os.environ, **environment})
    files = {str(path.relative_to(out)): path.read_bytes() for path in sorted(out.rglob("*")) if path.is_file()}
    return result.returncode, files, result.stderr


def request_of(path):
    request = plugin_pb2.CodeGeneratorRequest.FromString(path.read_bytes())
    for file in [*request.proto_file, *request.source_file_descriptors]:
        file.source_code_info.location.sort(key=lambda place: (list(place.path), list(place.span)))
    return request.SerializeToString(deterministic=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--ours", required=True, help="seltzer-protoc")
    parser.add_argument("--go", required=True, type=pathlib.Path, help="where protoc-gen-go and protoc-gen-go-grpc are")
    arguments = parser.parse_args()
    import grpc_tools

    ours = [os.path.abspath(arguments.ours)]
    theirs = [sys.executable, "-c", PROTOC]
    own = REPOSITORY / "crates/seltzer-build/proto"
    includes = [REPOSITORY / "proto", own, pathlib.Path(grpc_tools.__file__).parent / "_proto"]
    demos = sorted(path.name for path in (REPOSITORY / "proto").glob("*.proto"))
    common = sorted(str(path.relative_to(own)) for path in own.rglob("*.proto"))
    with tempfile.TemporaryDirectory() as scratch:
        folder = pathlib.Path(scratch)
        python = script(folder / "python", PYTHON_PLUGIN, flag="python_out")
        grpc = script(folder / "grpc", PYTHON_PLUGIN, flag="grpc_python_out")
        recorder = script(folder / "recorder", RECORDER)
        # Schemas say nothing of Go packages here, so that every file is told one.
        packages = [f"--NAME_opt=M{name}=example.com/x/{name.removesuffix('.proto')}" for name in [*demos, *common]]
        go = [f"--plugin={arguments.go}/protoc-gen-go", "--go_out=OUT", "--go_opt=paths=source_relative"]
        go_grpc = [
            f"--plugin=protoc-gen-go-grpc={arguments.go}/protoc-gen-go-grpc",
            "--go-grpc_out=require_unimplemented_servers=false:OUT",
            "--go-grpc_opt=paths=source_relative",
        ]
        go += [option.replace("NAME", "go") for option in packages]
        go_grpc += [option.replace("NAME", "go-grpc") for option in packages]
        python_flags = [f"--plugin=protoc-gen-py={python}", "--py_out=OUT"]
        grpc_flags = [f"--plugin=protoc-gen-grpc_py={grpc}", "--grpc_py_out=grpc_2_0:OUT"]
        cases = []
        for name in [*demos, *common]:
            cases.append((f"protoc-gen-go, {name}", go, [name]))
            cases.append((f"protoc-gen-go-grpc, {name}", go_grpc, [name]))
        for name in demos:
            cases.append((f"Python, {name}", python_flags, [name]))
            cases.append((f"gRPC for Python, {name}", grpc_flags, [name]))
        cases.append(("both for Go in one call", [*go, *go_grpc], [demos[0]]))
        cases.append(("Go into an archive", [flag.replace("OUT", "OUT/x.zip") for flag in go], [demos[0]]))
        passed = failed = 0
        for index, (title, flags, schemas) in enumerate(cases):
            mine = generate(ours, includes, flags, schemas, folder / f"ours{index}")
            other = generate(theirs, includes, flags, schemas, folder / f"theirs{index}")
            if title.endswith("archive"):
                mine, other = (unpacked(result) for result in (mine, other))
            if mine[:2] == other[:2] and mine[0] == 0:
                passed += 1
                continue
            failed += 1
            wrong = [name for name in {*mine[1], *other[1]} if mine[1].get(name) != other[1].get(name)]
            print(f"FAIL   {title}: status {mine[0]} and {other[0]}, files {wrong}: {mine[2][:300]} / {other[2][:300]}")
        for name in [*demos, *common]:
            flags = [f"--plugin=protoc-gen-record={recorder}", "--record_out=a=b:OUT", "--record_opt=c"]
            for who, command in (("ours", ours), ("theirs", theirs)):
                out = folder / f"record-{who}-{name.replace('/', '-')}"
                generate(command, includes, flags, [name], out, RECORD=str(folder / who))
            if request_of(folder / "ours") == request_of(folder / "theirs"):
                passed += 1
            else:
                failed += 1
                print(f"FAIL   the request for {name} is another one")
    print(f"{passed} passed, {failed} failed")
    sys.exit(1 if failed else 0)


def unpacked(result):
    import io
    import zipfile

    code, files, words = result
    unpacked = {}
    for name, content in files.items():
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            assert archive.testzip() is None, name
            unpacked |= {inner: archive.read(inner) for inner in archive.namelist()}
    return code, unpacked, words


if __name__ == "__main__":
    main()
