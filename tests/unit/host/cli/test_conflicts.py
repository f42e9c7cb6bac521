"""`fwrkit conflicts` with and without its subcommands."""

from __future__ import annotations

import pytest

from fwrkit.core.errors import ExitCode
from fwrkit.core.records import Conflict
from tests.unit.host.cli.conftest import Fwrkit
from tests.unit.host.simulated import SimulatedMachine

CONFLICT = Conflict("www/a\n.txt", "www/a\n (conflict bob 2026-11-25 12.00.00).txt", "bob", "")


@pytest.mark.parametrize("words", [["conflicts"], ["conflicts", "server"], ["conflicts", "list"], ["conflicts", "list", "server"]])
def test_the_list(fwrkit: Fwrkit, machine: SimulatedMachine, words: list[str]) -> None:
    fwrkit("up", "server")
    assert fwrkit(*words).out == "No conflicts.\n"
    machine.republic.conflicts["server"] = [CONFLICT]
    said = fwrkit(*words)
    assert said.status == 0
    assert "www/a" in said.out and "bob" in said.out and "?" in said.out
    assert fwrkit(*words, "--json").data[0]["conflict"]["author"] == "bob"


def test_resolve(fwrkit: Fwrkit, machine: SimulatedMachine) -> None:
    fwrkit("up", "server")
    machine.republic.conflicts["server"] = [CONFLICT]
    assert fwrkit("conflicts", "resolve", CONFLICT.path).status == ExitCode.USAGE, "--keep is asked for"
    said = fwrkit("conflicts", "resolve", CONFLICT.path, "--keep", "theirs", "--json")
    assert said.data == {"node": "server", "kept": CONFLICT.path}
    assert machine.republic.decided == [("server", CONFLICT.path, "theirs")]
    assert fwrkit("conflicts", "resolve", CONFLICT.path, "--keep", "theirs").status == ExitCode.NOT_FOUND


def test_help_and_nonsense(fwrkit: Fwrkit) -> None:
    assert "resolve" in fwrkit("conflicts", "--help").out
    assert fwrkit("conflicts", "nobody").status == ExitCode.NOT_FOUND
    assert fwrkit("conflicts", "--nonsense").status == ExitCode.USAGE
    assert fwrkit("conflicts", "server", "too", "much").status == ExitCode.USAGE
