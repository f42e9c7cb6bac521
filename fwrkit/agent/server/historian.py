"""Writes accepted versions into the history: a thread of its own, behind the hub, which never waits for it.

A version is durable in the database before anybody hears of it; here it becomes part of a commit, and its content leaves the database.
"""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from typing import TypeVar

from fwrkit.agent import upkeep
from fwrkit.agent.repository import Repository
from fwrkit.agent.server import retention
from fwrkit.agent.server.canon import Canon
from fwrkit.agent.server.history import Damaged, History, Version, group_by_author
from fwrkit.agent.server.mending import damaged, last_whole_commit, mend
from fwrkit.agent.server.signing import HeadSigner
from fwrkit.agent.server.store import Store
from fwrkit.agent.settings import Settings
from fwrkit.agent.states import is_file
from fwrkit.core.errors import ExitCode, FwrError
from fwrkit.core.history import Tidied

log = logging.getLogger("fwrkit.historian")

T = TypeVar("T")

_ROLL_UP_EVERY = 300.0  # seconds between two looks whether loose objects have to be packed
_ONCE = 5000  # versions of one round
_PAUSE_AFTER_FAILURE = 5.0  # seconds
_CHECK_FIRST, _CHECK_EVERY = 600.0, 86400.0  # seconds until every object is looked at, after a start and after the last time
_KEPT = 600.0  # seconds for which a received file stays after it was committed: the hub may be about to link it


class Historian:
    """Settles versions for a quiet period, a bounded time at most, and commits them, one commit per batch and author."""

    def __init__(self, store: Store, history: History, canon: Canon, settings: Settings) -> None:
        self._store = store
        self._history = history
        self._canon = canon
        self._incoming = canon.incoming
        self._check_at = time.monotonic() + _CHECK_FIRST
        self._roll_up_at = time.monotonic()
        self._jobs: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self.alerts: list[str] = []
        self.signer: HeadSigner | None = None
        self.is_paused = False  # nothing is committed: the history may be about to go on elsewhere
        self._sign_at = 0.0
        self._settings = settings
        self._up_to = store.last_version()
        self._first = self._last = time.monotonic()
        self._wake = threading.Event()
        self._wake.set()
        self._is_stopping = False
        self._dropped: dict[str, float] = {}
        self._thread = threading.Thread(target=self._loop, name="historian", daemon=True)

    def start(self) -> None:
        """Begin to work."""
        self._thread.start()

    def stop(self) -> None:
        """Commit what there is, and stop."""
        self._is_stopping = True
        self._wake.set()
        self._thread.join(15)

    def tell(self, version: int) -> None:
        """Versions up to this id are durable, and on disk in the canon."""
        now = time.monotonic()
        if not self._wake.is_set():
            self._first = now
        self._last = now
        self._up_to = max(self._up_to, version)
        self._wake.set()

    def pause(self) -> None:
        """Commit nothing until :meth:`go_on`."""
        self.is_paused = True

    def go_on(self) -> None:
        """Commit again."""
        self.is_paused = False
        self._wake.set()

    def check_soon(self) -> None:
        """Have every object of the repository looked at, and mended where it can be."""
        self._check_at = time.monotonic()
        self._wake.set()

    def call(self, function: Callable[[], T], timeout: float) -> T:
        """Have something done by the thread that commits, behind what is pending. Raise FwrError (TIMED_OUT), or what it raises."""
        future: Future[T] = Future()

        def job() -> None:
            if future.set_running_or_notify_cancel():
                try:
                    future.set_result(function())
                except BaseException as error:
                    future.set_exception(error)

        self._jobs.put(job)
        self._wake.set()
        try:
            return future.result(timeout)
        except TimeoutError as error:
            future.cancel()
            raise FwrError(ExitCode.TIMED_OUT, "The history is busy.", "Try again in a moment.") from error

    def _loop(self) -> None:
        while not self._is_stopping:
            due = min(self._check_at, self._sign_at or self._check_at)
            self._wake.wait(max(0.0, due - time.monotonic()))
            self._settle()
            self._wake.clear()
            try:
                self._work()
            except Exception:
                log.exception("the history can not be written")
                self._wake.set()
                time.sleep(_PAUSE_AFTER_FAILURE)
        try:
            self._commit_all()  # what came while it was at work, and was told to stop
            self._sign()
        except Exception:
            log.exception("the history is not written to its end: the next start does it")

    def _work(self) -> None:
        try:
            self._commit_all()
        except Damaged as error:
            log.warning("the newest commit can not be read (%s): the next one holds everything", error)
            self.check()
            if not self._history.is_readable():
                self._begin_anew()
            self._commit_all()
        self._sign()
        if time.monotonic() >= self._check_at:
            self._check_at = time.monotonic() + _CHECK_EVERY
            self.check()
            retention.look_for_lost(self._store, self._history, self._canon)
            self._drop_old()

        while not self._jobs.empty():
            self._jobs.get_nowait()()
        if time.monotonic() >= self._roll_up_at:
            self._roll_up_at = time.monotonic() + _ROLL_UP_EVERY
            if upkeep.is_due(self._history.path):
                upkeep.roll_up(self._quietly())
                self._reopen()

    def tidy(self) -> Tidied:
        """Make the repository as small as it gets, and let old contents of large files go. In the thread that commits (:meth:`call`)."""
        before = upkeep.size(self._history.path)
        dropped, dropped_bytes = self._drop_old()
        upkeep.pack_all(self._quietly())
        self._reopen()
        return Tidied(before, upkeep.size(self._history.path), dropped, dropped_bytes)

    def _drop_old(self) -> tuple[int, int]:
        return retention.drop_old(self._store, self._history, self._settings.large_retention, time.time())

    def _quietly(self) -> Repository:
        return Repository(self._history.path, ("nice", "-n", "10"))

    def _reopen(self) -> None:
        self._history.reopen()
        self._canon.reopen_history()

    def _sign(self) -> None:
        """Have the newest version signed; what came too soon after the last one is signed in a moment."""
        left = self.signer.sign(is_last=self._is_stopping) if self.signer is not None and not self.is_paused else 0.0
        self._sign_at = time.monotonic() + left if left else 0.0

    def _commit_all(self) -> None:
        while not self.is_paused and self.commit_some(self._up_to) == _ONCE:
            continue

    def check(self) -> None:
        """Look at every object of the repository, write again what the canon has, and say what came of it in ``alerts``."""
        objects = damaged(self._history)
        if not objects:
            return
        mended = mend(self._history, self._store, self._canon, objects)
        lost = f" {len(mended.lost)} can not be made anew." if mended.lost else ""
        self.alerts.append(f"The history had {len(objects)} damaged objects; {mended.contents} contents were written again.{lost}")
        if not self._history.is_readable():
            self._begin_anew()

    def _begin_anew(self) -> None:
        files = ((entry.path, self._store.oid_of(entry.state)) for entry in self._store.entries() if is_file(entry.state))
        known = ((path, oid) for path, oid in files if oid is not None)
        words = "everything, after the last commit was damaged\n"
        self._history.begin_anew(known, "fwrkit", int(time.time()), words, last_whole_commit(self._history))
        self.alerts.append("The newest commit of the history could not be read; the one that follows holds the whole world.")

    def _settle(self) -> None:
        while not self._is_stopping:
            now = time.monotonic()
            left = min(self._last + self._settings.history_quiet, self._first + self._settings.history_limit) - now
            if left <= 0:
                return
            time.sleep(min(left, 0.1))

    def commit_some(self, up_to: int) -> int:
        """Commit the oldest versions that are not in the history yet, up to an id; return how many."""
        rows = self._store.uncommitted(_ONCE, up_to)
        if not rows:
            return 0
        versions = [Version(number, path, state, author, received, note) for number, path, state, _, _, author, received, note in rows]
        sizes = {row[0]: row[3] for row in rows}
        oids: dict[int, bytes] = {}

        def blob_of(version: Version) -> bytes:
            if version.id not in oids:
                oids[version.id] = self._blob(version, sizes[version.id])
            return oids[version.id]

        groups = group_by_author(versions)
        for group in groups:
            self._history.commit(group, blob_of, versions[-1].id if group is groups[-1] else 0)
        done = [(version.id, oids.get(version.id)) for version in versions]
        states = {version.state for version in versions if isinstance(version.state, bytes) and is_file(version.state)}
        with self._store.transaction():
            before = self._store.incoming_names()
            self._store.mark_committed(done)
            self._store.have_contents(states)
            self._store.drop_pending(states)
            self._dropped.update(dict.fromkeys(before - self._store.incoming_names(), time.time()))
        self._sweep_incoming()
        return len(rows)

    def _blob(self, version: Version, size: int) -> bytes:
        assert isinstance(version.state, bytes)
        stored, incoming = self._store.pending(version.state) or (None, None)
        if stored is not None:
            return self._history.write(stored)
        if incoming is not None:
            source = self._incoming / incoming
            if size > self._settings.large_limit:
                return self._history.write_large(version.state, size, source)
            return self._history.write(source.read_bytes())
        place = self._store.place_of(version.state)
        if place is None or place[0] != "history":
            raise KeyError(f"no content for version {version.id}")
        return place[1]

    def _sweep_incoming(self) -> None:
        """Remove received files that are in the history for a while. What else is unknown may be under way: the next start looks at it."""
        kept = self._store.incoming_names()
        for name in [name for name, since in self._dropped.items() if time.time() - since > _KEPT]:
            del self._dropped[name]
            if name not in kept:
                (self._incoming / name).unlink(missing_ok=True)
