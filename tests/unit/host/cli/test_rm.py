"""`fwrkit rm` asks first."""

from __future__ import annotations

import pytest

from fwrkit.core.errors import ExitCode
from tests.unit.host.cli.conftest import Fwrkit
from tests.unit.host.simulated import SimulatedMachine


def test_without_a_terminal_it_wants_to_be_told(fwrkit: Fwrkit, machine: SimulatedMachine) -> None:
    fwrkit("up", "server")
    for words in (["rm", "server"], ["rm", "server", "--json"], ["rm", "server", "--volumes"]):
        assert fwrkit(*words).status == ExitCode.USAGE
    assert machine.services("server") == {"sync", "web"}
    assert fwrkit("rm", "server", "--yes").status == 0


@pytest.mark.parametrize("is_meant", [True, False])
def test_with_a_terminal_it_asks(fwrkit: Fwrkit, machine: SimulatedMachine, monkeypatch: pytest.MonkeyPatch, is_meant: bool) -> None:
    fwrkit("up", "server")
    asked: list[str] = []
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)

    def confirm(text: str) -> bool:
        asked.append(text)
        return is_meant

    monkeypatch.setattr("typer.confirm", confirm)
    said = fwrkit("rm", "server", "--volumes")
    assert "with its world, its history and its keys" in asked[0]
    assert (said.status == 0, machine.nodes.find("server") is None) == (is_meant, is_meant)
