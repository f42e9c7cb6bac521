"""`fwrkit shares` prints lines and nothing else; `fwrkit promote --shares` reads them."""

from __future__ import annotations

import io
import sys
from pathlib import Path

import pytest
import typer

from fwrkit.core.errors import ExitCode, FwrError
from fwrkit.host.cli import password
from tests.unit.host.cli.conftest import Fwrkit
from tests.unit.host.simulated import SimulatedMachine

LINES = ["academic acid", "academic acne", "academic acquire"]


@pytest.fixture
def alice(fwrkit: Fwrkit, machine: SimulatedMachine) -> SimulatedMachine:
    fwrkit("up", "server", "--citizen", "ada")
    fwrkit("join", "server", "--name", "alice")
    machine.republic.answers["shares"] = {"key": "SHA256:x", "shares": LINES}
    return machine


def typed(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO(text))


def test_on_standard_output_are_the_lines_alone(fwrkit: Fwrkit, alice: SimulatedMachine) -> None:
    said = fwrkit("shares", "server", "--need", "2", "--of", "3")
    assert (said.status, said.out.splitlines()) == (0, LINES)
    assert "Whoever has 2 of them can be the server" in said.err
    assert "acid" not in said.err
    assert fwrkit("shares", "server", "--need", "2").status == ExitCode.USAGE


def test_who_changes_the_authority_hears_of_shares(fwrkit: Fwrkit, alice: SimulatedMachine) -> None:
    alice.republic.answers["change-authority"] = {"fingerprint": "SHA256:y", "until": 5, "were_shared": True}
    assert "are worthless. Make new ones: fwrkit shares server" in fwrkit("rekey", "server", "--now").out
    alice.republic.answers["change-authority"] = {"fingerprint": "SHA256:y", "until": 1 << 40, "were_shared": True}
    assert "are worthless when the old one ends." in fwrkit("rekey", "server").out
    alice.republic.answers["change-authority"] = {"fingerprint": "SHA256:y", "until": 5, "were_shared": False}
    assert "worthless" not in fwrkit("rekey", "server", "--now").out


def test_they_are_lines_of_standard_input(fwrkit: Fwrkit, alice: SimulatedMachine, monkeypatch: pytest.MonkeyPatch) -> None:
    fwrkit("rm", "alice", "--yes")
    fwrkit("join", "server", "--name", "alice")
    alice.republic.answers["standing"] = {"is_connected": True, "missing": 0, "trusted": ["k"]}

    class Unread(io.StringIO):
        def read(self, *_: object) -> str:
            raise AssertionError("nobody is asked for shares where it is in vain")

    monkeypatch.setattr(sys, "stdin", Unread())
    assert fwrkit("promote", "alice", "--shares", "--name", "next").status == ExitCode.REFUSED
    del alice.republic.answers["standing"]
    typed(monkeypatch, "\n".join(LINES[1:]) + "\n")
    alice.fails.append(FwrError(ExitCode.REFUSED, "There is 1 share, and 2 different ones are needed.", "Ask another official."))
    said = fwrkit("promote", "alice", "--shares", "--name", "next")
    assert (said.status, len(said.err.splitlines())) == (ExitCode.REFUSED, 3), "what goes on, a sentence and a hint"
    assert alice.nodes.find("next") is None
    typed(monkeypatch, "\n".join(LINES[1:]) + "\n")
    assert fwrkit("promote", "alice", "--shares", "--name", "next").status == 0
    assert alice.brought[-1][2] == LINES[1:]


def test_on_a_terminal_they_are_asked_for_until_there_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    answers = iter(["one word", "  another ", ""])
    monkeypatch.setattr(sys, "stdin", Terminal())
    monkeypatch.setattr(typer, "prompt", lambda *_, **__: next(answers))
    assert password.shares() == ["one word", "another"]


def test_the_key_may_be_in_a_backup(fwrkit: Fwrkit, alice: SimulatedMachine, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    file, identity = tmp_path / "server.fwrkit", tmp_path / "identity"
    identity.write_text("AGE-SECRET-KEY-1\n")
    fwrkit("backup", "server", str(file), "--recipient", "age1x")
    words = ["promote", "alice", "--name", "next"]
    assert fwrkit(*words, "--new-epoch", "--identity", str(identity)).status == ExitCode.USAGE
    assert fwrkit(*words, "--authority", str(file), "--identity", "/nonexistent").status == ExitCode.NOT_FOUND
    typed(monkeypatch, "not this one\n")
    assert fwrkit(*words, "--authority", str(file)).status == ExitCode.REFUSED
    assert alice.nodes.find("next") is None
    assert fwrkit(*words, "--authority", str(file), "--identity", str(identity)).status == 0
    assert alice.brought[-1][2] == {"identity": "AGE-SECRET-KEY-1\n"}
