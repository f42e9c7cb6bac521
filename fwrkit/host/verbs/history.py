"""`fwrkit history gc`: keep a node's history small."""

from __future__ import annotations

from dataclasses import dataclass

from fwrkit.core.history import Tidied
from fwrkit.host.adapters.machine import Machine
from fwrkit.host.verbs import readers


@dataclass(frozen=True)
class TidiedNode:
    """What tidying came to, in bytes, and at which node."""

    node: str
    tidied: Tidied


def collect(machine: Machine, name: str | None) -> TidiedNode:
    """Make a node's history as small as it gets. Raise FwrError: NOT_FOUND, UNREACHABLE, USAGE."""
    node = readers.pick(machine, name)
    machine.report(f"Packing the history of {node.name}")
    return TidiedNode(node.name, machine.agent(node).tidy())
