"""Starts a server for the checks and counts how they end."""

import argparse
import os
import pathlib
import subprocess
import sys
import traceback

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "tutorials"))

import by_grpcurl
import channelz
import health
import processes
import reflection

CHECKS = [*reflection.CHECKS, *by_grpcurl.CHECKS, *health.CHECKS, *channelz.CHECKS]


def serve(*flags):
    """A server of its own, as a context."""
    return processes.Child([os.environ["SELTZER_BIN"], "serve", "--listen", "127.0.0.1:0", *flags])


def main():
    parser = argparse.ArgumentParser(prog="standard-services.sh")
    parser.add_argument("--list", action="store_true", help="name the checks and do nothing")
    parser.add_argument("--only", action="append", metavar="NAME", help="run this check alone; may be repeated")
    arguments = parser.parse_args()
    checks = {check.__name__: check for check in CHECKS}
    if arguments.list:
        print("\n".join(checks))
        return 0
    unknown = set(arguments.only or []) - set(checks)
    if unknown:
        parser.error(f"there is no check {', '.join(sorted(unknown))}; --list names all")
    passed = failed = 0
    for name in arguments.only or checks:
        try:
            with serve("--channelz") as server:
                checks[name](server, server.address())
            print(f"ok {name}", flush=True)
            passed += 1
        except Exception as error:
            if isinstance(error, subprocess.CalledProcessError):
                error = f"{error}: {error.stderr or error.stdout}"
            where = traceback.extract_tb(sys.exc_info()[2])[-1]
            print(f"FAIL {name}: {error!r} at {where.name}:{where.lineno} `{where.line}`", flush=True)
            failed += 1
    print(f"{passed} passed, {failed} failed")
    return 1 if failed or not passed else 0


sys.exit(main())
