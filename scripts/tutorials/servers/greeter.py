"""Greeter without a package."""

import greeter_pb2
import greeter_pb2_grpc

from servers.serving import serve


class Greeter(greeter_pb2_grpc.GreeterServicer):
    def SayHello(self, request, context):
        return greeter_pb2.HelloReply(message=f"hello {request.name}")

    def SayHelloAgain(self, request, context):
        return greeter_pb2.HelloReply(message=f"hello {request.name}")


if __name__ == "__main__":
    serve(lambda server: greeter_pb2_grpc.add_GreeterServicer_to_server(Greeter(), server))
