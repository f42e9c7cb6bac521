"""`fwrkit diff A [B] [PATH]`: what lies between two versions."""

from __future__ import annotations

from fwrkit.core.history import Difference
from fwrkit.host.adapters.machine import Machine
from fwrkit.host.verbs import readers


def diff(machine: Machine, before: str, after: str, path: str, node: str | None) -> Difference:
    """Given two versions (the second may be a path instead, or empty: the newest), return what lies between them.

    Raise FwrError: NOT_FOUND, USAGE, UNREACHABLE.
    """
    return machine.agent(readers.pick(machine, node)).diff(before, after, path)
