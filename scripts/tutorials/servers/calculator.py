"""Calculator: four operations, squares that stream, a sum, and a chat room."""

import math
import queue
import threading

import calculator_pb2
import calculator_pb2_grpc
import grpc

from servers.serving import serve


class Calculator(calculator_pb2_grpc.CalculatorServicer):
    def __init__(self):
        self._lock = threading.Lock()
        self._room = []

    def Add(self, request, context):
        return calculator_pb2.Result(value=request.a + request.b)

    def Subtract(self, request, context):
        return calculator_pb2.Result(value=request.a - request.b)

    def Multiply(self, request, context):
        return calculator_pb2.Result(value=request.a * request.b)

    def Divide(self, request, context):
        if request.b == 0:
            context.set_code(grpc.StatusCode.INVALID_ARGUMENT)
            context.set_details("除数不能为零！")
            return calculator_pb2.Result()
        return calculator_pb2.Result(value=request.a / request.b)

    def GetSquares(self, request, context):
        if not math.isfinite(request.value) or request.value < 0:
            context.abort(grpc.StatusCode.INVALID_ARGUMENT, "the number must be finite and not negative")
        for number in range(1, int(request.value) + 1):
            if not context.is_active():
                return
            yield calculator_pb2.Result(value=number * number)

    def SumNumbers(self, request_iterator, context):
        return calculator_pb2.Result(value=sum(number.value for number in request_iterator))

    def Chat(self, request_iterator, context):
        inbox = queue.SimpleQueue()
        with self._lock:
            self._room.append(inbox)

        def listen():
            try:
                for message in request_iterator:
                    self._tell_all(message)
            except Exception:  # grpcio raises a bare Exception when the caller leaves.
                pass
            inbox.put(None)

        threading.Thread(target=listen, daemon=True).start()
        try:
            yield from iter(inbox.get, None)
        finally:
            with self._lock:
                self._room.remove(inbox)

    def _tell_all(self, message):
        with self._lock:
            for inbox in self._room:
                inbox.put(message)


if __name__ == "__main__":
    serve(lambda server: calculator_pb2_grpc.add_CalculatorServicer_to_server(Calculator(), server))
