"""`fwrkit refused`: what the policy has refused of one's edits, and having it back."""

from __future__ import annotations

from collections.abc import Callable

from fwrkit.core.records import KeptRefusal
from fwrkit.host.adapters.machine import Machine
from fwrkit.host.verbs import readers


def refused(machine: Machine, node: str | None) -> list[KeptRefusal]:
    """Return what was refused of a node's edits, the oldest first. Raise FwrError: NOT_FOUND, USAGE, UNREACHABLE."""
    return machine.agent(readers.pick(machine, node)).refused()


def give(machine: Machine, number: int, node: str | None, write: Callable[[bytes], object]) -> None:
    """Write the content of one of them piece by piece. Raise FwrError: NOT_FOUND, USAGE, UNREACHABLE."""
    machine.agent(readers.pick(machine, node)).refused_content(number, write)
