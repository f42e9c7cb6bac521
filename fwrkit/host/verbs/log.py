"""`fwrkit log [PATH]`: what was changed, when and by whom."""

from __future__ import annotations

from fwrkit.core.history import LogEntry
from fwrkit.host.adapters.agent import LogFilter
from fwrkit.host.adapters.machine import Machine
from fwrkit.host.verbs import readers


def log(machine: Machine, wanted: LogFilter, node: str | None) -> list[LogEntry]:
    """Return the versions that a filter lets through, the newest first, as a node has them. Raise FwrError: USAGE, NOT_FOUND, UNREACHABLE."""
    return machine.agent(readers.pick(machine, node)).log(wanted)
