"""Leaving a world."""

from __future__ import annotations

import pytest

from fwrkit.core.errors import ExitCode, FwrError
from fwrkit.host.verbs.join import JoinWish, join
from fwrkit.host.verbs.leave import Left, leave
from fwrkit.host.verbs.up import ServerWish, up_server
from tests.unit.host.simulated import SimulatedMachine


def test_a_citizen_leaves_and_keeps_the_node(machine: SimulatedMachine) -> None:
    up_server(machine, ServerWish(citizen="ada"))
    join(machine, JoinWish("server", name="alice"))
    machine.republic.answers["leave"] = {"name": "alice", "world": "Utopia"}
    assert leave(machine, "alice") == Left("alice", "alice", "Utopia")
    assert machine.nodes.find("alice") is not None
    with pytest.raises(FwrError) as raised:
        leave(machine, "server")
    assert raised.value.code is ExitCode.USAGE
