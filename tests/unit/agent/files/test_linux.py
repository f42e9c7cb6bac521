"""The system calls, as the kernel does them: these tests say what the agent stands on."""

from __future__ import annotations

import errno
import os
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from fwrkit.agent.files import linux


@pytest.fixture
def root(tmp_path: Path) -> Iterator[int]:
    """A directory with a file, a directory, links in and out; its descriptor."""
    world = tmp_path / "world"
    (world / "inner").mkdir(parents=True)
    (world / "inner/file").write_text("inner")
    (tmp_path / "secret").write_text("secret")
    (world / "link").symlink_to("inner/file")
    (world / "dirlink").symlink_to("inner")
    (world / "out").symlink_to(tmp_path / "secret")
    (world / "up").symlink_to("..")
    fd = os.open(world, os.O_RDONLY | os.O_DIRECTORY)
    yield fd
    os.close(fd)


def number_of(function: object, *arguments: object) -> int:
    """Call a function that fails, and return the kernel's number."""
    assert callable(function)
    with pytest.raises(OSError) as raised:
        function(*arguments)
    assert raised.value.errno is not None
    return raised.value.errno


def read(fd: int) -> bytes:
    with os.fdopen(fd, "rb") as file:
        return file.read()


def test_what_lies_beneath_is_opened(root: int) -> None:
    assert read(linux.open_beneath(root, b"inner/file", os.O_RDONLY)) == b"inner"
    fd = linux.open_beneath(root, b"", os.O_RDONLY | os.O_DIRECTORY)
    assert os.path.samestat(os.fstat(fd), os.fstat(root))
    os.close(fd)


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        (b"../secret", {errno.EXDEV}),
        (b"..", {errno.EXDEV}),
        (b"inner/../../secret", {errno.EXDEV}),
        (b"/etc/passwd", {errno.EXDEV}),
        (b"link", {errno.ELOOP}),
        (b"out", {errno.ELOOP}),
        (b"up/secret", {errno.ELOOP}),
        (b"dirlink/file", {errno.ELOOP}),
        (b"missing", {errno.ENOENT}),
        (b"inner/file/x", {errno.ENOTDIR}),
    ],
)
def test_no_link_is_followed_and_nothing_outside_is_reached(root: int, path: bytes, expected: set[int]) -> None:
    assert number_of(linux.open_beneath, root, path, os.O_RDONLY) in expected


def test_dots_that_stay_inside_are_no_way_out(root: int) -> None:
    assert read(linux.open_beneath(root, b"inner/../inner/file", os.O_RDONLY)) == b"inner"


def test_what_is_opened_is_closed_on_exec(root: int) -> None:
    fd = linux.open_beneath(root, b"inner/file", os.O_RDONLY)
    assert not os.get_inheritable(fd)
    os.close(fd)


def test_a_new_file_is_made_with_its_mode(root: int, tmp_path: Path) -> None:
    os.close(linux.open_beneath(root, b"inner/new", os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    assert (tmp_path / "world/inner/new").stat().st_mode & 0o777 == 0o600


def test_a_magic_link_of_proc_leads_nowhere() -> None:
    proc = os.open("/proc/self", os.O_RDONLY | os.O_DIRECTORY)
    try:
        assert number_of(linux.open_beneath, proc, b"root/etc/passwd", os.O_RDONLY) in (errno.ELOOP, errno.EXDEV)
    finally:
        os.close(proc)


def test_an_exchange_swaps_and_loses_nothing(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("a")
    (tmp_path / "b").mkdir()
    fd = os.open(tmp_path, os.O_RDONLY)
    linux.rename(fd, b"a", fd, b"b", linux.RENAME_EXCHANGE)
    assert (tmp_path / "a").is_dir()
    assert (tmp_path / "b").read_text() == "a"
    assert number_of(linux.rename, fd, b"b", fd, b"c", linux.RENAME_EXCHANGE) == errno.ENOENT
    assert (tmp_path / "b").read_text() == "a"
    os.close(fd)


def test_a_move_overwrites_nothing(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("a")
    (tmp_path / "b").write_text("b")
    (tmp_path / "l").symlink_to("nowhere")
    fd = os.open(tmp_path, os.O_RDONLY)
    for taken in (b"b", b"l"):
        assert number_of(linux.rename, fd, b"a", fd, taken, linux.RENAME_NOREPLACE) == errno.EEXIST
    assert (tmp_path / "b").read_text() == "b"
    linux.rename(fd, b"a", fd, b"c", linux.RENAME_NOREPLACE)
    assert (tmp_path / "c").read_text() == "a"
    assert not (tmp_path / "a").exists()
    os.close(fd)


def test_the_filesystem_is_synced_or_the_kernel_says_why_not(tmp_path: Path) -> None:
    fd = os.open(tmp_path, os.O_RDONLY)
    linux.syncfs(fd)
    os.close(fd)
    assert number_of(linux.syncfs, fd) == errno.EBADF


@pytest.fixture
def file(tmp_path: Path) -> Iterator[int]:
    (tmp_path / "file").write_text("x")
    fd = os.open(tmp_path / "file", os.O_RDONLY)
    yield fd
    os.close(fd)


def test_a_lease_says_whether_somebody_writes(file: int, tmp_path: Path) -> None:
    writer = os.open(tmp_path / "file", os.O_WRONLY)
    assert not linux.take_read_lease(file)
    os.close(writer)
    assert linux.take_read_lease(file)
    assert linux.is_lease_kept(file)
    os.close(os.open(tmp_path / "file", os.O_RDONLY))
    assert linux.is_lease_kept(file), "readers do not matter"


def test_a_writer_breaks_a_lease_and_waits_for_it(file: int, tmp_path: Path) -> None:
    linux.ignore_lease_breaks()
    assert linux.take_read_lease(file)
    with pytest.raises(BlockingIOError):
        os.open(tmp_path / "file", os.O_WRONLY | os.O_NONBLOCK)
    assert not linux.is_lease_kept(file)
    opened = threading.Event()

    def write() -> None:
        with (tmp_path / "file").open("w") as stream:
            opened.set()
            stream.write("y")

    thread = threading.Thread(target=write)
    thread.start()
    assert not opened.wait(0.05), "the writer has to wait while the lease stands"
    linux.release_lease(file)
    assert opened.wait(10)
    thread.join(10)


def test_there_are_no_leases_on_what_is_no_file() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        assert number_of(linux.take_read_lease, ours.fileno()) in (errno.EINVAL, errno.EACCES)
