#!/usr/bin/env python3
"""Does `seltzer protoc` accept and reject the schemas of a table as protoc does?

The table, crates/seltzer-build/tests/suite/verdicts.txt, also has protoc's verdict on each: it must be what protoc says
here, and what `seltzer protoc` says. Differences that are known carry their reason in the table. Every rejection of ours
must name file, line and column, and quote the place. Called by scripts/protoc.sh.
"""

import argparse
import os
import pathlib
import re
import subprocess
import sys
import tempfile

import grpc_tools
from grpc_tools import _protoc_compiler

TABLE = pathlib.Path(__file__).resolve().parents[2] / "crates/seltzer-build/tests/suite/verdicts.txt"
WELL_KNOWN = str(pathlib.Path(grpc_tools.__file__).parent / "_proto")
# Of the verdicts, at least so many are protoc's; the others are in the table, each with its reason.
AGREEMENT_MIN = 0.96


def cases(text):
    """Name, verdict, reason for a difference, files."""
    for block in re.split(r"^### ", text, flags=re.MULTILINE)[1:]:
        head, body = block.split("\n", 1)
        name, verdict, *reason = head.split(" ", 2)
        files, current = {"a.proto": []}, "a.proto"
        for line in body.split("\n"):
            if line.startswith("=== "):
                current = line[4:]
                files[current] = []
            else:
                files[current].append(line.replace("\\r", "\r"))
        yield name, verdict, reason[0] if reason else None, {name: "\n".join(lines) for name, lines in files.items()}


def write(folder, files):
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode())


def protoc(folder):
    arguments = ["protoc", f"-I{folder}", f"-I{WELL_KNOWN}", f"-o{folder}/theirs.bin", f"{folder}/a.proto"]
    return _protoc_compiler.run_main([argument.encode() for argument in arguments]) == 0


def seltzer(program, folder):
    command = [program, f"-I{folder}", f"-I{WELL_KNOWN}", f"-o{folder}/ours.bin", f"{folder}/a.proto"]
    result = subprocess.run(command, capture_output=True, text=True)
    return result.returncode == 0, result.stderr


def flaw(words):
    """What is missing in the report of a rejection."""
    if "panic" in words or "defect of the compiler" in words:
        return "a panic"
    if not re.search(r"^[^\n:]+\.proto:\d+:\d+: ", words, flags=re.MULTILINE):
        return "no file, line and column"
    if "╰──" not in words and "▲" not in words:
        return "no mark under the place"
    if "  help: " not in words:
        return "no hint"
    return None


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--ours", required=True, help="seltzer-protoc")
    parser.add_argument("--verbose", action="store_true", help="print what is said about each rejected schema")
    arguments = parser.parse_args()
    program = os.path.abspath(arguments.ours)
    total, agreed, failures, known = 0, 0, [], 0
    # protoc writes to the process's own standard error.
    sys.stderr.flush()
    said = os.dup(2)
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, 2)
    with tempfile.TemporaryDirectory() as scratch:
        for name, verdict, reason, files in cases(TABLE.read_text()):
            total += 1
            folder = pathlib.Path(scratch) / str(total)
            folder.mkdir()
            write(folder, files)
            theirs = "accept" if protoc(folder) else "reject"
            accepted, words = seltzer(program, folder)
            ours = "accept" if accepted else "reject"
            words = words.replace(f"{folder}/", "")
            if theirs != verdict:
                failures.append(f"{name}: the table says {verdict}, protoc says {theirs}")
            if ours == theirs:
                agreed += 1
                if reason:
                    failures.append(f"{name}: has a reason to differ, and does not")
            elif reason:
                known += 1
                print(f"known  {name}: {reason}")
            else:
                failures.append(f"{name}: protoc says {theirs}, we say {ours}: {words.splitlines()[:1]}")
            if ours == "reject" and (wrong := flaw(words)):
                failures.append(f"{name}: the rejection has {wrong}: {words.strip()}")
            if ours == "reject" and arguments.verbose:
                print(f"--- {name}\n{words.rstrip()}")
    os.dup2(said, 2)
    for failure in failures:
        print(f"FAIL   {failure}")
    print(f"{total} schemas, {agreed} judged as protoc does ({agreed / total:.2%}), {known} known to differ")
    print(f"{total - len(failures)} passed, {len(failures)} failed")
    sys.exit(0 if not failures and agreed >= total * AGREEMENT_MIN else 1)


if __name__ == "__main__":
    main()
