"""`fwrkit drill`: a table, a verdict, and a status that programs can go by."""

from __future__ import annotations

from fwrkit.core.errors import ExitCode
from fwrkit.core.records import Finding
from tests.unit.host.cli.conftest import Fwrkit
from tests.unit.host.simulated import SimulatedMachine


def test_the_verdict_is_the_status(fwrkit: Fwrkit, machine: SimulatedMachine) -> None:
    fwrkit("up", "server", "--citizen", "ada")
    fwrkit("join", "server", "--name", "alice")
    said = fwrkit("drill", "succession", "alice")
    assert (said.status, "With what alice has, this world would survive the loss of its server." in said.out) == (0, True)
    machine.republic.drilled = [
        Finding("files", False, "3 of 5 files are not as in the newest version: a, b, c.", "Take another node's copy.")
    ]
    said = fwrkit("drill", "succession", "alice")
    assert said.status == ExitCode.FAILED
    assert "BAD" in said.out and "would survive" not in said.out
    assert said.err.splitlines()[-2:] == [
        "With what alice has, this world would not survive whole: 1 of 5 checks failed.", "Take another node's copy.",
    ]  # fmt: skip
    said = fwrkit("drill", "succession", "alice", "--json")
    assert (said.status, [each["ok"] for each in said.data].count(False)) == (ExitCode.FAILED, 1)
