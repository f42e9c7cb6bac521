"""`open`: which address."""

from __future__ import annotations

from fwrkit.host.verbs import up
from fwrkit.host.verbs.join import JoinWish, join
from fwrkit.host.verbs.open import address
from fwrkit.host.verbs.up import ServerWish
from tests.unit.host.simulated import SimulatedMachine


def test_which_site(machine: SimulatedMachine) -> None:
    up.up_server(machine, ServerWish(address="wiki.example.org"))
    join(machine, JoinWish("server", name="alice"))
    port = machine.nodes.get("server").http_port
    assert address(machine, "server", tourist=False).url == f"http://wiki.example.org:{port}/fwr_tour/"
    assert address(machine, "alice", tourist=False).url.endswith("/fwr/")
    assert address(machine, "alice", tourist=True).url.endswith("/fwr_tour/")
