"""`render`: what `up` writes, without Docker."""

from __future__ import annotations

from fwrkit.host.verbs import up
from fwrkit.host.verbs.render import render
from fwrkit.host.verbs.up import ServerWish
from tests.unit.host.simulated import SimulatedMachine


def test_it_is_what_up_wrote(machine: SimulatedMachine) -> None:
    up.up_server(machine, ServerWish())
    rendered = render(machine, "server")
    assert rendered.text == (machine.nodes.directory("server") / "compose.yaml").read_text()
    assert rendered.project == machine.home.project("server")
