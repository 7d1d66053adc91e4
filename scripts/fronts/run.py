"""Runs the checks and counts how they end."""

import argparse
import pathlib
import sys
import tempfile
import traceback

import calls
import fronts
import manifests
import rolling

PARTS = ["nginx", "envoy", "kubernetes", "systemd"]




def checks_of(part, work):
    """Yields the name and the function of each check."""
    if part == "kubernetes":
        yield "manifest", manifests.kubernetes
        return
    if part == "systemd":
        yield "units", manifests.systemd
        return
    with fronts.Backends(work) as backends, fronts.start(part, backends, work) as front:
        for carrier in ["h2c", "tls"]:
            channel = front.channel(carrier)
            for check in calls.CHECKS:
                yield f"{carrier} {check.__name__}", lambda: check(channel, backends)
            yield f"{carrier} rolling_restart", lambda: rolling.restart(front, carrier, backends)
            channel.close()


def main():
    parser = argparse.ArgumentParser(prog="fronts.sh")
    parser.add_argument("--only", action="append", choices=PARTS, help="this part alone; may be repeated")
    arguments = parser.parse_args()
    passed = failed = 0
    absent = []
    for part in arguments.only or PARTS:
        with tempfile.TemporaryDirectory() as work:
            try:
                for name, check in checks_of(part, pathlib.Path(work)):
                    try:
                        said = check()
                        print(f"ok {part} {name}{f': {said}' if said else ''}", flush=True)
                        passed += 1
                    except (fronts.Missing, manifests.Missing):
                        raise
                    except Exception as error:
                        where = traceback.extract_tb(sys.exc_info()[2])[-1]
                        print(f"FAIL {part} {name}: {error!r} at {where.name}:{where.lineno} `{where.line}`", flush=True)
                        failed += 1
            except (fronts.Missing, manifests.Missing) as error:
                print(f"fronts.sh needs {error}", file=sys.stderr)
                absent.append(part)
    print(f"{passed} passed, {failed} failed")
    if failed:
        return 1
    if absent:
        print(f"not run, because a tool is missing: {', '.join(absent)}")
        return 2
    return 0 if passed else 1


sys.exit(main())
