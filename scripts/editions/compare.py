"""Compiles the schemas of the tests with protoc and with us, and compares.

What compiles must give the same descriptors byte for byte, both parsed, locations sorted by path and span, and
serialised deterministically; protoc must refuse what we refuse. With --write, what protoc says is written into the
repository, where the tests compare with it.
"""

import argparse
import pathlib
import subprocess
import sys
import tempfile

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

DESCRIPTOR = descriptor_pb2.DESCRIPTOR

HERE = pathlib.Path(__file__).resolve().parent
CASES = HERE.parent.parent / "crates/seltzer-build/tests/suite/editions"
BUILT_IN = HERE.parent.parent / "crates/seltzer-build/proto"


def cases(path):
    """Name and place, and files, of each case."""
    found = []
    for line in path.read_text(encoding="utf-8").splitlines():
        if line.startswith("== "):
            found.append((line[3:].split(" "), {"a.proto": ""}))
            name = "a.proto"
        elif line.startswith("--- "):
            name = line[4:]
            found[-1][1][name] = ""
        elif found:
            found[-1][1][name] += line + "\n"
    return found


def write(folder, files):
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


def protoc(folder, files):
    out = folder / "protoc.bin"
    command = [sys.executable, "-m", "grpc_tools.protoc", f"-I{folder}", f"-I{BUILT_IN}", f"-o{out}"]
    command += ["--include_source_info", "--include_imports", "--retain_options", str(folder / "a.proto")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return (out.read_bytes() if done.returncode == 0 else None), done.stderr.replace(f"{folder}/", "")


def ours(program, folder, files):
    out = folder / "ours.bin"
    command = [program, str(out), str(folder), str(folder / "a.proto")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return (out.read_bytes() if done.returncode == 0 else None), done.stderr.replace(f"{folder}/", "")


def set_class(encoded):
    """The type of descriptor sets that knows the custom options of a set."""
    pool = descriptor_pool.DescriptorPool()
    files = descriptor_pb2.FileDescriptorSet.FromString(encoded).file
    if all(file.name != DESCRIPTOR.name for file in files):
        pool.AddSerializedFile(DESCRIPTOR.serialized_pb)
    for file in files:
        pool.Add(file)
    for file in files:
        message_factory.GetMessageClassesForFiles([file.name], pool)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("google.protobuf.FileDescriptorSet"))


def parsed(encoded, files, type_):
    """The files of the case, each normalised."""
    set_ = type_.FromString(encoded)
    normal = {}
    for file in set_.file:
        if file.name not in files:
            continue
        locations = sorted(file.source_code_info.location, key=lambda at: (list(at.path), list(at.span)))
        locations = [at.SerializeToString(deterministic=True) for at in locations]
        del file.source_code_info.location[:]
        for at in locations:
            file.source_code_info.location.add().ParseFromString(at)
        normal[file.name] = file
    return normal


def difference(left, right):
    """The first lines in which two descriptors differ."""
    left, right = str(left).splitlines(), str(right).splitlines()
    for number, (one, other) in enumerate(zip(left, right)):
        if one != other:
            return "\n".join(left[max(0, number - 6) : number + 3]) + "\n--- ours\n" + "\n".join(right[max(0, number - 6) : number + 3])
    return f"{len(left)} lines and {len(right)} lines"


def leaves(message, path=""):
    """Every set field of a descriptor by its path, a line each: what the tests of Rust compare with."""
    lines = []
    for field, value in message.ListFields():
        # Options are compared here and not in Rust, where each kind would have to be known.
        if field.name in ("source_code_info", "options"):
            continue
        values = value if field.is_repeated else [value]
        for index, one in enumerate(values):
            at = f"{path}{field.number}" + (f"[{index}]" if field.is_repeated else "")
            if field.message_type is not None:
                lines.extend(leaves(one, f"{at}."))
            else:
                text = str(int(one)) if isinstance(one, bool) else str(one)
                lines.append(f"{at} {text.encode('unicode_escape').decode()}")
    return lines


def messages_of(descriptor):
    """A message and those in it, without the entries of maps."""
    if not descriptor.GetOptions().map_entry:
        yield descriptor
        for nested in descriptor.nested_types:
            yield from messages_of(nested)


def value_of(field, filled, depth):
    """Some value of a field, a map's key or a map's value; None if there is none worth it."""
    if field.message_type is not None:
        if depth == 0:
            return None
        return instance(field.message_type, filled, depth - 1)
    if field.enum_type is not None:
        numbers = [value.number for value in field.enum_type.values]
        return next((number for number in numbers if number), numbers[0]) if filled else numbers[0]
    kinds = {field.CPPTYPE_STRING: ("é", ""), field.CPPTYPE_BOOL: (True, False)}
    kinds |= {field.CPPTYPE_DOUBLE: (1.5, 0.0), field.CPPTYPE_FLOAT: (-0.25, 0.0)}
    value = kinds.get(field.cpp_type, (7, 0))[0 if filled else 1]
    return value.encode() if field.type == field.TYPE_BYTES else value


def instance(descriptor, filled, depth):
    """A message with every field, or with every field that can be told from absence, at zero."""
    message = message_factory.GetMessageClass(descriptor)()
    for field in descriptor.fields:
        if field.containing_oneof is not None and field.containing_oneof.fields[0] is not field:
            continue
        if field.message_type is not None and field.message_type.GetOptions().map_entry:
            key, value = (value_of(field.message_type.fields_by_number[number], True, depth) for number in (1, 2))
            # Rust leaves out what is zero in a map, Python does not.
            if filled and value and (not hasattr(value, "ByteSize") or value.ByteSize()):
                if hasattr(value, "ByteSize"):
                    getattr(message, field.name)[key].CopyFrom(value)
                else:
                    getattr(message, field.name)[key] = value
            continue
        value = value_of(field, filled, depth)
        if value is None or (not field.has_presence and not filled):
            continue
        if field.is_repeated:
            getattr(message, field.name).extend([value, value])
        elif field.message_type is not None:
            getattr(message, field.name).CopyFrom(value)
            getattr(message, field.name).SetInParent()
        else:
            setattr(message, field.name, value)
    return message


def messages(type_, encoded):
    """Messages of the first file, full and at zero: the name and the bytes of each, a line."""
    pool = type_.DESCRIPTOR.file.pool
    lines = []
    for name in [name for name in pool.FindFileByName("a.proto").message_types_by_name]:
        for descriptor in messages_of(pool.FindFileByName("a.proto").message_types_by_name[name]):
            for filled in (True, False):
                made = instance(descriptor, filled, 2)
                if made.IsInitialized():
                    lines.append(f"{descriptor.full_name} {made.SerializeToString(deterministic=True).hex()}")
    return lines


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("program", help="the example `descriptor_set` of seltzer-build")
    arguments.add_argument("--only", help="a name that the cases contain")
    arguments.add_argument("--write", action="store_true", help="write what protoc says into the repository")
    arguments = arguments.parse_args()
    passed, failed, said, made = 0, 0, [], []

    def check(name, problem):
        nonlocal passed, failed
        passed, failed = passed + (not problem), failed + bool(problem)
        if problem:
            print(f"FAILED {name}\n{problem}\n")

    for kind in ("accepted", "rejected"):
        for (name, *place), files in cases(CASES / f"{kind}.txt"):
            if arguments.only and arguments.only not in name:
                continue
            with tempfile.TemporaryDirectory() as folder:
                folder = pathlib.Path(folder)
                write(folder, files)
                theirs, complaint = protoc(folder, files)
                own, report = ours(arguments.program, folder, files)
            if kind == "rejected":
                problem = "protoc accepts it" if theirs is not None else "we accept it" if own is not None else ""
                at = f"[{'' if place[0].count(':') > 1 else 'a.proto:'}{place[0]}]"
                if not problem and at not in report:
                    problem = f"the place is not {at}:\n{report}\nprotoc: {complaint}"
                if not problem and "help:" not in report:
                    problem = f"no hint:\n{report}"
                check(name, problem)
                continue
            if theirs is None or own is None:
                check(name, f"protoc: {complaint}\nours: {report}")
                continue
            type_ = set_class(theirs)
            theirs, own = parsed(theirs, files, type_), parsed(own, files, type_)
            problem = "" if theirs.keys() == own.keys() else "not the same files"
            for file in files:
                if problem:
                    break
                left, right = theirs[file], own[file]
                if left.SerializeToString(deterministic=True) != right.SerializeToString(deterministic=True):
                    problem = difference(left, right)
            check(name, problem)
            said.append(f"== {name}\n" + "\n".join(leaves(theirs["a.proto"])))
            made.append(f"== {name}\n" + "\n".join(messages(type_, theirs)))
    if arguments.write:
        head = "# What protoc makes of the first file of each accepted case. Written by scripts/editions.sh --write.\n"
        (CASES / "descriptors.txt").write_text(head + "\n".join(said) + "\n", encoding="utf-8")
        head = "# Messages of the first file of each accepted case, as Python encodes them. Written by scripts/editions.sh --write.\n"
        (CASES / "messages.txt").write_text(head + "\n".join(made) + "\n", encoding="utf-8")
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
