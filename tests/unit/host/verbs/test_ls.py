"""`ls`: one word for the state of a node."""

from __future__ import annotations

import pytest

from fwrkit.host.adapters.engine import Container
from fwrkit.host.verbs import up
from fwrkit.host.verbs.down import down
from fwrkit.host.verbs.join import JoinWish, join
from fwrkit.host.verbs.ls import ls, state_of
from fwrkit.host.verbs.up import ServerWish
from tests.unit.host.simulated import SimulatedMachine


def part(service: str, state: str = "running", health: str = "healthy") -> Container:
    return Container(f"x-{service}", service, state, health, 0, 0)


@pytest.mark.parametrize(
    ("parts", "state"),
    [
        ([], "down"),
        ([part("sync"), part("web")], "up"),
        ([part("sync", health="starting"), part("web", health="")], "up"),
        ([part("sync", health="unhealthy"), part("web")], "unhealthy"),
        ([part("sync"), part("web", "exited", "")], "web exited"),
        ([part("sync", "restarting", "")], "restarting"),
        ([part("sync", "exited", ""), part("web", "exited", "")], "down"),
        ([part("prepare", "exited", ""), part("sync"), part("web")], "up"),
    ],
)
def test_state_in_one_word(parts: list[Container], state: str) -> None:
    assert state_of({each.service: each for each in parts}) == state


def test_nodes_by_name(machine: SimulatedMachine) -> None:
    assert ls(machine) == []
    up.up_server(machine, ServerWish())
    join(machine, JoinWish("server", name="alice"))
    down(machine, "server")
    assert [(each.node, each.role, each.state, each.server) for each in ls(machine)] == [
        ("alice", "client", "up", "server"),
        ("server", "server", "down", ""),
    ]
    assert ls(machine)[0].url.endswith("/fwr/")
    assert ls(machine)[1].url.endswith("/fwr_tour/")
