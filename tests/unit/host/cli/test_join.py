"""`fwrkit join`, as typed."""

from __future__ import annotations

from fwrkit.core.errors import ExitCode
from tests.unit.host.cli.conftest import Fwrkit


def test_it_shows_what_to_open(fwrkit: Fwrkit) -> None:
    fwrkit("up", "server")
    said = fwrkit("join", "server", "--name", "alice")
    assert said.status == 0
    assert "alice has joined 'world' as alice." in said.out
    assert "/fwr/" in said.out


def test_a_node_that_waits_shows_its_key_and_is_held(fwrkit: Fwrkit, sshd: int) -> None:
    said = fwrkit("join", f"127.0.0.1:{sshd}")
    assert said.status == ExitCode.HELD
    assert "ssh-ed25519 " in said.out
    assert "fwrkit invite NAME" in said.err
    said = fwrkit("join", f"127.0.0.1:{sshd}", "--json")
    assert (said.status, said.data["is_joined"]) == (ExitCode.HELD, False)
