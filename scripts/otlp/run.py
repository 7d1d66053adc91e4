"""Runs the checks and counts how they end."""

import argparse
import os
import pathlib
import sys
import traceback

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "tutorials"))

import checks
import processes


def serve(*flags, **environment):
    """A server of its own, as a context."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("OTEL_")}
    command = [os.environ["SELTZER_BIN"], "serve", "--listen", "127.0.0.1:0", *flags]
    return processes.Child(command, env=inherited | environment)


def main():
    parser = argparse.ArgumentParser(prog="otlp.sh")
    parser.add_argument("--list", action="store_true", help="name the checks and do nothing")
    parser.add_argument("--only", action="append", metavar="NAME", help="run this check alone; may be repeated")
    arguments = parser.parse_args()
    known = {check.__name__: check for check in checks.CHECKS}
    if arguments.list:
        print("\n".join(known))
        return 0
    unknown = set(arguments.only or []) - set(known)
    if unknown:
        parser.error(f"there is no check {', '.join(sorted(unknown))}; --list names all")
    passed = failed = 0
    for name in arguments.only or known:
        try:
            known[name](serve)
            print(f"ok {name}", flush=True)
            passed += 1
        except Exception as error:
            where = traceback.extract_tb(sys.exc_info()[2])[-1]
            print(f"FAIL {name}: {error!r} at {where.name}:{where.lineno} `{where.line}`", flush=True)
            failed += 1
    print(f"{passed} passed, {failed} failed")
    return 1 if failed or not passed else 0


sys.exit(main())
