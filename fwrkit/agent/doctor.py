"""``doctor`` inside a container: what the kernel, the filesystem and the node's own memory offer, each said in a sentence."""

from __future__ import annotations

import os
import shutil
import socket
import tempfile
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from fwrkit.agent.citizen.ssh import read_upstream
from fwrkit.agent.files import database, linux
from fwrkit.agent.server.server import Server
from fwrkit.agent.settings import Node, Places
from fwrkit.agent.wire.messages import Refusal
from fwrkit.core.commands import Command, run
from fwrkit.core.records import Finding

_PREFIX = ".fwrkit-look-"  # of files that are there for a moment
_LOW_SPACE = 200 * 1024 * 1024  # bytes


def examine(node: Node, places: Places, server: Server | None, alerts: Sequence[str] = (), refusal: Refusal | None = None) -> list[Finding]:
    """Return one finding for each check, good ones too. ``alerts`` are what the agent noticed itself, ``refusal`` why it is not let in."""
    checks: list[Callable[[], Finding]] = [
        lambda: _space(places.volume, "world"),
        lambda: _space(places.state, "state"),
        lambda: atomic_exchange(places.private),
        lambda: leases(places.private),
        landlock,
        _watches,
        lambda: _database(places.state / "record.sqlite", "record"),
        lambda: _unison([places.state / "unison"] if server is None else sorted((places.state / "accounts").glob("*"))),
    ]
    if server is not None:
        checks += [lambda: _database(places.state / "hub.sqlite", "tables"), lambda: _sshd(server), lambda: _history(server)]
    else:
        checks.append(lambda: _upstream(places))
    if refusal is not None:
        checks.append(lambda: Finding("admission", False, refusal.message, refusal.hint))
    return [
        *(_guarded(check) for check in checks),
        *(Finding("noticed", False, alert, "The log says more: fwrkit logs NODE.") for alert in alerts),
    ]


def _guarded(check: Callable[[], Finding]) -> Finding:
    try:
        return check()
    except Exception as error:
        return Finding("doctor", False, f"A check failed: {error}.", "Report this, with the log (fwrkit logs NODE).")


def _space(path: Path, name: str) -> Finding:
    free = shutil.disk_usage(path).free
    message = f"{free // 2**20} MiB are free where the {name} lies."
    return Finding(f"{name} space", free > _LOW_SPACE, message, "" if free > _LOW_SPACE else "Make room; nothing is lost meanwhile.")


def atomic_exchange(place: Path) -> Finding:
    """Given a directory, say whether its filesystem exchanges two files in one step, and moves one only where nothing is. Raise OSError."""
    with tempfile.TemporaryDirectory(prefix=_PREFIX, dir=place) as work:
        for name in ("first", "second"):
            Path(work, name).write_text(name)
        fd = os.open(work, os.O_RDONLY)
        try:
            linux.rename(fd, b"first", fd, b"second", linux.RENAME_EXCHANGE)
            linux.rename(fd, b"first", fd, b"third", linux.RENAME_NOREPLACE)
        except OSError as error:
            hint = "Use a volume, or a directory on ext4, xfs or btrfs."
            return Finding("atomic exchange", False, f"The world's filesystem does not exchange files ({error.strerror}).", hint)
        finally:
            os.close(fd)
    return Finding("atomic exchange", True, "Files are replaced without a gap.")


def leases(place: Path) -> Finding:
    """Given a directory, say whether its filesystem tells that a program has a file open for writing, and that none has. Raise OSError."""
    fd, name = tempfile.mkstemp(prefix=_PREFIX, dir=place)
    os.close(fd)
    reader = writer = -1
    try:
        reader = os.open(name, os.O_RDONLY)
        is_free_seen = linux.take_read_lease(reader)
        if is_free_seen:
            linux.release_lease(reader)
        writer = os.open(name, os.O_WRONLY)
        is_writer_seen = not linux.take_read_lease(reader)
    except OSError as error:
        hint = "Programs that keep a file open while others change it are noticed later, by their next write."
        return Finding("leases", False, f"The world's filesystem has no leases ({error.strerror}).", hint, is_weaker=True)
    finally:
        for each in (reader, writer):
            if each >= 0:
                os.close(each)
        os.unlink(name)
    if not is_free_seen:
        text = "The world's filesystem says of each file that a program has it open for writing: nothing would travel."
        return Finding("leases", False, text, "Use a volume, or a directory on a disk of this machine.")
    if not is_writer_seen:
        hint = "Programs that keep a file open while others change it are noticed later, by their next write."
        return Finding("leases", False, "Leases do not work.", hint, is_weaker=True)
    return Finding("leases", True, "Files that a program is writing are noticed.")


def landlock() -> Finding:
    """Say whether the kernel, and the engine's profile for system calls, let a program be confined to some directories."""
    done = run(
        Command(["setpriv", "--landlock-access", "fs", "--landlock-rule", "path-beneath:execute,read-file,read-dir:/usr", "/usr/bin/true"]),
        10,
    )
    if done.is_ok:
        return Finding("Landlock", True, "Unison is confined.")
    hint = "Use a kernel of version 5.13 or newer with Landlock, and an engine whose profile lets it be used."
    return Finding(
        "Landlock", False, "The kernel has no Landlock: files above some MB, and many at once, can not travel.", hint, is_weaker=True
    )


def weaknesses() -> list[str]:
    """Return a sentence for each thing that the kernel does not offer, and without which a node goes on with less."""
    return [finding.message for finding in (_guarded(landlock),) if not finding.ok]


def _watches() -> Finding:
    limit = int(Path("/proc/sys/fs/inotify/max_user_watches").read_text())
    is_well = limit >= 8192
    hint = "" if is_well else "Raise fs.inotify.max_user_watches on the host; until then changes are found by walking."
    return Finding("watches", is_well, f"The kernel gives {limit} watches.", hint)


def _database(path: Path, name: str) -> Finding:
    if not path.exists():
        return Finding(name, False, "The database is not there.", "Restart the node: it finds back by itself.")
    words = database.fault(path)
    hint = "Restart the node: it finds back by itself." if words else ""
    return Finding(name, not words, f"The database is damaged: {words}." if words else "The database is whole.", hint)


def _unison(directories: Iterable[Path]) -> Finding:
    """Runs begin with an empty directory: locks, archives and notes of an interrupted one are of no effect, but people ask."""
    left = sorted({item.name for directory in directories for item in directory.glob("*") if item.is_file()})
    if not left:
        return Finding("Unison", True, "Nothing is left of earlier runs.")
    return Finding(
        "Unison", True, f"A run goes on or was interrupted ({', '.join(left[:3])}); the next one begins with removing what is left."
    )


def _history(server: Server) -> Finding:
    objects = server.look_for_damage()
    if not objects:
        return Finding("history", True, "Every object of the history is whole.")
    message = f"{len(objects)} objects of the history are damaged: {', '.join(name[:12] for name in objects[:5])}."
    return Finding("history", False, message, "What the world still has is made anew within a minute; look again, and at the disk.")


def _sshd(server: Server) -> Finding:
    is_well = server.is_sshd_running
    return Finding(
        "sshd", is_well, "sshd runs." if is_well else "sshd does not run.", "" if is_well else "Look at the log (fwrkit logs NODE)."
    )


def _upstream(places: Places) -> Finding:
    upstream = read_upstream(places.keys)
    if upstream is None:
        return Finding("upstream", False, "This node has not joined a world yet.", "Join one: fwrkit join SERVER.")
    place = f"{upstream.host}:{upstream.port}"
    try:
        socket.create_connection((upstream.host, upstream.port), 5).close()
    except OSError as error:
        return Finding("upstream", False, f"The upstream at {place} is out of reach ({error}).", "Edits are kept and travel later.")
    return Finding("upstream", True, f"The upstream at {place} answers.")
