"""What was refused, and having it back."""

from __future__ import annotations

import pytest

from fwrkit.core.errors import FwrError
from fwrkit.core.records import KeptRefusal
from fwrkit.host.verbs.refused import give, refused
from fwrkit.host.verbs.up import ServerWish, up_server
from tests.unit.host.simulated import SimulatedMachine


def test_it_is_listed_and_given_back(machine: SimulatedMachine) -> None:
    up_server(machine, ServerWish(citizen="ada"))
    machine.republic.refused = [KeptRefusal(7, "a", "file", 3, 5.0, "No.", True)]
    assert refused(machine, None) == machine.republic.refused
    pieces: list[bytes] = []
    give(machine, 7, "server", pieces.append)
    assert pieces == [b"refused\x00content"]
    with pytest.raises(FwrError):
        give(machine, 8, None, pieces.append)
