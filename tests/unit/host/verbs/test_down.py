"""`down`: stopped, and kept."""

from __future__ import annotations

import pytest

from fwrkit.core.errors import ExitCode, FwrError
from fwrkit.host.verbs import up
from fwrkit.host.verbs.down import down
from fwrkit.host.verbs.join import JoinWish, join
from fwrkit.host.verbs.up import ServerWish
from tests.unit.host.simulated import SimulatedMachine


def test_a_server_goes_down_and_keeps_the_network_of_its_clients(machine: SimulatedMachine) -> None:
    up.up_server(machine, ServerWish())
    join(machine, JoinWish("server", name="alice"))
    assert down(machine, "server").was_running
    assert machine.services("server") == set()
    assert machine.services("alice") == {"sync", "web"}
    assert machine.home.network("server", "uplink") in machine.docker.networks
    assert len(machine.docker.volumes(machine.home.project("server"))) == 3
    assert not down(machine, "server").was_running
    assert up.up_node(machine, "server").status.state == "in sync"


def test_a_client_takes_its_networks_along(machine: SimulatedMachine) -> None:
    up.up_server(machine, ServerWish())
    join(machine, JoinWish("server", name="alice"))
    down(machine, "alice")
    assert machine.home.network("alice", "site") not in machine.docker.networks


def test_an_unknown_node(machine: SimulatedMachine) -> None:
    with pytest.raises(FwrError) as raised:
        down(machine, "alice")
    assert raised.value.code == ExitCode.NOT_FOUND
