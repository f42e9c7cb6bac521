"""The roll, live or as a node last heard of it; bans and roles are asked of the server."""

from __future__ import annotations

import pytest

from fwrkit.core.errors import ExitCode, FwrError
from fwrkit.core.records import CitizenRecord
from fwrkit.host.verbs.citizens import Banned, RoleChanged, Roll, Unbanned, ban, citizens, role, unban
from fwrkit.host.verbs.up import ServerWish, up_server
from tests.unit.host.simulated import SimulatedMachine

BOB = CitizenRecord("bob", "citizen", 5)


@pytest.fixture
def world(machine: SimulatedMachine) -> SimulatedMachine:
    up_server(machine, ServerWish(citizen="ada"))
    return machine


def test_the_server_s_word_comes_first(world: SimulatedMachine) -> None:
    world.republic.answers["citizens"] = {"citizens": [BOB.to_json()]}
    assert citizens(world, None) == Roll(True, [BOB])


@pytest.mark.parametrize("code", [ExitCode.UNREACHABLE, ExitCode.REFUSED])
def test_who_can_not_ask_reads_their_own_copy(world: SimulatedMachine, code: ExitCode) -> None:
    world.republic.answers["citizens"] = FwrError(code, "No.", "")
    world.republic.roll = [BOB]
    assert citizens(world, None) == Roll(False, [BOB], "No.")


def test_another_failure_is_one(world: SimulatedMachine) -> None:
    world.republic.answers["citizens"] = FwrError(ExitCode.FAILED, "No.", "")
    with pytest.raises(FwrError):
        citizens(world, None)


def test_what_officials_decide_is_asked_as_it_was_said(world: SimulatedMachine) -> None:
    world.republic.answers |= {
        "ban": {"name": "bob", "reason": "spam", "until": 9}, "unban": {"name": "bob"}, "role": {"name": "bob", "role": "reader", "before": "citizen"},
    }  # fmt: skip
    assert ban(world, "bob", "spam", 9, None) == Banned("bob", "spam", 9)
    assert unban(world, "bob", "server") == Unbanned("bob")
    assert role(world, "bob", "reader", None) == RoleChanged("bob", "reader", "citizen")
    assert world.republic.asked == [
        ("server", "ban", {"name": "bob", "reason": "spam", "until": 9}),
        ("server", "unban", {"name": "bob"}),
        ("server", "role", {"name": "bob", "role": "reader"}),
    ]
