"""A server that uses HTTP/2 in rare ways, for the cases of the same names of `interop_client`.

    python http2_server.py CASE

Answers `grpc.testing.TestService/UnaryCall` with a payload of 314,159 zeros, and does on the way what the case is
about. Says on standard output where it listens, serves until SIGTERM, and then says what it saw of the client: the exit
status is 0 when the client did everything right, 1 when not. HTTP/2 is that of the package `h2`.
"""

import argparse
import asyncio
import signal
import sys

import h2.config
import h2.connection
import h2.errors
import h2.events
import h2.exceptions
import h2.settings

PAYLOAD_BYTES = 314_159
# The payload of a case's requests is this large; what is around it takes a few bytes more.
REQUEST_BYTES_MIN = 271_828
# What `data_frame_padding` and `no_df_padding_sanity_test` put into a DATA frame.
TINY_BYTES = 5
# As much as one read from the socket may bring.
READ_BYTES = 256 * 1024
# What waits to be written before the case has to wait, too.
WRITE_BYTES_MAX = 256 * 1024
# How long `max_streams` takes for an answer: long enough that a client which does not wait for it is caught.
ANSWER_DELAY_S = 0.02
HEADERS = [(":status", "200"), ("content-type", "application/grpc")]
TRAILERS = [("grpc-status", "0")]


def varint(number):
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def response():
    """A SimpleResponse with its payload, behind gRPC's prefix."""
    payload = b"\x12" + varint(PAYLOAD_BYTES) + bytes(PAYLOAD_BYTES)
    message = b"\x0a" + varint(len(payload)) + payload
    return b"\x00" + len(message).to_bytes(4, "big") + message


class Observed:
    """What was seen of the client, all connections together."""

    def __init__(self):
        self.wrong = []
        self.calls = []
        self.pings_sent = 0
        self.pings_answered = 0
        self.streams_at_once = 0
        self.data_frames = 0


class Gone(Exception):
    """The client has closed the stream or the connection."""


class Connection:
    """One connection: reads in a loop, a task answers each request."""

    def __init__(self, case, observed, reader, writer):
        self.case, self.observed, self.reader, self.writer = case, observed, reader, writer
        self.http2 = h2.connection.H2Connection(h2.config.H2Configuration(client_side=False, header_encoding="utf-8"))
        self.requests = {}
        self.open_streams = set()
        self.changed = asyncio.Event()
        self.tasks = set()
        self.is_closed = False

    async def serve(self):
        self.http2.initiate_connection()
        self.case.connected(self)
        self.flush()
        try:
            while data := await self.reader.read(READ_BYTES):
                for event in self.http2.receive_data(data):
                    self.handle(event)
                self.flush()
        except ConnectionError:
            pass
        except h2.exceptions.ProtocolError as error:
            self.observed.wrong.append(f"the client broke the protocol: {error}")
            self.flush()
        finally:
            self.is_closed = True
            self.changed.set()
            self.writer.close()

    def handle(self, event):
        match event:
            case h2.events.RequestReceived(stream_id=stream):
                headers = dict(event.headers)
                if headers[":path"] != "/grpc.testing.TestService/UnaryCall":
                    self.observed.wrong.append(f"{headers[':path']} was called")
                self.requests[stream] = 0
                self.open_streams.add(stream)
                self.observed.calls.append(self)
                self.observed.streams_at_once = max(self.observed.streams_at_once, len(self.open_streams))
                self.case.requested(self, stream)
            case h2.events.DataReceived(stream_id=stream):
                self.requests[stream] += len(event.data)
                self.http2.acknowledge_received_data(event.flow_controlled_length, stream)
            case h2.events.StreamEnded(stream_id=stream):
                if self.requests[stream] < REQUEST_BYTES_MIN:
                    self.observed.wrong.append(f"a request had {self.requests[stream]} bytes")
                task = asyncio.create_task(self.answer(stream))
                self.tasks.add(task)
                task.add_done_callback(self.tasks.discard)
            case h2.events.StreamReset(stream_id=stream):
                self.open_streams.discard(stream)
            case h2.events.PingAckReceived():
                self.observed.pings_answered += 1
            case _:
                pass
        self.changed.set()

    async def answer(self, stream):
        try:
            await self.case.answer(self, stream)
        except (Gone, h2.exceptions.StreamClosedError):
            pass

    def flush(self):
        self.writer.write(self.http2.data_to_send())

    def send_headers(self, stream, headers, end_stream=False):
        self.http2.send_headers(stream, headers, end_stream=end_stream)
        if end_stream:
            self.open_streams.discard(stream)
        self.flush()

    async def send_data(self, stream, data, frame_bytes=None, paddings=(None,)):
        """Sends frames of so many bytes, with paddings by turns, as fast as the client takes them."""
        frame_bytes = frame_bytes or self.http2.max_outbound_frame_size
        for number, start in enumerate(range(0, len(data), frame_bytes)):
            piece, padding = data[start : start + frame_bytes], paddings[number % len(paddings)]
            needed = len(piece) + (0 if padding is None else padding + 1)
            while not self.is_closed and self.http2.local_flow_control_window(stream) < needed:
                self.changed.clear()
                self.flush()
                await self.changed.wait()
            if self.is_closed:
                raise Gone
            self.http2.send_data(stream, piece, pad_length=padding)
            self.observed.data_frames += 1
            if self.writer.transport.get_write_buffer_size() > WRITE_BYTES_MAX or number % 1_000 == 0:
                self.flush()
                await self.writer.drain()
        self.flush()

    def ping(self):
        self.observed.pings_sent += 1
        self.http2.ping(self.observed.pings_sent.to_bytes(8, "big"))
        self.flush()

    def reset(self, stream, code=h2.errors.ErrorCodes.NO_ERROR):
        self.http2.reset_stream(stream, code)
        self.open_streams.discard(stream)
        self.flush()


class Case:
    """What a case does; this one answers as any server would."""

    def connected(self, connection):
        pass

    def requested(self, connection, stream):
        pass

    async def answer(self, connection, stream):
        connection.send_headers(stream, HEADERS)
        await connection.send_data(stream, response())
        connection.send_headers(stream, TRAILERS, end_stream=True)

    def judge(self, observed):
        """Yields what the client did wrong."""
        if not observed.calls:
            yield "nobody called"


class GoAway(Case):
    def requested(self, connection, stream):
        connection.http2.close_connection(h2.errors.ErrorCodes.NO_ERROR, last_stream_id=stream)
        # After its GOAWAY the package would send nothing; the protocol asks to finish what was accepted.
        connection.flush()
        connection.http2.state_machine.state = h2.connection.ConnectionState.SERVER_OPEN

    def judge(self, observed):
        if len(observed.calls) != 2:
            yield f"{len(observed.calls)} calls came, not 2"
        elif observed.calls[0] is observed.calls[1]:
            yield "the second call came on the connection that was going away"


class ResetAfterHeader(Case):
    async def answer(self, connection, stream):
        connection.send_headers(stream, HEADERS)
        connection.reset(stream)


class ResetDuringData(Case):
    async def answer(self, connection, stream):
        connection.send_headers(stream, HEADERS)
        data = response()
        await connection.send_data(stream, data[: len(data) // 2])
        connection.reset(stream)


class ResetAfterData(Case):
    async def answer(self, connection, stream):
        connection.send_headers(stream, HEADERS)
        await connection.send_data(stream, response())
        connection.reset(stream)


class Ping(Case):
    async def answer(self, connection, stream):
        connection.ping()
        connection.send_headers(stream, HEADERS)
        connection.ping()
        connection.ping()
        await connection.send_data(stream, response())
        connection.ping()
        # The trailers wait for the answers, because the client leaves after them.
        while connection.observed.pings_answered < connection.observed.pings_sent and not connection.is_closed:
            connection.changed.clear()
            await connection.changed.wait()
        connection.send_headers(stream, TRAILERS, end_stream=True)

    def judge(self, observed):
        yield from super().judge(observed)
        if observed.pings_answered != observed.pings_sent or not observed.pings_sent:
            yield f"{observed.pings_answered} of {observed.pings_sent} PINGs were answered"


class MaxStreams(Case):
    def connected(self, connection):
        connection.http2.update_settings({h2.settings.SettingCodes.MAX_CONCURRENT_STREAMS: 1})

    async def answer(self, connection, stream):
        await asyncio.sleep(ANSWER_DELAY_S)
        await super().answer(connection, stream)

    def judge(self, observed):
        if len(observed.calls) != 11:
            yield f"{len(observed.calls)} calls came, not 11"
        if observed.streams_at_once != 1:
            yield f"{observed.streams_at_once} streams were open at once on a connection"


class TinyFrames(Case):
    """DATA frames of five bytes."""

    paddings = (None,)

    async def answer(self, connection, stream):
        connection.send_headers(stream, HEADERS)
        await connection.send_data(stream, response(), TINY_BYTES, self.paddings)
        connection.send_headers(stream, TRAILERS, end_stream=True)

    def judge(self, observed):
        yield from super().judge(observed)
        if observed.data_frames < 62_800:
            yield f"only {observed.data_frames} DATA frames were sent"


class PaddedFrames(TinyFrames):
    """The same, padded with everything from nothing to the most that there is."""

    paddings = tuple(range(256))


CASES = {
    "goaway": GoAway,
    "rst_after_header": ResetAfterHeader,
    "rst_during_data": ResetDuringData,
    "rst_after_data": ResetAfterData,
    "ping": Ping,
    "max_streams": MaxStreams,
    "data_frame_padding": PaddedFrames,
    "no_df_padding_sanity_test": TinyFrames,
}


async def serve(case):
    observed, stopped, connections = Observed(), asyncio.Event(), set()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopped.set)

    async def accept(reader, writer):
        connection = Connection(case, observed, reader, writer)
        connections.add(connection)
        await connection.serve()

    server = await asyncio.start_server(accept, "127.0.0.1", 0)
    print(f"listening on 127.0.0.1:{server.sockets[0].getsockname()[1]}", flush=True)
    await stopped.wait()
    server.close()
    return [*observed.wrong, *case.judge(observed)], observed


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("case", choices=sorted(CASES))
    wrong, observed = asyncio.run(serve(CASES[parser.parse_args().case]()))
    for line in wrong:
        print(f"wrong: {line}", flush=True)
    print(f"{len(observed.calls)} calls, {observed.data_frames} DATA frames", flush=True)
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
