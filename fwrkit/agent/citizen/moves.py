"""Which directories others have moved, told by their files: each arrives at its new place before it goes from the old one.

A node's own files go along with a moved directory. So a directory counts as moved only if every file that went from it came to one and the same other
one: empty files are alike everywhere, and what lies in a directory may be private.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable
from typing import TypeVar

from fwrkit.agent.paths import join, name_of, parent
from fwrkit.agent.states import State, file_state, is_directory, is_file

_MOST = 5000  # files that came lately, and directories that went
_LATELY = 60.0  # seconds
_EMPTY = file_state(b"")
K = TypeVar("K")
V = TypeVar("V")


class Moves:
    """Remembers what came lately, and where directories went. ``clock``: seconds, monotonic."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._came: OrderedDict[tuple[State, bytes], tuple[bytes | None, float]] = (
            OrderedDict()
        )  # (state, name): path (None: several), when
        self._moved: OrderedDict[bytes, bytes | None] = OrderedDict()  # None: its files went to several places, or nowhere

    def put(self, path: bytes, state: State) -> None:
        """A file has come."""
        key = (state, name_of(path))
        before, at = self._came.get(key, (path, 0.0))
        is_ambiguous = before != path and self._clock() - at <= _LATELY
        _remember(self._came, key, (None if is_ambiguous else path, self._clock()))

    def deleted(self, path: bytes, state: State) -> None:
        """A path goes that had a state."""
        if is_directory(state):
            target = self._moved.get(path)
            is_renamed_alone = target is None or name_of(target) != name_of(path)
            self._note(parent(path), None if is_renamed_alone or target is None else parent(target))
        elif is_file(state) and state != _EMPTY:
            came, at = self._came.get((state, name_of(path)), (None, 0.0))
            is_moved = came is not None and came != path and self._clock() - at <= _LATELY
            self._note(parent(path), parent(came) if is_moved and came is not None else None)

    def moved_to(self, directory: bytes) -> bytes | None:
        """Return where a directory was moved, None if it was not, or nobody can tell."""
        if directory in self._moved:
            return self._moved[directory]
        above = self._moved.get(parent(directory))
        return join(above, name_of(directory)) if above is not None else None  # one without a file that travels goes along

    def _note(self, source: bytes, target: bytes | None) -> None:
        if not source:
            return
        if source in self._moved and self._moved[source] != target:
            target = None
        _remember(self._moved, source, target if target and target != source else None)


def _remember(table: OrderedDict[K, V], key: K, value: V) -> None:
    table[key] = value
    table.move_to_end(key)
    while len(table) > _MOST:
        table.popitem(last=False)
