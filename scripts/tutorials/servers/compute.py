"""compute.Compute: how long a text is."""

import compute_pb2
import compute_pb2_grpc

from servers.serving import serve


class Compute(compute_pb2_grpc.ComputeServicer):
    def SayHello(self, request, context):
        return compute_pb2.HelloReply(result=str(len(request.helloworld)))


if __name__ == "__main__":
    serve(lambda server: compute_pb2_grpc.add_ComputeServicer_to_server(Compute(), server))
