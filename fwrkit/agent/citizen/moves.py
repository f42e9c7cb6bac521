"""Which directories others have moved, told by their files: each arrives at its new place before it goes from the old one."""

from __future__ import annotations

from collections import OrderedDict
from typing import TypeVar

from fwrkit.agent.paths import join, name_of, parent
from fwrkit.agent.states import State, is_directory

_MOST = 5000  # files that came lately, and directories that went
K = TypeVar("K")


class Moves:
    """Remembers what came lately, and where directories went."""

    def __init__(self) -> None:
        self._came: OrderedDict[tuple[State, bytes], bytes] = OrderedDict()  # (state, name) to path
        self._moved: OrderedDict[bytes, bytes] = OrderedDict()

    def put(self, path: bytes, state: State) -> None:
        """A file has come."""
        _remember(self._came, (state, name_of(path)), path)

    def deleted(self, path: bytes, state: State) -> None:
        """A path goes that had a state: if a file of that name and content has come elsewhere, its directory was moved there."""
        if is_directory(state):
            target = self._moved.get(path)
            if target is not None and name_of(target) == name_of(path):
                self._note(parent(path), parent(target))
            return
        came = self._came.get((state, name_of(path)))
        if came is not None and came != path:
            self._note(parent(path), parent(came))

    def moved_to(self, directory: bytes) -> bytes | None:
        """Return where a directory was moved, None if it was not, or nobody can tell."""
        target = self._moved.get(directory)
        above = self._moved.get(parent(directory))
        if target is None and above is not None:  # one that holds no file that travels goes along with the directory above it
            target = join(above, name_of(directory))
        return target

    def _note(self, source: bytes, target: bytes) -> None:
        if source and target and source != target:
            _remember(self._moved, source, target)


def _remember(table: OrderedDict[K, bytes], key: K, value: bytes) -> None:
    table[key] = value
    table.move_to_end(key)
    while len(table) > _MOST:
        table.popitem(last=False)
