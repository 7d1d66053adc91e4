"""routeguide.RouteGuide."""

import route_guide_pb2
import route_guide_pb2_grpc

from clients.guide import run

if __name__ == "__main__":
    run(route_guide_pb2_grpc, route_guide_pb2, "ListFeatures", features_before=0)
