"""`logs`: Compose's own, with the override file that somebody wrote."""

from __future__ import annotations

import pytest

from fwrkit.core.errors import ExitCode, FwrError
from fwrkit.host.adapters.machine import Machine
from fwrkit.host.verbs import up
from fwrkit.host.verbs.down import down
from fwrkit.host.verbs.logs import logs
from fwrkit.host.verbs.up import ServerWish
from tests.unit.host.simulated import SimulatedMachine


def test_the_command(machine: SimulatedMachine, monkeypatch: pytest.MonkeyPatch) -> None:
    up.up_server(machine, ServerWish())
    monkeypatch.setattr(machine, "project", lambda node: Machine.project(machine, node))
    argv = list(logs(machine, "server", follow=True, lines=5).argv)
    assert argv[argv.index("logs") :] == ["logs", "--follow", "--tail", "5"]


def test_a_node_that_is_down_has_none(machine: SimulatedMachine) -> None:
    up.up_server(machine, ServerWish())
    down(machine, "server")
    with pytest.raises(FwrError) as raised:
        logs(machine, "server", follow=False, lines=None)
    assert raised.value.code == ExitCode.UNREACHABLE
