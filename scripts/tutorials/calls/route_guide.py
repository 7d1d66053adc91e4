"""`seltzer call` against Python's routeguide.RouteGuide."""

import route_guide_pb2

from calls.guide import run

if __name__ == "__main__":
    run("route_guide", "routeguide.RouteGuide", "ListFeatures", route_guide_pb2, 0)
