"""user.User: a table, and an error that names the id."""

import grpc
import user_pb2
import user_pb2_grpc

from harness import Suite, equal, fails, target

suite = Suite()


@suite.check
def user_two_is_twtrubiks(stub):
    reply = stub.GetUser(user_pb2.GetUserRequest(id=2))
    equal(reply, user_pb2.GetUserReply(details=user_pb2.Details(id=2, value="twtrubiks")))


@suite.check
def an_unknown_id_is_not_found_and_named(stub):
    for unknown in (404404, 2**31 - 1, -(2**31), -7):
        fails(
            grpc.StatusCode.NOT_FOUND,
            lambda: stub.GetUser(user_pb2.GetUserRequest(id=unknown)),
            contains=str(unknown),
        )


@suite.check
def no_id_at_all_is_not_found(stub):
    fails(grpc.StatusCode.NOT_FOUND, lambda: stub.GetUser(user_pb2.GetUserRequest()), contains="0")


if __name__ == "__main__":
    with grpc.insecure_channel(target()) as channel:
        suite.run(user_pb2_grpc.UserStub(channel))
