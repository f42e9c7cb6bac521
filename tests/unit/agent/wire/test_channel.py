"""One end of a stream, over a pair of sockets."""

from __future__ import annotations

import contextlib
import queue
import socket
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from fwrkit.agent.wire import channel, frames
from fwrkit.agent.wire.channel import Channel, over_socket
from fwrkit.agent.wire.messages import FROM_CLIENT, FROM_SERVER, Barrier, Passed, Ping, Pong, to_value

WAIT = 10.0  # seconds


class End:
    """One end: what arrived, and how it ended."""

    def __init__(self, connection: socket.socket, allowed: tuple[type[Any], ...]) -> None:
        self.messages: queue.Queue[Any] = queue.Queue()
        self.ends: queue.Queue[str] = queue.Queue()
        self.channel: Channel = over_socket(connection, allowed, self.messages.put, self.ends.put)

    def next(self) -> Any:
        return self.messages.get(timeout=WAIT)

    def end(self) -> str:
        return self.ends.get(timeout=WAIT)


@pytest.fixture
def pair() -> Iterator[tuple[End, End]]:
    """A client's and a server's end."""
    ours, theirs = socket.socketpair()
    client, server = End(ours, FROM_SERVER), End(theirs, FROM_CLIENT)
    client.channel.start()
    server.channel.start()
    yield client, server
    client.channel.close()
    server.channel.close()


@pytest.fixture
def raw() -> Iterator[tuple[End, socket.socket]]:
    """A server's end, and a bare socket at the other."""
    ours, theirs = socket.socketpair()
    server = End(theirs, FROM_CLIENT)
    server.channel.start()
    yield server, ours
    server.channel.close()
    ours.close()


def test_messages_arrive_in_order_both_ways(pair: tuple[End, End]) -> None:
    client, server = pair
    for number in range(500):
        client.channel.send(Ping(number))
        server.channel.send(Pong(number))
    assert [server.next() for _ in range(500)] == [Ping(number) for number in range(500)]
    assert [client.next() for _ in range(500)] == [Pong(number) for number in range(500)]


def test_bytes_may_come_one_by_one(raw: tuple[End, socket.socket]) -> None:
    server, connection = raw
    for byte in frames.pack(to_value(Ping(7))) + frames.pack(to_value(Barrier(8))):
        connection.sendall(bytes([byte]))
    assert server.next() == Ping(7)
    assert server.next() == Barrier(8)


def test_the_other_end_sees_the_end(pair: tuple[End, End]) -> None:
    client, server = pair
    client.channel.close("enough")
    assert client.end() == "enough"
    assert server.end()
    assert client.channel.is_closed
    assert server.channel.is_closed
    client.channel.close("again")
    assert client.ends.empty()
    client.channel.send(Ping(1))


def test_what_is_queued_is_sent_before_it_finishes(pair: tuple[End, End]) -> None:
    client, server = pair
    for number in range(300):
        client.channel.send(Ping(number))
    client.channel.finish()
    assert [server.next() for _ in range(300)] == [Ping(number) for number in range(300)]
    assert server.end()
    assert client.end() == "finished"


@pytest.mark.parametrize("count", [channel._QUEUE_LIMIT, channel._QUEUE_LIMIT + 1])
def test_finishing_does_not_wait_for_somebody_who_does_not_read(count: int) -> None:
    """The hub's one thread does it: who fills their queue and is sent away would hold up everybody."""
    ours, theirs = socket.socketpair()
    server = over_socket(theirs, FROM_CLIENT, lambda _: None, lambda _: None, patience=0.0)
    for number in range(count):
        server.send(Ping(number))
    finishing = threading.Thread(target=server.finish, daemon=True)
    finishing.start()
    finishing.join(WAIT)
    assert not finishing.is_alive()
    assert server.is_closed
    ours.close()


@pytest.mark.parametrize(
    "data",
    [
        b"\xff\xff\xff\xff",
        b"GET / HTTP/1.1\r\n\r\n",
        frames.pack("hello"),
        frames.pack(["ping"]),
        frames.pack(["ping", "x"]),
        frames.pack(to_value(Passed(1))),
        frames.pack(["unheard of", 1]),
        frames.pack(["change", 1, b"../x", None, None, None, False, False, False, 0, 0, None, False]),
    ],
)
def test_who_talks_nonsense_is_cut_off(raw: tuple[End, socket.socket], data: bytes) -> None:
    server, connection = raw
    connection.sendall(frames.pack(to_value(Ping(1))) + data + frames.pack(to_value(Ping(2))))
    assert server.next() == Ping(1)
    assert server.end()
    assert server.messages.empty()
    connection.settimeout(WAIT)
    with contextlib.suppress(ConnectionResetError):
        assert connection.recv(1) == b""


def test_a_frame_that_is_cut_off_ends_it_too(raw: tuple[End, socket.socket]) -> None:
    server, connection = raw
    connection.sendall(frames.pack(to_value(Ping(1)))[:-1])
    connection.shutdown(socket.SHUT_WR)
    assert "inside a frame" in server.end()
    assert server.messages.empty()


def test_a_receiver_that_fails_ends_the_channel() -> None:
    ours, theirs = socket.socketpair()
    ends: queue.Queue[str] = queue.Queue()

    def fail(message: Any) -> None:
        raise RuntimeError(message)

    channel = over_socket(theirs, FROM_CLIENT, fail, ends.put)
    channel.start()
    ours.sendall(frames.pack(to_value(Ping(1))))
    assert ends.get(timeout=WAIT)
    assert channel.is_closed
    ours.close()


def test_many_may_send_and_close_at_once(pair: tuple[End, End]) -> None:
    client, server = pair

    def work() -> None:
        for number in range(50):
            client.channel.send(Ping(number))
        client.channel.close("one of many")

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(WAIT)
    assert client.end()
    assert server.end()
