"""`peers`: who serves besides, as a node knows it."""

from __future__ import annotations

import pytest

from fwrkit.core.errors import ExitCode, FwrError
from fwrkit.core.records import PeerRecord
from fwrkit.host.verbs import down, up
from fwrkit.host.verbs.join import JoinWish, join
from fwrkit.host.verbs.peers import Peers, peers
from fwrkit.host.verbs.up import ServerWish
from tests.unit.host.simulated import SimulatedMachine

PEER = PeerRecord("alice-peer", "alice.example.org", 2212, "alice", 5)


def test_of_the_node_that_is_meant(machine: SimulatedMachine) -> None:
    up.up_server(machine, ServerWish(citizen="ada"))
    join(machine, JoinWish("server", name="bob"))
    machine.republic.peers = [PEER]
    assert peers(machine, None) == Peers("server", "", [PEER])
    machine.republic.following = "alice-peer"
    assert peers(machine, "bob") == Peers("bob", "alice-peer", [PEER])
    down.down(machine, "bob")
    with pytest.raises(FwrError) as raised:
        peers(machine, "bob")
    assert raised.value.code is ExitCode.UNREACHABLE
