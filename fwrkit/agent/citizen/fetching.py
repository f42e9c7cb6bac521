"""The client's copy of the world's history: fetched through the gate a little after things got quiet, and never in anybody's way.

What the server has comes under ``refs/upstream/`` first. Then the branch moves on if the server's continues it; else what this node had is
kept, and said. Snapshots are taken if the world's authority signed them, and neither move nor go again, whatever the server has later. The signed
head is taken if the authority signed it for this world and it is newer than the one that there is.
"""

from __future__ import annotations

import logging
import os
import shutil
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from fwrkit.agent import heads, snapshots, upkeep
from fwrkit.agent.citizen.ssh import BULK
from fwrkit.agent.citizen.unison import landlock
from fwrkit.agent.citizen.view import View
from fwrkit.agent.repository import BRANCH, KEPT, SIGNED, SNAPSHOTS, Repository
from fwrkit.core.commands import Command, check
from fwrkit.core.errors import ExitCode, FwrError
from fwrkit.core.history import Tidied

log = logging.getLogger("fwrkit.fetching")

_QUIET = 4.0  # seconds without a new position before the history is fetched,
_LIMIT = 60.0  # at most so many while there always is a new one,
_EVERY = 15.0  # and so many between two times
_WRITTEN = 6.0  # seconds after which what the server has accepted is in its history, whatever the history itself says
_SOON = 0.6  # seconds before which it mostly is not
_WAITING = 1.0  # seconds for edits of this node that are on their way
_PAUSES = (15.0, 30.0, 60.0, 120.0)  # seconds after a first, second, … failure
_DOUBTED = 3  # failures after which this copy is looked at
_FETCH_TIMEOUT = 3600.0  # seconds
_TIDY_EVERY = 300.0  # seconds between two looks whether packs have to be brought together
_ALERTS = 10  # that are remembered
_UPSTREAM = "refs/upstream/"
_SETTINGS = ("protocol.allow=never", "protocol.ext.allow=always", "core.fsync=all")


def through_ssh(ssh_config: Path) -> str:
    """Return the address of the history at the upstream, for git: a channel of the connection that there is."""
    return f"ext::ssh -T -F {ssh_config} {BULK} history"


@dataclass(frozen=True)
class _Refused:
    """A snapshot of the server's that was not taken: what it is, by which authorities it was looked at, and what is said about it."""

    oid: str
    authorities: tuple[str, ...]
    sentence: str


class Fetcher:
    """Fetches the history into ``path``. ``view`` tells how the engine is, ``source`` is git's address of the server's history.

    ``authorities`` returns the public keys by which snapshots are known. ``confinement`` goes before git. Times in seconds, monotonic.
    """

    def __init__(
        self,
        path: Path,
        source: str,
        view: Callable[[], View],
        authorities: Callable[[], Sequence[str]],
        confinement: Sequence[str] = (),
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._path = path
        self._repository = Repository(path, ("nice", "-n", "10"))
        self._fetching = Repository(path, ("nice", "-n", "10", *confinement))
        self._source = source
        self._view = view
        self._authorities = authorities
        self._clock = clock
        self._lock = threading.Lock()
        self._covered: float | None = None  # when the newest position that is surely fetched was heard of
        self._uncovered_since = 0.0
        self._next_at = 0.0
        self._tidied_at = -_TIDY_EVERY
        self._failures = 0
        self._refused: dict[str, _Refused] = {}
        self._alerts: list[str] = []
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._loop, name="fetching", daemon=True)

    def start(self) -> None:
        """Begin to fetch."""
        upkeep.remove_locks(self._path)
        self._thread.start()

    def stop(self) -> None:
        """Fetch no more. What is under way ends with the connection."""
        self._stop.set()

    @property
    def alerts(self) -> list[str]:
        """Sentences about a server whose history or snapshots are not what they were."""
        return [*self._alerts, *(refused.sentence for refused in list(self._refused.values())[:_ALERTS])]

    def _loop(self) -> None:
        while not self._stop.wait(1.0):
            self.step()

    def step(self) -> None:
        """Fetch if it is time to. Failures are logged, and tried again later."""
        view, now = self._view(), self._clock()
        if not view.is_ready:
            self._covered = None  # once after connecting, in any case
            self._uncovered_since = 0.0
            return
        if view.position_at == self._covered:
            self._uncovered_since = 0.0
            return
        self._uncovered_since = self._uncovered_since or now
        is_time = now - view.position_at >= _QUIET or now - self._uncovered_since >= _LIMIT
        if is_time and now >= self._next_at:
            self._try()

    def _try(self) -> None:
        try:
            self.fetch()
        except (FwrError, OSError) as error:
            pause = _PAUSES[min(self._failures, len(_PAUSES) - 1)]
            self._next_at = self._clock() + pause
            if self._failures == 0:
                log.warning("the history can not be fetched, and is tried again: %s", error)
            self._failures += 1
            if self._failures % _DOUBTED == 0 and self._is_damaged():
                self._set_aside()
        else:
            self._failures = 0

    def freshen(self, patience: float) -> bool:
        """See to it that what the server has accepted by now is there, within ``patience`` seconds. Return whether it surely is."""
        until = self._clock() + patience
        patient_until = self._clock() + min(patience, _WAITING)  # some paths wait for long, and are not what is asked for
        wanted, heard_at = 0, 0.0
        while (left := until - self._clock()) > 0 and not self._stop.is_set():
            view = self._view()
            if not view.is_ready:
                return False
            is_waiting = view.waiting and self._clock() < patient_until
            if not wanted or is_waiting:  # what comes later is not asked for: where somebody always writes, it would never end
                wanted, heard_at = view.position, view.position_at
            if is_waiting or (self._clock() - heard_at < _SOON and view.position_at != self._covered):
                self._stop.wait(min(left, 0.05))
                continue
            if self._has(wanted, view):
                return True
            self._try()
            if self._has(wanted, view):
                return True
            self._stop.wait(min(left, 0.3))
        return False

    def _has(self, wanted: int, view: View) -> bool:
        return view.position_at == self._covered or (self._repository.exists and self._repository.number() >= wanted > 0)

    def fetch(self) -> bool:
        """Fetch now. Return whether the branch has moved. Raise FwrError: FAILED, TIMED_OUT."""
        with self._lock:
            self._next_at = self._clock() + _EVERY
            view, began = self._view(), self._clock()
            self._create()
            words = ["fetch", "--quiet", "--no-write-fetch-head", "--no-auto-maintenance", "--no-tags", "--", self._source]
            references = [f"+refs/{kind}*:{_UPSTREAM}{kind}*" for kind in ("heads/main", "tags/", "signed/")]
            done = self._fetching.run(*words, *references, timeout=_FETCH_TIMEOUT, settings=_SETTINGS)
            if not done.is_ok:
                raise FwrError(ExitCode.FAILED, f"git fetch: {done.last_words()}", "")
            has_moved = self._take()
            is_whole = self._repository.number() >= view.position > 0 and self._is_head_signed()
            if is_whole or began - view.position_at >= _WRITTEN:
                self._covered = view.position_at
            self._tidy()
        return has_moved

    def _is_head_signed(self) -> bool:
        """Say whether the newest version is the one that is signed: else it is fetched once more, when it surely is."""
        head = heads.head_of(self._repository)
        return head is not None and head.version == self._repository.head()

    def _is_damaged(self) -> bool:
        """Say whether it is this copy that fails, and not the way to the server's."""
        checked = self._repository.run("fsck", "--connectivity-only", "--no-dangling", timeout=_FETCH_TIMEOUT)
        return not checked.is_ok

    def _set_aside(self) -> None:
        """Put a damaged copy aside, in place of one that was before; the next time everything is fetched."""
        place = self._path.with_name(f"{self._path.name}.damaged")
        with self._lock:
            shutil.rmtree(place, ignore_errors=True)
            os.rename(self._path, place)
        self._alert(f"This node's copy of the history was damaged and is fetched anew; the old one is {place.name}.")

    def _create(self) -> None:
        if not self._repository.exists:
            self._path.mkdir(mode=0o755, parents=True, exist_ok=True)
            words = ["git", "init", "--quiet", "--bare", "--template=", "--initial-branch=main", "--", os.fspath(self._path)]
            check(Command(words, env={"PATH": "/usr/bin:/bin", "HOME": "/nonexistent"}, clean=True), timeout=60)

    def _take(self) -> bool:
        """Take over what was fetched, in one step. Return whether the branch moves."""
        there, old = self._repository.references(_UPSTREAM), self._repository.head()
        new, moves = there.get("heads/main", ""), []
        if new and new != old:
            if old and not self._repository.run("merge-base", "--is-ancestor", old, new).is_ok:
                kept = f"{KEPT}{time.strftime('%Y%m%dT%H%M%S', time.gmtime())}-{old[:10]}"
                moves.append(f"update {kept} {old}")
                self._alert(f"The server's history does not continue the one that this node had, whose end is kept as {kept}.")
            moves.append(f"update {BRANCH} {new} {old or '0' * 40}")
        mine = self._repository.references(SNAPSHOTS)
        for name, oid in there.items():
            if name.startswith("tags/"):
                moves += self._take_snapshot(name.removeprefix("tags/"), oid, mine)
        head, before = there.get(f"signed/{heads.NAME}", ""), self._repository.references(SIGNED).get(heads.NAME, "")
        if head and head != before:
            moves += self._take_head(head, before, new)
        if moves:
            done = self._repository.run("update-ref", "--stdin", stdin="".join(f"{line}\n" for line in moves).encode())
            if not done.is_ok:
                raise FwrError(ExitCode.FAILED, f"git update-ref: {done.last_words()}", "")
        if before and f"update {heads.REFERENCE} {head} {before}" in moves:
            heads.let_go(self._path, before)
        return bool(new) and new != old

    def _take_head(self, oid: str, before: str, newest: str) -> list[str]:
        """Take the signed head that the server has, in place of an older one, unless it is not what it should be."""
        authorities, place = tuple(self._authorities()), heads.REFERENCE
        known = self._refused.get(place)
        if known is not None and (known.oid, known.authorities) == (oid, authorities):
            return []
        head, mine = heads.head_at(self._repository, oid), heads.head_at(self._repository, before) if before else None
        world = self._view().world_id
        if head is None or (world and head.world != world) or not heads.is_signed(head, authorities):
            sentence = "The server has a newest version that no authority signed that this node knows; its signature is not taken."
        elif not self._repository.run("merge-base", "--is-ancestor", head.version, newest).is_ok:
            sentence = "The server has a signature of a newest version that is not in its history; it is not taken."
        elif mine is not None and head.number < mine.number:
            sentence = (
                "The server has an older newest version than it had before, by its authority's signature; this node keeps the newer one."
            )
        else:
            self._refused.pop(place, None)
            return [f"update {place} {oid} {before or '0' * 40}"]
        self._refused[place] = _Refused(oid, authorities, sentence)
        log.warning("%s", sentence)
        return []

    def _take_snapshot(self, name: str, oid: str, mine: dict[str, str]) -> list[str]:
        authorities = tuple(self._authorities())
        known = self._refused.get(name)
        if mine.get(name) == oid or (known is not None and (known.oid, known.authorities) == (oid, authorities)):
            return []
        if name in mine:
            sentence = f"The server has another snapshot {name} than this node, which keeps its own."
        elif snapshots.is_snapshot_name(name) and snapshots.look(self._repository, name, oid, authorities).is_verified:
            self._refused.pop(name, None)
            return [f"create {SNAPSHOTS}{name} {oid}"]
        else:  # or it was signed by a new authority of which this node hears with its next certificate
            sentence = f"The server has a snapshot {name!r} that no authority signed that this node knows; it is not taken."
        self._refused[name] = _Refused(oid, authorities, sentence)
        log.warning("%s", sentence)
        return []

    def _alert(self, sentence: str) -> None:
        log.warning("%s", sentence)
        self._alerts = [*[said for said in self._alerts if said != sentence], sentence][-_ALERTS:]

    def _tidy(self) -> None:
        if self._clock() - self._tidied_at >= _TIDY_EVERY:
            self._tidied_at = self._clock()
            if upkeep.is_due(self._path):
                upkeep.roll_up(self._repository)

    def tidy(self, retention: float) -> Tidied:
        """Make the store as small as it gets, without large contents that were fetched longer than ``retention`` seconds ago.

        Raise FwrError (FAILED).
        """
        with self._lock:
            self._create()
            before = upkeep.size(self._path)
            upkeep.pack_all(self._repository)
            dropped, dropped_bytes = upkeep.drop_fetched(self._path, time.time() - retention)
            return Tidied(before, upkeep.size(self._path), dropped, dropped_bytes)


def confinement(path: Path, run: Path) -> list[str]:
    """Return the prefix that confines git while it fetches: to the history, and to reading ssh's configuration."""
    path.mkdir(mode=0o755, parents=True, exist_ok=True)
    return [*landlock([path], [run]), "--landlock-rule", "path-beneath:read-file:/dev/urandom"]  # git's names of temporary files
