"""Whether a server is there."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from fwrkit.core.errors import ExitCode, FwrError
from fwrkit.host.adapters import reach


def test_an_ssh_server_answers(sshd: int) -> None:
    reach.check("127.0.0.1", sshd)


def test_nothing_answers() -> None:
    with pytest.raises(FwrError) as raised:
        reach.check("127.0.0.1", 9)
    assert (raised.value.code, raised.value.message) == (ExitCode.UNREACHABLE, "Nothing answers at 127.0.0.1:9: connection refused.")


def test_a_name_that_does_not_exist() -> None:
    with pytest.raises(FwrError) as raised:
        reach.check("no-such-host.invalid", 2211)
    assert raised.value.code == ExitCode.UNREACHABLE


def test_something_else_answers() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def greet() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.sendall(b"HTTP/1.1 400 Bad Request\r\n")

        thread = threading.Thread(target=greet)
        thread.start()
        with pytest.raises(FwrError) as raised:
            reach.check("127.0.0.1", listener.getsockname()[1])
        thread.join(5)
    assert "is no fwrkit server" in raised.value.message


@pytest.mark.parametrize("answer", [b"HTTP/1.1 200 OK\r\n\r\n", b"HTTP/1.1 404 Not Found\r\n\r\n", b"HTTP/1.1 503 Busy\r\n\r\n"])
def test_any_answer_of_a_web_server_is_one(answer: bytes) -> None:
    with answering(answer) as port:
        assert reach.is_page_served(port)


@pytest.mark.parametrize("answer", [b"", b"SSH-2.0-OpenSSH_10.0\r\n"])
def test_what_hangs_up_or_says_something_else_is_no_web_server(answer: bytes) -> None:
    with answering(answer) as port:
        assert not reach.is_page_served(port)


def test_where_nothing_listens_no_page_is_served() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    assert not reach.is_page_served(port)


@contextmanager
def answering(answer: bytes) -> Iterator[int]:
    """Give a port at which one request gets this answer."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def once() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.recv(65536)
                connection.sendall(answer)

        thread = threading.Thread(target=once)
        thread.start()
        yield listener.getsockname()[1]
        thread.join()
