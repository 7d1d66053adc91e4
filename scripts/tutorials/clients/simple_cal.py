"""Cal: 32-bit integers up to their borders."""

import grpc
import simple_cal_pb2
import simple_cal_pb2_grpc

from harness import Suite, equal, fails, target

suite = Suite()
INT32_MIN, INT32_MAX = -(2**31), 2**31 - 1


def add(stub, one, other):
    return stub.Add(simple_cal_pb2.AddRequest(number1=one, number2=other)).number


def multiply(stub, one, other):
    return stub.Multiply(simple_cal_pb2.MultiplyRequest(number1=one, number2=other)).number


@suite.check
def sums(stub):
    equal([add(stub, 10, 20), add(stub, -5, 5), add(stub, -3, -4)], [30, 0, -7])


@suite.check
def products(stub):
    equal([multiply(stub, 6, 7), multiply(stub, -6, 7), multiply(stub, 0, 7)], [42, -42, 0])


@suite.check
def borders_still_fit(stub):
    equal([add(stub, INT32_MAX - 1, 1), add(stub, INT32_MIN + 1, -1)], [INT32_MAX, INT32_MIN])
    equal([multiply(stub, 2**30, -2), multiply(stub, INT32_MAX, 1)], [INT32_MIN, INT32_MAX])


@suite.check
def beyond_the_borders_is_out_of_range(stub):
    out_of_range = grpc.StatusCode.OUT_OF_RANGE
    fails(out_of_range, lambda: add(stub, INT32_MAX, 1))
    fails(out_of_range, lambda: add(stub, INT32_MIN, -1))
    fails(out_of_range, lambda: multiply(stub, 2**16, 2**15))
    fails(out_of_range, lambda: multiply(stub, INT32_MIN, -1))


if __name__ == "__main__":
    with grpc.insecure_channel(target()) as channel:
        suite.run(simple_cal_pb2_grpc.CalStub(channel))
