"""Through which node something is asked."""

from __future__ import annotations

import pytest

from fwrkit.core.errors import ExitCode, FwrError
from fwrkit.host.verbs import through
from fwrkit.host.verbs.down import down
from fwrkit.host.verbs.join import JoinWish, join
from fwrkit.host.verbs.up import ServerWish, up_server
from tests.unit.host.simulated import SimulatedMachine


def code_of(machine: SimulatedMachine, name: str | None = None) -> ExitCode:
    with pytest.raises(FwrError) as raised:
        through.agent(machine, name)
    assert raised.value.hint
    return raised.value.code


def test_the_only_server_else_the_only_client_else_it_has_to_be_said(machine: SimulatedMachine) -> None:
    assert code_of(machine) is ExitCode.NOT_FOUND
    up_server(machine, ServerWish())
    join(machine, JoinWish("server", name="alice"))
    join(machine, JoinWish("server", name="bob"))
    assert through.pick(machine, None).name == "server"
    assert through.pick(machine, "bob").name == "bob"
    assert code_of(machine, "nobody") is ExitCode.NOT_FOUND
    up_server(machine, ServerWish(name="second"))
    assert code_of(machine) is ExitCode.USAGE
    down(machine, "second")
    assert code_of(machine, "second") is ExitCode.UNREACHABLE


def test_a_machine_with_clients_only(machine: SimulatedMachine) -> None:
    up_server(machine, ServerWish())
    join(machine, JoinWish("server", name="alice"))
    machine.nodes.remove("server")
    assert through.pick(machine, None).name == "alice"
    machine.change("alice", is_joined=False)
    assert code_of(machine) is ExitCode.NOT_FOUND
