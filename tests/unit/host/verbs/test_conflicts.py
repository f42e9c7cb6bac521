"""`conflicts`: of one node or of all that run, and ended where they are."""

from __future__ import annotations

import pytest

from fwrkit.core.errors import ExitCode, FwrError
from fwrkit.core.records import Conflict
from fwrkit.host.verbs.conflicts import NodeConflict, Resolved, conflicts, resolve
from fwrkit.host.verbs.down import down
from fwrkit.host.verbs.join import JoinWish, join
from fwrkit.host.verbs.up import ServerWish, up_server
from tests.unit.host.simulated import SimulatedMachine

CONFLICT = Conflict("www/a", "www/a (conflict bob 2026-11-25 12.00.00)", "bob", "alice")


@pytest.fixture
def contested(machine: SimulatedMachine) -> SimulatedMachine:
    up_server(machine, ServerWish(citizen="ada"))
    join(machine, JoinWish("server", name="bob"))
    machine.republic.conflicts = {"server": [CONFLICT], "bob": [CONFLICT]}
    return machine


def code_of(machine: SimulatedMachine, path: str, node: str | None) -> ExitCode:
    with pytest.raises(FwrError) as raised:
        resolve(machine, path, "mine", node)
    return raised.value.code


def test_of_one_node_and_of_all_that_run(contested: SimulatedMachine) -> None:
    assert conflicts(contested, "bob") == [NodeConflict("bob", CONFLICT)]
    assert conflicts(contested, None) == [NodeConflict("bob", CONFLICT), NodeConflict("server", CONFLICT)]
    down(contested, "server")
    assert conflicts(contested, None) == [NodeConflict("bob", CONFLICT)]


def test_a_node_that_is_down_or_does_not_exist(contested: SimulatedMachine) -> None:
    down(contested, "bob")
    for name, code in (("bob", ExitCode.UNREACHABLE), ("carol", ExitCode.NOT_FOUND)):
        with pytest.raises(FwrError) as raised:
            conflicts(contested, name)
        assert raised.value.code is code


def test_it_is_ended_at_the_node_that_is_named_or_has_it_alone(contested: SimulatedMachine) -> None:
    assert code_of(contested, "www/a", None) is ExitCode.USAGE, "as whom?"
    assert resolve(contested, "www/a", "mine", "bob") == Resolved("bob", "www/a")
    assert conflicts(contested, None) == []
    contested.republic.conflicts["bob"] = [CONFLICT]
    assert resolve(contested, CONFLICT.copy, "theirs", None) == Resolved("bob", "www/a")
    assert contested.republic.decided == [("bob", "www/a", "mine"), ("bob", CONFLICT.copy, "theirs")]


def test_what_is_no_conflict_is_said(contested: SimulatedMachine) -> None:
    assert code_of(contested, "www/b", None) is ExitCode.NOT_FOUND
    assert code_of(contested, "www/b", "bob") is ExitCode.NOT_FOUND
