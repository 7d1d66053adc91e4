"""user.User, with an interceptor that turns ordinary exceptions into statuses."""

import grpc
import user_pb2
import user_pb2_grpc

from servers.serving import serve

USERS = {1: "alice", 2: "twtrubiks", 3: "carol"}


class User(user_pb2_grpc.UserServicer):
    def GetUser(self, request, context):
        if request.id not in USERS:
            raise LookupError(f"there is no user with the id {request.id}")
        details = user_pb2.Details(id=request.id, value=USERS[request.id])
        return user_pb2.GetUserReply(details=details)


class ExceptionToStatus(grpc.ServerInterceptor):
    """LookupError becomes NOT_FOUND."""

    def intercept_service(self, continuation, handler_call_details):
        handler = continuation(handler_call_details)

        def guarded(request, context):
            try:
                return handler.unary_unary(request, context)
            except LookupError as error:
                context.abort(grpc.StatusCode.NOT_FOUND, str(error))

        return grpc.unary_unary_rpc_method_handler(
            guarded, handler.request_deserializer, handler.response_serializer
        )


if __name__ == "__main__":
    serve(
        lambda server: user_pb2_grpc.add_UserServicer_to_server(User(), server),
        interceptors=(ExceptionToStatus(),),
    )
