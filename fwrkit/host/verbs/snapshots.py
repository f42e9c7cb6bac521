"""`fwrkit snapshots`: versions that have a name."""

from __future__ import annotations

from fwrkit.core.history import Snapshot
from fwrkit.host.adapters.machine import Machine
from fwrkit.host.verbs import readers


def snapshots(machine: Machine, node: str | None) -> list[Snapshot]:
    """Return the snapshots that a node holds, the newest first. Raise FwrError: UNREACHABLE, USAGE."""
    return machine.agent(readers.pick(machine, node)).snapshots()
