"""`fwrkit citizens` says why the server did not tell."""

from __future__ import annotations

from fwrkit.core.errors import ExitCode, FwrError
from fwrkit.core.records import CitizenRecord
from tests.unit.host.cli.conftest import Fwrkit
from tests.unit.host.simulated import SimulatedMachine


def test_a_banned_node_shows_what_it_has_and_why(fwrkit: Fwrkit, machine: SimulatedMachine) -> None:
    fwrkit("up", "server")
    machine.republic.roll = [CitizenRecord("bob", "citizen", 5, reason="spam", banned_by="ada", banned_until=1_798_761_540)]
    machine.republic.answers["citizens"] = FwrError(ExitCode.REFUSED, "You are banned from this world: spam.", "")
    said = fwrkit("citizens")
    assert "banned until 2026-12-31 23:59 UTC by ada: spam" in said.out
    assert said.err.splitlines() == ["You are banned from this world: spam.", "This is what the node last heard."]
