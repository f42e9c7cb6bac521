"""`fwrkit mute`, `unmute`, `ignore`, `unignore`, `filters`: what a node does not want to have on its own disk."""

from __future__ import annotations

from dataclasses import dataclass

from fwrkit.host.adapters.machine import Machine
from fwrkit.host.verbs import readers


@dataclass(frozen=True)
class Filters:
    """Whose writing and which paths do not come to a node."""

    muted: list[str]
    ignored: list[str]


def filters(machine: Machine, node: str | None) -> Filters:
    """Return a node's filters. Raise FwrError: NOT_FOUND, USAGE, UNREACHABLE."""
    return _filters(machine.agent(readers.pick(machine, node)).filters())


def change(machine: Machine, kind: str, word: str, is_on: bool, node: str | None) -> Filters:
    """Put a filter in (``kind``: muted or ignored) or take one out. Raise FwrError: NOT_FOUND, USAGE, UNREACHABLE."""
    return _filters(machine.agent(readers.pick(machine, node)).change_filter(kind, word, is_on))


def _filters(answer: dict[str, list[str]]) -> Filters:
    return Filters(list(answer["muted"]), list(answer["ignored"]))
