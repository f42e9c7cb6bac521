"""A tree that others write to: nothing outside is reached, nothing half-written is taken."""

from __future__ import annotations

import errno
import hashlib
import os
import socket
import stat
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fwrkit.agent.files import linux
from fwrkit.agent.files import tree as trees
from fwrkit.agent.files.tree import Busy, NotRegular, Stamp, Tree, copy_all, write_all


@pytest.fixture
def root(tmp_path: Path) -> Path:
    world = tmp_path / "world"
    world.mkdir()
    (tmp_path / "secret").write_text("secret")
    return world


@pytest.fixture
def tree(root: Path) -> Iterator[Tree]:
    tree = Tree(root)
    yield tree
    tree.close()


def test_a_file_is_taken_as_it_is(tree: Tree, root: Path) -> None:
    (root / "file").write_bytes(b"content")
    taken = tree.take(b"file", 7)
    assert taken.state == hashlib.sha256(b"content").digest()
    assert taken.content == b"content"
    assert taken.stamp == Stamp.of((root / "file").stat())
    assert tree.take(b"file", 6).content is None
    assert tree.take(b"file", 6).state == taken.state


@pytest.mark.parametrize("size", [0, 1, trees.CHUNK - 1, trees.CHUNK, trees.CHUNK + 1, 2 * trees.CHUNK + 3])
def test_sizes_around_a_chunk(tree: Tree, root: Path, size: int) -> None:
    content = os.urandom(size)
    (root / "file").write_bytes(content)
    taken = tree.take(b"file", 4 * trees.CHUNK)
    assert (taken.content, taken.state) == (content, hashlib.sha256(content).digest())


def test_a_change_in_the_same_tick_gives_another_stamp(tree: Tree, root: Path) -> None:
    place = root / "x"
    for number in range(100):
        place.write_bytes(b"%03d" % number)
        taken = tree.take(b"x", 10)
        place.write_bytes(b"%03d" % (number + 1))
        assert Stamp.of(place.stat()) != taken.stamp, "the edit would never be looked at"


def test_where_the_clock_was_set_back_no_stamp_fits(tree: Tree, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (root / "x").write_bytes(b"x")
    now = time.clock_gettime_ns(time.CLOCK_REALTIME)
    monkeypatch.setattr("fwrkit.agent.files.tree.time.clock_gettime_ns", lambda _: now - 3600 * 10**9)
    stamp = tree.take(b"x", 10).stamp
    status = (root / "x").stat()
    assert (stamp.size, stamp.time) == (1, status.st_mtime_ns)
    assert stamp != Stamp.of(status)


def test_what_somebody_has_open_for_writing_is_busy(tree: Tree, root: Path) -> None:
    with (root / "file").open("w") as writer:
        writer.write("half")
        writer.flush()
        with pytest.raises(Busy):
            tree.take(b"file", 100)
    assert tree.take(b"file", 100).content == b"half"


def test_who_reads_does_not_matter(tree: Tree, root: Path) -> None:
    (root / "file").write_text("x")
    with (root / "file").open():
        assert tree.take(b"file", 100).content == b"x"


def test_after_a_take_nobody_waits(tree: Tree, root: Path) -> None:
    (root / "file").write_text("x")
    fd = tree.open_file(b"file")
    trees.take(fd, 100)
    os.close(os.open(root / "file", os.O_WRONLY | os.O_NONBLOCK))
    os.close(fd)


def while_reading(monkeypatch: pytest.MonkeyPatch, disturb: Callable[[], None]) -> None:
    """Have something happen once, after the first chunk was read."""
    real = os.pread
    done: list[bool] = []

    def pread(fd: int, count: int, position: int) -> bytes:
        chunk = real(fd, count, position)
        if not done:
            done.append(True)
            disturb()
        return chunk

    monkeypatch.setattr(os, "pread", pread)


def test_a_writer_who_comes_while_it_is_read_makes_it_busy(tree: Tree, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    linux.ignore_lease_breaks()
    (root / "file").write_bytes(b"x" * 100)

    def disturb() -> None:
        with pytest.raises(BlockingIOError):
            os.open(root / "file", os.O_WRONLY | os.O_NONBLOCK)

    while_reading(monkeypatch, disturb)
    with pytest.raises(Busy):
        tree.take(b"file", 1000)


@pytest.mark.parametrize("change", ["content", "longer", "shorter", "time"])
def test_without_leases_a_change_while_it_is_read_is_seen(tree: Tree, root: Path, monkeypatch: pytest.MonkeyPatch, change: str) -> None:
    """As on a filesystem that has none, or for a file of another owner."""

    def no_lease(fd: int) -> bool:
        raise OSError(errno.EACCES, "no leases here")

    monkeypatch.setattr(linux, "take_read_lease", no_lease)
    file = root / "file"
    file.write_bytes(b"x" * 100)
    os.utime(file, ns=(1, 1))
    assert tree.take(b"file", 1000).content == b"x" * 100

    def disturb() -> None:
        if change == "time":
            os.utime(file, ns=(2, 2))
            return
        with file.open("r+b") as stream:
            if change == "shorter":
                stream.truncate(50)
            else:
                stream.write(b"y" * (200 if change == "longer" else 100))

    while_reading(monkeypatch, disturb)
    with pytest.raises(Busy):
        tree.take(b"file", 1000)


def test_what_is_no_regular_file_is_not_taken_and_nobody_waits(tree: Tree, root: Path) -> None:
    os.mkfifo(root / "fifo")
    (root / "directory").mkdir()
    (root / "link").symlink_to("../secret")
    (root / "inner").symlink_to("..")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(root / "socket"))
        for path in (b"fifo", b"directory", b"link", b"inner/secret", b"socket"):
            with pytest.raises(NotRegular):
                tree.take(path, 100)
    with pytest.raises(FileNotFoundError):
        tree.take(b"missing", 100)


def test_the_status_is_that_of_the_place_itself(tree: Tree, root: Path) -> None:
    (root / "file").write_text("x")
    (root / "link").symlink_to("file")
    (root / "up").symlink_to("..")
    status = tree.status(b"link")
    assert status is not None and stat.S_ISLNK(status.st_mode)
    for path in (b"missing", b"missing/x", b"file/x", b"up/secret", b"n" * 300, b"n" * 300 + b"/x", b"/".join([b"n" * 200] * 30)):
        assert tree.status(path) is None, path


def test_directories_are_made_where_they_are_missing(tree: Tree, root: Path) -> None:
    tree.make_directories(b"a/b/c")
    tree.make_directories(b"a/b/c")
    tree.make_directories(b"")
    assert (root / "a/b/c").is_dir()
    (root / "file").write_text("x")
    (root / "up").symlink_to("..")
    for path in (b"file", b"file/x", b"up", b"up/new"):
        with pytest.raises(OSError):
            tree.make_directories(path)
    assert not (root.parent / "new").exists()


def test_a_file_is_created_where_none_is(tree: Tree, root: Path) -> None:
    stamp = tree.create(b"file", lambda fd: write_all(fd, b"x"), 1_700_000_000_123_456_789)
    status = (root / "file").stat()
    assert (root / "file").read_bytes() == b"x"
    assert status.st_mtime_ns == 1_700_000_000_123_456_789
    assert stamp == Stamp.of(status)
    assert status.st_mode & 0o022 == 0
    (root / "link").symlink_to("target")
    for taken in (b"file", b"link"):
        with pytest.raises(FileExistsError):
            tree.create(taken, lambda fd: write_all(fd, b"y"), 0)
    assert (root / "file").read_bytes() == b"x"
    assert not (root / "target").exists()


def test_what_could_not_be_written_whole_is_not_there(tree: Tree, root: Path) -> None:
    def fail(fd: int) -> None:
        os.write(fd, b"half")
        raise OSError(errno.ENOSPC, "full")

    with pytest.raises(OSError, match="full"):
        tree.create(b"file", fail, 0)
    assert list(root.iterdir()) == []


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
def test_what_is_made_belongs_to_the_owner(root: Path) -> None:
    tree = Tree(root, (20_001, 20_002))
    tree.make_directories(b"a/b")
    tree.create(b"a/b/file", lambda fd: write_all(fd, b"x"), 0)
    for path in ("a", "a/b", "a/b/file"):
        status = (root / path).stat()
        assert (status.st_uid, status.st_gid) == (20_001, 20_002)
    tree.close()


def test_removing(tree: Tree, root: Path) -> None:
    (root / "file").write_text("x")
    (root / "link").symlink_to("../secret")
    (root / "directory").mkdir()
    (root / "full/x").mkdir(parents=True)
    tree.unlink(b"file")
    tree.unlink(b"link")
    tree.unlink(b"missing")
    tree.unlink(b"missing/x")
    tree.remove_directory(b"directory")
    with pytest.raises(OSError) as raised:
        tree.remove_directory(b"full")
    assert raised.value.errno == errno.ENOTEMPTY
    assert sorted(item.name for item in root.iterdir()) == ["full"]
    assert (root.parent / "secret").exists()


def test_a_walk_tells_everything_parents_first_and_follows_nothing(tree: Tree, root: Path) -> None:
    (root / "b/c").mkdir(parents=True)
    (root / "b/c/file").write_text("x")
    (root / "a").write_text("x")
    (root / "up").symlink_to("..")
    os.mkfifo(root / "fifo")
    (root / os.fsdecode(b"\xff")).mkdir()
    found = [path for path, _ in tree.walk()]
    assert found == [b"a", b"b", b"b/c", b"b/c/file", b"fifo", b"up", b"\xff"]
    assert [path for path, _ in tree.walk(b"b")] == [b"b/c", b"b/c/file"]
    assert [path for path, _ in tree.walk(skip=lambda path: path == b"b")] == [b"a", b"fifo", b"up", b"\xff"]
    for path in (b"a", b"up", b"missing", b"missing/x"):
        assert list(tree.walk(path)) == []


def test_what_vanishes_while_walking_is_passed_over(tree: Tree, root: Path) -> None:
    (root / "a/inner").mkdir(parents=True)
    (root / "b").mkdir()
    found = []
    for path, _ in tree.walk():
        found.append(path)
        if path == b"a":
            (root / "a/inner").rmdir()
            (root / "a").rmdir()
    assert found == [b"a", b"b"]


def test_a_root_that_was_moved_is_still_the_same_tree(tree: Tree, root: Path) -> None:
    (root / "file").write_text("x")
    root.rename(root.parent / "moved")
    root.mkdir()
    assert tree.take(b"file", 10).content == b"x"


@given(st.binary(max_size=100), st.integers(min_value=1, max_value=7))
def test_everything_is_written_however_little_the_kernel_takes(content: bytes, at_once: int) -> None:
    written = bytearray()

    def write(fd: int, data: memoryview) -> int:
        written.extend(bytes(data[:at_once]))
        return min(at_once, len(data))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "write", write)
        write_all(99, content)
    assert bytes(written) == content


def test_a_copy_is_hashed_as_it_is_written(tmp_path: Path) -> None:
    content = os.urandom(trees.CHUNK + 5)
    (tmp_path / "a").write_bytes(content)
    source = os.open(tmp_path / "a", os.O_RDONLY)
    target = os.open(tmp_path / "b", os.O_WRONLY | os.O_CREAT)
    assert copy_all(source, target) == hashlib.sha256(content).digest()
    os.close(source)
    os.close(target)
    assert (tmp_path / "b").read_bytes() == content
