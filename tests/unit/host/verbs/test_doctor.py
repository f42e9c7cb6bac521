"""`doctor`: looks at everything, changes nothing, and goes on after what is bad."""

from __future__ import annotations

import pytest

import fwrkit
from fwrkit.host.verbs import doctor as verb
from fwrkit.host.verbs import up
from fwrkit.host.verbs.down import down
from fwrkit.host.verbs.up import ServerWish
from tests.unit.host.simulated import SimulatedMachine


def test_all_is_well(machine: SimulatedMachine) -> None:
    up.up_server(machine, ServerWish())
    findings = {each.check: each for each in verb.doctor(machine)}
    assert {"docker engine", "compose plugin", "images", "home", "disk space", "server: version", "server: leases"} <= set(findings)
    assert all(each.ok for name, each in findings.items() if name != "disk space")


def test_another_version_is_found(machine: SimulatedMachine, monkeypatch: pytest.MonkeyPatch) -> None:
    up.up_server(machine, ServerWish())
    monkeypatch.setattr(fwrkit, "__version__", "9.9.9")
    finding = next(each for each in verb.doctor(machine) if each.check == "server: version")
    assert not finding.ok
    assert "fwrkit up server" in finding.hint


def test_a_node_that_is_down_is_no_failure(machine: SimulatedMachine) -> None:
    up.up_server(machine, ServerWish())
    down(machine, "server")
    finding = next(each for each in verb.doctor(machine) if each.check == "server: running")
    assert (finding.ok, finding.hint) == (True, "Start it with: fwrkit up server")


def test_a_world_directory_that_vanished_is_found(machine: SimulatedMachine) -> None:
    up.up_server(machine, ServerWish())
    machine.change("server", world_dir="/there/is/no/such/directory")
    finding = next(each for each in verb.doctor(machine) if each.check == "server: world directory")
    assert not finding.ok
