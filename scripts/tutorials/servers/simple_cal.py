"""Cal: two operations on 32-bit integers."""

import grpc
import simple_cal_pb2
import simple_cal_pb2_grpc

from servers.serving import serve

INT32_MIN, INT32_MAX = -(2**31), 2**31 - 1


def result(number, context):
    if not INT32_MIN <= number <= INT32_MAX:
        context.abort(grpc.StatusCode.OUT_OF_RANGE, f"{number} does not fit into 32 bits")
    return simple_cal_pb2.ResultReply(number=number)


class Cal(simple_cal_pb2_grpc.CalServicer):
    def Add(self, request, context):
        return result(request.number1 + request.number2, context)

    def Multiply(self, request, context):
        return result(request.number1 * request.number2, context)


if __name__ == "__main__":
    serve(lambda server: simple_cal_pb2_grpc.add_CalServicer_to_server(Cal(), server))
