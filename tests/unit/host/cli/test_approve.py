"""`fwrkit approve`, `fwrkit reject`, and how `fwrkit status` says that somebody is held."""

from __future__ import annotations

import pytest

from fwrkit.core.errors import ExitCode
from tests.unit.host.cli.conftest import Fwrkit
from tests.unit.host.simulated import SimulatedMachine


@pytest.mark.parametrize("ruling", ["approve", "reject"])
def test_a_hold_is_shown_with_what_to_type_and_decided(fwrkit: Fwrkit, machine: SimulatedMachine, ruling: str) -> None:
    fwrkit("up", "server")
    fwrkit("join", "server", "--name", "bob")
    machine.republic.held["bob"] = (60, 100)
    said = fwrkit("status", "server")
    assert "Held: bob deletes 60 of 100 files." in said.out
    assert "fwrkit approve bob" in said.out and "fwrkit reject bob" in said.out
    assert fwrkit("status", "server", "--json").data["status"]["connections"][0]["held"] == "deletes 60 of 100 files"
    answer = fwrkit(ruling, "bob", "--json")
    assert answer.data == {"citizen": "bob", "ruling": ruling, "deleted": 60, "files": 100}
    assert "Held" not in fwrkit("status", "server").out
    again = fwrkit(ruling, "bob")
    assert (again.status, again.err.splitlines()[0]) == (ExitCode.NOT_FOUND, "Nothing of bob is held.")


def test_it_is_said_in_a_sentence(fwrkit: Fwrkit, machine: SimulatedMachine) -> None:
    fwrkit("up", "server")
    machine.republic.held["bob"] = (60, 100)
    assert fwrkit("reject", "bob").out == "bob gets the files back when their node connects, within seconds if it is online.\n"
