"""A world from a copy: what lies in a node's volumes becomes a world of its own, with another id and another authority (a *fork*).

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
import tomllib
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from fwrkit.agent import paths, public_records
from fwrkit.agent.files import database
from fwrkit.agent.files.copying import Copied, Copier
from fwrkit.agent.files.ignore import ALWAYS, IgnoreList
from fwrkit.agent.files.tree import Tree, write_all
from fwrkit.agent.policy import default_text
from fwrkit.agent.repository import Pointer, Repository, pointer_oid
from fwrkit.agent.server import tables, world
from fwrkit.agent.server.canon import Canon
from fwrkit.agent.server.history import History
from fwrkit.agent.server.past import Head, Past
from fwrkit.agent.server.register import Register
from fwrkit.agent.server.store import FORMER, Store
from fwrkit.agent.settings import Node, Places
from fwrkit.agent.states import DIRECTORY, file_state
from fwrkit.core.errors import ExitCode, FwrError

_LIMIT = 1024 * 1024  # bytes of a world.toml
_MARK = "founding"  # in the state directory, while a founding is under way
_TABLES = "founding.sqlite"
_NEVER = IgnoreList((".fwr-sentinel", ".fwr-sentinel.new", "**/.unison.*"))
_SERVERS_OWN = IgnoreList((os.fsdecode(paths.ROLL), os.fsdecode(paths.AUDIT)))  # of the other world: who belongs to this one, begins anew
_LISTS = ("ignore", "union_logs", "texts")


@dataclass(frozen=True)
class Origin:
    """Where a copy lies: the volume with the world, the state volume or None, and which version is wanted (as people name it; empty: as it is)."""

    volume: Path
    state: Path | None = None
    version: str = ""


@dataclass(frozen=True)
class Founded:
    """A world that was founded, and the one that it comes from. ``version`` is the newest that they share, empty without a history.

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
    lost: int
    is_still: bool
    citizens: list[str]


@dataclass(frozen=True)
class _Kind:
    """What the copy says that it is."""

    id: str
    name: str
    template: str
    lists: dict[str, list[str]]


def found(node: Node, places: Places, origin: Origin, report: Callable[[str], None] = lambda _: None) -> Founded:
    """Given a new server's node and its empty volumes, make its world from a copy. Repeating it is harmless; what was interrupted begins anew.

    Raise FwrError: NOT_FOUND (no world or no history there, no such version, contents that are not there), TAKEN (this node has a world
    already), FAILED (what is there can not be read).
    """
    done = _founded_before(places.state)
    if done is not None:
        return done
    try:
        return _found(node, places, origin, report)
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        raise FwrError(ExitCode.NO_SPACE, "The disk is full.", "Make room, then repeat the command.") from error


def _found(node: Node, places: Places, origin: Origin, report: Callable[[str], None]) -> Founded:
    state = places.state
    source = _world_in(origin.volume)
    kind = _read_kind(source, places.templates)
    past = _past(origin, source)
    mark = _make_room(places)
    with contextlib.ExitStack() as stack:
        stack.callback(os.close, mark)
        store = Store(state / _TABLES)
        stack.callback(store.close)
        world_id = secrets.token_hex(8)
        history = History(state / "history.git", world_id)
        if past is not None:
            report("Copying the history")
            past.bring(history, store, report)
        canon = Canon(state, store, history)
        stack.callback(canon.tree.close)
        places.world.mkdir(exist_ok=True)
        world.own(places.world, node.owner)
        target = Tree(places.world, node.owner)
        stack.callback(target.close)
        report("Copying the world")
        copied, is_still = _fill(source, target, past if origin.version else None, kind, places.templates, report)
        answer = _settle(node, store, history, canon, target, copied, kind, world_id, past, is_still, source)
        store.set_meta("founded", json.dumps(asdict(answer)))
        target.sync_all()
        history.sync()
    database.copy(state / _TABLES, state / tables.NAME)
    for name in (_TABLES, f"{_TABLES}-wal", f"{_TABLES}-shm", _MARK):
        (state / name).unlink(missing_ok=True)
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


def _make_room(places: Places) -> int:
    """Begin with nothing: what an interrupted founding left is removed; anything else is somebody's. Return a descriptor that keeps others out."""
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
    for path in (history, places.state / "canon", places.state / "incoming"):
        shutil.rmtree(path, ignore_errors=True)
    for path in places.world.iterdir() if places.world.is_dir() else ():
        shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
    for suffix in ("", "-wal", "-shm"):
        (places.state / f"{_TABLES}{suffix}").unlink(missing_ok=True)
    return lock


def _world_in(volume: Path) -> Path:
    for place in (volume / "world", volume):
        if (place / ".fwr" / "world.toml").is_file():
            return place
    hint = "Name the volume of a node that has joined (docker volume ls), or a copy of one."
    raise FwrError(ExitCode.NOT_FOUND, "There is no world in that volume.", hint)


def _read_kind(source: Path, templates: Path) -> _Kind:
    try:
        data = tomllib.loads(public_records.read(source, b".fwr/world.toml").decode())
        lists = {name: [str(each) for each in data.get(name, [])] for name in _LISTS}
        kind = _Kind(str(data["id"]), str(data["name"]), str(data["template"]), lists)
        IgnoreList([*lists["ignore"], *lists["union_logs"], *lists["texts"]])
    except (OSError, ValueError, KeyError, TypeError) as error:
        text = f"What .fwr/world.toml says of the world there can not be read ({error})."
        raise FwrError(ExitCode.FAILED, text, "Take another copy, or an older version of this one: --at VERSION.") from error
    if "/" in kind.template or not (templates / kind.template).is_dir():
        raise FwrError(ExitCode.NOT_FOUND, f"This version of fwrkit does not know the template '{kind.template}'.", "Use a newer fwrkit.")
    return kind


def _past(origin: Origin, source: Path) -> Past | None:
    if origin.state is None:
        if origin.version:
            raise FwrError(ExitCode.USAGE, "Without a history there are no earlier versions.", "Give --history STATE too.")
        return None
    place = next((path for path in (origin.state / "history.git", origin.state) if (path / "HEAD").exists()), None)
    if place is None:
        raise FwrError(ExitCode.NOT_FOUND, "There is no history in that volume.", "Name a node's state volume, or leave --history out.")
    repository = Repository(place)
    if not origin.version and not repository.head():
        return None  # of a node that has only just joined: nothing was fetched yet
    return Past(repository, source, origin.version)


def _fill(
    source: Path, target: Tree, past: Past | None, kind: _Kind, templates: Path, report: Callable[[str], None]
) -> tuple[dict[bytes, Copied], bool]:
    """Fill the world: from a version of the history if there is one to take it from, else with what lies in the copy now."""
    if past is not None:
        skeleton = templates / kind.template
        empty = [os.fsencode(path.relative_to(skeleton)) for path in sorted(skeleton.rglob("*")) if path.is_dir()]
        return past.check_out(target, _SERVERS_OWN.matches, empty), True
    with contextlib.closing(Tree(source)) as tree:
        copier = Copier(tree, target, lambda path: _NEVER.matches(path) or _SERVERS_OWN.matches(path), report)
        is_still = copier.run()
    return copier.copied, is_still


def _settle(
    node: Node, store: Store, history: History, canon: Canon, target: Tree, copied: dict[bytes, Copied], kind: _Kind, world_id: str,
    past: Past | None, is_still: bool, source: Path,
) -> Founded:  # fmt: skip
    """Make canon, tables and the first commit of the new world out of what lies in it."""
    now = int(time.time())
    shared = history.head()
    register = Register(store.db)
    with store.transaction():
        about = {"id": kind.id, "name": kind.name, "version": shared}
        lists = {name: json.dumps(values) for name, values in kind.lists.items()}
        meta = {"world_id": world_id, "world_name": node.world_name, "template": kind.template, "forked_from": json.dumps(about)}
        world.remember(store, {**meta, **lists})
        operator = world.operator(node, store)
        _write_records(target, store, copied, now)
        ignored = IgnoreList((*ALWAYS, *kind.lists["ignore"]))
        travelling = {path: what for path, what in copied.items() if not ignored.matches(path) and paths.why_not(path) is None}
        known = past.heads if past is not None else {}
        blobs = []
        for path in sorted(travelling):
            what = travelling[path]
            if what.state == DIRECTORY:
                canon.tree.make_directories(path)
                store.set_head(path, DIRECTORY, 0, 0, operator.name, now * 10**9)
                continue
            canon.tree.make_directories(paths.parent(path))
            _copy_file(target, canon.tree, path, what)
            before = known.get(path)
            oid = _blob(history, canon, path, what, node.settings.large_limit, before)
            author = before.author if before is not None and before.file.state == what.state else operator.name
            store.set_head(path, what.state, what.size, what.time, author, now * 10**9, f"forked from {kind.name}")
            blobs.append((path, oid, what))
        last = store.last_version()
        rows = {path: oid for path, oid, _ in blobs}
        store.mark_committed((number, rows.get(path)) for number, path, *_ in store.uncommitted(1 << 40))
        if past is not None:
            past.count_lost(history, store)
            named = [(tag.name, tag.version, tag.by, tag.time) for tag in past.snapshots]
            store.set_meta("brought_snapshots", json.dumps(named))
        register.add_entry(now, operator.name, "fork", node.world_name, {"from": kind.name, "id": kind.id, "version": shared[:10]})
    history.commit_tree(((path, oid) for path, oid, _ in blobs), operator.name, now, f"fork of {kind.name} as {node.world_name}\n", last)
    canon.tree.sync_all()
    answer = Founded(
        id=world_id, name=node.world_name, template=kind.template, origin_id=kind.id, origin_name=kind.name, version=shared, versions=0,
        files=len(blobs), bytes=sum(what.size for _, _, what in blobs), snapshots=0, lost=0, is_still=is_still,
        citizens=_citizens(source, operator.name),
    )  # fmt: skip
    return answer if past is None else replace(answer, versions=past.count, snapshots=len(past.snapshots), lost=past.lost)


def _write_records(target: Tree, store: Store, copied: dict[bytes, Copied], now: int) -> None:
    """Write what the new world is, and a policy where none was brought."""
    texts = {b".fwr/world.toml": world.world_text(store)}
    if paths.POLICY not in copied:
        texts[paths.POLICY] = default_text(store.meta("template"))
    target.make_directories(paths.RECORDS)
    copied[paths.RECORDS] = Copied(DIRECTORY)
    for path, text in texts.items():
        copied[path] = _write_file(target, path, text.encode(), now * 10**9)


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


def _citizens(source: Path, operator: str) -> list[str]:
    """Return who belonged to the other world, without the banned and the operator."""
    try:
        roll = public_records.read_roll(source)
    except FwrError:
        return []
    return sorted(each.name for each in roll if each.role != FORMER and not each.banned_since and each.name != operator)
