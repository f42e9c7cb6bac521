"""`fwrkit mute`, `unmute`, `ignore`, `unignore`, `filters`: what a node does not want to have on its own disk."""

from __future__ import annotations

from dataclasses import dataclass

from fwrkit.host.adapters.machine import Machine
from fwrkit.host.adapters.nodes import Node
from fwrkit.host.verbs import readers


@dataclass(frozen=True)
class Filters:
    """Whose writing and which paths do not come to a node; on one with ``is_server`` they are missing in the public site, too."""

    muted: list[str]
    ignored: list[str]
    node: str
    is_server: bool


def filters(machine: Machine, node: str | None) -> Filters:
    """Return a node's filters. Raise FwrError: NOT_FOUND, USAGE, UNREACHABLE."""
    picked = readers.pick(machine, node)
    return _filters(picked, machine.agent(picked).filters())


def change(machine: Machine, kind: str, word: str, is_on: bool, node: str | None) -> Filters:
    """Put a filter in (``kind``: muted or ignored) or take one out. Raise FwrError: NOT_FOUND, USAGE, UNREACHABLE."""
    picked = readers.pick(machine, node)
    return _filters(picked, machine.agent(picked).change_filter(kind, word, is_on))


def _filters(node: Node, answer: dict[str, list[str]]) -> Filters:
    return Filters(list(answer["muted"]), list(answer["ignored"]), node.name, node.role == "server")
