"""`fwrkit mute` and its like say of which node they speak, and what that means for the public."""

from __future__ import annotations

from tests.unit.host.cli.conftest import Fwrkit
from tests.unit.host.simulated import SimulatedMachine


def test_a_server_s_filter_is_the_public_s(fwrkit: Fwrkit, machine: SimulatedMachine) -> None:
    fwrkit("up", "server")
    fwrkit("join", "server", "--name", "alice")
    machine.republic.filters["muted"].clear()
    assert fwrkit("mute", "bob", "--node", "alice").out == "What bob writes does not come to alice any more; what is here stays.\n"
    first, second = fwrkit("mute", "bob").out.splitlines()
    assert first.startswith("What bob writes does not come to server any more") and "public site" in second
    assert "public site" not in fwrkit("unmute", "bob").out
