"""hello.Greeter."""

import hello_pb2
import hello_pb2_grpc

from servers.serving import serve


class Greeter(hello_pb2_grpc.GreeterServicer):
    def SayHello(self, request, context):
        return hello_pb2.HelloReply(message=f"Hello, {request.name}")


if __name__ == "__main__":
    serve(lambda server: hello_pb2_grpc.add_GreeterServicer_to_server(Greeter(), server))
