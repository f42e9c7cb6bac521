"""`fwrkit snapshot NAME`: give a version a name that nothing moves."""

from __future__ import annotations

from fwrkit.core.history import Snapshot
from fwrkit.core.names import check_snapshot_name
from fwrkit.host.adapters.machine import Machine
from fwrkit.host.verbs import through


def snapshot(machine: Machine, name: str, at: str, node: str | None) -> Snapshot:
    """Given a name and a version (empty: the newest), make the snapshot. Raise FwrError: USAGE, TAKEN, NOT_FOUND, REFUSED, UNREACHABLE."""
    check_snapshot_name(name)
    return Snapshot.from_json(through.agent(machine, node).ask("snapshot", name=name, at=at))
