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
_PLACES = 8  # of one file, that are remembered: more than one tell nothing anyhow
_EMPTY = file_state(b"")
K = TypeVar("K")
V = TypeVar("V")


class Moves:
    """Remembers what came lately, and where directories went. ``clock``: seconds, monotonic."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._came: OrderedDict[tuple[State, bytes], dict[bytes, float]] = OrderedDict()  # (state, name): where it came, and when
        self._moved: OrderedDict[bytes, tuple[bytes | None, float]] = OrderedDict()  # None: to several places, or nowhere

    def put(self, path: bytes, state: State) -> None:
        """A file has come."""
        key = (state, name_of(path))
        places = {place: at for place, at in self._came.get(key, {}).items() if self._clock() - at <= _LATELY}
        if path in places or len(places) < _PLACES:
            places[path] = self._clock()
        _remember(self._came, key, places)

    def deleted(self, path: bytes, state: State) -> None:
        """A path goes that had a state."""
        if is_directory(state):
            target = self._target(path)
            is_renamed_alone = target is None or name_of(target) != name_of(path)
            self._note(parent(path), None if is_renamed_alone or target is None else parent(target))
        elif is_file(state) and state != _EMPTY:
            places = self._came.get((state, name_of(path)), {})
            places.pop(path, None)  # it may have come there itself, a moment ago
            came = [place for place, at in places.items() if self._clock() - at <= _LATELY]
            self._note(parent(path), parent(came[0]) if len(came) == 1 else None)

    def moved_to(self, directory: bytes) -> bytes | None:
        """Return where a directory was moved, None if it was not, or nobody can tell."""
        target = self._target(directory)
        if target is not None or self._is_known(directory):
            return target
        above = self._target(parent(directory))
        return join(above, name_of(directory)) if above is not None else None  # one without a file that travels goes along

    def _is_known(self, directory: bytes) -> bool:
        return directory in self._moved and self._clock() - self._moved[directory][1] <= _LATELY

    def _target(self, directory: bytes) -> bytes | None:
        return self._moved[directory][0] if self._is_known(directory) else None

    def _note(self, source: bytes, target: bytes | None) -> None:
        if not source:
            return
        if target == source or (self._is_known(source) and self._target(source) != target):
            target = None
        _remember(self._moved, source, (target or None, self._clock()))


def _remember(table: OrderedDict[K, V], key: K, value: V) -> None:
    table[key] = value
    table.move_to_end(key)
    while len(table) > _MOST:
        table.popitem(last=False)
