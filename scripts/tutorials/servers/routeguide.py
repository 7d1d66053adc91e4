"""RouteGuide without a package: the second method is ListFeature, features count from one."""

import routeguide_pb2
import routeguide_pb2_grpc

from servers.guide import Guide
from servers.serving import serve


class RouteGuide(Guide, routeguide_pb2_grpc.RouteGuideServicer):
    def ListFeature(self, request, context):
        return self.features_within(request, context)


if __name__ == "__main__":
    guide = RouteGuide(routeguide_pb2, features_before=1)
    serve(lambda server: routeguide_pb2_grpc.add_RouteGuideServicer_to_server(guide, server))
