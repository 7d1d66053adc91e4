"""routeguide.RouteGuide: the second method is ListFeatures, features count from zero."""

import route_guide_pb2
import route_guide_pb2_grpc

from servers.guide import Guide
from servers.serving import serve


class RouteGuide(Guide, route_guide_pb2_grpc.RouteGuideServicer):
    def ListFeatures(self, request, context):
        return self.features_within(request, context)


if __name__ == "__main__":
    guide = RouteGuide(route_guide_pb2, features_before=0)
    serve(lambda server: route_guide_pb2_grpc.add_RouteGuideServicer_to_server(guide, server))
