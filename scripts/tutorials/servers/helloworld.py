"""helloworld.Greeter, with the reply that streams."""

import helloworld_pb2
import helloworld_pb2_grpc

from servers.serving import serve

REPLIES = 10


class Greeter(helloworld_pb2_grpc.GreeterServicer):
    def SayHello(self, request, context):
        return helloworld_pb2.HelloReply(message=f"Hello, {request.name}!")

    def SayHelloStreamReply(self, request, context):
        for number in range(REPLIES):
            yield helloworld_pb2.HelloReply(message=f"Hello number {number}, {request.name}!")


if __name__ == "__main__":
    serve(lambda server: helloworld_pb2_grpc.add_GreeterServicer_to_server(Greeter(), server))
