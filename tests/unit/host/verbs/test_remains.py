"""What a removed node left behind is taken up again."""

from __future__ import annotations

from fwrkit.host.verbs import remains, rm, up
from fwrkit.host.verbs.up import ServerWish
from tests.unit.host.simulated import SimulatedMachine


def test_the_id_of_kept_volumes(machine: SimulatedMachine) -> None:
    assert remains.node_id(machine, "server") == ""
    up.up_server(machine, ServerWish())
    node = machine.nodes.get("server")
    rm.remove(machine, node, with_volumes=False)
    assert remains.node_id(machine, "server") == node.node_id
    assert remains.node_id(machine, "wiki") == ""
