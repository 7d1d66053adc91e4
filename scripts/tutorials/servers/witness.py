"""Greeter that tells what it saw of a call: its metadata, deadline, peer and life.

The request's name says what to answer with: `metadata KEY`, `deadline`, `peer`,
`active`, `trailers`, or `sleep`, which waits until the caller has gone.
"""

import threading

import greeter_pb2
import grpc

from servers.serving import serve

CENTURY_S = 100 * 365 * 86_400


def metadata(context, key):
    found = [value for name, value in context.invocation_metadata() if name == key]
    return ",".join(value.hex() if isinstance(value, bytes) else value for value in found)


def deadline(context):
    remaining_s = context.time_remaining()
    # A call without a deadline has one that is centuries away.
    return "none" if remaining_s is None or remaining_s > CENTURY_S else f"{remaining_s:.3f}"


def sleep(context):
    gone = threading.Event()
    if not context.add_callback(gone.set):
        gone.set()
    print("a call sleeps", flush=True)
    gone.wait()
    print(f"the caller left, active: {context.is_active()}", flush=True)
    return ""


def trailers(context):
    context.send_initial_metadata((("x-initial", "first"),))
    context.set_trailing_metadata((("x-trailing", "last"), ("x-data-bin", b"\x00\xff")))
    return "sent"


def answer(request, context):
    topic, _, key = request.name.partition(" ")
    replies = {
        "metadata": lambda: metadata(context, key),
        "deadline": lambda: deadline(context),
        "peer": context.peer,
        "active": lambda: str(context.is_active()),
        "trailers": lambda: trailers(context),
        "sleep": lambda: sleep(context),
    }
    return greeter_pb2.HelloReply(message=replies[topic]())


class AnyMethod(grpc.GenericRpcHandler):
    """Answers every method name: those of Greeter properly, all others with the name."""

    def service(self, handler_call_details):
        method = handler_call_details.method
        if method == "/Greeter/SayHello":
            handler = answer
        elif method == "/Greeter/SayHelloAgain":

            def handler(request, context):
                return greeter_pb2.HelloReply(message=f"generic {method} {request.name}")
        else:
            return None
        return grpc.unary_unary_rpc_method_handler(
            handler,
            request_deserializer=greeter_pb2.HelloRequest.FromString,
            response_serializer=greeter_pb2.HelloReply.SerializeToString,
        )


if __name__ == "__main__":
    serve(lambda server: server.add_generic_rpc_handlers((AnyMethod(),)))
