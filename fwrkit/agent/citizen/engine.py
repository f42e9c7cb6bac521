"""The citizen's engine: one thread that looks at what changed in the world, sends it, and applies what others did.

Everything reaches it through one queue: hints of the watch, messages of the connection, results of workers, requests of the control
socket. A turn takes what is queued, acts, commits the record, and only then lets messages out.
"""

from __future__ import annotations

import itertools
import logging
import queue
import sqlite3
import threading
import time
from collections.abc import Callable, Iterable
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

from fwrkit import __version__
from fwrkit.agent.backoff import Backoff, Pauses
from fwrkit.agent.citizen import conflicts, generations, power
from fwrkit.agent.citizen.carriers import Carrier
from fwrkit.agent.citizen.conflicts import Conflict
from fwrkit.agent.citizen.downloads import Downloader
from fwrkit.agent.citizen.hints import FAILED, WRITING, Hints
from fwrkit.agent.citizen.offering import Offering
from fwrkit.agent.citizen.placing import Placer
from fwrkit.agent.citizen.receiving import Receiver, said
from fwrkit.agent.citizen.record import Record
from fwrkit.agent.citizen.refusals import DIRECTORY, Refusals
from fwrkit.agent.citizen.relay import ALONE, Relay
from fwrkit.agent.citizen.requests import Request, Requests
from fwrkit.agent.citizen.rest import Rest
from fwrkit.agent.citizen.scan import Findings, Found, Scanner
from fwrkit.agent.citizen.sending import Sender
from fwrkit.agent.citizen.staged import Staged
from fwrkit.agent.citizen.unseen import WATCHED, Unseen
from fwrkit.agent.citizen.uploads import Uploader, needs_run
from fwrkit.agent.citizen.view import View
from fwrkit.agent.files import reasons
from fwrkit.agent.files.ignore import ALWAYS, IgnoreList
from fwrkit.agent.files.tree import Tree
from fwrkit.agent.filters import Filters, Ignored
from fwrkit.agent.paths import SENTINEL, ancestors
from fwrkit.agent.settings import Settings
from fwrkit.agent.states import ABSENT, State
from fwrkit.agent.wire import messages as say
from fwrkit.agent.wire.channel import Channel

log = logging.getLogger("fwrkit.engine")
T = TypeVar("T")

_TURN = 1024  # items of one turn
_LOOK_UP = 1.0  # seconds between two turns when nothing happens
_AFTER_FAILURE = Pauses(1.0, 60.0)  # what made a turn fail seldom ends at once
_WELL = 90.0  # seconds without a failure after which the next one is a first one: longer than any pause
_WORTH_SAYING = 4.0  # seconds: a shorter pause is over before anybody has read of it
_EMPTYING = 1.0  # seconds without a change after which nobody is emptying the world any more
_EMPTYING_LIMIT = 30.0  # seconds: something else writes all the time
_HELD = "something writes it again and again; it is left alone for a while."
_FILTERS = "filters"  # of the record's meta table
_REVIEWS = "reviews"  # of the record's meta table: how many changes wait for an official
_LACKS = "lacks"  # of the record's meta table: paths in hexadecimal that were lost here, and the server has not heard of so far
_VANISHED = "the world is not where it was"
_ALERTS = 10  # that are remembered
_MUCH = 2000  # paths on their way: the list of more than that is not made anew for each message
_LIST_EVERY = 0.5  # seconds between two such lists
_LEFT_OUT = 1000  # paths that are remembered to stay on this node
_CALL_TIMEOUT = 25.0  # seconds
_KEPT_SECONDS = 7 * 86400.0


class Engine:
    """One world's engine. ``private`` holds ``exchange``, ``outgoing``, ``staging``, ``staged`` and ``kept``, on the world's filesystem.

    ``clock``: seconds, monotonic. ``workers``: where slow disk work is done (two threads of its own if None). ``relay``: the other engine of a
    peer's world; then ``sentinel`` is a name of its own as well.
    """

    def __init__(
        self,
        node_id: str,
        citizen: str,
        world: Path,
        private: Path,
        record: Record,
        owner: tuple[int, int],
        settings: Settings,
        clock: Callable[[], float] = time.monotonic,
        workers: Executor | None = None,
        relay: Relay | None = None,
        sentinel: bytes = SENTINEL,
    ) -> None:
        for name in ("exchange", "outgoing", "staging", "staged", "kept"):
            (private / name).mkdir(parents=True, exist_ok=True, mode=0o700)
        self._node_id = node_id
        self._citizen = citizen
        self._sentinel = sentinel
        self._settings = settings
        self._tree = Tree(world, owner)
        self._record = record
        self._placer = Placer(self._tree, private, owner)
        self._rest = Rest(self._tree, clock)
        self._scanner = Scanner(self._tree, record, IgnoreList(ALWAYS), settings.inline_limit, settings.batch_bytes, self._rest)
        self._queue: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self._workers = workers or ThreadPoolExecutor(2, thread_name_prefix="bulk")
        self._clock = clock
        self._relay = relay
        self._unseen = Unseen(self._tree, clock)
        self._is_looking_after = False  # whether files that were there before this start are watched by it
        self._sender = Sender(record, citizen, self._say, relay or ALONE, self._unseen.made_of)
        staged = Staged(private / "staged")
        self._receiver = Receiver(record, self._placer, staged, self._say, clock, self._unseen)
        self._uploader = Uploader(
            self._tree, record, citizen, private / "outgoing", self._say, self._work, relay or ALONE, self._unseen.made_of, self._rest
        )
        self._downloader = Downloader(private / "staging", staged, self._say, self._work)
        self._hints = Hints(settings.settle_quiet, settings.settle_limit, settings.walk_every, clock)
        self._requests = Requests(self._say)
        self._refusals = Refusals(private / DIRECTORY, self._tree, clock)
        self._uploader.on_busy = lambda busy: self._hints.looked_at([], (), busy)
        self._uploader.on_refused = self._refuse
        self._uploader.on_untouched = self._hints.settled
        self._uploader.on_empty = self._nothing_more
        self._channel: Channel | None = None
        self._frames: list[Any] = []
        self._deliveries: list[say.Delivery] = []
        self._changed: dict[bytes, None] = {}
        self._refused: dict[bytes, str] = {}
        self._left_out: dict[bytes, str] = {}
        self._is_ready = False
        self._is_first = False
        self._is_server_back = False
        self._generation = ""
        self._refusal: say.Refusal | None = None
        self._has_changed = True  # anything may have happened here since the server refused this node last
        self._emptied_since = 0.0
        self._was_cut = False
        self._behind_server = 0.0
        self._position, self._position_at = 0, 0.0
        self._is_record_sound = False
        self._alerts: list[str] = []
        self._waiting: dict[bytes, str] = {}
        self._listed_at = -_LIST_EVERY
        self._failures = Backoff(_AFTER_FAILURE)
        self._failed_at = 0.0
        self._trouble = ""  # why turns fail, empty if they do not
        self._pausing = threading.Event()
        self._limits = (settings.batch_count, settings.batch_bytes)
        self._is_stopping = False
        self._thread = threading.Thread(target=self._loop, name="engine", daemon=True)
        self.view = View()
        self.renewals_wanted = 0  # how often the server has asked for the certificate to be renewed
        self.offering: Offering | None = None  # of what a server may ask for that was put back to an older copy
        self.is_broken = False  # the record is damaged: only a new start helps
        self.progress = 0  # how often something has got through: an edit that the server has, a delivery that is here

    # for other threads

    def start(self) -> None:
        """Begin to work."""
        self._thread.start()

    def stop(self) -> None:
        """Finish the turn, let the connection go, close the record."""
        self._is_stopping = True
        self._pausing.set()
        self._downloader.reset()
        self._queue.put(lambda: None)
        self._thread.join(10)
        self._workers.shutdown(wait=False, cancel_futures=True)
        power.end(self._record)
        self._record.close()
        self._unseen.close()

    def hint(self, paths: Iterable[bytes] | None) -> None:
        """These paths may have changed; None: anything may."""
        if paths is None:
            self._queue.put(self._hints.add_everything)
        else:
            hinted = list(paths)
            self._queue.put(lambda: self._hints.add(hinted))

    def connected(self, channel: Channel, carrier: Carrier) -> None:
        """A connection to the upstream stands; its messages are to be given to :meth:`received`, its end to :meth:`ended`."""
        self._queue.put(lambda: self._greet(channel, carrier))

    def received(self, channel: Channel, message: Any) -> None:
        """A message has arrived."""
        self._queue.put(lambda: self._message(channel, message))

    def ended(self, channel: Channel) -> None:
        """A connection has ended."""
        self._queue.put(lambda: self._lost(channel))

    def synchronise(self, timeout: float) -> dict[bytes, str] | None:
        """Wait until node and upstream agree, ``timeout`` seconds at most. Return None if they do, else the paths that are known to wait, and why."""
        request = Request()
        self._queue.put(lambda: self._requests.add(request))
        if request.done.wait(timeout):
            return None
        self._queue.put(lambda: self._requests.drop(request))
        return self.view.waiting

    @property
    def is_behind(self) -> bool:
        """Whether there is something that has not got through so far."""
        view = self.view
        return not view.is_ready or bool(view.waiting) or view.coming > 0

    @property
    def held(self) -> list[bytes]:
        """The paths that a program writes again and again although they are refused: they are left alone for now."""
        return self._refusals.held()

    def conflicts(self) -> list[Conflict]:
        """Return the conflicts of this world."""
        return self._call(lambda: conflicts.find(self._record))

    def resolve(self, path: bytes, keep: str) -> bytes:
        """End a conflict, given its path or the copy's and whose version is kept; return the path of what was kept. Raise FwrError."""

        def work() -> bytes:
            conflict = conflicts.pick(conflicts.find(self._record), path)
            return conflicts.resolve(conflict, keep, self._citizen, self._tree, self._record, self._placer)

        return self._call(work)

    def last_position(self) -> int:
        """Return the server's newest version that this node has ever heard of: also after a start without the server."""
        return self._call(lambda: int(self._record.meta("position") or 0))

    def filters(self) -> Filters:
        """Return the node's own filters."""
        return self._call(lambda: Filters.from_text(self._record.meta(_FILTERS)))

    def change_filters(self, kind: str, word: str, is_on: bool) -> Filters:
        """Put a filter in or take one out (see :meth:`Filters.changed`); it takes effect by a new connection. Raise FwrError."""

        def work() -> Filters:
            before = Filters.from_text(self._record.meta(_FILTERS))
            after = before.changed(kind, word, is_on)
            if set(before.ignored) - set(after.ignored):
                # what went away here unseen while it was ignored was not deleted
                recorded = (entry.path for entry in self._record.existing())
                seen_again = (path for path in recorded if before.ignores(path) and not after.ignores(path))
                self._set_lacks([*self._lacks(), *(path for path in seen_again if not self._placer.is_there(path))])
            self._record.set_meta(_FILTERS, after.to_text())
            self._record.commit()
            self._drop("the filters have changed")
            return after

        return self._call(work)

    def _call(self, function: Callable[[], T]) -> T:
        """Run a function in the engine's thread and return its result. Raise what it raises, or TimeoutError."""
        answer: Future[T] = Future()

        def work() -> None:
            try:
                answer.set_result(function())
            except Exception as error:
                answer.set_exception(error)

        self._queue.put(work)
        return answer.result(_CALL_TIMEOUT)

    # the loop

    def _loop(self) -> None:
        self.take_up()
        while not self._is_stopping:
            if self.step(_LOOK_UP):
                continue
            pause = self._failures.failed()
            if pause >= _WORTH_SAYING:
                self._trouble += f" It tries again in {pause:.0f} seconds."
                self._show_trouble()
            self._pausing.wait(pause)

    def take_up(self) -> None:
        """Begin: look at what an earlier run of the agent left in the private directory."""
        try:
            self._was_cut = power.begin(self._record)
            self._receiver.reset()
            self._downloader.clear()
            self._uploader.clear()
            self._placer.find_leftovers(entry.path for entry in self._record.all())
            self._placer.forget_kept(_KEPT_SECONDS)
        except Exception:
            log.exception("the private directory can not be looked at")

    def step(self, patience: float) -> bool:
        """Wait until there is something to do, ``patience`` seconds at most, and do it. Return False if that failed."""
        items: list[Callable[[], None]] = []
        try:
            items.append(self._queue.get(timeout=self._hints.time_left(patience)))
            while len(items) < _TURN:
                items.append(self._queue.get_nowait())
        except queue.Empty:
            pass
        try:
            self._turn(items)
        except Exception as error:  # a full disk, a world that vanished: begin the connection anew, from what is durable
            log.exception("a turn failed")
            self._frames.clear()
            self._drop(f"the engine failed: {error}")
            self._failed_at = self._clock()
            self._trouble = f"The agent can not go on: {error}."
            self._show_trouble()
            # an operational error is a full disk, mostly; any other of the database's says that the record is damaged
            self.is_broken = isinstance(error, sqlite3.DatabaseError) and not isinstance(error, sqlite3.OperationalError)
            return False
        if self._trouble and self._clock() - self._failed_at > _WELL:
            self._failures.succeeded()
            self._trouble = ""
        return True

    def _turn(self, items: list[Callable[[], None]]) -> None:
        for item in items:
            item()
        self._apply()
        if self._hints.is_walk_due():
            self._walk()
        elif self._hints.is_settled():
            self._look()
        self._retry()
        self._settle_displaced()
        self._requests.go_on(self._is_ready and not self._is_first, self._walk, self._is_quiet)
        self._record.commit()
        if self._relay is not None:
            self._relay.placed()
        self._flush()
        self._show()
        self._requests.answer()

    def _say(self, message: Any) -> None:
        self._frames.append(message)

    def _flush(self) -> None:
        frames, self._frames = self._frames, []
        if self._channel is not None:
            for message in frames:
                self._channel.send(message)

    def _work(self, job: Callable[[], Callable[[], None]]) -> None:
        def run() -> None:
            try:
                self._queue.put(job())
            except Exception:
                log.exception("a worker failed")
                self._queue.put(lambda: self._drop("a worker failed"))

        self._workers.submit(run)

    # looks

    def _is_under_way(self, path: bytes) -> bool:
        is_on_its_way = path in self._sender.paths or path in self._uploader.covered or path in self._uploader.next
        return is_on_its_way or self._refusals.is_held(path)

    def _look(self) -> None:
        wanted = self._hints.take(self._is_under_way)
        looked_at = set(wanted)
        for refused in [path for path in self._refused if path in looked_at or not looked_at.isdisjoint(ancestors(path))]:
            del self._refused[refused]
        if wanted:
            self._has_changed = True
            self._take(self._scanner.look(wanted), wanted)

    def _walk(self) -> None:
        self._hints.walked()
        self._has_changed = True
        if not generations.is_present(self._tree, self._sentinel):
            self._drop(_VANISHED)
            return
        self._refused.clear()
        self._placer.forget_kept(_KEPT_SECONDS)
        self._take(self._scanner.walk(), None)

    def _take(self, findings: Findings, wanted: list[bytes] | None) -> None:
        """Act on a look at some paths, or (None) at all of them."""
        self._refused.update(findings.refused)
        self._leave_out(findings, wanted)
        self._hints.looked_at(None if wanted is None else findings.looked_at, findings.found, findings.busy)
        self._hints.put_off(path for path in findings.found if self._is_under_way(path))
        found = [item for item in findings.found.values() if not self._is_under_way(item.path)]
        if any(item.state is ABSENT and not item.is_large for item in found) and not generations.is_present(self._tree, self._sentinel):
            self._drop(_VANISHED)
            return
        if self._is_ready:
            self._send(found)
            self._redeliver(findings, wanted)
        else:
            self._note_changed(findings, found)

    def _leave_out(self, findings: Findings, wanted: list[bytes] | None) -> None:
        """Remember what stays on this node by a rule; and look at the other names of files that were changed by one of them."""
        if wanted is None:
            self._left_out.clear()
        for path in findings.looked_at:
            self._left_out.pop(path, None)
        self._left_out.update(itertools.islice(findings.left_out.items(), max(0, _LEFT_OUT - len(self._left_out))))
        if findings.linked:
            others = self._record.paths_of(findings.linked)
            self._hints.add(path for path in others if path not in findings.looked_at)

    def _note_changed(self, findings: Findings, found: list[Found]) -> None:
        """Without a connection: remember what will have to be sent, for people to see; the walk at the next connection finds it again."""
        for path in findings.looked_at:
            self._changed.pop(path, None)
        self._changed.update(dict.fromkeys(item.path for item in found))

    def _send(self, found: list[Found]) -> None:
        streaming, bulk = needs_run(found, *self._limits)
        if bulk and self._uploader.current is not None:
            self._uploader.next.update(item.path for item in bulk)
            self._hints.put_off(item.path for item in bulk)
            bulk = []
        if streaming:
            self._sender.send(streaming)
        if bulk:
            self._uploader.begin(bulk, is_first=False)

    def _redeliver(self, findings: Findings, wanted: list[bytes] | None) -> None:
        """What waited for a look and turned out unchanged here is applied now."""
        paths = list(self._receiver.waiting) if wanted is None else [path for path in wanted if path in self._receiver.waiting]
        for path in paths:
            if path not in findings.found and path not in self._hints.later and not self._is_under_way(path):
                waiting = self._receiver.waiting[path]
                if waiting.reason == "changed" and self._receiver.may_redeliver(waiting.delivery):
                    self._deliveries.append(waiting.delivery)
                else:
                    self._receiver.look_sooner(path)

    def _retry(self) -> None:
        for waiting in self._receiver.due():
            self._receiver.tried(waiting)
            if self._is_under_way(waiting.delivery.path):
                continue
            if waiting.reason == "changed":
                self._hints.add([waiting.delivery.path])
            else:
                self._deliveries.append(waiting.delivery)

    def _apply(self) -> None:
        if self._deliveries:
            deliveries, self._deliveries = self._deliveries, []
            if self._relay is not None:
                self._relay.placing(deliveries)
            self._refusals.sync()  # what is undone now is kept by then
            to_look_at = self._receiver.apply(deliveries, self._is_under_way)
            self.progress += self._receiver.take_done()
            if to_look_at:
                self._hints.add(to_look_at)

    def _settle_displaced(self) -> None:
        if not self._placer.displaced or not self._is_ready:
            return
        for item, taken in self._placer.settle_displaced(self._settings.inline_limit):
            self._sender.send_orphan(item, taken)

    # the connection

    def _greet(self, channel: Channel, carrier: Carrier) -> None:
        if self._channel is not None and self._channel is not channel:
            self._channel.close("a newer connection")
        self._reset()
        self._channel = channel
        if not generations.is_in_place(self._tree):
            self._drop(_VANISHED)
            return
        self._uploader.carrier = self._downloader.carrier = carrier
        known = generations.look(self._tree, self._record, self._sentinel)
        if known.record and not known.world and self._is_being_emptied():
            self._drop("the world is being emptied")
            return
        meta = self._record.meta
        position = (meta("start"), int(meta("position") or 0))
        self._is_record_sound = bool(known.world) and known.world == meta("claimed_by")
        hello = say.Hello(
            say.PROTOCOL, __version__, self._node_id, meta("world_id"), known.world, known.record, *position, self._has_changed
        )
        self._say(hello)

    def _is_being_emptied(self) -> bool:
        """Say of a world without its sentinel whether somebody is still at work.

        What is met as at first contact, and is gone a moment later, would count as deleted.
        """
        now = self._clock()
        self._emptied_since = self._emptied_since or now
        if self._hints.quiet_for() < _EMPTYING and now - self._emptied_since < _EMPTYING_LIMIT:
            return True
        self._emptied_since = 0.0
        return False

    def _lost(self, channel: Channel) -> None:
        if channel is self._channel:
            self._reset()

    def _drop(self, reason: str) -> None:
        if self._channel is not None:
            log.warning("the connection is ended: %s", reason)
            self._channel.close(reason)
        self._reset()

    def _reset(self) -> None:
        """Forget everything that belonged to a connection."""
        self._channel = None
        self._is_ready = self._is_first = self._is_server_back = False
        self._placer.displaced.extend(self._sender.reset())
        for path in (*self._uploader.covered, *self._sender.paths, *self._receiver.waiting):
            self._changed[path] = None
        self._receiver.reset()
        self._uploader.reset()
        self._downloader.reset()
        self._deliveries.clear()
        self._frames.clear()
        self._requests.reset()

    def _message(self, channel: Channel, message: Any) -> None:
        if channel is not self._channel:
            return
        if isinstance(message, say.Delivery):
            self._deliveries.append(message)
            return
        self._apply()  # in the order of the stream: what was delivered before this message comes first
        if isinstance(message, say.Outcome):
            self._outcome(message)
        elif isinstance(message, say.Notice):
            self._alert(message.sentence)
        elif isinstance(message, say.Position):
            self._record.set_meta("start", message.start)
            self._record.set_meta("position", str(message.version))
            self._position, self._position_at = message.version, self._clock()
        elif isinstance(message, say.Welcome):
            self._welcome(message)
        elif isinstance(message, say.Refusal):
            self._refusal = message
            self._has_changed = False
            self._drop(message.message)
        elif isinstance(message, say.Need):
            self._uploader.need(message)
        elif isinstance(message, say.Forbidden):
            for item, reason in self._uploader.forbidden(message):
                self._forbidden(item.path, item.state, reason, item.content)
        elif isinstance(message, say.Reviews):
            self._record.set_meta(_REVIEWS, str(message.count))
        elif isinstance(message, say.Renew):
            self.renewals_wanted += 1
        elif isinstance(message, say.Back):
            self._is_server_back = True
        elif isinstance(message, say.Rejected):
            self._refusals.add(message.path, message.state, message.reason, None, is_counted=False)
        elif isinstance(message, say.Folded):
            self._folded(message)
        elif isinstance(message, say.Offer):
            self._downloader.offered(message)
        elif isinstance(message, say.Passed):
            self._requests.passed(message.number, self._is_quiet())
        elif isinstance(message, say.Behind | say.Bring):
            self._offer(message, channel)
        elif isinstance(message, say.Ping):
            self._say(say.Pong(message.number))

    def _offer(self, asked: say.Behind | say.Bring, channel: Channel) -> None:
        """Answer a server that may have been put back to an older copy, by a worker: there may be much to read."""
        offering = self.offering

        def work() -> Callable[[], None]:
            answer = offering.answer(asked) if offering is not None else Offering.nothing(asked)
            return lambda: self._say(answer) if channel is self._channel else None

        self._work(work)

    def _welcome(self, welcome: say.Welcome) -> None:
        self._refusal = None
        self._behind_server = (welcome.time - time.time_ns()) / 10**9
        if not welcome.is_known and self._record.meta("generation"):
            log.info("this server does not know this node's memory: everything is compared")
            if not self._is_record_sound:  # else it is another server, a peer perhaps, and nothing out of the ordinary
                self._alert(
                    "This node's world and its memory did not belong together (a backup, a copy): everything was compared, nothing deleted."
                )
        self._record.set_meta("world_id", welcome.world_id)
        self._record.set_meta("world_name", welcome.world_name)
        self._record.set_meta(_REVIEWS, "")  # the server says so next if anything waits
        ignored = IgnoreList((*ALWAYS, *welcome.ignore))
        own = Filters.from_text(self._record.meta(_FILTERS))
        self._say(say.Filters(list(own.muted), list(own.ignored)))
        self._scanner = Scanner(self._tree, self._record, Ignored(ignored, own), welcome.inline_limit, welcome.batch_bytes, self._rest)
        self._scanner.file_limit = welcome.file_limit
        self._placer.ignored = self._receiver.ignored = ignored
        self._placer.left_alone = self._scanner.ignored
        self._limits = (welcome.batch_count, welcome.batch_bytes)
        self._generation = welcome.generation
        self._is_first = not welcome.is_known
        self._hints.clear()
        self._changed.clear()
        self._refused.clear()
        self._is_ready = True
        if self._was_cut:
            self._set_damage_aside()
        if self._is_first:
            self._meet()
        else:
            lacks = [path for path in self._lacks() if not self._placer.is_there(path)]
            self._set_lacks(lacks)
            for path in lacks:
                self._sender.send_lack(path)
            self._take(self._scanner.walk(), None)
            self._confirm()

    def _meet(self) -> None:
        """First contact: say what is here, and (where record and world belong together) what was agreed on with other servers of the world before."""
        lost = set(self._lacks())
        self._set_lacks([])
        claims = self._record.claims() if self._is_record_sound else {}
        self._record.forget_everything()
        self._record.set_meta("generation", "")
        findings = self._scanner.walk()
        self._refused.update(findings.refused)
        self._leave_out(findings, None)
        self._hints.looked_at(None, findings.found, findings.busy)
        gone = [] if not generations.is_present(self._tree, self._sentinel) else [
            Found(path, ABSENT)
            for path in claims
            if path not in findings.found and path not in lost and self._is_surely_gone(path, findings)
        ]  # fmt: skip
        self._uploader.begin([*findings.found.values(), *gone], is_first=True, claims=claims)

    def _is_surely_gone(self, path: bytes, findings: Findings) -> bool:
        """Say whether nothing is at a path where something was agreed on: not that it can not be seen, or is left out."""
        if self._scanner.ignored.matches(path) or any(above in findings.refused for above in (*ancestors(path), path)):
            return False
        return not self._placer.is_there(path)

    def _lacks(self) -> list[bytes]:
        """Return the paths that this machine has lost, as the server has to hear: it is no deletion."""
        return [bytes.fromhex(word) for word in self._record.meta(_LACKS).split()]

    def _set_lacks(self, lost: Iterable[bytes]) -> None:
        self._record.set_meta(_LACKS, " ".join(path.hex() for path in dict.fromkeys(lost)))

    def _set_damage_aside(self) -> None:
        """After a power cut: move what it left of files out of the way; the server is told of them."""
        found = [item for item in self._scanner.walk().found.values() if power.is_damage(item, self._record)]
        self._set_lacks([*self._lacks(), *(item.path for item in found)])
        self._record.commit()  # before anything is moved: what is not there any more must not count as deleted
        for item in found:
            log.warning("a power cut has damaged %r: it is fetched again", item.path)
            self._placer.set_aside(item.path)
        self._was_cut = False
        if found:
            self._alert(f"A power cut had damaged {len(found)} files; they were fetched again. What was left of them is kept for a week.")

    def _alert(self, sentence: str) -> None:
        self._alerts = [*[said for said in self._alerts if said != sentence], sentence][-_ALERTS:]

    def _confirm(self) -> None:
        self._record.forget_old_trails()
        self._record.commit()
        generations.advance(self._tree, self._record, self._generation, self._sentinel)
        self._say(say.Confirm(self._generation, self._uploader.current is not None))
        if not self._is_looking_after:
            self._is_looking_after = True
            self._unseen.look_after((entry.path, entry.state) for entry in self._record.newest_files(WATCHED))

    def _nothing_more(self) -> None:
        """The run that the server was told of has nothing in it: a held citizen is judged by what came before."""
        if self._is_ready and not self._is_first:
            self._say(say.Confirm(self._generation))

    def _outcome(self, outcome: say.Outcome) -> None:
        flight = self._sender.take(outcome)
        if flight is None:
            return
        if flight.orphan is not None:
            if outcome.result == "MISSING":  # large, and new to the server: it travels like any new file
                self._hints.add([self._placer.keep_beside(flight.orphan, self._citizen, flight.stamp.time)])
            else:
                if outcome.result == "FORBIDDEN":
                    with self._placer.opened(flight.orphan) as file:
                        self._refusals.add(flight.path, flight.state, outcome.detail, None, file=file)
                    self._refusals.sync()
                self._placer.let_go(flight.orphan)
            return
        if outcome.result == "MISSING":
            self._hints.add([flight.path])
            return
        self.progress += 1
        self._receiver.void(flight.path)
        self._hints.settled([flight.path])
        self._unseen.written(flight.path, flight.state)
        if flight.is_lack:
            self._set_lacks(path for path in self._lacks() if path != flight.path)
        if outcome.result == "CONFLICT" and outcome.detail:
            self._alert(outcome.detail)
        if outcome.result == "FORBIDDEN":
            self._forbidden(flight.path, flight.state, outcome.detail, flight.content)
        if outcome.result == "REFUSED":
            self._refused[flight.path] = outcome.detail
        if flight.path in self._hints:
            self._hints.add([flight.path])

    def _forbidden(self, path: bytes, state: State, reason: str, content: bytes | None) -> None:
        """The policy refuses a change. What undoes it is on its way: first of all, its content is kept. Raise OSError (the turn fails)."""
        log.info("refused: %r: %s", path, reason)
        self._refusals.add(path, state, reason, content)
        if self._refusals.is_held(path):
            self._refused[path] = f"{_HELD} {reason}"

    def _folded(self, folded: say.Folded) -> None:
        ended = self._uploader.folded(folded)
        if ended is None:
            return
        void = set(folded.void)
        self.progress += len(ended.settled)
        for item in ended.settled:
            self._unseen.forget(item.path)
            # The server folds a run in slices and delivers in between: what waited may be older than the fold of its path, and is void
            # then (the record would not tell: where an edit was taken back, both are made on the same base), or newer.
            waiting = self._receiver.waiting.pop(item.path, None)
            self._receiver.absent.pop(item.path, None)
            if waiting is not None and waiting.delivery.number not in void:
                self._deliveries.append(waiting.delivery)
        for index, result, detail, _ in folded.notable:
            if result == "CONFLICT" and detail:
                self._alert(str(detail))
            if result == "REFUSED" and isinstance(index, int) and 0 <= index < len(ended.run.items):
                self._refused[ended.run.items[index].path] = str(detail)
        self._hints.settled(item.path for item in ended.settled)
        self._again(ended.again)
        if ended.run.is_first and ended.is_last:
            self._is_first = False
            self._confirm()

    def _refuse(self, refused: dict[bytes, str]) -> None:
        """These can not be read: nothing is tried again until something happens to them."""
        self._refused.update(refused)
        self._hints.settled(refused)

    def _again(self, missing: dict[bytes, str]) -> None:
        """These did not arrive: what was changed meanwhile is looked at soon, all others after a pause that grows."""
        for path, reason in missing.items():
            self._hints.look_later([path], reason, WRITING if reason == reasons.CHANGED else FAILED)

    # answers

    def _is_quiet(self) -> bool:
        return (
            self._is_ready
            and not self._is_first
            and not (self._hints or len(self._sender) or self._uploader.current or self._receiver.waiting or self._deliveries)
            and not self._downloader.current
        )

    def _show(self) -> None:
        now = self._clock()
        if max(len(self._uploader.covered), len(self._hints.later)) < _MUCH or now - self._listed_at > _LIST_EVERY:
            self._listed_at, self._waiting = now, self._list_waiting()
        refused = {**self._refused, **self._receiver.obstacles()}
        self.view = View(
            is_connected=self._is_ready,
            is_ready=self._is_ready and not self._is_first,
            waiting=self._waiting,
            coming=self._downloader.coming,
            refused=refused,
            left_out=dict(self._left_out),
            refusal=self._refusal,
            world_id=self._record.meta("world_id"),
            world_name=self._record.meta("world_name"),
            behind_server=self._behind_server,
            alerts=self._all_alerts(),
            reviews=int(self._record.meta(_REVIEWS) or 0),
            position=self._position,
            position_at=self._position_at,
            is_server_back=self._is_server_back,
        )

    def _list_waiting(self) -> dict[bytes, str]:
        """Return the paths about which there is no agreement, and what they wait for."""
        waiting = dict.fromkeys((*self._sender.paths, *self._changed, *self._uploader.covered, *self._uploader.next), "")
        waiting |= {path: said(item) if item.reason != "changed" else "" for path, item in self._receiver.waiting.items()}
        waiting |= self._receiver.absent
        waiting |= {path: later.reason for path, later in self._hints.later.items()}
        return waiting

    def _show_trouble(self) -> None:
        self.view = replace(self.view, alerts=self._all_alerts())

    def _all_alerts(self) -> tuple[str, ...]:
        return (*([self._trouble] if self._trouble else []), *self._alerts)
