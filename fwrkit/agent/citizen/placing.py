"""Putting deliveries into the world without ever overwriting what a program wrote meanwhile.

A new file is moved in only where nothing is (RENAME_NOREPLACE); a known one is exchanged (RENAME_EXCHANGE), and what was displaced is
looked at in the private directory: if it is not what the record says, it goes back. Nothing is let go while a program has it open for
writing.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import hashlib
import logging
import os
import shutil
import stat
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from fwrkit.agent.files import linux, reasons
from fwrkit.agent.files.ignore import ALWAYS, CACHES, IgnoreList, PathFilter
from fwrkit.agent.files.tree import CHUNK, Busy, NotRegular, Stamp, Taken, Tree, take, write_all
from fwrkit.agent.paths import conflict_name, name_of, parent, why_not
from fwrkit.agent.states import ABSENT, State, is_directory, is_file

log = logging.getLogger("fwrkit.placing")

_WIKI_PATIENCE = 50  # milliseconds for which a wiki's PHP is waited for
_BEING_WRITTEN = b"w-"  # prefix of a content that may be cut short
SYNC_ONE_BY_ONE = 8  # up to that many files are synced each by itself, more by one syncfs


class PutBack(Exception):
    """A delivery can not be applied now: ``changed`` (somebody worked on the path), ``obstructed`` (something is in the way), ``space``.

    ``sentence`` says it for people.
    """

    def __init__(self, reason: str, sentence: str = "") -> None:
        super().__init__(reason)
        self.reason = reason
        self.sentence = sentence


@dataclass(frozen=True)
class Prepared:
    """A content that lies in the private directory, ready to be moved in. ``source``: where it came from, and goes back to unused."""

    name: bytes
    state: bytes
    source: Path | None = None


@dataclass(frozen=True)
class Displaced:
    """What a program may still be writing to, after it was displaced: its name in the private directory, path and agreed state."""

    name: bytes
    path: bytes
    state: State


class _Moving:
    """A file that is about to be moved into the world. A read lease tells whether a program opened it there for writing meanwhile."""

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._before = os.fstat(fd)
        try:
            self._is_leased = linux.take_read_lease(fd)
        except OSError:
            self._is_leased = False

    def take_mode_of(self, status: os.stat_result | None) -> None:
        """Give the file the mode of what it replaces: modes are each node's own."""
        if status is not None and stat.S_ISREG(status.st_mode):
            with contextlib.suppress(OSError):  # some filesystems have no modes
                os.fchmod(self._fd, stat.S_IMODE(status.st_mode) & 0o777)

    def stamp(self) -> Stamp:
        """Return the file's stamp as it was placed: one that fits nothing if a program may have written to it since."""
        after = Stamp.of(os.fstat(self._fd))
        is_untouched = (after.size, after.time) == (self._before.st_size, self._before.st_mtime_ns)
        is_kept = not self._is_leased or linux.is_lease_kept(self._fd)
        # written to in the tick in which it was placed, it could keep its stamp if that is the time it has already
        return after if is_untouched and is_kept and after.time != after.change_time else after.unsure()


class Placer:
    """Writes the world. ``private`` is a directory of the same filesystem that no other program uses."""

    def __init__(self, world: Tree, private: Path, owner: tuple[int, int]) -> None:
        self._world = world
        self._exchange = Tree(private / "exchange", owner)
        self._kept = Tree(private / "kept")
        self._wikis = os.fsencode(private.parent / "web")
        self.ignored = IgnoreList(ALWAYS)
        self.left_alone: PathFilter = IgnoreList(
            ()
        )  # what the node itself ignores: it stays where it is, with the directories that it lies in
        self._serial = 0
        self.displaced: list[Displaced] = []

    def prepare(self, path: bytes, content: bytes, state: bytes, when_ns: int) -> Prepared:
        """Write a content for a path into the private directory; ``when_ns`` in Unix nanoseconds. Not synced yet. Raise OSError (ENOSPC, …)."""
        name = _BEING_WRITTEN + self._fresh_name(path)
        self._exchange.create(name, lambda fd: write_all(fd, content), when_ns)
        return Prepared(name, state)

    def adopt(self, path: bytes, staged: Path, state: bytes, when_ns: int) -> Prepared:
        """Take a file that a run brought to the same filesystem, synced and verified to be ``state``. It stays there till it is placed. Raise OSError."""
        if self._exchange.owner is not None:
            os.chown(staged, *self._exchange.owner, follow_symlinks=False)
        os.chmod(staged, 0o644)
        os.utime(staged, ns=(when_ns, when_ns), follow_symlinks=False)
        return Prepared(self._fresh_name(path), state, staged)

    def sync(self, prepared: list[Prepared]) -> None:
        """Bring prepared contents to the disk."""
        written = [item for item in prepared if item.source is None]
        if len(written) > SYNC_ONE_BY_ONE:
            self._exchange.sync_all()
            return
        for item in written:
            fd = self._exchange.open_file(item.name)
            try:
                os.fdatasync(fd)
            finally:
                os.close(fd)

    def sync_places(self, changed: list[bytes]) -> None:
        """Bring the names of placed paths to the disk."""
        directories = {parent(path) for path in changed}
        if len(directories) > SYNC_ONE_BY_ONE:
            self._world.sync_all()
            return
        for directory in directories:
            try:
                self._world.sync_directory(directory)
            except OSError as error:
                if error.errno not in (errno.ENOENT, errno.ENOTDIR):
                    raise

    def discard(self, prepared: Prepared) -> None:
        """A prepared content is not needed now."""
        if prepared.source is None:
            self._exchange.unlink(prepared.name)
        elif not prepared.source.exists():
            try:
                os.rename(prepared.name, prepared.source, src_dir_fd=self._exchange.fd)
            except OSError:
                self._exchange.unlink(prepared.name)  # it is brought again

    def place(self, path: bytes, agreed: State, prepared: Prepared) -> Stamp:
        """Given a path, what the record says of it, and a prepared content: move it in and return its stamp. Raise PutBack."""
        prepared = self._whole(prepared)
        with contextlib.ExitStack() as stack:
            moving = stack.enter_context(self._moving(prepared))
            stack.enter_context(self._alone(path))
            try:
                if is_directory(agreed):
                    if not self._remove_directory(path):
                        raise PutBack("obstructed")
                    agreed = ABSENT
                try:
                    directory = stack.enter_context(self._world.directory(parent(path)))
                except FileNotFoundError:
                    self._world.make_directories(parent(path))
                    directory = stack.enter_context(self._world.directory(parent(path)))
                if agreed is ABSENT:
                    there = self._move_in(path, directory, prepared)
                    if there is not None:
                        return there
                else:
                    moving.take_mode_of(self._world.status(path))
                    self._bring(prepared)
                    linux.rename(self._exchange.fd, prepared.name, directory, name_of(path), linux.RENAME_EXCHANGE)
            except OSError as error:
                self.discard(prepared)
                raise self._put_back(path, error) from error
            except PutBack:
                self.discard(prepared)
                raise
            # from here on, the prepared one's name may hold what somebody wrote: nothing is discarded unseen
            if agreed is not ABSENT:
                try:
                    self._look_at_displaced(path, agreed, prepared, directory, name_of(path))
                except OSError:
                    self.displaced.append(Displaced(prepared.name, path, agreed))  # it is looked at again
                    raise
            return moving.stamp()

    @contextlib.contextmanager
    def _alone(self, path: bytes) -> Iterator[None]:
        """Keep the PHP of a path's wiki from exchanging a file meanwhile: of two that put back what they displaced, one would take the other's.

        PHP holds this lock for a moment (dokuwiki/writing.php); who holds it for long is not waited for.
        """
        try:
            fd = os.open(os.path.join(self._wikis, path.split(b"/")[0], b"lock"), os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        except OSError:  # no wiki
            yield
            return
        try:
            for _ in range(_WIKI_PATIENCE):
                try:
                    fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except OSError:
                    time.sleep(0.001)
            yield
        finally:
            os.close(fd)

    @contextlib.contextmanager
    def _moving(self, prepared: Prepared) -> Iterator[_Moving]:
        """Hold a prepared content open while it is moved in: its stamp is to be of this file, whatever a program puts at its place at once."""
        fd = self._exchange.open_file(prepared.name) if prepared.source is None else os.open(prepared.source, os.O_RDONLY | os.O_NOFOLLOW)
        try:
            yield _Moving(fd)
        finally:
            os.close(fd)

    def _whole(self, prepared: Prepared) -> Prepared:
        """Rename a prepared content that is written and synced: from now on, whatever lies under its name is a whole content."""
        name = prepared.name.removeprefix(_BEING_WRITTEN)
        if name != prepared.name:
            os.rename(prepared.name, name, src_dir_fd=self._exchange.fd, dst_dir_fd=self._exchange.fd)
        return replace(prepared, name=name)

    def _bring(self, prepared: Prepared) -> None:
        """Bring an adopted content to where it can be exchanged, and where what it displaces is looked at after a crash."""
        if prepared.source is not None:
            os.rename(prepared.source, prepared.name, dst_dir_fd=self._exchange.fd)

    def _move_in(self, path: bytes, directory: int, prepared: Prepared) -> Stamp | None:
        """Move a content to where nothing is. If the same is there already, leave that and return its stamp. Raise PutBack."""
        source = (self._exchange.fd, prepared.name) if prepared.source is None else (linux.AT_FDCWD, os.fsencode(prepared.source))
        try:
            linux.rename(*source, directory, name_of(path), linux.RENAME_NOREPLACE)
        except FileExistsError:
            there = self._taken(path)
            if there is None and (self._is_there_for_ignored(path) or not self._may_change(path)):
                blocked = FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST))
                raise PutBack("obstructed", reasons.why_unwritten(self._world, path, blocked)) from None
            if there is None or there.state != prepared.state:
                raise PutBack("changed") from None
            self.discard(prepared)
            return there.stamp
        return None

    def _may_change(self, path: bytes) -> bool:
        """Say whether a look at what is in the way may find an edit in it: not in a link or its like, or in what can not be read."""
        status = self._world.status(path)
        if status is None or stat.S_ISDIR(status.st_mode):
            return True
        try:
            with self._world.opened(path):
                return True
        except FileNotFoundError:
            return True
        except (NotRegular, OSError):
            return False

    def _taken(self, path: bytes) -> Taken | None:
        try:
            return self._world.take(path, 0)
        except (Busy, NotRegular, OSError):
            return None

    def _look_at_displaced(self, path: bytes, agreed: State, prepared: Prepared, directory: int, name: bytes) -> None:
        """The displaced file lies under the prepared one's name: let it go if it is what was agreed on, else put it back."""
        verdict = self._judge(prepared.name, agreed)
        if verdict == "agreed":
            self._exchange.unlink(prepared.name)
        elif verdict == "open":
            self.displaced.append(Displaced(prepared.name, path, agreed))
        else:
            linux.rename(self._exchange.fd, prepared.name, directory, name, linux.RENAME_EXCHANGE)
            if self._judge(prepared.name, prepared.state) == "agreed":
                self._exchange.unlink(prepared.name)
            else:
                self.displaced.append(Displaced(prepared.name, path, prepared.state))
            raise PutBack("changed")

    def _judge(self, name: bytes, agreed: State) -> str:
        """Say what a displaced file is: ``agreed`` (content known, nobody writes), ``open`` (somebody has it open) or ``other``."""
        try:
            fd = self._exchange.open_file(name)
        except (NotRegular, OSError):
            return "other"
        try:
            return "agreed" if take(fd, 0).state == agreed else "other"
        except Busy:
            return "open" if _is_as_agreed(fd, agreed) else "other"
        finally:
            os.close(fd)

    def _put_back(self, path: bytes, error: OSError) -> PutBack:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            return PutBack("space", reasons.words(error))
        if error.errno == errno.ENOENT:
            return PutBack("changed")
        return PutBack("obstructed", reasons.why_unwritten(self._world, path, error))

    def delete(self, path: bytes, agreed: State, moved_to: bytes | None = None) -> None:
        """Given a path and what the record says of it, remove it. Raise PutBack if it is not that any more.

        What never travels and is no cache stays with its directory, or goes along to ``moved_to``, where others have moved the directory.
        """
        try:
            if is_directory(agreed):
                self._remove_directory(path, moved_to)
            elif is_file(agreed):
                self._remove_file(path, agreed)
        except OSError as error:
            if error.errno not in (errno.ENOENT, errno.ENOTDIR):
                raise self._put_back(path, error) from error

    def set_aside(self, path: bytes) -> None:
        """Move what a power cut left of a file out of the world; it is kept for a while. Raise OSError."""
        with self._world.directory(parent(path)) as directory:
            linux.rename(directory, name_of(path), self._kept.fd, self._fresh_name(path), linux.RENAME_NOREPLACE)

    def is_database(self, path: bytes) -> bool:
        """Say whether a live database is at a path of the world."""
        return self._world.is_sqlite(path)

    def has_stamp(self, path: bytes, stamp: Stamp) -> bool:
        """Say whether what is at a path of the world has a stamp."""
        status = self._world.status(path)
        return status is not None and Stamp.of(status) == stamp

    def is_there(self, path: bytes) -> bool:
        """Say whether anything is at a path of the world."""
        return self._world.status(path) is not None

    def _remove_directory(self, path: bytes, moved_to: bytes | None = None) -> bool:
        """Remove a directory that is empty but for what never travels. Of that, caches are moved aside.

        Return False if it stays, since something else lies in it that is this node's own.
        """
        status = self._world.status(path)
        if status is None:
            return True
        if not stat.S_ISDIR(status.st_mode):
            raise PutBack("changed")
        try:
            self._world.remove_directory(path)
        except OSError as error:
            if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
                raise
            return self._clear(path, moved_to)
        return True

    def _clear(self, path: bytes, moved_to: bytes | None) -> bool:
        own = self._own_in(self._world, path, path)
        if own is None:
            raise PutBack("changed")
        if own and moved_to is not None:
            self._take_along(path, own, moved_to)
            own = self._own_in(self._world, path, path)
        if own is None:
            raise PutBack("changed")
        if own:
            return False
        return self._move_aside(path)

    def _move_aside(self, path: bytes) -> bool:
        name = self._fresh_name(path)
        with self._world.directory(parent(path)) as directory:
            try:
                linux.rename(directory, name_of(path), self._kept.fd, name, linux.RENAME_NOREPLACE)
            except FileNotFoundError:
                return True  # nothing was in it any more
            if self._own_in(self._kept, name, path) != []:
                linux.rename(self._kept.fd, name, directory, name_of(path), linux.RENAME_NOREPLACE)
                raise PutBack("changed")
        return True

    def _take_along(self, path: bytes, own: list[bytes], moved_to: bytes) -> None:
        """Move what is this node's own from a directory to where others have moved it; what is in the way there keeps it here."""
        for item in own:
            target = moved_to + item[len(path) :]
            try:
                self._world.make_directories(parent(target))
                with self._world.directory(parent(item)) as source, self._world.directory(parent(target)) as directory:
                    linux.rename(source, name_of(item), directory, name_of(target), linux.RENAME_NOREPLACE)
            except OSError as error:
                log.warning("%r can not go along to %r: %s", item, target, error)
        for inner, status in sorted(self._world.walk(path), key=lambda pair: pair[0], reverse=True):
            if stat.S_ISDIR(status.st_mode):
                with contextlib.suppress(OSError):
                    self._world.remove_directory(inner)
        with contextlib.suppress(OSError):
            self._world.remove_directory(path)

    def _is_there_for_ignored(self, path: bytes) -> bool:
        """Say whether a directory is where it is for what is this node's own in it."""
        return bool(self._own_in(self._world, path, path))

    def _own_in(self, tree: Tree, root: bytes, path: bytes) -> list[bytes] | None:
        """Return what is this node's own beneath ``root``, which stands for the world's ``path``; None if something lies there that travels.

        Caches are nobody's. Source: the patterns of the world and of the node, and the kinds of files that never travel.
        """
        found = [(path + inner[len(root) :], inner, status) for inner, status in tree.walk(root)]
        above = {parent(name) for name, _, _ in found}
        own = []
        for name, inner, status in found:
            if stat.S_ISDIR(status.st_mode) and name in above:
                continue
            if self.ignored.matches(name):
                if not CACHES.matches(name):
                    own.append(name)
            elif self.left_alone.matches(name) or why_not(name) is not None:
                own.append(name)
            elif stat.S_ISDIR(status.st_mode) or (stat.S_ISREG(status.st_mode) and not tree.is_sqlite(inner)):
                return None
            else:
                own.append(name)
        return own

    def forget_kept(self, older_than: float) -> None:
        """Remove what was moved aside longer ago than ``older_than`` seconds."""
        for item in os.scandir(self._kept.root):
            if time.time() - item.stat(follow_symlinks=False).st_ctime > older_than:
                shutil.rmtree(item.path, ignore_errors=True)

    def _remove_file(self, path: bytes, agreed: State) -> None:
        name = self._fresh_name(path)
        with self._world.directory(parent(path)) as directory:
            linux.rename(directory, name_of(path), self._exchange.fd, name, linux.RENAME_NOREPLACE)
            verdict = self._judge(name, agreed)
            if verdict == "agreed":
                self._exchange.unlink(name)
                return
            if verdict == "open":
                self.displaced.append(Displaced(name, path, agreed))
                return
            try:
                linux.rename(self._exchange.fd, name, directory, name_of(path), linux.RENAME_NOREPLACE)
            except OSError as error:
                self.displaced.append(Displaced(name, path, agreed))
                if not isinstance(error, FileExistsError):
                    raise
        raise PutBack("changed")

    def make_directory(self, path: bytes) -> None:
        """Make a directory where nothing is. Raise PutBack if something else is there."""
        try:
            self._world.make_directories(path)
        except OSError as error:
            raise self._put_back(path, error) from error

    def settle_displaced(self, memory_limit: int) -> list[tuple[Displaced, Taken]]:
        """Look again at displaced files that were open: let go what nobody changed; return what was written on.

        What is returned stays in the private directory until :meth:`let_go`, or :meth:`keep_beside` if it is too large for a message.
        """
        changed, still = [], []
        for item in self.displaced:
            try:
                taken = self._exchange.take(item.name, memory_limit)
            except Busy:
                still.append(item)
                continue
            except (NotRegular, OSError):
                continue
            if taken.state == item.state:
                self._exchange.unlink(item.name)
            else:
                changed.append((item, taken))
        self.displaced = still
        return changed

    @contextlib.contextmanager
    def opened(self, item: Displaced) -> Iterator[int]:
        """Open a displaced content for reading."""
        fd = self._exchange.open_file(item.name)
        try:
            yield fd
        finally:
            os.close(fd)

    def let_go(self, item: Displaced) -> None:
        """A displaced content is safe elsewhere."""
        self._exchange.unlink(item.name)

    def keep_beside(self, item: Displaced, citizen: str, when_ns: int) -> bytes:
        """Move a displaced file back into the world under a conflict name, and return that: it travels like any new file."""
        attempt = 0
        while True:
            place = conflict_name(item.path, citizen, when_ns, attempt)
            self._world.make_directories(parent(place))
            with self._world.directory(parent(place)) as directory:
                try:
                    linux.rename(self._exchange.fd, item.name, directory, name_of(place), linux.RENAME_NOREPLACE)
                except FileExistsError:
                    attempt += 1
                    continue
                return place

    def forget_prepared(self) -> None:
        """Remove what was prepared and not placed, since something failed in between: it is delivered again."""
        for name, _ in self._exchange.walk():
            if name.startswith(_BEING_WRITTEN):
                self._exchange.unlink(name)

    def find_leftovers(self, known_paths: Iterable[bytes]) -> None:
        """Take up what an earlier run of the agent left in the private directory: it was displaced, or not yet placed.

        Each is looked at by :meth:`settle_displaced` as if its program had just closed it; the server says which contents are new.
        """
        self.forget_prepared()
        names = [name for name, status in self._exchange.walk() if stat.S_ISREG(status.st_mode)]
        if not names:
            return
        by_mark = {_mark(path): path for path in known_paths}
        for name in names:
            top, _, inner = name.partition(b"/")  # a directory may have been exchanged: what lies in it has no path of its own
            mark = top.rpartition(b"-")[2]
            recovered = b"recovered-" + mark[:8]
            self.displaced.append(Displaced(name, recovered if inner else by_mark.get(mark, recovered), ABSENT))

    def _fresh_name(self, path: bytes) -> bytes:
        """Return a new name for the private directory. It ends with a mark of the path, by which a leftover finds back."""
        self._serial += 1
        return f"{os.getpid()}-{os.urandom(4).hex()}-{self._serial}-".encode() + _mark(path)


def _mark(path: bytes) -> bytes:
    return hashlib.sha256(path).hexdigest()[:32].encode()


def _is_as_agreed(fd: int, agreed: State) -> bool:
    digest, position = hashlib.sha256(), 0
    while chunk := os.pread(fd, CHUNK, position):
        position += len(chunk)
        digest.update(chunk)
    return digest.digest() == agreed
