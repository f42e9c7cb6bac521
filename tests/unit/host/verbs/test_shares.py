"""`shares`: what the server answers, and what it is not asked for."""

from __future__ import annotations

import pytest

from fwrkit.agent import shares as agents
from fwrkit.core.errors import ExitCode, FwrError
from fwrkit.host.verbs import shares as verb
from fwrkit.host.verbs.join import JoinWish, join
from fwrkit.host.verbs.up import ServerWish, up_server
from tests.unit.host.simulated import SimulatedMachine


def test_a_server_is_asked_for_so_many(machine: SimulatedMachine) -> None:
    up_server(machine, ServerWish(citizen="ada"))
    join(machine, JoinWish("server", name="alice"))
    machine.republic.answers["shares"] = {"key": "SHA256:x", "shares": ["academic acid", "academic acne", "academic acquire"]}
    made = verb.shares(machine, "server", 2, 3)
    assert (made.server, made.need, made.of, made.authority, len(made.shares)) == ("server", 2, 3, "SHA256:x", 3)
    assert "acid" not in repr(made), "not into any log"
    assert machine.republic.asked[-1] == ("server", "shares", {"need": 2, "of": 3})
    asked = len(machine.republic.asked)
    for name, need, of, code in (
        ("alice", 2, 3, ExitCode.USAGE),
        ("nobody", 2, 3, ExitCode.NOT_FOUND),
        ("server", 1, 3, ExitCode.USAGE),
        ("server", 4, 3, ExitCode.USAGE),
        ("server", 2, 17, ExitCode.USAGE),
    ):
        with pytest.raises(FwrError) as raised:
            verb.shares(machine, name, need, of)
        assert (raised.value.code, bool(raised.value.hint)) == (code, True)
    assert len(machine.republic.asked) == asked


def test_both_sides_know_the_same_limits() -> None:
    assert (verb.LEAST, verb.MOST) == (agents.LEAST, agents.MOST)
