"""`approve` and `reject`: decided at the server, about somebody of whom something is held."""

from __future__ import annotations

import pytest

from fwrkit.core.errors import ExitCode, FwrError
from fwrkit.host.verbs.decide import APPROVE, REJECT, Decided, decide
from fwrkit.host.verbs.join import JoinWish, join
from fwrkit.host.verbs.up import ServerWish, up_server
from tests.unit.host.simulated import SimulatedMachine


@pytest.mark.parametrize("ruling", [APPROVE, REJECT])
def test_a_decision_is_the_servers(machine: SimulatedMachine, ruling: str) -> None:
    up_server(machine, ServerWish(citizen="ada"))
    join(machine, JoinWish("server", name="bob"))
    machine.republic.held["bob"] = (60, 100)
    assert decide(machine, "bob", ruling) == Decided("bob", ruling, 60, 100)
    assert machine.republic.decided == [("server", "bob", ruling)]
    with pytest.raises(FwrError) as raised:
        decide(machine, "bob", ruling)
    assert raised.value.code is ExitCode.NOT_FOUND


def test_an_official_decides_from_their_own_node_too(machine: SimulatedMachine) -> None:
    with pytest.raises(FwrError) as raised:
        decide(machine, "bob", APPROVE)
    assert raised.value.code is ExitCode.NOT_FOUND, "there is no node"
    up_server(machine, ServerWish(citizen="ada"))
    join(machine, JoinWish("server", name="olga"))
    machine.republic.held["bob"] = (60, 100)
    decide(machine, "bob", APPROVE, "olga")
    assert machine.republic.asked[-1] == ("olga", "decide", {"name": "bob", "ruling": APPROVE})
