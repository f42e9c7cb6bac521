"""The republic in one thread: a hub and engines as they are, whose every step, frame and piece of disk work is taken when the schedule says so.

Nothing here waits and nothing happens by itself. A sequence of the same operations is the same sequence every time: time is counted,
random names are numbered, and a file's change time, which the kernel's clock gives, is left out of stamps (every write of a program has
a time of its own instead).
"""

from __future__ import annotations

import itertools
import logging
import os
import shutil
import sqlite3
import tempfile
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Executor
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any
from unittest import mock

from fwrkit.agent.backoff import Pauses
from fwrkit.agent.citizen import downloads, refusals, uploads
from fwrkit.agent.citizen.engine import Engine
from fwrkit.agent.citizen.record import Record
from fwrkit.agent.citizen.requests import Request
from fwrkit.agent.files import linux
from fwrkit.agent.files.flat import empty
from fwrkit.agent.files.ignore import ALWAYS, IgnoreList
from fwrkit.agent.files.tree import Stamp
from fwrkit.agent.filters import Filters
from fwrkit.agent.paths import is_beneath
from fwrkit.agent.policy import Decision
from fwrkit.agent.server import deliveries, hub, runs, session
from fwrkit.agent.server.canon import Canon
from fwrkit.agent.server.fold import Fold
from fwrkit.agent.server.historian import Historian
from fwrkit.agent.server.history import History
from fwrkit.agent.server.hub import Hub
from fwrkit.agent.server.landing import Landing
from fwrkit.agent.server.session import Session
from fwrkit.agent.server.store import Citizen, Store
from fwrkit.agent.settings import Settings
from fwrkit.agent.states import is_file
from fwrkit.core.names import FIRST_UID
from tests.model.ledger import Ledger, marks
from tests.model.network import Connection
from tests.model.syscalls import Crash, Fault, intercepted, struck_by
from tests.model.world import LARGE, Waits, World

QUICK = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
LOGS = ("**/*.changes",)
SETTINGS = Settings(
    inline_limit=LARGE - 30, batch_count=4, batch_bytes=400, run_count=4, large_limit=LARGE + 50, concurrent_runs=1, walk_every=1e9,
    guard_emptied=1000,  # nobody here could approve that a world of eight paths is emptied
)  # fmt: skip
_WORLD_ID = "w" * 16


class Workers(Executor):
    """Where slow disk work waits until the schedule has it done: any of the first ``width``, as threads would."""

    def __init__(self, width: int) -> None:
        self._width = width
        self.jobs: list[Callable[[], Any]] = []

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:
        self.jobs.append(lambda: fn(*args, **kwargs))

    def work(self, choice: int = 0) -> bool:
        """Do one piece of work. Return False if there is none."""
        if not self.jobs:
            return False
        self.jobs.pop(choice % min(self._width, len(self.jobs)))()
        return True


class Ferry:
    """Brings bulk content as Unison does: under a name of its own first, one file after the other; it ends with its connection."""

    def __init__(self, replica: Path, outbox: Path) -> None:
        self._replica = replica
        self._outbox = outbox
        self.is_stopped = False

    def send(self, outgoing: Path) -> None:
        self._bring(outgoing, self._replica)

    def fetch(self, run: int, staging: Path) -> None:
        empty(staging)
        self._bring(self._outbox / str(run), staging)

    def stop(self) -> None:
        self.is_stopped = True

    def _bring(self, source: Path, target: Path) -> None:
        if self.is_stopped:
            raise OSError("the connection has ended")
        for name in sorted(os.listdir(source)):
            reading = os.open(source / name, os.O_RDONLY)
            writing = os.open(target / f".unison.{name}", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            try:
                position = 0
                while chunk := os.pread(reading, 64, position):
                    position += len(chunk)
                    while chunk:
                        chunk = chunk[os.write(writing, chunk) :]
            finally:
                os.close(reading)
                os.close(writing)
            os.rename(target / f".unison.{name}", target / name)


class Unexpected(logging.Handler):
    """Collects what the agent logs as an error of its own, unless a fault that the schedule made was the cause."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.records: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        error = record.exc_info[1] if record.exc_info else None
        while error is not None:
            if isinstance(error, sqlite3.OperationalError) and "full" in str(error):
                return
            if isinstance(error, OSError) and "by the model" in str(error):
                return
            error = error.__cause__ or error.__context__
        self.records.append(self.format(record))


class Server:
    """The hub's process: tables, canon, history, historian. :meth:`kill` and a new one on the same directory is a restart."""

    def __init__(self, state: Path, refused: set[bytes]) -> None:
        self.state = state
        self.workers = Workers(SETTINGS.concurrent_runs + 1)
        self._stores = [Store(state / "hub.sqlite"), Store(state / "hub.sqlite")]
        self.store = self._stores[0]
        self.history = History(state / "history.git", _WORLD_ID)
        self.canon = Canon(state, self.store, self.history)
        self.canon.recover()
        self.fold = Fold(self.store, self.canon, IgnoreList(ALWAYS), IgnoreList(LOGS), IgnoreList(()))
        self.fold.reviews.sweep()
        judged = self.fold.policing.refused

        def note(citizen: Citizen, path: bytes, decision: Decision) -> None:
            refused.add(path)
            judged(citizen, path, decision)

        self.fold.policing.refused = note  # type: ignore[method-assign]
        self.hub = Hub(self.store, self.canon, self.fold, SETTINGS, state, self.workers)
        self.announced = self.store.last_version()
        self.historian = Historian(self._stores[1], History(state / "history.git", _WORLD_ID), self.canon, SETTINGS)
        self.hub.on_commit = self._announce

    def _announce(self, version: int) -> None:
        self.announced = version

    def write_history(self) -> None:
        """Let the historian do a round."""
        try:
            self.historian.commit_some(self.announced)
        except (OSError, sqlite3.Error) as error:
            if "full" not in str(error) and "by the model" not in str(error):
                raise

    @property
    def is_quiet(self) -> bool:
        """Whether nothing is queued."""
        return self.hub._queue.empty() and not self.workers.jobs

    def kill(self) -> None:
        """The process is gone; what was not committed never happened."""
        for store in self._stores:
            store.close()
        self.canon.tree.close()
        self.workers.jobs.clear()


class Member:
    """One citizen's machine: programs, an agent that can be killed and started, and a connection that can be cut."""

    def __init__(self, stage: Stage, name: str) -> None:
        self._stage = stage
        self.name = name
        self.volume = stage.root / name
        self._copy = stage.root / f"{name}.copy"
        (self.volume / "world").mkdir(parents=True)
        self.world = World(name, self.volume / "world", stage.ledger, stage.serial)
        self.world.on_change = self._hint
        self.is_hinting = True
        self.now = 1000.0
        self.connection: Connection | None = None
        self._ferry: Ferry | None = None
        self.start()

    def _hint(self, paths: list[bytes]) -> None:
        if self.is_hinting:
            self.engine.hint(paths)

    def start(self) -> None:
        """Start the agent, as `fwrkit-agent run` does."""
        self.workers = Workers(2)
        self._record = Record(self.volume / "record.sqlite")
        owner = (os.geteuid(), os.getegid())
        arguments = (self.name, self.name, self.volume / "world", self.volume / "private", self._record, owner, SETTINGS)
        self.engine = Engine(*arguments, clock=lambda: self.now, workers=self.workers)
        self.engine.take_up()
        self.engine.hint(None)

    def step(self) -> None:
        """Let the engine take a turn, a little later than the last."""
        self.now += 0.05
        self.engine.step(0.0)

    def connect(self) -> None:
        """Dial, if there is no connection; the server may still hold an older one for alive."""
        if self.connection is not None:
            return
        server, connection = self._stage.server, Connection()
        citizen = server.store.citizen(name=self.name)
        assert citizen is not None
        landing = Landing(server.state, self.name, citizen.uid)
        ferry = Ferry(landing.replica, landing.outbox)
        served = Session(connection.server, citizen)
        connection.server.on_message = lambda message: server.hub.put(served, message)
        connection.server.on_end = lambda _: server.hub.wake()
        connection.client.on_message = lambda message: self.engine.received(connection.client, message)
        connection.client.on_end = lambda _: self._ended(connection, ferry)
        self._stage.connections.append((self.name, connection))
        self._stage.ferries.append((citizen.uid, ferry))
        self.connection, self._ferry = connection, ferry
        self.engine.connected(connection.client, ferry)

    def _ended(self, connection: Connection, ferry: Ferry) -> None:
        ferry.stop()
        if self.connection is connection:
            self.connection = None
        self.engine.ended(connection.client)

    def kept_marks(self) -> set[bytes]:
        """Return the marks of what the agent keeps since it was refused."""
        directory = self.volume / "private" / "refused"
        kept = refusals.read(directory) if directory.is_dir() else []
        return {mark for each in kept if each.has_content for mark in marks((directory / str(each.number)).read_bytes())}

    def kill(self) -> None:
        """The agent's process is gone, its connection with it; what was not committed never happened."""
        self._record._db.close()
        for tree in (self.engine._tree, self.engine._placer._exchange, self.engine._placer._kept):
            tree.close()
        self.workers.jobs.clear()
        if self.connection is not None:
            self.connection.client.close("killed")

    def restart(self) -> None:
        """Kill the agent and start it."""
        self.kill()
        self.start()

    def copy(self) -> None:
        """Take a copy of world and record, as a backup does, while no program is in the middle of a file."""
        self.world.end_all()
        shutil.rmtree(self._copy, ignore_errors=True)
        shutil.copytree(self.volume, self._copy)

    def restore(self, what: str) -> bool:
        """Put ``record``, ``world`` or ``both`` back from the copy, or an empty one if there is none; the agent does not run meanwhile."""
        self.world.end_all()
        self.kill()
        if what != "world":
            for name in ("record.sqlite", "record.sqlite-wal", "record.sqlite-shm"):
                _put_back(self._copy / name, self.volume / name)
        if what != "record":
            self.world.forget_all(
                {path for content in self._stage.canon_tree().values() if content for path in marks(content)}, self.kept_marks()
            )
            for name in ("world", "private"):
                shutil.rmtree(self.volume / name)
                _put_back(self._copy / name, self.volume / name)
            (self.volume / "world").mkdir(exist_ok=True)
        self.start()
        return self._copy.exists()


class Stage:
    """A server and its citizens in a directory of their own, which is removed at the end."""

    def __init__(self, root: Path, names: tuple[str, ...]) -> None:
        self.root = root
        self.ledger = Ledger()
        self.refused: set[bytes] = set()  # paths at which the policy has refused something
        self.serial = itertools.count(1)
        self.connections: list[tuple[str, Connection]] = []
        self.ferries: list[tuple[int, Ferry]] = []
        self.state = root / "state"
        for name in ("replicas", "outboxes", "accounts"):
            (self.state / name).mkdir(parents=True)
        store = Store(self.state / "hub.sqlite")
        store.set_meta("world_id", _WORLD_ID)
        store.set_meta("world_name", "model")
        for number, name in enumerate(names):
            citizen = store.add_citizen(name, FIRST_UID + number, "citizen", 0)
            Landing(self.state, name, citizen.uid).create()
        store.close()
        self.server = Server(self.state, self.refused)
        self.members = {name: Member(self, name) for name in names}
        self.waiting: list[Callable[[], None]] = []
        self.after_step: Callable[[str], None] = lambda _: None

    def close(self) -> None:
        """Let go of everything."""
        for member in self.members.values():
            member.world.end_all()
            member.kill()
        self.server.kill()

    # steps

    def take(self, who: str, step: Callable[[], Any], fault: Fault | None = None) -> None:
        """Have a member's agent or ``server`` take a step, in which a fault may strike; a process that crashed starts anew."""
        try:
            with struck_by(fault):
                step()
        except Crash:
            self.restart(who)
        waiting, self.waiting = self.waiting, []
        for edit in waiting:
            self.edit(edit)
        self.after_step(who)

    def edit(self, edit: Callable[[], None]) -> None:
        """Have a program edit; it waits until the agent's step has ended if the agent holds a lease."""
        try:
            edit()
        except Waits:
            self.waiting.append(edit)

    def restart(self, who: str) -> None:
        """Have a process start anew, from what is on disk."""
        if who != "server":
            self.members[who].restart()
            return
        self.server.kill()
        for _, connection in self.connections:
            connection.server.close("the server is gone")
        self.server = Server(self.state, self.refused)

    def canon_tree(self) -> dict[bytes, bytes | None]:
        """Return what the server has accepted."""
        canon = self.server.canon
        return {entry.path: canon.read(entry.state) if is_file(entry.state) else None for entry in self.server.store.entries()}

    def copy_server(self) -> None:
        """Take a copy of the server's state, as a backup does."""
        shutil.rmtree(self.root / "state.copy", ignore_errors=True)
        shutil.copytree(self.state, self.root / "state.copy")

    def restore_server(self) -> bool:
        """Put the server's state back from the copy. What was nowhere but there since is gone with the old one. Return False if there is no copy."""
        if not (self.root / "state.copy").exists():
            return False
        self.server.kill()
        for _, connection in self.connections:
            connection.server.close("the server is gone")
        for member in self.members.values():
            member.step()  # what it had said already is acted upon
        shutil.rmtree(self.state)
        shutil.copytree(self.root / "state.copy", self.state)
        self.server = Server(self.state, self.refused)
        here = {mark for member in self.members.values() for content in member.world.tree().values() if content for mark in marks(content)}
        for mark in self.ledger.marks:
            if mark not in here:
                self.ledger.replaced.setdefault(mark, set())
        return True

    def end_programs_of(self, uid: int, _: str = "") -> None:
        """As the agent ends a citizen's Unison."""
        for ferry in [ferry for owner, ferry in self.ferries if owner == uid][:-1]:  # the newest one has not begun anything
            ferry.stop()

    def _sweep(self) -> None:
        self.connections = [item for item in self.connections if not (item[1].client.is_closed and item[1].server.is_closed)]

    def up(self, name: str, count: int = 1) -> None:
        """Have frames of a member, of their oldest connection that has any, arrive at the server."""
        for _ in range(count):
            if not any(connection.server.take() for owner, connection in self.connections if owner == name):
                return

    def down(self, name: str, count: int = 1) -> None:
        """Have frames arrive at a member."""
        connection = self.members[name].connection
        for _ in range(count):
            if connection is None or not connection.client.take():
                return

    def cut(self, name: str, up: int, down: int, who_notices: int) -> None:
        """Cut a member's connection: the frames behind the first ones of each direction are lost. 0: both ends notice, 1: the client, 2: the server."""
        connection = self.members[name].connection
        if connection is None:
            return
        connection.cut(up, down)
        ends = ((connection.client, connection.server), (connection.client,), (connection.server,))
        connection.notice(*ends[who_notices % 3])

    def _notice_cuts(self) -> None:
        for _, connection in self.connections:
            if connection.client.peer is None:
                connection.notice(connection.client, connection.server)

    def round(self) -> bool:
        """Have everything happen once that can. Return whether there is nothing left to do."""
        self._sweep()
        for member in self.members.values():
            member.connect()
        for name, member in self.members.items():
            self.take(name, member.step)
            while member.workers.jobs:
                self.take(name, member.workers.work)
        for name in self.members:
            self.up(name, 1000)
        self.take("server", self.server.hub.step)
        while self.server.workers.jobs:
            self.take("server", self.server.workers.work)
        for name in self.members:
            self.down(name, 1000)
        return self.server.is_quiet and not any(
            connection.client.incoming or connection.server.incoming for _, connection in self.connections
        )

    def settle(self, rounds: int = 150) -> list[str]:
        """Let everything come to rest: programs finish, connections come back, everybody asks whether they agree. Return who does not."""
        for member in self.members.values():
            member.world.end_all()
        self._notice_cuts()
        requests: dict[str, Request] = {}
        for _ in range(2):  # what one brings, the others get
            requests = {name: Request() for name in self.members}
            for name, member in self.members.items():
                request = requests[name]
                member.engine._queue.put(lambda engine=member.engine, request=request: engine._requests.add(request))  # type: ignore[misc]
            for number in range(rounds):
                is_quiet = self.round()
                if number % 5 == 4:
                    self._pass_time(6.0)
                if is_quiet and not self._unsettled(requests):
                    break
        self.server.write_history()
        return [self._what_waits(name) for name in self._unsettled(requests)]

    def _unsettled(self, requests: dict[str, Request]) -> list[str]:
        """Return who still waits for an answer; who is banned is not answered."""
        banned = {citizen.name for citizen in self.server.store.citizens() if citizen.is_banned}
        return [name for name, request in requests.items() if not (request.done.is_set() or name in banned or self._is_obstructed(name))]

    def _is_obstructed(self, name: str) -> bool:
        """Say whether a member waits for nothing but what it ignores itself, and what stands in the way of a file of others."""
        member = self.members[name]
        own = Filters.from_text(member._record.meta("filters"))
        ignored = [path for path in member.world.tree() if own.ignores(path)] if own.ignored else []
        waiting = member.engine._receiver.waiting.values()
        return bool(waiting) and all(
            each.reason == "obstructed" and any(is_beneath(path, each.delivery.path) for path in ignored) for each in waiting
        )

    def _what_waits(self, name: str) -> str:
        """Say for people what a member waits for."""
        engine = self.members[name].engine
        hub = [session for session in self.server.hub._sessions.values() if session.citizen.name == name]
        due = [(list(session.due), list(session.outstanding_paths), session.upward, session.downward) for session in hub]
        here = (
            list(engine._hints._paths),
            list(engine._hints.later),
            engine._sender.paths,
            engine._uploader.current,
            engine._receiver.waiting,
        )
        return f"{name} (hints, busy, sent, run, waiting: {here}; at the server due, sent, runs: {due})"

    def _pass_time(self, seconds: float) -> None:
        for member in self.members.values():
            member.now += seconds


def _put_back(source: Path, target: Path) -> None:
    if source.is_dir():
        shutil.copytree(source, target)
    elif source.exists():
        shutil.copyfile(source, target)
    else:
        target.unlink(missing_ok=True)


@contextmanager
def stage(names: tuple[str, ...]) -> Iterator[Stage]:
    """Set a stage on which everything is small, so that a handful of files takes every way there is."""
    numbers = itertools.count()
    small: list[tuple[Any, str, Any]] = [
        (runs, "_TURN", 2), (runs, "_SLICE_ENTRIES", 5), (runs, "_SLICE_FILES", 3), (runs, "_EXAMINED", 2),
        (deliveries, "_AT_ONCE", 2), (session, "WINDOW_COUNT", 3),
        (session, "WINDOW_BYTES", 300), (uploads, "_PART_COUNT", 2), (downloads, "_PAUSES", Pauses(0.0, 0.0)),
        (refusals, "_OFTEN", 3), (refusals, "_WITHIN", 10.0), (refusals, "_FIRST_HOLD", 10.0), (refusals, "_LAST_HOLD", 20.0),
        (threading, "Timer", lambda *_: mock.Mock()),
        (os, "urandom", lambda size: next(numbers).to_bytes(size, "big")),
        (Stamp, "of", lambda status: Stamp(status.st_size, status.st_mtime_ns, 0, status.st_ino)),
    ]  # fmt: skip
    unexpected = Unexpected()
    log = logging.getLogger("fwrkit")
    linux.ignore_lease_breaks()
    with ExitStack() as stack:
        root = Path(tempfile.mkdtemp(prefix="fwrkit-model-", dir=QUICK))
        stack.callback(shutil.rmtree, root, ignore_errors=True)
        for owner, name, value in small:
            stack.enter_context(mock.patch.object(owner, name, value))
        stack.enter_context(intercepted())
        log.addHandler(unexpected)
        stack.callback(log.removeHandler, unexpected)
        set_up = Stage(root, names)
        stack.enter_context(mock.patch.object(hub, "end_processes_of", set_up.end_programs_of))
        stack.callback(set_up.close)
        yield set_up
        with suppress(Crash):
            assert not unexpected.records, "\n".join(unexpected.records)
