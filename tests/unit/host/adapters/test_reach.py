"""Whether a server is there."""

from __future__ import annotations

import socket
import threading

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
