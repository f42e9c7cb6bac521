"""Runs of Unison as the server sees them: what a citizen brings to the replica, and what is laid out for them in the outbox.

In the hub's thread, inside its transaction; disk work is done by a few workers that come back through the hub's queue.
"""

from __future__ import annotations

import logging
import secrets
import sqlite3
import time
from collections.abc import Callable, Iterable
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

from fwrkit.agent.files import reasons
from fwrkit.agent.order import in_safe_order
from fwrkit.agent.policy import Decision
from fwrkit.agent.server.canon import Canon
from fwrkit.agent.server.decide import Result
from fwrkit.agent.server.fold import Content, Edit, Fold
from fwrkit.agent.server.landing import Landing, wanted
from fwrkit.agent.server.passing import Passed
from fwrkit.agent.server.room import room
from fwrkit.agent.server.session import REJECT, DownwardRun, Session, UpwardRun
from fwrkit.agent.server.slots import Slots
from fwrkit.agent.server.store import Citizen, Store
from fwrkit.agent.settings import Settings
from fwrkit.agent.states import ABSENT, is_file
from fwrkit.agent.wire import messages as say
from fwrkit.agent.wire.frames import FrameError

log = logging.getLogger("fwrkit.runs")

_TURN = 200  # changes of a run that are folded before others have their turn
_SLICE_ENTRIES, _SLICE_FILES, _SLICE_BYTES = 5000, 2000, 256 * 1024**2  # of a slice, at most; a larger file is a slice of its own
_EXAMINED = 500  # entries of a manifest that are looked up before others have their turn
_ENTRIES_LIMIT = 2_000_000  # entries of one manifest
_ENTRY_COST, _STATE_COST = 500, 80  # bytes of memory, roughly
_MANIFESTS_LIMIT = 1024**3  # of all that are under way
_BLOCK = 4096  # bytes that a file takes on the disk beside its content, at most, on the usual filesystems
_NO_ROOM = "the server's disk is full"
_NOTABLE = frozenset({Result.CONFLICT, Result.REFUSED, Result.MERGED, Result.STALE, Result.KEPT})
_NOTABLE_LIMIT = 1000  # of a run's changes that are told of one by one

Do = Callable[[Callable[[], None]], None]
Stop = Callable[[Session, Citizen, Iterable[say.ManifestEntry]], bool]


class Runs:
    """Admits runs, a few at a time. ``later`` queues for the hub's thread, ``after`` waits until the turn is durable.

    ``is_stopped`` has the deletion guard look at what a run brings; ``passed`` says whose an entry is, and why it is refused if they are banned.
    """

    def __init__(
        self,
        store: Store,
        canon: Canon,
        fold: Fold,
        settings: Settings,
        state: Path,
        is_stopped: Stop,
        passed: Callable[[Citizen, str], tuple[Passed, Decision | None]],
        later: Do,
        after: Do,
        workers: Executor | None,
    ) -> None:
        self._store = store
        self._canon = canon
        self._fold = fold
        self._state = state
        self._is_stopped = is_stopped
        self._passed = passed
        self._later = later
        self._after = after
        self._workers = workers or ThreadPoolExecutor(settings.concurrent_runs + 1, thread_name_prefix="run")
        self._slots = Slots(settings.concurrent_runs, settings.run_patience)
        self._telling: set[Session] = set()  # whose manifests take memory
        self._limit_bytes = settings.run_limit_bytes
        self._expected: dict[int, tuple[Session, int, int]] = {}  # by uid: what a run that is under way brings, in bytes and files

    def stop(self) -> None:
        """Begin nothing more."""
        self._workers.shutdown(wait=False, cancel_futures=True)

    def sweep(self) -> None:
        """A connection has ended, or some time has passed: places that are free by that go to others."""
        self._slots.sweep()
        self._expected = {uid: expected for uid, expected in self._expected.items() if not expected[0].channel.is_closed}

    def forget(self, citizen: Citizen) -> None:
        """Remove what a run has left of Unison's that was cut off: a lock stays where a program or its connection was killed."""
        Landing(self._state, citizen.name, citizen.uid).forget()

    def allowance(self, uid: int) -> tuple[int, int]:
        """Return how many bytes and files may come to be in a citizen's replica: nothing while no run of theirs is under way."""
        _, size, count = self._expected.get(uid, (None, 0, 0))
        return size, count

    def fetched(self, session: Session) -> None:
        """A run downwards has ended."""
        self._slots.release(session, "down")

    def manifest(self, session: Session, citizen: Citizen, part: say.Manifest) -> None:
        """A part of what a run upwards brings; with the last one it begins. Raise FrameError if another is under way."""
        if session.upward is None:
            session.upward = UpwardRun(part.run, part.is_first)
        run = session.upward
        if run.number != part.run or run.is_complete:
            raise FrameError("a run within a run")
        for value in part.changes:
            entry = say.ManifestEntry.from_value(value)
            run.entries.append(entry)
            run.cost += _ENTRY_COST + len(entry.path) + len(entry.author) + _STATE_COST * (len(entry.older) + len(entry.trail))
        self._telling = {each for each in (*self._telling, session) if each.upward is not None and not each.channel.is_closed}
        self._bound_manifests(session, run)
        if not part.last:
            return
        run.is_complete = True
        self._examine(session, run, 0)

    def _bound_manifests(self, session: Session, run: UpwardRun) -> None:
        """Keep what all manifests take within bounds: whose is the largest gives way, and not who comes while somebody sits on theirs.

        Raise FrameError if that is the one who tells just now.
        """
        costs = {each: each.upward.cost for each in self._telling if each.upward is not None}
        while len(run.entries) > _ENTRIES_LIMIT or sum(costs.values()) > _MANIFESTS_LIMIT:
            largest = max(costs, key=lambda each: costs[each])
            if len(run.entries) > _ENTRIES_LIMIT or run.cost >= costs[largest]:
                raise FrameError("a manifest is too large")
            log.warning("%s is ended: their manifest takes the room of others", largest.citizen.name)
            del costs[largest]
            largest.upward = None
            largest.channel.close("a manifest is too large")

    def _examine(self, session: Session, run: UpwardRun, position: int) -> None:
        """Find out which contents the server does not have, a bounded number of entries in a turn."""
        if session.channel.is_closed or session.upward is not run:
            return
        for entry in run.entries[position : position + _EXAMINED]:
            state = entry.state
            if not isinstance(state, bytes) or not is_file(state) or state in run.wanted or self._canon.has(state):
                continue
            if not self._is_too_large(entry) and not self._is_refused(session.citizen, entry):  # what will be refused need not come
                run.wanted.add(state)
        if position + _EXAMINED < len(run.entries):
            self._soon(session, lambda: self._examine(session, run, position + _EXAMINED))
            return
        self._begin(session, session.citizen, run)

    def _is_too_large(self, entry: say.ManifestEntry) -> bool:
        return is_file(entry.state) and entry.size > self._limit_bytes and not self._canon.has(bytes(entry.state or b""))

    def _is_refused(self, citizen: Citizen, entry: say.ManifestEntry) -> bool:
        passed, banned = self._passed(citizen, entry.author)
        if passed.is_settled:
            return False
        return (
            banned is not None
            or self._fold.policing.judge(passed.judged_as(citizen), entry.path, entry.state, entry.size).action == "refuse"
        )

    def _begin(self, session: Session, citizen: Citizen, run: UpwardRun) -> None:
        # at first contact all that is here counts as put; what was deleted here since, or agreed on elsewhere as deleted, is looked at alone
        looked_at = run.entries if not run.is_first else [replace(entry, is_unknown=True) for entry in run.entries if entry.state is ABSENT]
        if (looked_at or session.is_on_trial) and self._is_stopped(session, citizen, looked_at):
            return
        run.ruling = session.ruling  # it counts for all of the run, however long that takes
        run.forbidden = self._fold.forbidden_moves(
            (entry.path, entry.state, entry.size, self._passed(citizen, entry.author)[0].judged_as(citizen)) for entry in run.entries
        )
        order = {path: position for position, path in enumerate(in_safe_order((entry.path, entry.state) for entry in run.entries))}
        run.order = sorted(range(len(run.entries)), key=lambda index: order[run.entries[index].path])
        log.info("%s: a run of %d changes, %d contents needed", citizen.name, len(run.entries), len(run.wanted))
        self._go_on(session, citizen, run)

    def _go_on(self, session: Session, citizen: Citizen, run: UpwardRun) -> None:
        """Begin the next slice of a run: ask for the contents that it needs, or fold it at once if it needs none."""
        needed: list[int] = []
        end, size = run.position, 0
        while end < len(run.order) and end - run.position < _SLICE_ENTRIES and len(needed) < _SLICE_FILES:
            entry = run.entries[run.order[end]]
            if entry.state in run.wanted and not self._is_too_large(entry) and not self._is_refused(citizen, entry):
                if needed and size + entry.size > _SLICE_BYTES:
                    break
                needed.append(run.order[end])
                size += max(0, entry.size)
                run.wanted.discard(entry.state)
            end += 1
        run.begin_slice(end, needed)
        if not needed:
            self._fold_slice(session, run)
            return
        if 2 * (size + _BLOCK * len(needed)) > room(self._state):  # twice: in the replica, and taken from it
            log.warning("%s: there is no room for %d bytes of a run", citizen.name, size)
            run.lost |= {run.entries[index].state for index in needed}
            run.needed, run.reason = [], _NO_ROOM
            self._fold_slice(session, run)
            return
        self._expected[citizen.uid] = (session, size, len(needed))
        links = self._links_for(citizen, [run.entries[index] for index in needed])
        landing = Landing(self._state, citizen.name, citizen.uid)

        def prepare() -> None:
            landing.prepare_replica(links)
            self._soon(session, lambda: self._say_need(session, run))

        self._slots.take(session, "up", lambda: self._in_worker(session, prepare))

    def _soon(self, session: Session, work: Callable[[], None]) -> None:
        """Have more of a session's run done behind what others have sent; its failure costs the session the connection."""

        def guarded() -> None:
            try:
                work()
            except sqlite3.OperationalError:
                raise
            except Exception as error:
                session.channel.close(f"a run failed: {error}")
                raise

        self._later(guarded)

    def _in_worker(self, session: Session, work: Callable[[], None]) -> None:
        """Have slow disk work done beside the hub's thread, once this turn is durable; its failure costs the session the connection."""

        def guarded() -> None:
            try:
                work()
            except Exception as error:
                log.exception("a run failed")
                session.channel.close(f"a run failed: {error}")

        self._after(lambda: self._submit(guarded))

    def _submit(self, work: Callable[[], None]) -> None:
        self._workers.submit(work)

    def _links_for(self, citizen: Citizen, entries: list[say.ManifestEntry]) -> list[tuple[bytes, bytes]]:
        """Return what to link into the replica: where the citizen's base is the canon's file, Unison sends only what differs."""
        links = []
        for entry in entries:
            head = self._store.head(entry.path)
            if is_file(head) and self._store.base(citizen, entry.path) == head:
                links.append((entry.path, self._canon.path_of(entry.path)))
        return links

    @staticmethod
    def _say_need(session: Session, run: UpwardRun) -> None:
        session.say(say.Need(run.number, run.needed, True))

    def landed(self, session: Session, citizen: Citizen, message: say.Landed) -> None:
        """What was needed lies in the replica: take it from there, then fold. Raise FrameError if nothing was asked for."""
        run = session.upward
        if run is None or run.number != message.run or not run.needed or run.has_landed:
            raise FrameError("a run landed that was not asked for")
        run.has_landed = True
        failed = set(message.failed)
        wants = wanted(
            (index, run.entries[index].path, run.entries[index].state, run.entries[index].size)
            for index in run.needed
            if index not in failed
        )
        landing = Landing(self._state, citizen.name, citizen.uid)
        prefix = f"{citizen.name}-{secrets.token_hex(8)}"  # a run's number is the citizen's word, and so is the generation that they come with again

        def collect() -> None:
            incoming, missing = landing.collect(wants, self._canon.incoming, prefix)
            run.arrived = {run.entries[index].state: name for index, name in incoming.items()}
            run.lost |= {run.entries[index].state for index in (*missing, *failed)}
            landing.empty_replica()
            self._expected.pop(citizen.uid, None)
            self._soon(session, lambda: self._fold_slice(session, run))

        self._in_worker(session, collect)

    def _fold_slice(self, session: Session, run: UpwardRun) -> None:
        """Fold some of a slice; the rest comes back through the queue, behind what others have sent meanwhile."""
        if session.channel.is_closed or session.upward is not run:
            self._let_go(run)
            return
        self._slots.release(session, "up")
        citizen = session.citizen  # as they are now: a role that was lost while contents were on their way counts no more
        if run.position == 0 and run.is_first:
            self._store.lag_everywhere(citizen.id)
            self._store.update_citizen(citizen.id, is_known=1)
            session.citizen = citizen = replace(citizen, is_known=True)
        forbidden: dict[int, str] = {}
        next_position = min(run.position + _TURN, run.end)
        for index in run.order[run.position : next_position]:
            entry = run.entries[index]
            if entry.state in run.lost:
                run.missing.append(index)
                continue
            if self._is_too_large(entry):
                run.notable.append([index, Result.REFUSED.name, reasons.too_large(self._limit_bytes), None])
                run.settled.append(index)
                continue
            is_restored = run.ruling == REJECT and entry.state is ABSENT  # then what was agreed on elsewhere does not count either
            passed, banned = self._passed(citizen, entry.author)
            edit = Edit(
                entry.path, entry.state, ABSENT if is_restored else entry.base, entry.prior, entry.has_prior,
                entry.is_unknown or run.is_first or is_restored, False, entry.time, entry.size, Content(None, run.arrived.get(entry.state)),
                tuple(entry.older), () if is_restored else tuple(entry.trail), banned or run.forbidden.get(entry.path),
                passed.writer, passed.is_settled, seen=tuple(entry.seen),
            )  # fmt: skip
            verdict = self._fold.fold(citizen, edit, time.time_ns())
            if verdict.result is Result.MISSING:
                run.missing.append(index)
                continue
            run.settled.append(index)
            void = session.void(entry.path)
            if void is not None:
                run.void.append(void)
            if verdict.result is Result.FORBIDDEN:
                forbidden[index] = verdict.detail
                session.heard[entry.path] = entry.state
            if verdict.result in _NOTABLE and len(run.notable) < _NOTABLE_LIMIT:
                run.notable.append([index, verdict.result.name, verdict.detail, verdict.copy])
        if forbidden:
            session.say(say.Forbidden(run.number, list(forbidden), list(forbidden.values())))
        run.position = next_position
        if run.position < run.end:
            self._soon(session, lambda: self._fold_slice(session, run))
            return
        if run.is_over:
            if run.is_first:
                self._store.update_citizen(citizen.id, proposed=session.generation)
            session.upward = None
            session.ruling = ""
        reason = run.reason if run.missing else ""
        session.say(say.Folded(run.number, run.settled, run.missing, run.notable, run.void, run.is_over, reason))
        self._let_go(run)
        if not run.is_over:
            self._soon(session, lambda: self._go_on_if_wanted(session, run))

    def _go_on_if_wanted(self, session: Session, run: UpwardRun) -> None:
        if not session.channel.is_closed and session.upward is run:
            self._go_on(session, session.citizen, run)

    def _let_go(self, run: UpwardRun) -> None:
        """Remove what a run brought and no version needs: all of it if the connection has ended before anything was folded."""
        needed = self._store.incoming_names() if run.arrived else set()
        useless = [name for name in run.arrived.values() if name not in needed]

        def remove() -> None:
            for name in useless:
                (self._canon.incoming / name).unlink(missing_ok=True)

        self._after(remove)

    def offer(self, session: Session, citizen: Citizen, run: DownwardRun) -> None:
        """Have the outbox filled once the canon's files are settled, which is after this turn."""
        links = [(path, self._canon.path_of(path)) for path in run.files]
        landing = Landing(self._state, citizen.name, citizen.uid)

        def say_so(count: int, size: int) -> None:
            run.is_offered = True
            session.say(say.Offer(run.number, count, size))

        def fill() -> None:
            count, size = landing.fill_outbox(run.number, links)
            self._later(lambda: say_so(count, size))

        self._slots.take(session, "down", lambda: self._in_worker(session, fill))
