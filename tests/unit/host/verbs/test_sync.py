"""`sync`: agreed, or which paths are not."""

from __future__ import annotations

import pytest

from fwrkit.core.errors import ExitCode, FwrError
from fwrkit.host.verbs import up
from fwrkit.host.verbs.sync import check, sync
from fwrkit.host.verbs.up import ServerWish
from tests.unit.host.simulated import SimulatedMachine


def test_agreed(machine: SimulatedMachine) -> None:
    up.up_server(machine, ServerWish())
    check(sync(machine, "server", 1), 1)


def test_not_agreed_names_the_first_paths(machine: SimulatedMachine) -> None:
    up.up_server(machine, ServerWish())
    machine.republic.missing = ["a", "b\n", "c", "d"]
    result = sync(machine, "server", 1)
    assert result.missing == ["a", "b\n", "c", "d"]
    with pytest.raises(FwrError) as raised:
        check(result, 1)
    assert raised.value.code == ExitCode.TIMED_OUT
    assert raised.value.message == "'server' and its upstream do not agree after 1 s: 'a', 'b\\n', 'c' …."


def test_a_node_that_is_down(machine: SimulatedMachine) -> None:
    with pytest.raises(FwrError) as raised:
        sync(machine, "server", 1)
    assert raised.value.code == ExitCode.NOT_FOUND
