"""Contact: the client reports, the server pushes tasks."""

import threading

import contact_pb2
import contact_pb2_grpc

from servers.serving import serve

TASK_INTERVAL_S = 0.2


class Contact(contact_pb2_grpc.ContactServicer):
    def sendStatus(self, request_iterator, context):
        for status in request_iterator:
            yield contact_pb2.Result(ret=f"received {status.msg}")

    def getTask(self, request, context):
        gone = threading.Event()

        def leave():
            print("the caller of getTask left", flush=True)
            gone.set()

        # Said from here: a generator that waits at its `yield` when the call ends is not resumed.
        if not context.add_callback(leave):
            leave()
        number = 0
        while not gone.is_set():
            number += 1
            yield contact_pb2.ServerMsg(task=f"task {number}")
            gone.wait(TASK_INTERVAL_S)

    def tellResult(self, request_iterator, context):
        for result in request_iterator:
            print(f"result: {result.ret}", flush=True)
        return contact_pb2.Empty()


if __name__ == "__main__":
    serve(lambda server: contact_pb2_grpc.add_ContactServicer_to_server(Contact(), server))
