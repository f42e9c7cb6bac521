"""In which order changes of many paths are applied. Pure functions."""

from __future__ import annotations

from collections.abc import Iterable

from fwrkit.agent.paths import ancestors
from fwrkit.agent.states import State, is_file


def in_safe_order(changes: Iterable[tuple[bytes, State]]) -> list[bytes]:
    """Given (path, new state), return the paths in an order in which each can be applied.

    What must make room for a file goes first, deepest first; then directories and files, parents first: contents arrive before the
    old names of renamed ones go; then the other deletions, deepest first.
    """
    states = dict(changes)
    files = {path for path, state in states.items() if is_file(state)}
    room, puts, rest = [], [], []
    for path, state in states.items():
        if state is not None:
            puts.append(path)
        elif any(above in files for above in ancestors(path)):
            room.append(path)
        else:
            rest.append(path)
    return sorted(room, reverse=True) + sorted(puts) + sorted(rest, reverse=True)
