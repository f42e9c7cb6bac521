"""A world from a copy: what lies in a node's volumes becomes a world of its own, with another id and another authority (a *fork*);
or the same world goes on from it, where its server is gone (a *succession*).

Of the copy only the world's files are taken, and of the state beside it the repository and its large contents: never keys, replicas, bases or
archives, so that nothing can bring the two together by accident. It runs once, in a container of its own, before the new server's agent starts.
The tables come into being last, in one step: what was interrupted before that begins anew.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import json
import os
import secrets
import shutil
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from fwrkit.agent import paths
from fwrkit.agent.files import database
from fwrkit.agent.files.copying import Copied, Copier
from fwrkit.agent.files.ignore import ALWAYS, IgnoreList
from fwrkit.agent.files.tree import Tree, write_all
from fwrkit.agent.policy import default_text
from fwrkit.agent.repository import Pointer, pointer_oid
from fwrkit.agent.server import tables, world
from fwrkit.agent.server.canon import Canon
from fwrkit.agent.server.history import History
from fwrkit.agent.server.origins import Kind, Origin, citizens_of, past_of, read_kind, world_in
from fwrkit.agent.server.past import Head, Past
from fwrkit.agent.server.register import Register
from fwrkit.agent.server.store import Store
from fwrkit.agent.server.succession import Succession, install_authority, take_over_audit, take_over_roll
from fwrkit.agent.settings import Node, Places
from fwrkit.agent.states import ABSENT, DIRECTORY, file_state
from fwrkit.core.errors import ExitCode, FwrError

_MARK = "founding"  # in the state directory, while a founding is under way
_TABLES = "founding.sqlite"
_NEVER = IgnoreList((".fwr-sentinel*", "**/.unison.*"))
_SERVERS_OWN = IgnoreList((os.fsdecode(paths.ROLL), os.fsdecode(paths.AUDIT)))  # of the other world: who belongs to this one, begins anew


@dataclass(frozen=True)
class Founded:
    """A world that was founded, and the one that it comes from. ``version`` is the newest that they share, empty without a history.

    ``absent`` counts files of that version that the copy does not have (deleted there, left out, or not there yet): they are not in a fork.
    ``lost`` counts old versions of large files whose content the copy did not have; ``citizens`` are who belonged to the other world.
    ``is_still`` is false where the copy never came to rest: each file is whole, but they may be of different moments.
    """

    id: str
    name: str
    template: str
    origin_id: str
    origin_name: str
    version: str
    versions: int
    files: int
    bytes: int
    snapshots: int
    absent: int
    lost: int
    is_still: bool
    citizens: list[str]


def found(
    node: Node, places: Places, origin: Origin, report: Callable[[str], None] = lambda _: None, succession: Succession | None = None
) -> Founded:
    """Given a new server's node and its empty volumes, make its world from a copy. Repeating it is harmless; what was interrupted begins anew.

    With a ``succession`` it is the same world, and goes on as it was; a peer's has no authority, and adds nothing to the audit log.

    Raise FwrError: NOT_FOUND (no world or no history there, no such version, contents that are not there), TAKEN (this node has a world
    already), FAILED (what is there can not be read).
    """
    done = _founded_before(places.state)
    if done is not None:
        return done
    try:
        return _found(node, places, origin, report, succession)
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        raise FwrError(ExitCode.NO_SPACE, "The disk is full.", "Make room, then repeat the command.") from error


def of_server(keys: Path, volume: Path, templates: Path) -> Succession | None:
    """Return how another server of the same world would begin, given the volumes of one and where templates are; None if those are no server's keys.

    Its authority is not taken: drills play that it is lost. Raise FwrError as :func:`found`.
    """
    trusted, former = keys / "authorities.pub", keys / "authorities-former.pub"
    if not trusted.is_file():
        return None
    kind = read_kind(world_in(volume), templates)
    before = tuple(former.read_text().splitlines()) if former.is_file() else ()
    return Succession(kind.id, kind.name, tuple(trusted.read_text().splitlines()), before)


def _found(node: Node, places: Places, origin: Origin, report: Callable[[str], None], succession: Succession | None) -> Founded:
    state = places.state
    source = world_in(origin.volume)
    past = past_of(origin, source)
    if past is not None:
        past.large_limit = node.settings.large_limit
    if succession is not None and past is None:
        raise FwrError(
            ExitCode.REFUSED, "This node holds no history of its world.", "Promote another: the roll is believed by the history alone."
        )
    # of the same world, its own records are taken from the history: in the node's world, a stranger's PHP may have written
    kind = read_kind(source, places.templates, past if succession is not None else None)
    plan = _plan(node, kind, succession)
    mark = _lock(places)
    try:
        done = _founded_before(state)  # by somebody who was at it a moment ago
        if done is not None:
            return done
        _clear(places)
        try:
            answer = _make(node, places, origin, plan, kind, past, source, report, succession)
            database.copy(state / _TABLES, state / tables.NAME)
        except BaseException:
            _clear(places)  # also in a directory of the host, which nobody else would empty
            (state / _MARK).unlink(missing_ok=True)
            raise
        for name in (_TABLES, f"{_TABLES}-wal", f"{_TABLES}-shm", _MARK):
            (state / name).unlink(missing_ok=True)
        return answer
    finally:
        os.close(mark)


def _make(
    node: Node, places: Places, origin: Origin, plan: _Plan, kind: Kind, past: Past | None, source: Path, report: Callable[[str], None],
    succession: Succession | None,
) -> Founded:  # fmt: skip
    state = places.state
    with contextlib.ExitStack() as stack:
        store = Store(state / _TABLES)
        stack.callback(store.close)
        history = History(state / "history.git", plan.id)
        if past is not None:
            report("Copying the history")
            past.bring(history, store, report, with_tags=succession is not None)
        canon = Canon(state, store, history)
        stack.callback(canon.tree.close)
        places.world.mkdir(exist_ok=True)
        world.own(places.world, node.owner)
        target = Tree(places.world, node.owner)
        stack.callback(target.close)
        report("Copying the world")
        copied, is_still = _fill(source, target, past if origin.version else None, plan, kind, places.templates, report)
        if succession is not None and past is not None:
            past.complete(target, copied)
        words = install_authority(succession, places.keys) if succession is not None else ""
        founder = _Founder(node, plan, kind, past, source, Parts(store, history, canon, target))
        answer = replace(founder.settle(copied, words), is_still=is_still)
        store.set_meta("founded", json.dumps(asdict(answer)))
        target.sync_all()
        history.sync()
    return answer


def _founded_before(state: Path) -> Founded | None:
    if not (state / tables.NAME).exists():
        return None
    store = Store(state / tables.NAME)
    try:
        founded = store.meta("founded")
    finally:
        store.close()
    if not founded:
        raise FwrError(ExitCode.TAKEN, "This node has a world already.", "Choose another name for the new one.")
    return Founded(**json.loads(founded))


def _lock(places: Places) -> int:
    """Have these volumes for oneself: what an interrupted founding left there may go, anything else is somebody's. Return what keeps others out."""
    mark, history = places.state / _MARK, places.state / "history.git"
    is_used = history.exists() or (places.world.is_dir() and any(places.world.iterdir()))
    if is_used and not mark.exists():
        hint = "Choose another name, or an empty directory."
        raise FwrError(ExitCode.TAKEN, "There is something in this node's volumes already.", hint)
    lock = os.open(mark, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        os.close(lock)
        raise FwrError(ExitCode.TAKEN, "The world of this node is being made just now.", "Wait until it is, then try again.") from error
    return lock


def _clear(places: Places) -> None:
    """Begin with nothing."""
    for path in (places.state / "history.git", places.state / "canon", places.state / "incoming"):
        shutil.rmtree(path, ignore_errors=True)
    for path in places.world.iterdir() if places.world.is_dir() else ():
        shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
    for suffix in ("", "-wal", "-shm"):
        (places.state / f"{_TABLES}{suffix}").unlink(missing_ok=True)


def _fill(
    source: Path, target: Tree, past: Past | None, plan: _Plan, kind: Kind, templates: Path, report: Callable[[str], None]
) -> tuple[dict[bytes, Copied], bool]:
    """Fill the world: from a version of the history if there is one to take it from, else with what lies in the copy now."""
    if past is not None:
        skeleton = templates / kind.template
        empty = [os.fsencode(path.relative_to(skeleton)) for path in sorted(skeleton.rglob("*")) if path.is_dir()]
        return past.check_out(target, plan.left_out.matches, empty), True
    with contextlib.closing(Tree(source)) as tree:
        copier = Copier(tree, target, lambda path: _NEVER.matches(path) or plan.left_out.matches(path), report)
        is_still = copier.run()
    return copier.copied, is_still


@dataclass(frozen=True)
class _Plan:
    """What the world will be, which of the copied records do not belong to it, and whether it is the same world as the copied one,
    where it may be a peer's."""

    id: str
    name: str
    left_out: IgnoreList
    is_same: bool
    is_peer: bool = False


def _plan(node: Node, kind: Kind, succession: Succession | None) -> _Plan:
    if succession is None:
        return _Plan(secrets.token_hex(8), node.world_name, _SERVERS_OWN, is_same=False)
    if succession.world_id != kind.id:
        text = f"The copy is of '{kind.name}', and its node belongs to '{succession.world_name}'."
        raise FwrError(ExitCode.REFUSED, text, "Promote the node whose volumes these are.")
    return _Plan(kind.id, kind.name, IgnoreList((os.fsdecode(paths.RECORDS),)), is_same=True, is_peer=succession.is_peer)


@dataclass(frozen=True)
class Parts:
    """What a server's state is made of, and its world."""

    store: Store
    history: History
    canon: Canon
    target: Tree


@dataclass(frozen=True)
class _Founder:
    """Makes canon, tables and the first commit out of what was copied into a world."""

    node: Node
    plan: _Plan
    kind: Kind
    past: Past | None
    source: Path
    parts: Parts

    def settle(self, copied: dict[bytes, Copied], authority: str) -> Founded:
        """Do it in one transaction, and return what came of it. ``authority``: what became of it, where the world stays the same."""
        store, history, past, now = self.parts.store, self.parts.history, self.past, int(time.time())
        shared = history.head()
        register = Register(store.db)
        with store.transaction():
            self._remember(shared)
            operator = world.operator(self.node, store).name
            self._write_records(copied, now)
            blobs = self._fill_canon(copied, operator, now)
            if past is not None:
                past.count_lost(history, store)
                if not self.plan.is_same:
                    named = [(tag.name, tag.version, tag.by, tag.time) for tag in past.snapshots]
                    store.set_meta("brought_snapshots", json.dumps(named))
            if self.plan.is_same:
                laid = Path(os.fsdecode(self.parts.target.root))
                take_over_roll(laid, store, register, operator, self.plan.is_peer)
                fault = take_over_audit(laid, register)
                if self.plan.is_peer:  # the server alone writes the log
                    store.set_meta("peer", "yes")
                else:
                    details = {"node": self.node.name, "version": shared[:10], "authority": authority}
                    register.add_entry(now, operator, "promote", self.plan.name, {**details, **({"log before": fault} if fault else {})})
                number = store.go_on_from(past.number if past is not None else 0)
            else:
                details = {"from": self.kind.name, "id": self.kind.id, "version": shared[:10]}
                register.add_entry(now, operator, "fork", self.plan.name, details)
                number = store.last_version()
        history.commit_tree(((path, oid) for path, oid, _ in blobs), operator, now, self._words, number)
        self.parts.canon.tree.sync_all()
        answer = Founded(
            id=self.plan.id, name=self.plan.name, template=self.kind.template, origin_id=self.kind.id, origin_name=self.kind.name,
            version=shared, versions=0, files=len(blobs), bytes=sum(size for _, _, size in blobs), snapshots=0, absent=0, lost=0, is_still=True,
            citizens=citizens_of(self.source, operator),
        )  # fmt: skip
        if past is None:
            return answer
        absent = len(self._expected(past) - {path for path, _, _ in blobs})
        return replace(answer, versions=past.count, snapshots=len(past.snapshots), absent=absent, lost=past.lost)

    @property
    def _words(self) -> str:
        if self.plan.is_same:
            return f"{self.node.name} serves as a peer\n" if self.plan.is_peer else f"{self.node.name} is promoted\n"
        return f"fork of {self.kind.name} as {self.plan.name}\n"

    def _expected(self, past: Past) -> set[bytes]:
        return {path for path in past.heads if not self.plan.left_out.matches(path)}

    def _remember(self, shared: str) -> None:
        about = {"id": self.kind.id, "name": self.kind.name, "version": shared}
        forked_from = self.kind.forked_from if self.plan.is_same else json.dumps(about)
        meta = {"world_id": self.plan.id, "world_name": self.plan.name, "template": self.kind.template, "forked_from": forked_from}
        world.remember(self.parts.store, {**meta, **{name: json.dumps(values) for name, values in self.kind.lists.items()}})

    def _write_records(self, copied: dict[bytes, Copied], now: int) -> None:
        """Write what the world is, where it is another one, and a policy where none was brought."""
        texts = {} if self.plan.is_same else {b".fwr/world.toml": world.world_text(self.parts.store)}
        if paths.POLICY not in copied and not self.plan.is_peer:
            texts[paths.POLICY] = default_text(self.kind.template)
        self.parts.target.make_directories(paths.RECORDS)
        copied[paths.RECORDS] = Copied(DIRECTORY)
        for path, text in texts.items():
            copied[path] = _write_file(self.parts.target, path, text.encode(), now * 10**9)

    def _fill_canon(self, copied: dict[bytes, Copied], operator: str, now: int) -> list[tuple[bytes, bytes, int]]:
        """Put what travels into the canon, its tables and the history; return path, raw blob id and size of each file."""
        store, tree = self.parts.store, self.parts.canon.tree
        ignored = IgnoreList((*ALWAYS, *self.kind.lists["ignore"]))
        known = self.past.heads if self.past is not None else {}
        blobs, changed = [], []
        for path in sorted(path for path in copied if not ignored.matches(path) and paths.why_not(path) is None):
            what, before = copied[path], known.get(path)
            if what.state == DIRECTORY:
                tree.make_directories(path)
                store.set_entry(path, DIRECTORY, 0, 0, operator)
                continue
            tree.make_directories(paths.parent(path))
            _copy_file(self.parts.target, tree, path, what)
            oid = _blob(self.parts.history, self.parts.canon, path, what, self.node.settings.large_limit, before)
            blobs.append((path, oid, what.size))
            if before is not None and before.file.state == what.state:
                store.set_entry(path, what.state, what.size, what.time, before.author)
            else:
                changed.append((store.set_head(path, what.state, what.size, what.time, operator, now * 10**9, "as it was copied"), oid))
        gone = sorted(known.keys() - {path for path, _, _ in blobs})
        numbers = [(store.set_head(path, ABSENT, 0, 0, operator, now * 10**9, "as it was copied"), None) for path in gone]
        store.mark_committed([*changed, *numbers])
        return blobs


def _write_file(target: Tree, path: bytes, content: bytes, moment: int) -> Copied:
    """Put a file into a tree in place of what is there; ``moment`` in Unix nanoseconds."""
    target.unlink(path)
    target.make_directories(paths.parent(path))
    target.create(path, lambda fd: write_all(fd, content), moment)
    return Copied(file_state(content), len(content), moment)


def _copy_file(source: Tree, target: Tree, path: bytes, what: Copied) -> None:
    full = os.path.join(target.root, path)
    shutil.copyfile(os.path.join(source.root, path), full, follow_symlinks=False)
    os.utime(full, ns=(what.time, what.time))


def _blob(history: History, canon: Canon, path: bytes, what: Copied, large_limit: int, before: Head | None) -> bytes:
    """Return the raw blob id by which the history has a file of the canon, written where it does not yet."""
    place = Path(os.fsdecode(canon.path_of(path)))
    is_same = before is not None and before.file.state == what.state
    if (
        is_same
        and before is not None
        and (before.file.oid != pointer_oid(Pointer(what.state, what.size)) or history.large_object(what.state))
    ):
        return before.file.oid
    if what.size > large_limit or is_same:
        return history.write_large(what.state, what.size, place)
    return history.write(place.read_bytes())
