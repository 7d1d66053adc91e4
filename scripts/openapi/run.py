"""Runs the checks and counts how they end."""

import argparse
import sys
import traceback

import checks


def main():
    parser = argparse.ArgumentParser(prog="openapi.sh")
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
            known[name]()
            print(f"ok {name}", flush=True)
            passed += 1
        except Exception as error:
            where = traceback.extract_tb(sys.exc_info()[2])[-1]
            print(f"FAIL {name}: {error!r} at {where.name}:{where.lineno} `{where.line}`", flush=True)
            failed += 1
    print(f"{passed} passed, {failed} failed")
    return 1 if failed or not passed else 0


sys.exit(main())
