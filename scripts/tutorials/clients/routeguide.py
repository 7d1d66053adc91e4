"""RouteGuide without a package."""

import routeguide_pb2
import routeguide_pb2_grpc

from clients.guide import run

if __name__ == "__main__":
    run(routeguide_pb2_grpc, routeguide_pb2, "ListFeature", features_before=1)
