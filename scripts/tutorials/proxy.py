"""A TCP proxy that counts, because a gRPC client cannot see what went over the wire."""

import contextlib
import socket
import threading

CHUNK_BYTES = 65536


class CountingProxy:
    """Forwards connections to `upstream` and counts the bytes each way."""

    def __init__(self, upstream):
        host, port = upstream.rsplit(":", 1)
        self._upstream = (host, int(port))
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self._listener.getsockname()[1]}"
        self.sent_bytes = 0
        self.received_bytes = 0
        self.connections = 0
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        # Closing alone would leave it open for as long as a thread waits in accept.
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self):
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                server = socket.create_connection(self._upstream)
                self.connections += 1
                self._forward(client, server, "sent_bytes")
                self._forward(server, client, "received_bytes")

    def _forward(self, source, sink, counter):
        def run():
            with contextlib.suppress(OSError):
                while data := source.recv(CHUNK_BYTES):
                    # Counted first: who has the answer must see its bytes counted.
                    setattr(self, counter, getattr(self, counter) + len(data))
                    sink.sendall(data)
            with contextlib.suppress(OSError):
                sink.shutdown(socket.SHUT_WR)

        threading.Thread(target=run, daemon=True).start()
