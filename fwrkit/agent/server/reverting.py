"""Bringing back what was: a path as it was in a version, what was deleted, or everything that somebody did since a moment.

Each is an ordinary new version of whoever asks for it: judged by the policy as theirs, delivered to everybody, revertible again. It is done in
slices, each in one turn of the hub: others go on meanwhile, and what they have edited by then is left as it is.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from fwrkit.agent import history_reading, paths
from fwrkit.agent.order import in_safe_order
from fwrkit.agent.repository import Repository
from fwrkit.agent.server.fold import Fold
from fwrkit.agent.server.history import History
from fwrkit.agent.server.hub import Hub
from fwrkit.agent.server.store import Citizen, Store
from fwrkit.agent.states import ABSENT, State, is_file
from fwrkit.core.errors import ExitCode, FwrError

_SLICE = 100  # paths of one turn
_LISTED = 200  # paths of one kind that an answer names
_LISTING_LIMIT = 1 << 28  # bytes
_AROUND = 60 * 10**9  # nanoseconds within which what was deleted together was deleted

Find = Callable[[bytes], tuple[State, State] | str]
"""Given a path, return what its head has to be still and what it is to become, or why it stays as it is."""


@dataclass
class Reverted:
    """What came of it: paths that were changed, and of the others (path to reason) why they were left."""

    done: list[bytes] = field(default_factory=list)
    left: dict[bytes, str] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Return the record as a JSON object; of many paths, the first ones."""
        return {
            "done": [paths.shown(path) for path in self.done[:_LISTED]], "count": len(self.done),
            "left": [{"path": paths.shown(path), "reason": reason} for path, reason in list(self.left.items())[:_LISTED]],
            "left_count": len(self.left),
        }  # fmt: skip


class Reverting:
    """Called by the threads of those who ask; the tables and the fold are used in the hub's thread only."""

    def __init__(self, hub: Hub, store: Store, fold: Fold, history: History) -> None:
        self._hub = hub
        self._store = store
        self._fold = fold
        self._history = history

    def to_version(self, citizen: Citizen, path: bytes, version: str, is_rehearsal: bool = False) -> Reverted:
        """Make a path, and all beneath it, what it was in a version. Raise FwrError: NOT_FOUND, USAGE."""
        path = history_reading.checked_path(path)
        repository = Repository(self._history.path)
        commit = history_reading.resolve(repository, version)
        blobs = self._blobs(repository, commit, path)
        current: list[bytes] = self._hub.call(lambda: self._files(path))
        if not blobs and not current:
            raise FwrError(
                ExitCode.NOT_FOUND, f"There is nothing at {paths.shown(path)}, neither now nor in that version.", "See: fwrkit log"
            )
        wanted: dict[bytes, State] = {name: self._state(oid) for name, oid in blobs.items()}
        wanted |= dict.fromkeys((name for name in current if name not in wanted), ABSENT)

        def find(name: bytes) -> tuple[State, State] | str:
            return self._store.head(name), wanted[name]

        return self._apply(citizen, wanted.items(), find, f"as in {commit[:10]}", is_rehearsal)

    def deleted(self, citizen: Citizen, path: bytes, is_rehearsal: bool = False) -> Reverted:
        """Bring back a path that was deleted, with what was deleted together with it beneath it. Raise FwrError (NOT_FOUND)."""
        path = history_reading.checked_path(path)
        wanted: dict[bytes, State] = self._hub.call(lambda: self._last_states(path))
        if not wanted:
            text = f"Nothing was deleted at {paths.shown(path)}."
            raise FwrError(
                ExitCode.NOT_FOUND, text, "See what was: fwrkit log; what was only changed comes back by fwrkit revert PATH --to VERSION"
            )

        def find(name: bytes) -> tuple[State, State] | str:
            return "it is there again" if self._store.head(name) is not ABSENT else (ABSENT, wanted[name])

        return self._apply(citizen, wanted.items(), find, "restored", is_rehearsal)

    def by_citizen(self, citizen: Citizen, name: str, since: int, is_rehearsal: bool = False) -> Reverted:
        """Take back everything that somebody did since a moment (Unix nanoseconds), wherever nobody else has edited since.

        Raise FwrError: NOT_FOUND (no such citizen, or nothing of theirs).
        """
        touched: list[bytes] | None = self._hub.call(
            lambda: self._store.versions.touched_by(name, since) if self._store.citizen(name=name) else None
        )
        if touched is None:
            raise FwrError(ExitCode.NOT_FOUND, f"There is no citizen '{name}'.", "See who there is: fwrkit citizens")
        if not touched:
            raise FwrError(ExitCode.NOT_FOUND, f"{name} has changed nothing since then.", "See: fwrkit log --by " + name)

        def find(path: bytes) -> tuple[State, State] | str:
            if any(path == own or paths.is_beneath(path, own) for own in (paths.ROLL, paths.AUDIT)):
                return "the server's own record"
            return self._store.versions.before_run_of(path, name, since)

        found = self._hub.call(lambda: [(path, find(path)) for path in touched])
        changes = ((path, target[1] if isinstance(target, tuple) else b"") for path, target in found)
        return self._apply(citizen, changes, find, f"what {name} did is taken back", is_rehearsal)

    def _apply(self, citizen: Citizen, changes: Iterable[tuple[bytes, State]], find: Find, note: str, is_rehearsal: bool) -> Reverted:
        ordered = in_safe_order(changes)
        result = Reverted()
        for start in range(0, len(ordered), _SLICE):
            part = ordered[start : start + _SLICE]

            def work(part: list[bytes] = part) -> None:
                current = self._store.known_citizen(citizen.id)  # a role that was lost meanwhile counts no more
                for path in part:
                    target = find(path)
                    reason = target if isinstance(target, str) else self._put(current, path, *target, note, is_rehearsal)
                    if reason is None:
                        result.done.append(path)
                    elif reason:
                        result.left[path] = reason

            self._hub.call(work)
        return result

    def _put(self, citizen: Citizen, path: bytes, head: State, state: State, note: str, is_rehearsal: bool) -> str | None:
        """Make a path's head a state; return None if it is done, else why not (empty: it is so already)."""
        if head == state:
            return ""
        return self._fold.put_version(citizen, path, state, note, time.time_ns(), is_rehearsal)

    def _blobs(self, repository: Repository, commit: str, path: bytes) -> dict[bytes, bytes]:
        """Return the files of a version at or beneath a path: path to raw blob id."""
        where = [path] if path else []
        listed, is_cut = repository.read("ls-tree", "-r", "-z", "--full-tree", "--end-of-options", commit, *where, limit=_LISTING_LIMIT)
        if is_cut:
            raise FwrError(ExitCode.FAILED, "There are too many files in this version.", "Revert one directory after the other.")
        found = {}
        for row in listed.split(b"\0"):
            about, _, name = row.partition(b"\t")
            if name:
                found[name] = bytes.fromhex(about.split()[2].decode())
        return found

    def _state(self, oid: bytes) -> State:
        known: bytes | None = self._hub.call(lambda: self._store.state_of(oid))
        return known if known is not None else self._history.committed(oid).state

    def _files(self, path: bytes) -> list[bytes]:
        found = [name for name in self._store.beneath(path) if is_file(self._store.head(name))]
        return [*([path] if is_file(self._store.head(path)) else []), *found]

    def _last_states(self, path: bytes) -> dict[bytes, State]:
        """Return what was at a path, and beneath it, just before it was deleted; empty if it is there, or never was."""
        if self._store.head(path) is not ABSENT:
            return {}
        gone = self._store.versions.deletion_of(path)
        if gone is None:
            return {}
        return dict(self._store.versions.gone_beneath(path, gone - _AROUND)) | {path: self._store.versions.last_state(path)}
