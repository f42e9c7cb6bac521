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
from collections.abc import Callable, Iterable
from concurrent.futures import Executor
from pathlib import Path
from typing import Any, Protocol

from fwrkit.agent import filters
from fwrkit.agent.children import end_processes_of
from fwrkit.agent.policy import Decision
from fwrkit.agent.server import greeting, passing
from fwrkit.agent.server.canon import Canon
from fwrkit.agent.server.decide import Result
from fwrkit.agent.server.deliveries import Deliveries
from fwrkit.agent.server.fold import Content, Edit, Fold
from fwrkit.agent.server.guard import Guard
from fwrkit.agent.server.passing import OWN, Pass, Passed
from fwrkit.agent.server.runs import Runs
from fwrkit.agent.server.session import Session
from fwrkit.agent.server.store import Citizen, Store
from fwrkit.agent.settings import Settings
from fwrkit.agent.states import ABSENT, Base, file_state, is_file
from fwrkit.agent.wire import messages as say
from fwrkit.agent.wire.frames import FrameError
from fwrkit.core.errors import FwrError
from fwrkit.core.names import FIRST_UID

log = logging.getLogger("fwrkit.hub")

_TURN = 256  # items of one transaction
_PAUSE_AFTER_FAILURE = 0.5  # seconds
_BETWEEN = 16  # versions in between that are taken with one change
_NODE_ID = 64  # characters
_BARRIERS = 1000  # that one connection may have waiting: a node asks for some at a time
_ITEM_COST = 80  # bytes of memory that each item of a list takes besides, roughly
_LAST_WORDS = 0.5  # seconds between telling somebody why they have to go, and ending what is left of their connection


class Hearing(Protocol):
    """Hears who has seen more than this server: :class:`fwrkit.agent.server.catching_up.CatchingUp`."""

    def meets(self, session: Session, citizen: Citizen, hello: say.Hello) -> bool:
        """Say whether somebody has to wait before they are let in."""

    def hears(self, session: Session, message: Any) -> bool:
        """Take what they say meanwhile. Return False if it is nothing that was asked for."""


class Hub:
    """The server's side of all streams. :meth:`call` runs a function in the hub's thread, inside a transaction.

    ``workers``: where slow disk work is done (a few threads of its own if None).
    """

    def __init__(self, store: Store, canon: Canon, fold: Fold, settings: Settings, state: Path, workers: Executor | None = None) -> None:
        self._store = store
        self._canon = canon
        self._fold = fold
        self._settings = settings
        self._state = state
        self._deliveries = Deliveries(store, canon, settings, fold.reviews)
        self._queue: queue.SimpleQueue[tuple[Session | None, Any]] = queue.SimpleQueue()
        self._sessions: dict[int, Session] = {}
        self._after: list[Callable[[], None]] = []
        self._expelled: list[Session] = []  # in this turn: if it fails, they come back
        self.guard = Guard(store, fold, settings)
        self._excesses: dict[int, str] = {}  # why a citizen's connection was ended, until they have heard of it
        self._unsettled: set[bytes] = set()  # paths whose files in the canon are not what the tables say
        self._runs = Runs(store, canon, fold, settings, state, self._is_run_stopped, self._passed, self.later, self._do_after, workers)
        self.on_commit: Callable[[int], None] = lambda _: None
        self.is_renewal_due: Callable[[Citizen], bool] = lambda _: False
        self.why_banned: Callable[[Citizen], FwrError | None] = lambda _: None
        self.why_closed: Callable[[], FwrError | None] = lambda: None
        self.catching_up: Hearing | None = None  # who is heard before they are let in
        self.is_peer: Callable[[Citizen], bool] = lambda _: False
        self.passed: Pass = lambda citizen, author: OWN
        self.on_turn: Callable[[], None] = lambda: None  # at the end of each turn, inside its transaction
        self._thread = threading.Thread(target=self._loop, name="hub", daemon=True)
        self._is_stopping = False
        self._start = secrets.token_hex(8)
        store.begin_start(self._start)

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
        self._runs.stop()

    def wake(self) -> None:
        """Have a turn taken: a connection has ended, or there is more to send."""
        self.later(lambda: None)

    def later(self, function: Callable[[], None]) -> None:
        """Have a function called in the hub's thread, inside a transaction, behind what is queued already."""
        self._queue.put((None, function))

    def _do_after(self, function: Callable[[], None]) -> None:
        """Have a function called when this turn is durable and announced."""
        self._after.append(function)

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
            self._do_after(done.set)

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

    def tell_everybody(self, message: Any) -> list[int]:
        """Say something to every live session; return whose they are. In the hub's thread."""
        for session in self._sessions.values():
            session.say(message)
        return list(self._sessions)

    def tell_that_server_is_back(self) -> None:
        """At a peer: tell everybody who has not heard it on this connection. In the hub's thread."""
        for session in self._sessions.values():
            if session.is_ready and not session.knows_server_is_back:
                session.knows_server_is_back = True
                session.say(say.Back())

    def expel(self, citizen: Citizen, reason: FwrError) -> None:
        """End a citizen's connection once this turn is durable, telling them why; nothing that they still say counts."""
        session = self._sessions.pop(citizen.id, None)
        if session is not None:
            session.is_held = True
            session.upward = None
            session.forget()
            self._expelled.append(session)

        def end() -> None:
            end_processes_of(citizen.uid, "unison")
            if session is not None:
                session.channel.send(say.Refusal(reason.code.name, reason.message, reason.hint))
                session.channel.finish()
                self._runs.sweep()
            # their last words are on their way through processes of this account
            timer = threading.Timer(_LAST_WORDS, end_processes_of, (citizen.uid,))
            timer.daemon = True
            timer.start()

        self._do_after(end)

    def refresh(self, citizen: int) -> None:
        """A citizen's row has changed: a live session is to go by the new one."""
        session = self._sessions.get(citizen)
        if session is not None:
            session.citizen = self._store.known_citizen(citizen)

    def allowance(self, uid: int) -> tuple[int, int]:
        """Return how many bytes and files a citizen's run that is under way may bring."""
        return self._runs.allowance(uid)

    def tick(self) -> None:
        """Some seconds have passed: a run that takes long keeps nobody waiting any more. In the hub's thread."""
        self._runs.sweep()

    def end_account(self, uid: int, reason: str) -> None:
        """End the connection of a citizen who takes more of the machine than they may; the processes were ended already.

        They hear why on their next connection: this one has nobody left to pass it on.
        """

        def end() -> None:
            for session in self._sessions.values():
                if session.citizen.uid == uid:
                    session.channel.close(reason)
                    self._excesses[session.citizen.id] = reason

        self.later(end)

    # the loop

    def _loop(self) -> None:
        while not self._is_stopping:
            if not self.step(self._queue.get()):
                time.sleep(_PAUSE_AFTER_FAILURE)

    def step(self, *first: tuple[Session | None, Any]) -> bool:
        """Do, in one turn, the first items and what is queued behind them. Return False if nothing could be written."""
        items = list(first)
        while len(items) < _TURN:
            try:
                items.append(self._queue.get_nowait())
            except queue.Empty:
                break
        try:
            self._turn(items)
        except sqlite3.Error as error:  # a full disk, mostly: nothing of this turn happened, so nobody may believe it did
            log.warning("a turn failed: %s", error)
            self._drop_all(f"the server could not write: {error}", items)
            return False
        except Exception:
            log.exception("a turn failed")
            self._drop_all("the server failed", items)
        return True

    def _turn(self, items: list[tuple[Session | None, Any]]) -> None:
        with self._store.transaction():
            for session, item in items:
                self._one(session, item)
            self.on_turn()
            self._tell_of_reviews()
            moved = self._fold.take_moved()
            for number, session in list(self._sessions.items()):
                if session.channel.is_closed:
                    del self._sessions[number]
                    self._store.update_citizen(number, last_seen=int(time.time()))
                    self._runs.sweep()
                    continue
                if moved and session.is_ready:
                    self._deliveries.add(session, moved)
                self._pump(session)
        version = self._store.last_version()
        for session in self._sessions.values():
            self._flush(session, say.Position(self._start, version))
        self._fold.reviews.remove_useless()
        is_settled = self._settle(moved)
        self._expelled.clear()
        after, self._after = self._after, []
        for function in after:
            function()
        if is_settled:
            self.on_commit(self._store.last_version())

    def _pump(self, session: Session) -> None:
        """Send a session what is due. What can not be made ready ends this connection, and nobody else's."""
        try:
            with self._store.savepoint():
                run, has_more = self._deliveries.pump(session, session.citizen)
                if run is not None:
                    self._runs.offer(session, session.citizen, run)
        except sqlite3.Error:
            raise
        except Exception:
            log.exception("what is due to %s can not be sent", session.citizen.name)
            session.channel.close("internal error")
            return
        if has_more:
            self._do_after(self.wake)

    @staticmethod
    def _flush(session: Session, position: say.Position) -> None:
        """Send a session what was said to it. What is too much for a frame ends this connection, and nobody else's: the turn is durable."""
        try:
            session.flush(position)
        except FrameError as error:
            log.warning("a session is ended: %s", error)
            session.channel.close(str(error))

    def _passed(self, citizen: Citizen, author: str) -> tuple[Passed, Decision | None]:
        passed = self.passed(citizen, author)
        return passed, passing.why_banned(passed, self.why_banned)

    def _tell_of_reviews(self) -> None:
        for number in self._fold.reviews.take_changed():
            session = self._sessions.get(number)
            if session is not None:
                session.say(say.Reviews(self._fold.reviews.count(number)))

    def _settle(self, moved: list[bytes]) -> bool:
        """Make the canon's files what the tables say. Return whether they are now and were not before.

        What can not be written is tried again in the next turn, and kept from the history until then: a start writes only what is not in it.
        """
        self._unsettled.update(moved)
        was_settled = not self._unsettled
        for path in sorted(self._unsettled):  # what is above first
            try:
                self._canon.settle(path)
            except OSError as error:
                log.warning("the canon's file can not be written: %s", error)
                return False
            except Exception:  # a content that is lost: trying again would not help, and nobody is to wait for it
                log.exception("the canon's file of %r can not be made", path)
            self._unsettled.remove(path)
        return not was_settled

    def _one(self, session: Session | None, item: Any) -> None:
        """Do one item; what fails undoes only itself, and costs its session the connection."""
        if session is not None:
            session.backlog.take(item)
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

    def _drop_all(self, reason: str, items: list[tuple[Session | None, Any]]) -> None:
        self._fold.take_moved()
        self._after.clear()
        unheard = [session for session, _ in items if session is not None]  # their hello may have been among what is lost
        for session in (*self._sessions.values(), *unheard, *self._expelled):
            session.forget()
            session.channel.close(reason)
        self._sessions.clear()
        self._expelled.clear()

    # messages

    def _message(self, session: Session, message: Any) -> None:
        if isinstance(message, say.Hello):
            if self._sessions.get(session.citizen.id) is session or len(message.node_id) > _NODE_ID:
                raise FrameError("a hello that is none")
            self._hello(session, message)
            return
        if isinstance(message, say.Ping) and self._sessions.get(session.citizen.id) is not session:
            if not session.is_held:
                session.channel.send(say.Pong(message.number))  # who has to wait before they are let in asks whether anybody is there, too
            return
        if session.is_held or (self.catching_up is not None and self.catching_up.hears(session, message)):
            return
        citizen = session.citizen
        if self._sessions.get(citizen.id) is not session:
            raise FrameError("a message before hello")
        if isinstance(message, say.Change):
            self._change(session, citizen, message)
        elif isinstance(message, say.Filters):
            try:
                session.filters = filters.taken(message.muted, message.ignored)
            except FwrError as error:
                raise FrameError(error.message) from error
        elif isinstance(message, say.Acknowledgement):
            for number in message.numbers:
                self._deliveries.acknowledge(session, citizen, number)
        elif isinstance(message, say.PutBack):
            self._deliveries.put_back(session, citizen, message)
        elif isinstance(message, say.Confirm):
            self._confirm(session, citizen, message)
        elif isinstance(message, say.Manifest):
            self._runs.manifest(session, citizen, message)
        elif isinstance(message, say.Landed):
            self._runs.landed(session, citizen, message)
        elif isinstance(message, say.Fetched):
            self._runs.fetched(session)
            self._deliveries.fetched(session, message.run)
        elif isinstance(message, say.Barrier):
            if len(session.barriers) >= _BARRIERS:
                raise FrameError("too many barriers")
            session.barriers.append(message.number)
        elif isinstance(message, say.Ping):
            session.say(say.Pong(message.number))

    def _hello(self, session: Session, hello: say.Hello) -> None:
        citizen = self._store.known_citizen(session.citizen.id)
        live, hold = self._sessions.get(citizen.id), self._store.held(citizen.id)
        refusal = greeting.why_refused(citizen, hello, self._store.meta("world_id"), live, hold)
        banned = self.why_banned(citizen)
        if not refusal and not banned and self.catching_up is not None and self.catching_up.meets(session, citizen, hello):
            return
        reason = banned or self.why_closed()
        if reason is not None:
            refusal = say.Refusal(reason.code.name, reason.message, reason.hint)
        if refusal is not None:
            log.info("refused %s: %s", citizen.name, refusal.message)
            session.channel.send(refusal)
            session.channel.finish()
            return
        is_position_known = not hello.start or self._store.has_position(hello.start, hello.position)
        is_known = greeting.is_known(citizen, hello, is_position_known)
        older = self._sessions.pop(citizen.id, None)
        if older is not None and older is not session:
            older.channel.close("a newer connection of the same citizen")
            self._runs.sweep()
        if citizen.uid >= FIRST_UID:
            end_processes_of(
                citizen.uid, "unison"
            )  # the newer one has none before it is welcome: what there is, a broken connection has left
            self._runs.forget(citizen)
        generation = greeting.next_generation(hello.record_generation if is_known else "")
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
        session.is_peer = self.is_peer(citizen)
        session.doubtful = self._store.moved_since(hello.position, citizen.id) if is_known and hello.start else []
        session.ruling = self.guard.take_ruling(citizen)
        session.is_on_trial = hold is not None and not hold.ruling
        self._sessions[citizen.id] = session
        limits = (self._settings.inline_limit, self._settings.batch_count, self._settings.batch_bytes)
        ignored = list(self._fold.ignored.patterns)
        session.say(
            say.Welcome(
                is_known,
                generation,
                self._store.meta("world_id"),
                self._store.meta("world_name"),
                ignored,
                *limits,
                time.time_ns(),
                self._settings.run_limit_bytes,
            )
        )
        excess = self._excesses.pop(citizen.id, "")
        if excess:
            session.say(say.Notice(f"The server has ended this node's connection: {excess}."))
        if self.is_renewal_due(citizen):
            session.say(say.Renew())
        if self._fold.reviews.has_any(citizen.id):
            session.say(say.Reviews(self._fold.reviews.count(citizen.id)))
        log.info("%s is connected, %s", citizen.name, "known" if is_known else "at first contact")

    def _confirm(self, session: Session, citizen: Citizen, message: say.Confirm) -> None:
        if message.generation != session.generation:
            raise FrameError("another generation is confirmed")
        if session.is_on_trial and not message.has_more and session.upward is None:  # else what the run brings decides
            if self._is_stopped(session, citizen, ()):
                return
            self._end_trial(session, citizen)
        if session.is_ready:
            return  # it says only that nothing more comes
        self._store.update_citizen(citizen.id, generation=message.generation, proposed="")
        session.citizen = self._store.known_citizen(citizen.id)
        self._deliveries.begin(session, citizen)
        if session.has_brought:
            session.ruling = ""

    def _change(self, session: Session, citizen: Citizen, change: say.Change) -> None:
        session.batch.append(change)
        if change.more:
            session.batch_bytes += _weight([change.content, change.older, change.trail, change.author, change.between])
            if len(session.batch) > 4 * self._settings.batch_count or session.batch_bytes > 4 * self._settings.batch_bytes:
                raise FrameError("a batch is too large")
            return
        batch, session.batch, session.batch_bytes = session.batch, [], 0
        session.has_brought = True
        if self._is_stopped(session, citizen, batch):
            return
        if any(not (item.is_orphan or item.is_unknown) for item in batch):  # else it is what comes ahead of what is found here
            self._end_trial(session, citizen)
        moves: dict[bytes, Decision] = {}
        if len(batch) > 1:
            moves = self._fold.forbidden_moves((item.path, item.state, item.size, self._judged_as(citizen, item)) for item in batch)
        for item in batch:
            if item.content is not None and is_file(item.state) and len(item.content) != item.size:
                raise FrameError("a content of another size")
            is_restored = session.is_restored(item.state)  # then what was agreed on elsewhere does not count either
            passed, banned = self._passed(citizen, item.author)
            edit = Edit(
                item.path, item.state, ABSENT if is_restored else item.base, item.prior, item.has_prior, item.is_unknown or is_restored,
                item.is_orphan, item.time, item.size, Content(_verified(item)), tuple(item.older), () if is_restored else tuple(item.trail),
                banned or moves.get(item.path), passed.writer, passed.is_settled,
                self._between(citizen, item) if passed.writer is not None else (), tuple(item.seen),
            )  # fmt: skip
            verdict = self._fold.fold(citizen, edit, time.time_ns())
            if verdict.result is not Result.MISSING and not item.is_orphan:
                session.void(item.path)
            if verdict.result is Result.FORBIDDEN and not item.is_orphan:
                session.heard[item.path] = item.state
            session.say(say.Outcome(item.number, verdict.result.name, verdict.detail, verdict.copy))

    def _between(self, citizen: Citizen, change: say.Change) -> tuple[Edit, ...]:
        """Return what a peer had of a path in between, but for what is of somebody who is banned by now."""
        versions = []
        for each in map(say.Between.from_value, change.between[:_BETWEEN]):
            passed, banned = self._passed(citizen, each.author)
            if banned is None:
                content = Content(each.content)
                versions.append(
                    Edit(change.path, each.state, time=each.time, size=len(each.content), content=content, writer=passed.writer)
                )
        return tuple(versions)

    def _is_stopped(self, session: Session, citizen: Citizen, brought: Iterable[say.Change | say.ManifestEntry]) -> bool:
        """Have the guard look at what a citizen brings. Return True if they are held for it: then nothing of it is folded."""
        self._take_ruling(session, citizen)
        if session.ruling:
            return False
        # what is undone anyway holds nobody, and what the world's server has accepted was looked at there
        allowed = (
            item for item in brought if not self._is_refused_deletion(citizen, item) and not self.passed(citizen, item.author).is_settled
        )
        hold = self.guard.stops(citizen, ((item.path, item.state, self._claimed_base(item)) for item in allowed))
        if hold is None:
            return False
        log.warning("%s is held: %d of %d files deleted", citizen.name, hold.deleted, hold.files)
        session.is_held = True
        session.upward = None
        session.say(greeting.held(citizen, hold))
        self._do_after(session.channel.finish)
        return True

    def _is_run_stopped(self, session: Session, citizen: Citizen, brought: Iterable[say.ManifestEntry]) -> bool:
        if self._is_stopped(session, citizen, brought):
            return True
        self._end_trial(session, citizen)
        return False

    def _take_ruling(self, session: Session, citizen: Citizen) -> None:
        """A person may decide while a held citizen is judged anew: their word counts."""
        hold = self._store.held(citizen.id) if session.is_on_trial else None
        if hold is not None and hold.ruling:
            session.is_on_trial = False
            session.ruling = self.guard.take_ruling(citizen)
            session.started = time.time()  # from now on it is brought

    def _end_trial(self, session: Session, citizen: Citizen) -> None:
        """End the hold of a citizen whose node brings no more deletions than anybody may."""
        if session.is_on_trial:
            session.is_on_trial = False
            log.info("%s is held no more: what was deleted is there again", citizen.name)
            self.guard.end(citizen)

    def _claimed_base(self, item: say.Change | say.ManifestEntry) -> Base:
        return self._fold.claimed_base(item.path, (item.base, *item.trail)) if item.is_unknown else item.base

    def _is_refused_deletion(self, citizen: Citizen, item: say.Change | say.ManifestEntry) -> bool:
        return item.state is ABSENT and self._fold.policing.judge(self._judged_as(citizen, item), item.path, ABSENT, 0).action == "refuse"

    def _judged_as(self, citizen: Citizen, item: say.Change | say.ManifestEntry) -> Citizen:
        return self.passed(citizen, item.author).judged_as(citizen)


def _weight(value: object) -> int:
    """Return how much memory something takes that came in a frame, in bytes, roughly."""
    if isinstance(value, bytes | str):
        return len(value)
    return sum(_ITEM_COST + _weight(item) for item in value) if isinstance(value, list) else 0


def _verified(change: say.Change) -> bytes | None:
    """Return a change's content if it is what its hash says. Raise FrameError if not."""
    if change.content is None:
        return None
    if file_state(change.content) != change.state:
        raise FrameError("a content that is not what its hash says")
    return change.content
