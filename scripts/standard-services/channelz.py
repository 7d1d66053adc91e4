"""`grpc.channelz.v1.Channelz`, asked by grpcio-channelz."""

import ipaddress
import time

import grpc
from grpc_channelz.v1 import channelz_pb2, channelz_pb2_grpc

import by_grpcurl

TIMEOUT_S = 20


def stub(channel):
    return channelz_pb2_grpc.ChannelzStub(channel)


def call(channel, times=1):
    """Calls of the demo services: as many that go well, and one that fails."""
    add = channel.unary_unary("/Cal/Add")
    for _ in range(times):
        add(b"\x08\x01\x10\x02", timeout=TIMEOUT_S)
    try:
        # The largest number, and one more.
        add(b"\x08\xff\xff\xff\xff\x07\x10\x01", timeout=TIMEOUT_S)
    except grpc.RpcError as error:
        assert error.code() == grpc.StatusCode.OUT_OF_RANGE, error
        return
    raise AssertionError("the sum is too large")


def channelz_shows_the_server(_, address):
    with grpc.insecure_channel(address) as channel:
        call(channel, times=5)
        answer = stub(channel).GetServers(channelz_pb2.GetServersRequest(), timeout=TIMEOUT_S)
        assert answer.end and len(answer.server) == 1, answer
        server = answer.server[0]
        assert server.ref.name == address, server.ref
        assert server.data.calls_succeeded >= 5 and server.data.calls_failed == 1, server.data
        assert server.data.calls_started >= 7, server.data
        assert abs(server.data.last_call_started_timestamp.seconds - time.time()) < 600
        by_number = channelz_pb2.GetServerRequest(server_id=server.ref.server_id)
        assert stub(channel).GetServer(by_number, timeout=TIMEOUT_S).server.ref == server.ref
        listener = channelz_pb2.GetSocketRequest(socket_id=server.listen_socket[0].socket_id)
        bound = stub(channel).GetSocket(listener, timeout=TIMEOUT_S).socket.local.tcpip_address
        assert f"{ipaddress.ip_address(bound.ip_address)}:{bound.port}" == address


def channelz_shows_connections(_, address):
    with grpc.insecure_channel(address) as channel:
        call(channel, times=3)
        asked = stub(channel)
        server_id = asked.GetServers(channelz_pb2.GetServersRequest(), timeout=TIMEOUT_S).server[0].ref.server_id
        page = asked.GetServerSockets(channelz_pb2.GetServerSocketsRequest(server_id=server_id), timeout=TIMEOUT_S)
        assert page.end and len(page.socket_ref) == 1, page
        reference = page.socket_ref[0]
        socket = asked.GetSocket(channelz_pb2.GetSocketRequest(socket_id=reference.socket_id), timeout=TIMEOUT_S).socket
        assert socket.ref == reference
        assert ipaddress.ip_address(socket.remote.tcpip_address.ip_address).is_loopback
        data = socket.data
        # The calls that ask are among them, the last of them not at its end.
        assert data.streams_started == 7 and data.streams_failed == 1 and data.streams_succeeded in (5, 6), data
        assert data.messages_received == 7 and data.messages_sent == 5, data


def channelz_has_pages(_, address):
    channels = [grpc.insecure_channel(address, [("grpc.use_local_subchannel_pool", 1)]) for _ in range(3)]
    for channel in channels:
        call(channel)
    asked = stub(channels[0])
    server_id = asked.GetServers(channelz_pb2.GetServersRequest(), timeout=TIMEOUT_S).server[0].ref.server_id
    start, found, pages = 0, [], 0
    while True:
        request = channelz_pb2.GetServerSocketsRequest(server_id=server_id, start_socket_id=start, max_results=2)
        page = asked.GetServerSockets(request, timeout=TIMEOUT_S)
        found += [reference.socket_id for reference in page.socket_ref]
        pages += 1
        if page.end:
            break
        start = found[-1] + 1
    assert len(found) == 3 and found == sorted(found) and pages == 2, (found, pages)
    for channel in channels:
        channel.close()


def channelz_says_what_is_not_there(_, address):
    with grpc.insecure_channel(address) as channel:
        asked = stub(channel)
        for ask, request in [
            (asked.GetServer, channelz_pb2.GetServerRequest(server_id=9999)),
            (asked.GetServerSockets, channelz_pb2.GetServerSocketsRequest(server_id=9999)),
            (asked.GetChannel, channelz_pb2.GetChannelRequest(channel_id=9999)),
            (asked.GetSubchannel, channelz_pb2.GetSubchannelRequest(subchannel_id=9999)),
            (asked.GetSocket, channelz_pb2.GetSocketRequest(socket_id=9999)),
        ]:
            try:
                ask(request, timeout=TIMEOUT_S)
            except grpc.RpcError as error:
                assert error.code() == grpc.StatusCode.NOT_FOUND, error
            else:
                raise AssertionError(f"{request} was found")


def channelz_by_grpcurl(_, address):
    found = by_grpcurl.replies(by_grpcurl.grpcurl(address, "grpc.channelz.v1.Channelz/GetServers", data="{}"))
    assert found[0]["server"][0]["ref"]["name"] == address and found[0]["end"], found


CHECKS = [
    channelz_shows_the_server,
    channelz_shows_connections,
    channelz_has_pages,
    channelz_says_what_is_not_there,
    channelz_by_grpcurl,
]
