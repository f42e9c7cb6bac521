"""Unix sockets: who is at the other end, and that one connection never ends the service."""

from __future__ import annotations

import contextlib
import os
import resource
import socket
import stat
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from fwrkit.agent.sockets import listen, peer_uid
from tests.unit.agent.house import wait_until

WAIT = 10.0  # seconds


@pytest.fixture
def place() -> Iterator[Path]:
    """A short path: a socket's has 107 bytes."""
    with tempfile.TemporaryDirectory() as short:
        yield Path(short) / "socket"


def echo(connection: socket.socket) -> None:
    with connection:
        connection.sendall(connection.recv(100))


def ask(place: Path, word: bytes = b"hello", client: socket.socket | None = None) -> bytes:
    with client or socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(WAIT)
        connection.connect(str(place))
        connection.sendall(word)
        return connection.recv(100)


def test_each_connection_is_served(place: Path) -> None:
    with listen(place, 0o600, echo):
        assert [ask(place, b"%d" % number) for number in range(20)] == [b"%d" % number for number in range(20)]


def test_one_that_waits_holds_up_no_other(place: Path) -> None:
    with listen(place, 0o600, echo), socket.socket(socket.AF_UNIX) as silent:
        silent.connect(str(place))
        assert ask(place) == b"hello"


def test_one_that_fails_ends_only_itself(place: Path) -> None:
    calls: list[int] = []

    def fail_once(connection: socket.socket) -> None:
        calls.append(1)
        if len(calls) == 1:
            raise RuntimeError
        echo(connection)

    with listen(place, 0o600, fail_once):
        try:
            assert ask(place) == b""
        except (ConnectionResetError, BrokenPipeError):
            assert len(calls) == 1
        assert ask(place) == b"hello"


def test_a_socket_that_an_earlier_agent_left_is_replaced(place: Path) -> None:
    listen(place, 0o600, echo).close()
    assert place.exists()
    with listen(place, 0o640, echo):
        assert ask(place) == b"hello"
        assert stat.S_IMODE(place.stat().st_mode) == 0o640


def test_the_kernel_says_who_it_is(place: Path) -> None:
    seen: list[int] = []
    done = threading.Event()

    def note(connection: socket.socket) -> None:
        seen.append(peer_uid(connection))
        echo(connection)
        done.set()

    with listen(place, 0o666, note):
        ask(place)
        assert done.wait(WAIT)
    assert seen == [os.geteuid()]


def test_running_out_of_descriptors_for_a_moment_does_not_end_the_service(place: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Many connections at once: they wait, and are served when there is room again."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    clients = [socket.socket(socket.AF_UNIX) for _ in range(3)]
    with listen(place, 0o600, echo):
        assert ask(place) == b"hello"
        resource.setrlimit(resource.RLIMIT_NOFILE, (3, hard))
        try:
            for number, client in enumerate(clients):
                client.settimeout(10)
                client.connect(str(place))
                client.sendall(b"%d" % number)
            # one may be served all the same: a thread that waits in accept has its descriptor already
            wait_until(lambda: "could not be taken" in caplog.text, "the service has met the limit")
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        assert [client.recv(100) for client in clients] == [b"0", b"1", b"2"]
    for client in clients:
        client.close()


def test_where_no_thread_can_be_had_for_a_moment_the_service_goes_on(
    place: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody has filled the container with processes: a connection is lost, the next one is served."""
    with listen(place, 0o600, echo):
        assert ask(place) == b"hello"

        def start(_: threading.Thread) -> None:
            raise RuntimeError("can't start new thread")

        with monkeypatch.context() as patch:
            patch.setattr(threading.Thread, "start", start)
            with contextlib.suppress(OSError):
                assert ask(place) == b""
        assert "could not be served" in caplog.text
        assert ask(place) == b"hello"
