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
        directory.mkdir(mode=0o700, exist_ok=True)

    def add(self, path: bytes, state: State, reason: str, content: bytes | None, is_counted: bool = True, file: int | None = None) -> None:
        """A change was refused: keep its content, given, or from an open file, or (if it is that still) from the world, durably. Raise OSError.

        Without ``is_counted`` this only says again what was said, perhaps in vain, when it was refused.
        """
        if is_counted:
            self._count(path)
        kind = "file" if is_file(state) else "directory" if state is not None else "deletion"
        if any(self._is_same(each, path, state) for each in read(self._directory)):
            return  # the same again
        number = max((each.number for each in read(self._directory)), default=0) + 1
        size = self._keep(number, path, state, content, file) if isinstance(state, bytes) and is_file(state) else None
        about = {
            "path": base64.b64encode(path).decode(), "kind": kind, "size": size or 0, "since": time.time(), "reason": reason,
            "state": state.hex() if state is not None else None, "has_content": size is not None,
        }  # fmt: skip
        _write(self._directory / f"{number}.json", json.dumps(about).encode())
        self.clean()

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
                os.fsync(target)
                size = os.fstat(target).st_size
            finally:
                os.close(target)
        finally:
            os.close(source)
        if not is_it:
            place.unlink()
        return size if is_it else None

    def _is_same(self, kept: Refused, path: bytes, state: State) -> bool:
        return kept.path == path and self._state(kept.number) == state and (is_file(state) or time.time() - kept.since < _SAME_SECONDS)

    def _state(self, number: int) -> State:
        try:
            text = json.loads((self._directory / f"{number}.json").read_text())["state"]
            return bytes.fromhex(text) if text is not None else None
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def clean(self) -> None:
        """Let go of what is too old, or too much; the oldest first."""
        kept = read(self._directory)
        total = sum(each.size for each in kept)
        for position, each in enumerate(kept):
            is_too_much = len(kept) - position > KEPT_COUNT or total > KEPT_BYTES
            if not is_too_much and time.time() - each.since < KEPT_SECONDS:
                break
            total -= each.size
            forget(self._directory, each.number)

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
            about = json.loads(item.read_text())
            found.append(
                Refused(
                    int(item.stem), base64.b64decode(about["path"]), str(about["kind"]), int(about["size"]), float(about["since"]),
                    str(about["reason"]), bool(about["has_content"]) and item.with_suffix("").exists(),
                )
            )  # fmt: skip
        except (OSError, ValueError, KeyError, TypeError):
            continue
    return sorted(found, key=lambda each: each.number)


def forget(directory: Path, number: int) -> None:
    """Let go of what was kept of one refused change."""
    for name in (str(number), f"{number}.json"):
        (directory / name).unlink(missing_ok=True)


def _write(place: Path, content: bytes) -> None:
    temporary = place.with_name(place.name + ".new")
    fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        write_all(fd, content)
        os.fsync(fd)
    finally:
        os.close(fd)
    os.replace(temporary, place)
