"""The command line on a simulated machine: what it prints, and its exit status."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from fwrkit.core import interrupts
from fwrkit.host.cli import context, main
from tests.unit.host.simulated import SimulatedMachine


@dataclass(frozen=True)
class Said:
    """How a command ended."""

    status: int
    out: str
    err: str

    @property
    def envelope(self) -> dict[str, Any]:
        """The one JSON object on standard output."""
        answer: dict[str, Any] = json.loads(self.out)
        return answer

    @property
    def data(self) -> Any:
        """What is in the envelope."""
        return self.envelope["data"]


Fwrkit = Callable[..., Said]


@pytest.fixture
def fwrkit(machine: SimulatedMachine, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Fwrkit:
    """Run a command line on the machine."""

    def connected(_: object, report: Callable[[str], None] = lambda _: None) -> SimulatedMachine:
        machine.report = report
        return machine

    def run(*words: str) -> Said:
        monkeypatch.setattr(sys, "argv", ["fwrkit", *words])
        monkeypatch.setenv("COLUMNS", "200")
        capsys.readouterr()
        with interrupts.listening():
            status = main.run()
        return Said(status, *capsys.readouterr())

    monkeypatch.setattr(context, "Machine", connected)
    return run
