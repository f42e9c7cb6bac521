"""Which node is meant where none is named."""

from __future__ import annotations

import pytest

from fwrkit.core.errors import ExitCode, FwrError
from fwrkit.host.verbs import down, join, up
from fwrkit.host.verbs.join import JoinWish
from fwrkit.host.verbs.readers import pick
from fwrkit.host.verbs.up import ServerWish
from tests.unit.host.simulated import SimulatedMachine


def test_the_only_one_the_only_server_or_the_named_one(machine: SimulatedMachine) -> None:
    with pytest.raises(FwrError) as raised:
        pick(machine, None)
    assert raised.value.code is ExitCode.UNREACHABLE
    up.up_server(machine, ServerWish())
    assert pick(machine, None).name == "server"
    for name in ("alice", "bob"):
        join.join(machine, JoinWish("server", name))
    assert pick(machine, None).name == "server"
    assert pick(machine, "bob").name == "bob"
    down.down(machine, "server")
    with pytest.raises(FwrError) as raised:
        pick(machine, None)
    assert (raised.value.code, raised.value.message) == (ExitCode.USAGE, "Several nodes run here: alice, bob.")
    down.down(machine, "bob")
    assert pick(machine, None).name == "alice"
    with pytest.raises(FwrError) as raised:
        pick(machine, "bob")
    assert raised.value.code is ExitCode.UNREACHABLE
