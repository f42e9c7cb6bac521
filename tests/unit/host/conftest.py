"""What the host's tests start from."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from fwrkit.host.adapters import compose
from fwrkit.host.verbs import start
from tests.unit.host.simulated import SimulatedMachine


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SimulatedMachine:
    """A machine with nothing on it; the Compose plugin is there, and waiting is quick."""
    monkeypatch.setattr(compose, "version", lambda: "2.26.1")
    monkeypatch.setattr(start, "_POLL", 0.001)
    return SimulatedMachine(tmp_path / "home")


@pytest.fixture
def sshd() -> Iterator[int]:
    """A port at which something greets as an SSH server does."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def greet() -> None:
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                with connection:
                    connection.sendall(b"SSH-2.0-OpenSSH_10.0\r\n")

        threading.Thread(target=greet, daemon=True).start()
        yield listener.getsockname()[1]
        listener.shutdown(socket.SHUT_RDWR)
