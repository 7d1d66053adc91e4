"""`seltzer call` against Python's RouteGuide without a package."""

import routeguide_pb2

from calls.guide import run

if __name__ == "__main__":
    run("routeguide", "RouteGuide", "ListFeature", routeguide_pb2, 1)
