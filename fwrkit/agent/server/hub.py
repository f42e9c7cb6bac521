"""The hub of a server: every citizen's messages pass through one queue and one thread, which alone folds, delivers and keeps bases.

A turn of the thread takes what is queued, does it in one transaction, and only then (durable before announced) sends the answers and
settles the canon's files. Slow disk work (replicas, outboxes) is done by workers that come back through the same queue.
"""

from __future__ import annotations

import logging
import queue
import secrets
import sqlite3
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

from fwrkit import __version__
from fwrkit.agent.children import end_processes_of
from fwrkit.agent.order import in_safe_order
from fwrkit.agent.server.canon import Canon
from fwrkit.agent.server.decide import Result
from fwrkit.agent.server.deliveries import Deliveries
from fwrkit.agent.server.fold import Content, Edit, Fold
from fwrkit.agent.server.landing import Landing, wanted
from fwrkit.agent.server.session import DownwardRun, Session, UpwardRun
from fwrkit.agent.server.slots import Slots
from fwrkit.agent.server.store import Citizen, Store
from fwrkit.agent.settings import Settings
from fwrkit.agent.states import file_state, is_file
from fwrkit.agent.wire import messages as say
from fwrkit.agent.wire.frames import FrameError

log = logging.getLogger("fwrkit.hub")

_TURN = 256  # items of one transaction
_SLICE = 200  # changes of a run that are folded before others have their turn
_ENTRIES_LIMIT = 2_000_000  # entries of one manifest
_NOTABLE = frozenset({Result.CONFLICT, Result.REFUSED, Result.MERGED, Result.STALE, Result.KEPT})


class Hub:
    """The server's side of all streams. :meth:`call` runs a function in the hub's thread, inside a transaction."""

    def __init__(self, store: Store, canon: Canon, fold: Fold, settings: Settings, state: Path) -> None:
        self._store = store
        self._canon = canon
        self._fold = fold
        self._settings = settings
        self._state = state
        self._deliveries = Deliveries(store, canon, settings)
        self._queue: queue.SimpleQueue[tuple[Session | None, Any]] = queue.SimpleQueue()
        self._sessions: dict[int, Session] = {}
        self._after: list[Callable[[], None]] = []
        self._workers = ThreadPoolExecutor(settings.concurrent_runs + 1, thread_name_prefix="run")
        self._slots = Slots(settings.concurrent_runs)
        self.on_commit: Callable[[int], None] = lambda _: None
        self._thread = threading.Thread(target=self._loop, name="hub", daemon=True)
        self._is_stopping = False

    def start(self) -> None:
        """Begin to work."""
        self._thread.start()

    def stop(self) -> None:
        """Finish the turn, close every session, stop."""
        self._is_stopping = True
        self._queue.put((None, lambda: None))
        self._thread.join(10)
        for session in list(self._sessions.values()):
            session.channel.close("the server stops")
        self._workers.shutdown(wait=False, cancel_futures=True)

    def wake(self) -> None:
        """Have a turn taken: a connection has ended."""
        self._queue.put((None, lambda: None))

    def put(self, session: Session, message: Any) -> None:
        """Queue a message of a session; called by reading threads."""
        self._queue.put((session, message))

    def call(self, function: Callable[[], Any], timeout: float = 30) -> Any:
        """Run a function in the hub's thread, inside its transaction, and return its result when that is durable."""
        done, box = threading.Event(), []

        def work() -> None:
            try:
                box.append((True, function()))
            except Exception as error:
                box.append((False, error))
            self._after.append(done.set)

        self._queue.put((None, work))
        if not done.wait(timeout):
            raise TimeoutError("the hub did not answer")
        is_ok, value = box[0]
        if not is_ok:
            raise value
        return value

    def sessions(self) -> dict[int, Session]:
        """Return the live sessions by citizen id (a copy)."""
        return {number: session for number, session in list(self._sessions.items()) if not session.channel.is_closed}

    def end_session(self, citizen: Citizen, reason: str) -> None:
        """End a citizen's connection, its Unison included."""
        session = self._sessions.pop(citizen.id, None)
        if session is not None:
            session.channel.close(reason)
        end_processes_of(citizen.uid)

    # the loop

    def _loop(self) -> None:
        while not self._is_stopping:
            items = [self._queue.get()]
            while len(items) < _TURN:
                try:
                    items.append(self._queue.get_nowait())
                except queue.Empty:
                    break
            try:
                self._turn(items)
            except sqlite3.Error as error:  # a full disk, mostly: nothing of this turn happened, so nobody may believe it did
                log.warning("a turn failed: %s", error)
                self._drop_all(f"the server could not write: {error}")
                time.sleep(0.5)
            except Exception:
                log.exception("a turn failed")
                self._drop_all("the server failed")

    def _turn(self, items: list[tuple[Session | None, Any]]) -> None:
        with self._store.transaction():
            for session, item in items:
                self._one(session, item)
            moved = self._fold.take_moved()
            for number, session in list(self._sessions.items()):
                if session.channel.is_closed:
                    del self._sessions[number]
                    self._slots.sweep()
                    continue
                if moved and session.is_ready:
                    self._deliveries.add(session, moved)
                run, has_more = self._deliveries.pump(session, session.citizen)
                if run is not None:
                    self._prepare_downward(session, session.citizen, run)
                if has_more:
                    self._after.append(self.wake)
        for session in self._sessions.values():
            session.flush()
        for path in moved:
            self._canon.settle(path)
        after, self._after = self._after, []
        for function in after:
            function()
        if moved:
            self.on_commit(self._store.last_version())

    def _one(self, session: Session | None, item: Any) -> None:
        """Do one item; what fails undoes only itself, and costs its session the connection."""
        if session is not None and session.channel.is_closed:
            return  # unread frames of an ended connection are void
        try:
            with self._store.savepoint():
                if session is None:
                    item()
                else:
                    self._message(session, item)
        except sqlite3.OperationalError:
            raise
        except FrameError as error:
            log.warning("a session is ended: %s", error)
            if session is not None:
                session.channel.close(str(error))
        except Exception:
            log.exception("an item failed")
            if session is not None:
                session.channel.close("internal error")

    def _drop_all(self, reason: str) -> None:
        self._fold.take_moved()
        self._after.clear()
        for session in self._sessions.values():
            session.forget()
            session.channel.close(reason)
        self._sessions.clear()

    # messages

    def _message(self, session: Session, message: Any) -> None:
        if isinstance(message, say.Hello):
            self._hello(session, message)
            return
        citizen = session.citizen
        if self._sessions.get(citizen.id) is not session:
            raise FrameError("a message before hello")
        if isinstance(message, say.Change):
            self._change(session, citizen, message)
        elif isinstance(message, say.Acknowledgement):
            for number in message.numbers:
                self._deliveries.acknowledge(session, citizen, number)
        elif isinstance(message, say.PutBack):
            self._deliveries.put_back(session, citizen, message)
        elif isinstance(message, say.Confirm):
            self._confirm(session, citizen, message)
        elif isinstance(message, say.Manifest):
            self._manifest(session, citizen, message)
        elif isinstance(message, say.Landed):
            self._landed(session, citizen, message)
        elif isinstance(message, say.Fetched):
            self._slots.release(session, "down")
            self._deliveries.fetched(session, message.run)
        elif isinstance(message, say.Barrier):
            session.barriers.append(message.number)
        elif isinstance(message, say.Ping):
            session.say(say.Pong(message.number))

    def _hello(self, session: Session, hello: say.Hello) -> None:
        citizen = self._store.known_citizen(session.citizen.id)
        refusal = self._why_refused(citizen, hello)
        if refusal is not None:
            log.info("refused %s: %s", citizen.name, refusal.message)
            session.channel.send(refusal)
            session.channel.finish()
            return
        generations = {citizen.generation, citizen.proposed} - {""}
        is_known = citizen.is_known and hello.world_generation == hello.record_generation and hello.record_generation in generations
        older = self._sessions.pop(citizen.id, None)
        if older is not None and older is not session:
            older.channel.close("a newer connection of the same citizen")
            end_processes_of(citizen.uid, "unison")  # the newer one has none before it is welcome
        generation = _next_generation(hello.record_generation if is_known else "")
        if is_known:
            self._store.update_citizen(citizen.id, proposed=generation, node_id=hello.node_id, last_seen=int(time.time()))
        else:
            self._store.drop_lags(citizen.id)
            self._store.update_citizen(
                citizen.id, is_known=0, generation="", proposed="", node_id=hello.node_id, last_seen=int(time.time())
            )
        session.citizen = self._store.known_citizen(citizen.id)
        session.generation = generation
        session.is_first = not is_known
        self._sessions[citizen.id] = session
        limits = (self._settings.inline_limit, self._settings.batch_count, self._settings.batch_bytes)
        ignored = list(self._fold.ignored.patterns)
        session.say(say.Welcome(is_known, generation, self._store.meta("world_id"), self._store.meta("world_name"), ignored, *limits))
        log.info("%s is connected, %s", citizen.name, "known" if is_known else "at first contact")

    def _why_refused(self, citizen: Citizen, hello: say.Hello) -> say.Refusal | None:
        if citizen.is_banned:
            return say.Refusal("REFUSED", "You are banned from this world.", "Ask an official.")
        if hello.protocol != say.PROTOCOL or hello.version.split(".")[:2] != __version__.split(".")[:2]:
            text = f"The server runs fwrkit {__version__}, this node {hello.version}."
            return say.Refusal("REFUSED", text, "Update the older of the two, then start it again.")
        if hello.world_id and hello.world_id != self._store.meta("world_id"):
            return say.Refusal(
                "REFUSED", "This node belongs to another world.", "Join with an invite of this world under a new node's name."
            )
        if citizen.node_id and citizen.node_id != hello.node_id:
            text = f"The key of {citizen.name} belongs to another machine."
            return say.Refusal("HELD", text, f"Fork this copy, or have a new invite made for {citizen.name}.")
        live = self._sessions.get(citizen.id)
        if live is not None and not live.channel.is_closed and self._is_twin(live, hello):
            text = f"A second live machine uses the key of {citizen.name}."
            return say.Refusal("HELD", text, f"Stop one of them; fork this copy, or have a new invite made for {citizen.name}.")
        return None

    def _is_twin(self, live: Session, hello: say.Hello) -> bool:
        """Say whether a hello comes from another machine than the live session's: the same node, but not of its generation, or a copy.

        The machine itself, coming back before its broken connection was noticed, carries the live session's generation in both places.
        """
        return live.is_ready and not hello.world_generation == hello.record_generation == live.generation

    def _confirm(self, session: Session, citizen: Citizen, message: say.Confirm) -> None:
        if message.generation != session.generation:
            raise FrameError("another generation is confirmed")
        self._store.update_citizen(citizen.id, generation=message.generation, proposed="")
        session.citizen = self._store.known_citizen(citizen.id)
        self._deliveries.begin(session, citizen)

    def _change(self, session: Session, citizen: Citizen, change: say.Change) -> None:
        session.batch.append(change)
        if change.more:
            if len(session.batch) > 4 * self._settings.batch_count:
                raise FrameError("a batch is too large")
            return
        batch, session.batch = session.batch, []
        for item in batch:
            if item.content is not None and is_file(item.state) and len(item.content) != item.size:
                raise FrameError("a content of another size")
            edit = Edit(
                item.path, item.state, item.base, item.prior, item.has_prior, item.is_unknown, item.is_orphan, item.time, item.size,
                Content(_verified(item)),
            )  # fmt: skip
            verdict = self._fold.fold(citizen, edit, time.time_ns())
            if verdict.result is not Result.MISSING and not item.is_orphan:
                session.void(item.path)
            session.say(say.Outcome(item.number, verdict.result.name, verdict.detail, verdict.copy))

    # runs upwards

    def _manifest(self, session: Session, citizen: Citizen, part: say.Manifest) -> None:
        if session.upward is None:
            session.upward = UpwardRun(part.run, part.is_first)
        run = session.upward
        if run.number != part.run or run.is_complete:
            raise FrameError("a run within a run")
        run.entries.extend(say.ManifestEntry.from_value(value) for value in part.changes)
        if len(run.entries) > _ENTRIES_LIMIT:
            raise FrameError("a manifest is too large")
        if not part.last:
            return
        run.is_complete = True
        unknown: dict[bytes, int] = {}
        for index, entry in enumerate(run.entries):
            state = entry.state
            if isinstance(state, bytes) and is_file(state) and state not in unknown and not self._canon.has(state):
                unknown[state] = index
        run.needed = sorted(unknown.values())
        order = {path: position for position, path in enumerate(in_safe_order((entry.path, entry.state) for entry in run.entries))}
        run.order = sorted(range(len(run.entries)), key=lambda index: order[run.entries[index].path])
        log.info("%s: a run of %d changes, %d contents needed", citizen.name, len(run.entries), len(run.needed))
        if not run.needed:
            self._say_need(session, run)
            self._fold_run(session, citizen, run)
            return
        links = self._links_for(citizen, [run.entries[index] for index in run.needed])
        landing = Landing(self._state, citizen.name, citizen.uid)

        def prepare() -> None:
            landing.prepare_replica(links)
            self._queue.put((None, lambda: self._say_need(session, run)))

        self._slots.take(session, "up", lambda: self._in_worker(session, prepare))

    def _in_worker(self, session: Session, work: Callable[[], None]) -> None:
        """Have slow disk work done beside the hub's thread, once this turn is durable; its failure costs the session the connection."""

        def guarded() -> None:
            try:
                work()
            except Exception as error:
                log.exception("a run failed")
                session.channel.close(f"a run failed: {error}")

        self._after.append(lambda: self._submit(guarded))

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

    def _say_need(self, session: Session, run: UpwardRun) -> None:
        parts = [run.needed[start : start + 5000] for start in range(0, len(run.needed), 5000)] or [[]]
        for position, part in enumerate(parts):
            session.say(say.Need(run.number, part, position == len(parts) - 1))

    def _landed(self, session: Session, citizen: Citizen, message: say.Landed) -> None:
        run = session.upward
        if run is None or run.number != message.run or not run.needed or run.has_landed:
            raise FrameError("a run landed that was not asked for")
        run.has_landed = True
        failed = set(message.failed)
        wants = wanted((index, run.entries[index].path, run.entries[index].state) for index in run.needed if index not in failed)
        landing = Landing(self._state, citizen.name, citizen.uid)
        prefix = f"{citizen.name}-{session.generation.replace(':', '-')}-{run.number}"

        def collect() -> None:
            run.incoming, run.missing = landing.collect(wants, self._canon.incoming, prefix)
            run.missing.extend(failed)
            landing.empty_replica()
            self._queue.put((None, lambda: self._fold_run(session, citizen, run)))

        self._in_worker(session, collect)

    def _fold_run(self, session: Session, citizen: Citizen, run: UpwardRun) -> None:
        """Fold a slice of a run; the rest comes back through the queue, behind what others have sent meanwhile."""
        if session.channel.is_closed or session.upward is not run:
            return
        self._slots.release(session, "up")
        if run.position == 0 and run.is_first:
            self._store.lag_everywhere(citizen.id)
            self._store.update_citizen(citizen.id, is_known=1)
            session.citizen = citizen = replace(citizen, is_known=True)
        by_state = {run.entries[index].state: name for index, name in run.incoming.items()}
        missing = {run.entries[index].state for index in run.missing}
        for index in run.order[run.position : run.position + _SLICE]:
            entry = run.entries[index]
            if entry.state in missing and is_file(entry.state):
                run.missing.append(index)
                continue
            edit = Edit(
                entry.path, entry.state, entry.base, entry.prior, entry.has_prior, entry.is_unknown or run.is_first, False, entry.time, entry.size,
                Content(None, by_state.get(entry.state)),
            )  # fmt: skip
            verdict = self._fold.fold(citizen, edit, time.time_ns())
            if verdict.result is Result.MISSING:
                run.missing.append(index)
                continue
            session.void(entry.path)
            if verdict.result in _NOTABLE and len(run.notable) < 1000:
                run.notable.append([index, verdict.result.name, verdict.detail, verdict.copy])
        run.position += _SLICE
        if run.position < len(run.order):
            self._queue.put((None, lambda: self._fold_run(session, session.citizen or citizen, run)))
            return
        if run.is_first:
            self._store.update_citizen(citizen.id, proposed=session.generation)
        session.upward = None
        session.say(say.Folded(run.number, sorted(set(run.missing)), run.notable))

    # runs downwards

    def _prepare_downward(self, session: Session, citizen: Citizen, run: DownwardRun) -> None:
        """Have the outbox filled once the canon's files are settled, which is after this turn."""
        links = [(path, self._canon.path_of(path)) for path in run.files]
        landing = Landing(self._state, citizen.name, citizen.uid)

        def offer(count: int, size: int) -> None:
            run.is_offered = True
            session.say(say.Offer(run.number, count, size))

        def fill() -> None:
            count, size = landing.fill_outbox(run.number, links)
            self._queue.put((None, lambda: offer(count, size)))

        self._slots.take(session, "down", lambda: self._in_worker(session, fill))


def _verified(change: say.Change) -> bytes | None:
    """Return a change's content if it is what its hash says. Raise FrameError if not."""
    if change.content is None:
        return None
    if file_state(change.content) != change.state:
        raise FrameError("a content that is not what its hash says")
    return change.content


def _next_generation(current: str) -> str:
    """Given ``id:counter`` or nothing, return the next generation."""
    name, _, counter = current.partition(":")
    return f"{name}:{int(counter) + 1}" if name and counter.isdigit() else f"{secrets.token_hex(8)}:1"
