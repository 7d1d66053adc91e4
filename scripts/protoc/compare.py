#!/usr/bin/env python3
"""Descriptor sets of `seltzer protoc` beside those of protoc, for every schema of a list of PyPI packages.

Both are parsed, the source locations sorted by path and span, serialised deterministically, and compared byte for byte:
without and with source info, each schema by itself with its imports. Called by scripts/protoc.sh.
"""

import argparse
import os
import pathlib
import subprocess
import sys
import tempfile

from google.protobuf import descriptor_pb2

HERE = pathlib.Path(__file__).resolve().parent


def package_list():
    lines = (HERE / "packages.txt").read_text().splitlines()
    return [line.strip() for line in lines if line.strip() and not line.startswith("#")]


def exceptions():
    """The schemas that are known to differ, each with its reason."""
    table = {}
    for line in (HERE / "differences.txt").read_text().splitlines():
        if line.strip() and not line.startswith("#"):
            name, reason = line.split(None, 1)
            table[name] = reason
    return table


def install(package, folder):
    if not folder.is_dir():
        command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--disable-pip-version-check"]
        subprocess.run([*command, "--target", str(folder), package], check=True)


def roots_of(folder):
    """The folders of a package that its schemas are imported from, and the schemas of each."""
    schemas = sorted(folder.rglob("*.proto"))
    roots = {}
    for schema in schemas:
        roots.setdefault(root_of(schema, folder), []).append(schema)
    return roots


def root_of(schema, folder):
    """The folder above a schema that its package names, or the nearest one in which all that it imports can be found."""
    named = schema.parent
    for part in reversed(package_of(schema).split(".")):
        named = named.parent if named.name == part else folder.parent
    if named.is_relative_to(folder):
        return named
    imports = imports_of(schema)
    for parent in schema.relative_to(folder).parents:
        root = folder / parent
        if all((root / name).is_file() or name.startswith(STANDARD) for name in imports):
            return root
    return folder


STANDARD = ("google/protobuf/", "google/api/", "google/rpc/", "google/type/")


def package_of(schema):
    for line in schema.read_text(errors="replace").splitlines():
        if line.startswith("package "):
            return line.split("//")[0].removeprefix("package ").strip().rstrip(";").strip()
    return ""


def imports_of(schema):
    names = []
    for line in schema.read_text(errors="replace").splitlines():
        words = line.split("//")[0].split()
        if words[:1] == ["import"] and '"' in line:
            names.append(line.split('"')[1])
    return names


# What is said of a schema that neither compiler accepts, because it imports what its package does not have.
REFUSED = "both refuse it"


class Compiler:
    def __init__(self, command, includes):
        self.command = command
        self.includes = includes

    def run(self, root, name, mapped, out, options):
        # The root as protoc wants it: exactly what the names of files start with, and they are relative to it.
        includes = [f"-I{folder}" for folder in [".", *mapped, *self.includes]]
        command = [*self.command, *includes, f"--descriptor_set_out={out}", "--include_imports", *options, name]
        result = subprocess.run(command, capture_output=True, text=True, cwd=root)
        return result.returncode == 0, result.stderr


def normal(path, source_info):
    descriptors = descriptor_pb2.FileDescriptorSet.FromString(pathlib.Path(path).read_bytes())
    for file in descriptors.file:
        if source_info:
            locations = sorted(file.source_code_info.location, key=lambda place: (list(place.path), list(place.span)))
            del file.source_code_info.location[:]
            file.source_code_info.location.extend(locations)
    return descriptors


def first_difference(ours, theirs):
    for left, right in zip(ours.file, theirs.file):
        if left.SerializeToString(deterministic=True) != right.SerializeToString(deterministic=True):
            left_lines, right_lines = str(left).splitlines(), str(right).splitlines()
            for number, (one, other) in enumerate(zip(left_lines, right_lines)):
                if one != other:
                    near = " | ".join(line.strip() for line in left_lines[max(0, number - 3) : number])
                    return f"{left.name}: after {near}: ours {one.strip()!r}, protoc's {other.strip()!r}"
            return f"{left.name}: one is longer"
    return f"files: ours {[file.name for file in ours.file]}, protoc's {[file.name for file in theirs.file]}"


def mappings(folder):
    """The folders of a package that schemas are imported from by another path, which their `package` names."""
    paths = {}
    for schema in sorted(folder.rglob("*.proto")):
        virtual = package_of(schema).replace(".", "/")
        if virtual and not schema.parent.as_posix().endswith(virtual):
            paths[schema.parent] = virtual
    return paths


def compare(root, schema, mapped, ours, theirs, scratch):
    """What differs, in words; nothing if the two agree."""
    difference = compare_as(root, str(schema.relative_to(root)), schema, [], ours, theirs, scratch)
    if difference == REFUSED and schema.parent in mapped:
        # Moved by whoever packed it: `-IVIRTUAL=DISK` puts it where its imports expect it.
        name = f"{mapped[schema.parent]}/{schema.name}"
        includes = [f"{virtual}={disk}" for disk, virtual in mapped.items()]
        difference = compare_as(root, name, schema, includes, ours, theirs, scratch)
    return difference


def compare_as(root, name, schema, mapped, ours, theirs, scratch):
    for options in ([], ["--include_source_info"], ["--retain_options"]):
        if options == ["--retain_options"] and "retention" not in schema.read_text(errors="replace"):
            continue
        our_set, their_set = scratch / "ours", scratch / "theirs"
        they_accept, their_words = theirs.run(root, name, mapped, their_set, options)
        we_accept, our_words = ours.run(root, name, mapped, our_set, options)
        if they_accept != we_accept:
            words = their_words if we_accept else our_words
            who = "only protoc refuses it" if we_accept else "only we refuse it"
            lines = [line for line in words.splitlines() if ": warning:" not in line and "W0000" not in line]
            return f"{who}: {' '.join(lines[:2])}"
        if not they_accept:
            return REFUSED
        with_info = options == ["--include_source_info"]
        left, right = normal(our_set, with_info), normal(their_set, with_info)
        if left.SerializeToString(deterministic=True) != right.SerializeToString(deterministic=True):
            return f"{' '.join(options) or 'plain'}: {first_difference(left, right)}"
    return None


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--ours", required=True, help="seltzer-protoc")
    parser.add_argument("--packages", required=True, type=pathlib.Path, help="where packages are installed to")
    parser.add_argument("--only", action="append", help="a package; may be repeated")
    arguments = parser.parse_args()
    import grpc_tools

    well_known = pathlib.Path(grpc_tools.__file__).parent / "_proto"
    packages = arguments.only or package_list()
    for package in packages:
        install(package, arguments.packages / package)
    arguments.packages = arguments.packages.resolve()
    common = arguments.packages / "googleapis-common-protos"
    own = HERE.parents[1] / "crates/seltzer-build/proto"
    includes = [well_known, common, own, arguments.packages / "grpc-google-iam-v1"]
    ours = Compiler([os.path.abspath(arguments.ours)], includes)
    # Without the wrapper of the package, which starts Python a second time.
    theirs = Compiler([sys.executable, "-c", PROTOC], includes)
    known = exceptions()
    passed, failed, refused, met = 0, 0, 0, set()
    folders = {package: arguments.packages / package for package in packages}
    if not arguments.only:
        # gRPC's own schemas, the common types and the demo services: what this repository carries.
        folders["seltzer"] = HERE.parents[1] / "proto"
        folders["seltzer-build"] = HERE.parents[1] / "crates/seltzer-build/proto"
    with tempfile.TemporaryDirectory() as scratch:
        for package, folder in folders.items():
            total = 0
            mapped = mappings(folder)
            for root, schemas in roots_of(folder).items():
                for schema in schemas:
                    total += 1
                    name = f"{package}:{schema.relative_to(folder)}"
                    difference = compare(root, schema, mapped, ours, theirs, pathlib.Path(scratch))
                    if difference is None:
                        passed += 1
                    elif difference == REFUSED:
                        refused += 1
                        print(f"both refuse {name}")
                    elif name in known:
                        met.add(name)
                        print(f"known  {name}: {known[name]}")
                    else:
                        failed += 1
                        print(f"FAIL   {name}: {difference}")
            print(f"       {package}: {total} schemas", flush=True)
    if not arguments.only:
        for name in sorted(set(known) - met):
            print(f"FAIL   {name} is in differences.txt and does not differ")
            failed += 1
    print(f"{refused} refused by both, {len(met)} known to differ")
    print(f"{passed} passed, {failed} failed")
    sys.exit(1 if failed else 0)


PROTOC = "import sys; from grpc_tools import protoc; sys.exit(protoc.main(['protoc', *sys.argv[1:]]))"

if __name__ == "__main__":
    main()
