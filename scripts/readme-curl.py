#!/usr/bin/env python3
"""Tries the README's curl lines against `seltzer serve`: what each prints must be what the comments behind it say.

    scripts/readme-curl.py [PROGRAM]     PROGRAM is a `seltzer`; without it one is built

The server listens on a free port, which takes the place of 50051 in the lines. The exit status is 1 if a line prints
something else or the README has none, 2 if curl is missing.
"""

import os
import re
import shlex
import shutil
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
PLACE = "127.0.0.1:50051"
ANSWER_MAX_S = 20


def lines():
    """Each command of the README's shell blocks that begins with curl, and what is expected of it."""
    with open(os.path.join(ROOT, "README.md"), encoding="utf-8") as file:
        blocks = re.findall(r"```sh\n(.*?)```", file.read(), re.DOTALL)
    found = []
    for line in "".join(blocks).splitlines():
        if line.startswith("curl "):
            found.append((line, []))
        elif line.startswith("# ") and found:
            found[-1][1].append(line[2:])
    return found


def build():
    subprocess.run(["cargo", "build", "--quiet", "--release", "-p", "seltzer-cli"], cwd=ROOT, check=True)
    return os.path.join(os.environ.get("CARGO_TARGET_DIR", os.path.join(ROOT, "target")), "release", "seltzer")


def main():
    if shutil.which("curl") is None:
        print("readme-curl.py needs curl: install it", file=sys.stderr)
        return 2
    program = sys.argv[1] if len(sys.argv) > 1 else build()
    server = subprocess.Popen([program, "serve", "--listen", "127.0.0.1:0"], stdout=subprocess.PIPE, text=True)
    try:
        address = server.stdout.readline().removeprefix("listening on ").strip()
        wrong = 0
        for line, expected in lines():
            command = shlex.split(line.replace(PLACE, address))
            command[1:1] = ["--silent", "--show-error"]
            run = subprocess.run(command, capture_output=True, text=True, timeout=ANSWER_MAX_S)
            printed = run.stdout.splitlines()
            is_right = printed == expected and expected and run.returncode == 0
            print(("ok   " if is_right else "WRONG ") + line)
            if not is_right:
                wrong += 1
                print(f"  expected {expected}\n  printed  {printed} {run.stderr.strip()}")
    finally:
        server.terminate()
        server.wait()
    count = len(lines())
    print(f"{count - wrong} of {count} lines as the README says")
    return 0 if count and not wrong else 1


if __name__ == "__main__":
    sys.exit(main())
