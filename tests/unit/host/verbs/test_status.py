"""`status`: up or down, and the exit code that says so."""

from __future__ import annotations

import pytest

from fwrkit.core.errors import ExitCode, FwrError
from fwrkit.host.verbs import up
from fwrkit.host.verbs.down import down
from fwrkit.host.verbs.join import JoinWish, join
from fwrkit.host.verbs.status import check_up, status
from fwrkit.host.verbs.up import ServerWish
from tests.unit.host.simulated import SimulatedMachine


def test_a_running_server_names_who_is_connected(machine: SimulatedMachine) -> None:
    up.up_server(machine, ServerWish())
    join(machine, JoinWish("server", name="alice"))
    report = status(machine, "server")
    check_up(report)
    assert report.status is not None
    assert [each.citizen for each in report.status.connections] == ["alice"]


def test_a_node_that_is_down(machine: SimulatedMachine) -> None:
    up.up_server(machine, ServerWish())
    down(machine, "server")
    report = status(machine, "server")
    assert (report.containers, report.status) == ("down", None)
    with pytest.raises(FwrError) as raised:
        check_up(report)
    assert (raised.value.code, raised.value.hint) == (ExitCode.UNREACHABLE, "Start it with: fwrkit up server")
