"""`fwrkit blame PATH[@VERSION]`: which version each line comes from."""

from __future__ import annotations

from fwrkit.core.history import BlamedLine
from fwrkit.host.adapters.machine import Machine
from fwrkit.host.verbs import readers


def blame(machine: Machine, target: str, node: str | None) -> list[BlamedLine]:
    """Given a path, or a path and a version, return the file's lines and where they come from. Raise FwrError: NOT_FOUND, USAGE, UNREACHABLE."""
    return machine.agent(readers.pick(machine, node)).blame(target)
