"""`fwrkit restore FILE`: a node from a backup, on this or on another machine. It is looked at from end to end before anything is made."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import re
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

from fwrkit.core import interrupts
from fwrkit.core.backups import SUFFIX, Checked, Header, read_header
from fwrkit.core.errors import ExitCode, FwrError
from fwrkit.core.names import check_citizen_name, check_client_name, check_node_name
from fwrkit.core.records import NodeStatus
from fwrkit.host.adapters import compose, images, part_file, templates, timezones, world_directory
from fwrkit.host.adapters.machine import Machine
from fwrkit.host.adapters.nodes import WORLD_UID, Node, new_node_id
from fwrkit.host.verbs import addresses, ground, ports
from fwrkit.host.verbs.backup import amount
from fwrkit.host.verbs.start import prepare, start_new
from fwrkit.host.verbs.stop import stop
from fwrkit.host.verbs.up import TEMPLATES

STANDARD_INPUT = "-"
_PIECE = 1 << 20  # bytes
_PROGRESS = 3.0  # seconds
_MARK = "restoring.json"  # in the node's directory, beside where its record will be
_NODE_ID = re.compile(r"[0-9a-f]{12}\Z")


@dataclass(frozen=True)
class RestoreWish:
    """How a backup is to be restored; empty: as it was. ``lock``: by what its keys are opened, None: they stay out."""

    name: str = ""
    world: str = ""
    address: str = ""
    lock: dict[str, Any] | None = field(default=None, repr=False)
    is_started: bool = True


@dataclass(frozen=True)
class Restored:
    """A node that was made from a backup of ``made`` (Unix seconds). ``is_joined``: it has its keys. ``notes`` are sentences about what is different."""

    node: str
    role: str
    made: int
    files: int
    content: int
    has_keys: bool
    is_joined: bool
    ssh_port: int
    address: str
    urls: dict[str, str]
    notes: list[str]
    status: NodeStatus | None


@contextmanager
def opened(machine: Machine, name: str, standard_input: BinaryIO) -> Iterator[BinaryIO]:
    """Give a backup as a file that can be read more than once; what comes on standard input is kept in the home meanwhile.

    Raise FwrError: NOT_FOUND, NO_SPACE.
    """
    if name != STANDARD_INPUT:
        try:
            with open(os.path.expanduser(name), "rb") as file:
                yield file
        except (FileNotFoundError, IsADirectoryError) as error:
            raise FwrError(ExitCode.NOT_FOUND, f"There is no file {name}.", "Give a file that `fwrkit backup` made.") from error
        return
    machine.home.path.mkdir(parents=True, exist_ok=True, mode=0o700)
    with tempfile.TemporaryFile(dir=machine.home.path) as file:
        with part_file.told(machine.home.path):
            shutil.copyfileobj(standard_input, file, _PIECE)
            file.flush()
        file.seek(0)
        yield file


def is_backup(name: str) -> bool:
    """Say whether a name stands for a backup: by how it ends, or because a file of this machine says that it is one."""
    if name == STANDARD_INPUT or name.endswith(SUFFIX):
        return True
    try:
        with open(os.path.expanduser(name), "rb") as file:
            return bool(look(file))
    except (FwrError, OSError, ValueError):
        return False


def look(file: BinaryIO) -> Header:
    """Given a backup, return what it says of itself. Raise FwrError (FAILED) if it is none."""
    file.seek(0)
    return read_header(file)


def check(machine: Machine, header: Header, wish: RestoreWish, *, are_keys_left_out: bool) -> None:
    """Raise FwrError for what is known before anybody is asked for a passphrase: as :func:`restore` does.

    A server without keys is REFUSED, unless they are left out on purpose.
    """
    node = _planned(header, wish)
    _check_free(machine, node, machine.nodes.directory(node.name) / _MARK, _words_of(header))
    if header.role == "server" and not header.has_keys and not are_keys_left_out:
        hint = "To go on with new ones, under which every citizen needs a new invite: --without-keys"
        raise FwrError(ExitCode.REFUSED, "Without its keys no client trusts this server, and there are none in the backup.", hint)


def restore(machine: Machine, file: BinaryIO, wish: RestoreWish) -> Restored:
    """Given a backup and a wish, make a node of it and start it. Nothing is left of one that fails, and one that was cut off can be repeated.

    Raise FwrError: FAILED (damaged), TAKEN (there is such a node, or volumes of one), REFUSED (keys), USAGE, NO_SPACE, and what starting raises.
    """
    header = look(file)
    node = _planned(header, wish)
    mark = machine.nodes.directory(node.name) / _MARK
    compose.version()
    begun = _check_free(machine, node, mark, _words_of(header))
    image = images.ensure(machine.engine, node.role, "", machine.report)
    machine.report(f"Examining the backup of {header.node}")
    checked = machine.examiner(image).check(wish.lock, pieces(machine, file, "examined"))
    if checked.header != header:
        raise FwrError(ExitCode.FAILED, "This backup is damaged: it says two things of itself.", "Nothing was touched. Take another one.")
    node = begun or _made(machine, node, wish, checked, file)
    mark.unlink(missing_ok=True)
    status = None
    if wish.is_started:
        node, status = start_new(machine, node, are_ports_asked_for=False)
    machine.nodes.finish(node.name)
    notes = _notes(machine, header, node, wish)
    return Restored(
        node.name, node.role, header.made, checked.files, checked.size, wish.lock is not None, node.role == "server" or node.is_joined,
        node.ssh_port, node.address, addresses.urls(node), notes, status,
    )  # fmt: skip


def _made(machine: Machine, node: Node, wish: RestoreWish, checked: Checked, file: BinaryIO) -> Node:
    """Make a node of a backup that was examined, and return it as it is recorded. Nothing is left of one that fails."""
    mark = machine.nodes.directory(node.name) / _MARK
    with machine.nodes.locked():
        _clean(machine, node, mark)
        node = _placed(machine, node, wish)
        ground.check(machine, node.role, ground.place_of(node))
        _write_mark(mark, node)
    machine.report(f"Restoring {node.name}: {checked.files} files, {amount(checked.size)}")
    try:
        node = _filled(machine, node, wish, checked.voids, file)
        return machine.nodes.save(dataclasses.replace(node, begun=_words_of(checked.header)))
    except BaseException:
        with interrupts.held():
            _clean(machine, node, mark)
        raise


def _words_of(header: Header) -> str:
    """Return what stands for a backup in the record of a node that is made of it, while the node is not whole yet."""
    return f"restore {hashlib.sha256(header.encode()).hexdigest()}"


def _planned(header: Header, wish: RestoreWish) -> Node:
    """Return the node as the backup knows it, without what belongs to the machine that made it. Raise FwrError (FAILED, USAGE)."""
    fields = {item.name: item for item in dataclasses.fields(Node)}
    known = {name: value for name, value in header.record.items() if name in fields}
    try:
        node = Node.from_json(known)
        sample = Node("", "client", "", "", 0)
        if any(type(getattr(node, name)) is not type(getattr(sample, name)) for name in fields):
            raise TypeError
        check_node_name(node.name)
        check_citizen_name(node.citizen)
        for host in filter(None, (node.address, node.remote)):
            addresses.split_host(host)
        if node.upstream:
            check_node_name(node.upstream)
        if node.timezone and not timezones.is_known(node.timezone):
            node = dataclasses.replace(node, timezone="")
        is_well = node.role == header.role and _NODE_ID.match(node.node_id) and (node.role == "client" or node.template in TEMPLATES)
    except (TypeError, ValueError, FwrError):
        is_well = None
    if not is_well:
        raise FwrError(
            ExitCode.FAILED, "This backup is damaged: it does not say what node it is of.", "Nothing was touched. Take another one."
        )
    if node.is_peer:
        raise FwrError(ExitCode.USAGE, "A peer is not restored, but made anew.", "Beside an official's client: fwrkit serve NODE")
    if wish.address:
        if node.role == "client":
            raise FwrError(ExitCode.USAGE, "A client has no address.", "Leave --address out.")
        node = dataclasses.replace(node, address=addresses.check_host(wish.address))
    name = wish.name or header.node
    check_node_name(name) if node.role == "server" else check_client_name(name)
    # what a record says of the other machine's directories, volumes and proxies is not for this one
    node = dataclasses.replace(
        node, name=name, image="", world_dir="", uid=WORLD_UID, gid=WORLD_UID, origin={}, founded={}, is_drill=False, begun="", proxy="",
        had_world=False,
    )  # fmt: skip
    if wish.lock is None and node.role == "client":  # a server's own citizen is known by its id, and needs no key
        node = dataclasses.replace(node, node_id=new_node_id(), is_joined=False)
    return node


def _check_free(machine: Machine, node: Node, mark: Path, words: str) -> Node | None:
    """Return the node that an earlier call of the same words has filled and not started, None if nothing is there. Raise FwrError (TAKEN)."""
    existing = machine.nodes.find(node.name)
    if existing is not None and existing.begun == words:
        return existing
    if existing is not None:
        hint = f"Give it another name with --name, or remove that one: fwrkit rm {node.name} --volumes"
        raise FwrError(ExitCode.TAKEN, f"There is a node '{node.name}' on this machine.", hint)
    volumes = sorted(machine.engine.volumes(machine.home.project(node.name)))
    if volumes and not mark.exists():
        hint = f"Give it another name with --name, or remove them: docker volume rm {' '.join(volumes)}"
        raise FwrError(ExitCode.TAKEN, f"A node '{node.name}' was here, and its volumes were kept.", hint)
    return None


def _clean(machine: Machine, node: Node, mark: Path) -> None:
    """Remove what a restore has made that came to nothing; only where its mark is."""
    if not mark.exists():
        return
    machine.report(f"Removing what was begun of {node.name}")
    stop(machine, node)
    for volume in machine.engine.volumes(machine.home.project(node.name)):
        machine.engine.remove_volume(volume)
    place = str(json.loads(mark.read_text()).get("world_dir", ""))
    for name in ("world", "private") if place else ():
        shutil.rmtree(Path(place) / name, ignore_errors=True)
    machine.nodes.remove(node.name)


def _placed(machine: Machine, node: Node, wish: RestoreWish) -> Node:
    """Return the node with this machine's ports (the old ones where they are free) and the directory of its world."""
    host = templates.published_on(node)
    promised = {port for each in machine.nodes.all() for port in (each.http_port, each.ssh_port)}
    http = ports.kept_or_other(machine, node.http_port, promised, host, ports.http_port)
    ssh = ports.kept_or_other(machine, node.ssh_port, promised | {http}, host, ports.ssh_port) if node.role == "server" else 0
    node = dataclasses.replace(node, http_port=http, ssh_port=ssh)
    if not wish.world:
        return node
    place = world_directory.prepare(wish.world)
    if os.listdir(place.path):
        raise FwrError(ExitCode.TAKEN, f"{wish.world} is not empty.", "Give an empty directory.")
    world_directory.check_unshared(place.path, machine.nodes.all())
    return dataclasses.replace(node, world_dir=place.path, uid=place.uid, gid=place.gid)


def _write_mark(mark: Path, node: Node) -> None:
    mark.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    mark.write_text(json.dumps({"world_dir": node.world_dir}))


def _filled(machine: Machine, node: Node, wish: RestoreWish, voids: list[int], file: BinaryIO) -> Node:
    """Make the node's volumes and fill them. Its record is not there before they are whole."""
    node = prepare(machine, node, is_recorded=False)
    # an empty volume takes its owner from the image, each time that a container is made
    is_root = node.role == "client" and node.uid != WORLD_UID
    machine.archivist(node, is_running=False, is_root=is_root).restore(wish.lock, voids, pieces(machine, file, "restored"))
    return node


def pieces(machine: Machine, file: BinaryIO, word: str) -> Iterator[bytes]:
    """Give a backup piece by piece, from its beginning, and report now and then how much of it was ``word``."""
    size = os.fstat(file.fileno()).st_size
    file.seek(0)
    said, position = time.monotonic(), 0
    while piece := file.read(_PIECE):
        yield piece
        position += len(piece)
        if time.monotonic() - said >= _PROGRESS:
            said = time.monotonic()
            machine.report(f"{amount(position)} of {amount(size)} {word}")


def _notes(machine: Machine, header: Header, node: Node, wish: RestoreWish) -> list[str]:
    notes = []
    before = int(header.record.get("ssh_port", 0))
    if node.role == "server" and node.address and node.ssh_port != before:
        notes.append(f"Its port for citizens is {node.ssh_port} now, and was {before}: clients elsewhere find it when it is that again.")
        notes.append(f"To give it back: fwrkit up {node.name} --ssh-port {before}")
    if wish.lock is None and node.role == "server":
        notes.append(f"It has new keys: every citizen needs an invite (fwrkit invite CITIZEN --server {node.name}).")
        notes.append("`fwrkit join LINE --name NODE` takes it up with the copy that is there.")
    if wish.lock is None and node.role == "client":
        how = f"fwrkit join {node.upstream or 'LINE'} --name {node.name}"
        notes.append(f"It has no key and goes on alone until {node.citizen} is let in again: {how}")
    if wish.lock is not None and node.role == "client":
        notes.append("Where its original still runs, the server lets in one of the two only.")
    if node.upstream and machine.nodes.find(node.upstream) is None:
        notes.append(f"Its server '{node.upstream}' is not on this machine, where it was: it goes on alone.")
    return notes
