"""`fwrkit show VERSION`: one version and what it changed."""

from __future__ import annotations

from fwrkit.core.history import Shown
from fwrkit.host.adapters.machine import Machine
from fwrkit.host.verbs import readers


def show(machine: Machine, version: str, node: str | None) -> Shown:
    """Given a version, return it with what it changed, as a node has it. Raise FwrError: NOT_FOUND, USAGE, UNREACHABLE."""
    return machine.agent(readers.pick(machine, node)).show(version)
