#!/usr/bin/env python3
"""Every option that `protoc --help` lists, given to protoc and to `seltzer protoc`: the same status, the same files.

An option of protoc's list that is not tried here is a failure. Called by scripts/protoc.sh.
"""

import argparse
import os
import pathlib
import re
import subprocess
import sys
import tempfile

import grpc_tools

WELL_KNOWN = str(pathlib.Path(grpc_tools.__file__).parent / "_proto")
PROTOC = "import sys; from grpc_tools import protoc; sys.exit(protoc.main(['protoc', *sys.argv[1:]]))"

SCHEMAS = {
    "a.proto": """syntax = "proto3";
package a;
import "b/b.proto";
message A {
  b.B b = 1;
  map<string, int32> counts = 4;
  double d = 5;
  float f = 9;
  repeated string names = 6;
  bytes data = 7;
  optional int64 number = 10;
  enum Kind { NONE = 0; SOME = 1; }
  repeated Kind kinds = 11;
  oneof choice { bool yes = 12; A again = 13; }
  reserved 20 to 30;
}
""",
    "b/b.proto": 'syntax = "proto3";\npackage b;\n// A comment.\nmessage B { int32 x = 1; }\n',
    "unused.proto": 'syntax = "proto3";\nimport "b/b.proto";\nmessage U {}\n',
    "nosyntax.proto": "message N { optional int32 a = 1; required int32 r = 2; }\n",
    "broken.proto": 'syntax = "proto3";\nmessage M {\n  strin x = 1;\n}\n',
    "kept.proto": """syntax = "proto2";
import "google/protobuf/descriptor.proto";
extend google.protobuf.FieldOptions { optional int32 o = 50000 [retention = RETENTION_SOURCE]; }
message K { optional int32 x = 1 [(o) = 1, deprecated = true]; optional int32 y = 2 [(o) = 2]; }
""",
    "arguments": "-I.\n-oOUT/set\na.proto\n",
}

TEXT = """b { x: 1 } counts { key: "z" value: 1 } counts { key: "a" value: -2 } d: 1e20 f: 0.1 names: "h\\303\\251\\"" names: ''
data: "\\001\\xff" number: -5 kinds: [NONE, SOME] again { d: inf again { d: 123456.789 f: 1e-10 } }"""
BYTES = bytes.fromhex("0a02080122050a017a10015a0200016a0b2900000000008058400a00")
RAW = bytes.fromhex("0a0208011096011d0100000021010000000000000012056865c3a9002b0807302c")

# The option it is about, the arguments, standard input, and what may differ: "words" is what is printed.
CASES = [
    ("-I", ["-I.", "-oOUT/set", "a.proto"]),
    ("--proto_path", ["--proto_path=.", "-oOUT/set", "a.proto"]),
    ("--proto_path", ["--proto_path", ".", "-oOUT/set", "a.proto"]),
    ("--proto_path", ["-Inothing:.", "-oOUT/set", "a.proto"]),
    ("--proto_path", ["-Ib=b", "-Ivirtual=.", "-oOUT/set", "virtual/a.proto"]),
    ("--proto_path", ["-Ix/y.proto=b/b.proto", "-oOUT/set", "x/y.proto"]),
    ("--proto_path", ["-Ib", "-I.", "-oOUT/set", "b/b.proto"]),
    ("--version", ["--version"]),
    ("--encode", ["-I.", "--encode=a.A", "a.proto"], b"wrong: 1"),
    ("--encode", ["-I.", "--encode=a.A", "a.proto"], b"d: 'x'"),
    ("--encode", ["-I.", "--encode=a.Nothing", "a.proto"], b""),
    ("--encode", ["-I.", "--encode=N", "nosyntax.proto"], b"a: 1"),
    ("--deterministic_output", ["-I.", "--encode=a.A", "--deterministic_output", "a.proto"], TEXT.encode()),
    ("--decode", ["-I.", "--decode=a.A", "a.proto"], BYTES),
    ("--decode", ["-I.", "--decode=b.B", "a.proto"], RAW),
    ("--decode", ["-I.", "--decode=a.A", "a.proto"], b"\x0a\x05"),
    ("--decode_raw", ["--decode_raw"], RAW),
    ("--decode_raw", ["--decode_raw"], b"\x0a\x05"),
    ("--decode_raw", ["--decode_raw", "a.proto"], b""),
    ("--descriptor_set_out", ["-I.", "--descriptor_set_out=OUT/set", "a.proto", "b/b.proto"]),
    ("--descriptor_set_out", ["-I.", "--descriptor_set_out=OUT/set", "b/b.proto", "a.proto"]),
    ("--descriptor_set_out", ["-I.", "--descriptor_set_out=OUT/no/set", "b/b.proto"]),
    ("-o", ["-I.", "-o", "OUT/set", "a.proto"]),
    ("--descriptor_set_in", ["--descriptor_set_in=whole.set", "-oOUT/set", "a.proto"]),
    ("--descriptor_set_in", ["--descriptor_set_in=b.set:a.set", "--include_imports", "-oOUT/set", "a.proto"]),
    ("--descriptor_set_in", ["--descriptor_set_in=b.set", "-oOUT/set", "a.proto"]),
    ("--descriptor_set_in", ["--descriptor_set_in=b.set", "-I.", "-oOUT/set", "a.proto"]),
    ("--descriptor_set_in", ["--descriptor_set_in=a.proto", "-oOUT/set", "a.proto"]),
    ("--descriptor_set_in", ["--descriptor_set_in=nothing", "-oOUT/set", "a.proto"]),
    ("--include_imports", ["-I.", "-oOUT/set", "--include_imports", "a.proto"]),
    ("--include_imports", ["-I.", "--include_imports", "a.proto"]),
    ("--include_source_info", ["-I.", "-oOUT/set", "--include_source_info", "--include_imports", "a.proto"]),
    ("--retain_options", ["-I.", "-IWELL_KNOWN", "-oOUT/set", "kept.proto"]),
    ("--retain_options", ["-I.", "-IWELL_KNOWN", "-oOUT/set", "--retain_options", "kept.proto"]),
    ("--retain_options", ["-I.", "-IWELL_KNOWN", "-oOUT/set", "--include_source_info", "kept.proto"]),
    ("--dependency_out", ["-I.", "-oOUT/set", "--dependency_out=OUT/make", "a.proto"]),
    ("--dependency_out", ["-I.", "-oOUT/set", "--dependency_out=OUT/make", "a.proto", "b/b.proto"]),
    ("--dependency_out", ["-I.", "--plugin=protoc-gen-x=./plugin", "--x_out=OUT", "--dependency_out=OUT/make", "a.proto"]),
    ("--error_format", ["-I.", "--error_format=gcc", "-oOUT/set", "broken.proto"]),
    ("--error_format", ["-I.", "--error_format=msvs", "-oOUT/set", "broken.proto"]),
    ("--error_format", ["-I.", "--error_format=other", "-oOUT/set", "a.proto"]),
    ("--fatal_warnings", ["-I.", "-oOUT/set", "unused.proto"]),
    ("--fatal_warnings", ["-I.", "--fatal_warnings", "-oOUT/set", "unused.proto"]),
    ("--fatal_warnings", ["-I.", "--fatal_warnings", "-oOUT/set", "nosyntax.proto"]),
    ("--fatal_warnings", ["-I.", "--fatal_warnings", "-oOUT/set", "a.proto"]),
    ("--print_free_field_numbers", ["-I.", "--print_free_field_numbers", "a.proto", "b/b.proto"]),
    ("--unsafe_allow_out_dir_escape", ["-I.", "--plugin=protoc-gen-x=./escape", "--x_out=OUT", "a.proto"]),
    (
        "--unsafe_allow_out_dir_escape",
        ["-I.", "--plugin=protoc-gen-x=./escape", "--x_out=OUT/inner", "--unsafe_allow_out_dir_escape", "a.proto"],
    ),
    ("--plugin", ["-I.", "--plugin=protoc-gen-x=./plugin", "--x_out=a=b,c:OUT", "--x_opt=d", "--x_opt=e", "a.proto"]),
    ("--plugin", ["-I.", "--plugin=./protoc-gen-y", "--y_out=OUT", "a.proto", "b/b.proto"]),
    ("--plugin", ["-I.", "--plugin=protoc-gen-x=./plugin", "--x_out=OUT/nowhere", "a.proto"]),
    ("--plugin", ["-I.", "--plugin=protoc-gen-x=./nothing", "--x_out=OUT", "a.proto"]),
    ("--plugin", ["-I.", "--plugin=protoc-gen-x=./fails", "--x_out=OUT", "a.proto"]),
    ("--plugin", ["-I.", "--plugin=protoc-gen-x=./complains", "--x_out=OUT", "a.proto"]),
    ("--plugin", ["-I.", "--plugin=protoc-gen-x=./old", "--x_out=OUT", "a.proto"]),
    ("--plugin", ["-I.", "--plugin=protoc-gen-x=./plugin", "--plugin=protoc-gen-z=./inserts", "--x_out=OUT", "--z_out=OUT", "a.proto"]),
    ("--plugin", ["-I.", "--plugin=protoc-gen-z=./inserts", "--z_out=OUT", "a.proto"]),
    ("--plugin", ["-I.", "--nothing_out=OUT", "a.proto"]),
    ("--direct_dependencies", ["-I.", "--direct_dependencies=b/b.proto:c.proto", "-oOUT/set", "a.proto"]),
    ("--direct_dependencies", ["-I.", "--direct_dependencies=c.proto", "-oOUT/set", "a.proto"]),
    ("--direct_dependencies", ["-I.", "--direct_dependencies=", "-oOUT/set", "b/b.proto"]),
    ("--option_dependencies", ["-I.", "--option_dependencies=b/b.proto", "-oOUT/set", "a.proto"]),
    ("@<filename>", ["@arguments-OUT"]),
    ("@<filename>", ["@nothing"]),
    ("-h", ["-h"], b"", "words"),
    ("--help", ["--help"], b"", "words"),
    ("--notices", ["--notices"], b"", "words"),
    ("", [], b"", "words"),
    ("", ["-I.", "a.proto"]),
    ("", ["--bogus", "a.proto"]),
    ("", ["-I.", "-oOUT/set", "nothing.proto"]),
    ("", ["-oOUT/set", "a.proto"]),
]

# protoc 35.1 lists it and then takes the next word for its value; `seltzer protoc` takes it, and it does nothing.
ALONE_HERE = ["--enable_codegen_trace"]

# Options of the list that `seltzer protoc` has no generator for: it says so.
BUILT_IN = ["--grpc_python_out", "--pyi_out", "--python_out"]

PLUGIN = """#!{python}
import sys
from google.protobuf.compiler import plugin_pb2
request = plugin_pb2.CodeGeneratorRequest.FromString(sys.stdin.buffer.read())
response = plugin_pb2.CodeGeneratorResponse(supported_features={features})
{body}
sys.stdout.buffer.write(response.SerializeToString())
"""

BODIES = {
    "plugin": "for file in request.file_to_generate:\n"
    "    text = 'one\\n  # @@protoc_insertion_point(here)\\n' + request.parameter\n"
    "    response.file.add(name=file + '.txt', content=text)",
    "protoc-gen-y": "response.file.add(name='y/all', content=' '.join(file.name for file in request.proto_file))",
    "inserts": "response.file.add(name='a.proto.txt', insertion_point='here', content='two\\n\\nthree')",
    "escape": "response.file.add(name='../escaped', content='x')",
    "complains": "response.error = 'no, thank you'",
    "fails": "sys.exit(3)",
    "old": "response.supported_features = 0",
}


def write_workspace(folder):
    for name, text in SCHEMAS.items():
        path = folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    for name, body in BODIES.items():
        path = folder / name
        path.write_text(PLUGIN.format(python=sys.executable, features=1, body=body))
        path.chmod(0o755)


def run(command, folder, out, arguments, stdin):
    (folder / out).mkdir()
    (folder / f"arguments-{out}").write_text(SCHEMAS["arguments"].replace("OUT", out))
    arguments = [argument.replace("OUT", out).replace("WELL_KNOWN", WELL_KNOWN) for argument in arguments]
    (folder / out / "inner").mkdir()
    result = subprocess.run([*command, *arguments], capture_output=True, input=stdin, cwd=folder)
    files = {}
    for path in sorted((folder / out).rglob("*")):
        if path.is_file():
            name = str(path.relative_to(folder / out))
            files[name] = normal(name, path.read_bytes().replace(out.encode(), b"OUT"))
    return result.returncode, files, result.stdout, result.stderr.decode(errors="replace")


def normal(name, content):
    if name != "set":
        return content
    from google.protobuf import descriptor_pb2

    descriptors = descriptor_pb2.FileDescriptorSet.FromString(content)
    for file in descriptors.file:
        file.source_code_info.location.sort(key=lambda place: (list(place.path), list(place.span)))
    return descriptors.SerializeToString(deterministic=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--ours", required=True, help="seltzer-protoc")
    arguments = parser.parse_args()
    ours, theirs = [os.path.abspath(arguments.ours)], [sys.executable, "-c", PROTOC]
    page = subprocess.run([*theirs, "--help"], capture_output=True, text=True).stdout
    listed = set(re.findall(r"^ {2,4}(--?\w+|@<filename>)", page, re.MULTILINE)) | {"--help", "--proto_path"}
    listed = {"-I" if option.startswith("-I") else "-o" if option.startswith("-o") else option for option in listed}
    missing = listed - {case[0] for case in CASES} - set(BUILT_IN) - set(ALONE_HERE)
    failures = [f"{option} is in protoc's list and is not tried" for option in sorted(missing)]
    passed = 0
    with tempfile.TemporaryDirectory() as scratch:
        folder = pathlib.Path(scratch)
        write_workspace(folder)
        for name, files in (("whole.set", ["a.proto", "b/b.proto"]), ("a.set", ["a.proto"]), ("b.set", ["b/b.proto"])):
            subprocess.run([*theirs, "-I.", f"-o{name}", *files], cwd=folder, check=True)
        for index, (option, words, *rest) in enumerate(CASES):
            stdin = rest[0] if rest else b""
            mine = run(ours, folder, f"ours{index}", words, stdin)
            other = run(theirs, folder, f"theirs{index}", words, stdin)
            differs = [what for what, one, two in zip(("status", "files", "output"), mine, other) if one != two]
            if rest[1:] == ["words"] and "output" in differs and mine[2] and other[2]:
                differs.remove("output")
            if mine[0] != 0 and not mine[3].strip():
                differs.append("nothing is said of a failure")
            if differs:
                told = f"{mine[0]} {mine[1:3]!r:.300} {mine[3]:.200} / {other[0]} {other[1:3]!r:.300} {other[3]:.200}"
                failures.append(f"{option or 'no option'}: {' '.join(words)}: {differs}: {told}")
            else:
                passed += 1
        for index, flag in enumerate(BUILT_IN):
            status, _, _, said = run(ours, folder, f"builtin{index}", ["-I.", f"{flag}=OUT", "a.proto"], b"")
            name = flag.removeprefix("--").removesuffix("_out")
            if status == 1 and f"protoc-gen-{name}" in said:
                passed += 1
            else:
                failures.append(f"{flag}: says not why it does not work: {said}")
        for index, flag in enumerate(ALONE_HERE):
            status, files, _, said = run(ours, folder, f"alone{index}", ["-I.", flag, "-oOUT/set", "a.proto"], b"")
            if status == 0 and files and not said:
                passed += 1
            else:
                failures.append(f"{flag}: {said}")
    for failure in failures:
        print(f"FAIL   {failure}")
    print(f"{passed} passed, {len(failures)} failed")
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
