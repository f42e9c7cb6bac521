"""`fwrkit backup NODE [FILE|DIRECTORY|-]`: everything of a node that can not be made anew, in one file or in a restic repository."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import fwrkit
from fwrkit.core.backups import FORMAT, SUFFIX, Header, Made, read_header
from fwrkit.core.errors import ExitCode, FwrError
from fwrkit.host.adapters import part_file
from fwrkit.host.adapters.machine import Machine
from fwrkit.host.adapters.nodes import Node
from fwrkit.host.adapters.restic import Restic
from fwrkit.host.verbs import start

STANDARD_OUTPUT = "-"
_PROGRESS = 3.0  # seconds between two sentences about how far it is
_STAMP = r"\d{4}-\d{2}-\d{2}T\d{6}Z"
_SPAN = re.compile(r"([1-9][0-9]{0,8})([smhdw])\Z")
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 7 * 86400}


@dataclass(frozen=True)
class BackupWish:
    """What ``backup`` was asked for.

    ``target`` is a file, a directory (a name is chosen), ``-`` or empty (this directory). ``lock``: by what the keys are encrypted, None: they
    are left out. ``keep`` (0: all) is how many of the node's are kept in the directory or repository.
    """

    node: str
    target: str = ""
    lock: dict[str, Any] | None = field(default=None, repr=False)
    keep: int = 0
    restic: str = ""


@dataclass(frozen=True)
class BackedUp:
    """A backup that was made: where (a file, ``-``, or restic's name of it), its ``size``, and what is in it (bytes). ``removed``: older ones.

    ``left`` are paths that are no part of a world (links, devices, what may not be read), ``unsteady`` files that were written all the time.
    """

    node: str
    file: str
    size: int
    files: int
    content: int
    has_keys: bool
    left: int
    left_first: list[str]
    unsteady: list[str]
    removed: list[str]
    seconds: float


def backup(machine: Machine, wish: BackupWish, write_out: Callable[[bytes], object]) -> BackedUp:
    """Given a wish, make a backup; ``write_out`` takes what goes to standard output.

    Raise FwrError: NOT_FOUND (node, directory), TAKEN (there is such a file), USAGE, NO_SPACE, or the agent's own. No half file is left.
    """
    node = machine.nodes.get(wish.node)
    if node.is_peer:
        hint = "Back up the client that it is beside, or the server; a peer is made anew: fwrkit serve NODE"
        raise FwrError(ExitCode.USAGE, f"'{node.name}' is a peer: it has nothing that these do not have.", hint)
    _check(wish)
    began = time.monotonic()
    if wish.restic:
        return _to_restic(machine, node, wish, began)
    if wish.target == STANDARD_OUTPUT:
        counter = _Counter(machine, node, write_out)
        made = _make(machine, node, wish, counter.write, is_compressed=True)
        return _result(node, STANDARD_OUTPUT, counter.size, made, wish, [], began)
    target = _place(node, wish.target)
    with part_file.written(target) as file:
        counter = _Counter(machine, node, file.write)
        made = _make(machine, node, wish, counter.write, is_compressed=True)
    removed = _prune(machine, node, target.parent, wish.keep) if wish.keep else []
    return _result(node, str(target), counter.size, made, wish, removed, began)


def every(
    machine: Machine, wish: BackupWish, seconds: float, write_out: Callable[[bytes], object], tell: Callable[[BackedUp | FwrError], None]
) -> None:
    """Make a backup now and then one each so many seconds, for ever; one that fails is told, and changes nothing about the next.

    Raise FwrError for a wish that can never be fulfilled.
    """
    machine.nodes.get(wish.node)
    _check(wish)
    if not wish.restic and not Path(wish.target or ".").is_dir():
        raise FwrError(ExitCode.USAGE, "Backups again and again go into a directory.", "Name one that exists, or a repository: --restic")
    due = time.monotonic()
    while True:
        try:
            tell(backup(machine, wish, write_out))
        except FwrError as error:
            tell(error)
        except OSError as error:
            tell(FwrError(ExitCode.FAILED, f"The machine refused: {error}.", "See: fwrkit doctor"))
        due = max(due + seconds, time.monotonic())
        time.sleep(max(0.0, due - time.monotonic()))


def span(text: str) -> int:
    """Given ``90s``, ``30m``, ``24h``, ``7d`` or ``2w``, return it in seconds. Raise FwrError (USAGE)."""
    match = _SPAN.match(text)
    if match is None:
        raise FwrError(ExitCode.USAGE, f"{text!r} is no span of time.", "Write one like 30m, 24h or 7d.")
    return int(match[1]) * _UNITS[match[2]]


def _check(wish: BackupWish) -> None:
    if wish.restic and wish.target:
        raise FwrError(ExitCode.USAGE, "A backup goes into a file or into a restic repository.", "Leave one of the two out.")
    if wish.keep and not wish.restic and not Path(wish.target or ".").is_dir():
        raise FwrError(ExitCode.USAGE, "--keep is about the backups in a directory or a repository.", "Name a directory, or leave it out.")


def _place(node: Node, target: str) -> Path:
    path = Path(target or ".")
    if target.endswith("/") and not path.is_dir():
        raise FwrError(ExitCode.NOT_FOUND, f"There is no directory {target}.", f"Make it first: mkdir -p {target}")
    return (path / f"{node.name}-{_now()}{SUFFIX}").absolute() if path.is_dir() else path.absolute()


def _now() -> str:
    return time.strftime("%Y-%m-%dT%H%M%SZ", time.gmtime())


def _make(machine: Machine, node: Node, wish: BackupWish, write: Callable[[bytes], object], *, is_compressed: bool) -> Made:
    is_running = machine.is_running(node)
    machine.report(f"Backing up {node.name}" + ("" if is_running else ", which is down"))
    if is_running:
        return machine.archivist(node, is_running=True).backup(
            _header(node, wish), wish.lock, write, is_compressed=is_compressed, is_alone=False
        )
    had_containers = bool(machine.containers(node))
    node = start.prepare(machine, node)
    try:
        alone = machine.archivist(node, is_running=False)
        return alone.backup(_header(node, wish), wish.lock, write, is_compressed=is_compressed, is_alone=True)
    finally:
        if node.role == "client" and not had_containers and not machine.containers(node):
            machine.project(node).down()  # the networks that were made for it


def _header(node: Node, wish: BackupWish) -> Header:
    return Header(
        FORMAT, fwrkit.__version__, int(time.time()), node.role, node.name, node.node_id, node.citizen, node.world_id, node.world_name,
        node.template, node.address, wish.lock is not None, node.to_json(),
    )  # fmt: skip


def _to_restic(machine: Machine, node: Node, wish: BackupWish, began: float) -> BackedUp:
    repository, name, tag = Restic(wish.restic), f"{node.name}{SUFFIX}", f"fwrkit-{node.name}-{node.node_id}"
    repository.check()
    made: list[Made] = []
    sizes: list[int] = []

    def send(write: Callable[[bytes], object]) -> None:
        counter = _Counter(machine, node, write)
        # restic compresses by itself, and finds again what is the same as last time: in a compressed stream it would not
        made.append(_make(machine, node, wish, counter.write, is_compressed=False))
        sizes.append(counter.size)

    repository.save(name, tag, send)
    if wish.keep:
        repository.forget(tag, wish.keep)
    return _result(node, f"{wish.restic}:/{name} (tag {tag})", sizes[0], made[0], wish, [], began)


def _result(node: Node, file: str, size: int, made: Made, wish: BackupWish, removed: list[str], began: float) -> BackedUp:
    return BackedUp(
        node.name, file, size, made.files, made.size, wish.lock is not None, made.left, made.left_first, made.unsteady, removed,
        round(time.monotonic() - began, 1),
    )  # fmt: skip


def _prune(machine: Machine, node: Node, directory: Path, keep: int) -> list[str]:
    """Remove all backups of a node in a directory but the newest ones: files that have such a name, and say of themselves that they are this node's."""
    pattern = re.compile(re.escape(node.name) + "-" + _STAMP + re.escape(SUFFIX) + r"\Z")
    own = sorted(path for path in directory.iterdir() if pattern.match(path.name) and _is_of(path, node))
    for leftover in directory.iterdir():
        if pattern.match(leftover.name.removesuffix(part_file.SUFFIX)) and leftover.name.endswith(part_file.SUFFIX):
            part_file.drop_leftover(leftover)
    removed = own[: max(0, len(own) - keep)]
    for path in removed:
        machine.report(f"Removing {path}")
        path.unlink()
    return [str(path) for path in removed]


def _is_of(path: Path, node: Node) -> bool:
    if path.is_symlink() or not path.is_file():
        return False
    try:
        with path.open("rb") as file:
            header = read_header(file)
    except (FwrError, OSError):
        return False
    return (header.node, header.node_id) == (node.name, node.node_id)


class _Counter:
    """Counts what is written, and says now and then how far it is."""

    def __init__(self, machine: Machine, node: Node, write: Callable[[bytes], object]) -> None:
        self._machine = machine
        self._node = node
        self._write = write
        self._said = time.monotonic()
        self.size = 0

    def write(self, piece: bytes) -> None:
        """Hand a piece on."""
        self._write(piece)
        self.size += len(piece)
        if time.monotonic() - self._said >= _PROGRESS:
            self._said = time.monotonic()
            self._machine.report(f"{self._node.name}: {amount(self.size)}")


def amount(size: int) -> str:
    """Given a number of bytes, return it as people read it."""
    value, units = float(size), ["bytes", "KiB", "MiB", "GiB", "TiB"]
    while value >= 1024 and len(units) > 1:
        value, units = value / 1024, units[1:]
    return f"{value:.0f} {units[0]}" if units[0] == "bytes" else f"{value:.1f} {units[0]}"
