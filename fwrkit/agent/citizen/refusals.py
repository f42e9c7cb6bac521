"""What the server's policy has refused of this node's edits: kept here before it is undone, and given back when somebody asks for it.

A program that writes the same refused thing again and again is not fought: its path is held, which is to say left alone for a while.
Plain files in the agent's private directory: ``NUMBER.json`` says what it was, ``NUMBER`` is the content. Used by the engine's thread only.
"""

from __future__ import annotations

import base64
import json
import logging
import os
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fwrkit.agent.files import linux
from fwrkit.agent.files.tree import NotRegular, Tree, copy_all, write_all
from fwrkit.agent.states import State, file_state, is_file

log = logging.getLogger("fwrkit.refusals")

DIRECTORY = "refused"  # in the private directory
KEPT_SECONDS = 90 * 86400.0
KEPT_COUNT = 2000
KEPT_BYTES = 1024**3
_OFTEN, _WITHIN = 5, 60.0  # refusals of one path within so many seconds, and it is held
_SAME_SECONDS = 300.0  # for which a deletion that is refused again is no news
_FIRST_HOLD, _LAST_HOLD = 60.0, 900.0  # seconds


@dataclass(frozen=True)
class Refused:
    """One change that was refused. ``since`` is in Unix seconds, ``size`` in bytes; without ``has_content`` it was no file, or is gone."""

    number: int
    path: bytes
    kind: str
    size: int
    since: float
    reason: str
    has_content: bool
    state: State = None


@dataclass
class _Path:
    times: deque[float]
    held_until: float = 0.0
    hold: float = _FIRST_HOLD / 2


class Refusals:
    """Keeps what was refused. ``clock``: seconds, monotonic."""

    def __init__(self, directory: Path, tree: Tree, clock: Callable[[], float] = time.monotonic) -> None:
        self._directory = directory
        self._tree = tree
        self._clock = clock
        self._paths: dict[bytes, _Path] = {}
        self._kept: dict[bytes, list[Refused]] = {}
        self._order: deque[Refused] = deque()
        self._bytes = 0
        self._is_dirty = False
        directory.mkdir(mode=0o700, exist_ok=True)
        for kept in read(directory):
            self._remember(kept)
        self._number = max((kept.number for kept in self._order), default=0)
        self.clean()

    def add(self, path: bytes, state: State, reason: str, content: bytes | None, is_counted: bool = True, file: int | None = None) -> None:
        """A change was refused: keep its content, given, or from an open file, or (if it is that still) from the world. Raise OSError.

        It survives a power cut once :meth:`sync` has returned.

        Without ``is_counted`` this only says again what was said, perhaps in vain, when it was refused.
        """
        if is_counted:
            self._count(path)
        kind = "file" if is_file(state) else "directory" if state is not None else "deletion"
        if any(self._is_same(each, state) for each in self._kept.get(path, [])):
            return  # the same again
        self._is_dirty = True
        self._number += 1
        number = self._number
        size = self._keep(number, path, state, content, file) if isinstance(state, bytes) and is_file(state) else None
        about = {
            "path": base64.b64encode(path).decode(), "kind": kind, "size": size or 0, "since": time.time(), "reason": reason,
            "state": state.hex() if state is not None else None, "has_content": size is not None,
        }  # fmt: skip
        _write(self._directory / f"{number}.json", json.dumps(about).encode())
        self._remember(_refused(number, about, size is not None))
        self.clean()

    def _remember(self, kept: Refused) -> None:
        self._kept.setdefault(kept.path, []).append(kept)
        self._order.append(kept)
        self._bytes += kept.size

    def _keep(self, number: int, path: bytes, state: bytes, content: bytes | None, file: int | None) -> int | None:
        """Keep a content; return its size, None if it is not to be had any more: then somebody has written over it."""
        place = self._directory / str(number)
        if content is not None and file_state(content) == state:
            _write(place, content)
            return len(content)
        try:
            source = self._tree.open_file(path) if file is None else os.dup(file)
        except (NotRegular, OSError):
            return None
        try:
            target = os.open(place, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            try:
                is_it = copy_all(source, target) == state
                size = os.fstat(target).st_size
            finally:
                os.close(target)
        finally:
            os.close(source)
        if not is_it:
            place.unlink()
        return size if is_it else None

    @staticmethod
    def _is_same(kept: Refused, state: State) -> bool:
        return kept.state == state and (kept.has_content if is_file(state) else time.time() - kept.since < _SAME_SECONDS)

    def sync(self) -> None:
        """Bring what was added to the disk; to be called before any of it is undone. Raise OSError."""
        if self._is_dirty:
            fd = os.open(self._directory, os.O_RDONLY | os.O_DIRECTORY)
            try:
                linux.syncfs(fd)
            finally:
                os.close(fd)
            self._is_dirty = False

    def clean(self) -> None:
        """Let go of what is too old, or too much; the oldest first."""
        while self._order:
            oldest = self._order[0]
            is_too_much = len(self._order) > KEPT_COUNT or self._bytes > KEPT_BYTES
            if not is_too_much and time.time() - oldest.since < KEPT_SECONDS:
                break
            self._order.popleft()
            self._bytes -= oldest.size
            self._kept[oldest.path].remove(oldest)
            if not self._kept[oldest.path]:
                del self._kept[oldest.path]
            for name in (str(oldest.number), f"{oldest.number}.json"):
                (self._directory / name).unlink(missing_ok=True)

    # programs that write it again and again

    def _count(self, path: bytes) -> None:
        now = self._clock()
        entry = self._paths.setdefault(path, _Path(deque(maxlen=_OFTEN)))
        if entry.held_until and now - entry.held_until > 2 * _LAST_HOLD:
            entry.hold = _FIRST_HOLD / 2
        entry.times.append(now)
        is_often = len(entry.times) == _OFTEN and now - entry.times[0] <= _WITHIN
        if is_often or (entry.held_until and now - entry.held_until <= _WITHIN):
            entry.hold = min(2 * entry.hold, _LAST_HOLD)
            entry.held_until = now + entry.hold
            entry.times.clear()
            log.warning("%r is refused again and again: it is left alone for %.0f s", path, entry.hold)

    def is_held(self, path: bytes) -> bool:
        """Say whether a path is left alone for now."""
        entry = self._paths.get(path)
        return entry is not None and entry.held_until > self._clock()

    def held(self) -> list[bytes]:
        """Return the paths that are left alone for now."""
        return [path for path in self._paths if self.is_held(path)]


def read(directory: Path) -> list[Refused]:
    """Return what a directory keeps of refused changes, the oldest first; what can not be read is passed over."""
    found = []
    for item in directory.glob("*.json"):
        try:
            found.append(_refused(int(item.stem), json.loads(item.read_text()), item.with_suffix("").exists()))
        except (OSError, ValueError, KeyError, TypeError):
            continue
    return sorted(found, key=lambda each: each.number)


def _refused(number: int, about: dict[str, Any], is_there: bool) -> Refused:
    """Given what a file says, return the refused change. Raise ValueError, KeyError or TypeError."""
    state = bytes.fromhex(about["state"]) if about["state"] is not None else None
    return Refused(
        number, base64.b64decode(about["path"]), str(about["kind"]), int(about["size"]), float(about["since"]), str(about["reason"]),
        bool(about["has_content"]) and is_there, state,
    )  # fmt: skip


def _write(place: Path, content: bytes) -> None:
    temporary = place.with_name(place.name + ".new")
    fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        write_all(fd, content)
    finally:
        os.close(fd)
    os.replace(temporary, place)
