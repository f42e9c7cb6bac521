"""What the agent prints, read."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fwrkit.core import commands
from fwrkit.core.commands import Command, Completed
from fwrkit.core.errors import ExitCode, FwrError
from fwrkit.host.adapters.agent import Agent, error_in, parse_answer

SECRET = "fwr1secret"


def ended(status: int, out: bytes, err: bytes = b"") -> Completed:
    return Completed(Command(["docker"]), status, out, err)


def test_an_answer() -> None:
    assert parse_answer("alice", ended(0, b'{"a": 1}\n')) == {"a": 1}


def test_its_own_error_comes_through() -> None:
    with pytest.raises(FwrError) as raised:
        parse_answer("alice", ended(6, b'{"error": {"code": "REFUSED", "message": "No.", "hint": "Ask."}}'))
    assert (raised.value.code, raised.value.message, raised.value.hint) == (ExitCode.REFUSED, "No.", "Ask.")


@given(st.integers(1, 255), st.binary(), st.binary())
def test_anything_else_is_no_answer_and_nothing_worse(status: int, out: bytes, err: bytes) -> None:
    with pytest.raises(FwrError) as raised:
        parse_answer("alice", ended(status, out, err))
    assert "fwrkit logs alice" in raised.value.hint


def test_an_invite_goes_by_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Command] = []

    def run(command: Command, timeout: float | None = None) -> Completed:
        seen.append(command)
        return ended(0, b'{"citizen": "bob", "world": "w", "world_name": "world"}')

    monkeypatch.setattr(commands, "run", run)
    Agent("bob", "fwrkit-abc-bob-sync").enrol(SECRET)
    assert seen[0].stdin == SECRET.encode() + b"\n"
    assert not any(SECRET in str(word) for word in seen[0].argv)


def test_the_error_that_an_agent_ended_with() -> None:
    said = error_in(["I started", '{"error": {"code": "NO_SPACE", "message": "Full.", "hint": ""}}', "[tini] exit", "{}", "3"])
    assert said is not None
    assert said.code == ExitCode.NO_SPACE
    assert error_in(["Traceback", '"error"', '{"error": 3}']) is None
