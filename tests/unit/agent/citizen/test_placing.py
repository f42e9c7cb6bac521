"""Putting deliveries into a world that others write to: whatever happens at the same moment, no content is lost."""

from __future__ import annotations

import errno
import fcntl
import os
import stat
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from fwrkit.agent.citizen import placing
from fwrkit.agent.citizen.placing import Displaced, Placer, Prepared, PutBack
from fwrkit.agent.files import linux
from fwrkit.agent.files.ignore import IgnoreList
from fwrkit.agent.files.tree import Stamp, Tree
from fwrkit.agent.paths import is_well_formed
from fwrkit.agent.states import ABSENT, DIRECTORY, State, file_state

TIME = 1_700_000_000_123_456_789


class Desk:
    """A world, its private directory, and a placer."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.world = root / "world"
        self.private = root / "private"
        for directory in (self.world, *(self.private / name for name in ("exchange", "kept", "staging"))):
            directory.mkdir(parents=True, exist_ok=True)
        self.tree = Tree(self.world)
        self.placer = Placer(self.tree, self.private, (os.geteuid(), os.getegid()))
        self.placer.ignored = IgnoreList(["cache", "**/*.tmp", "**/*.db3"])

    def write(self, path: str, content: bytes) -> None:
        (self.world / path).parent.mkdir(parents=True, exist_ok=True)
        (self.world / path).write_bytes(content)

    def prepare(self, path: bytes, content: bytes) -> Prepared:
        prepared = self.placer.prepare(path, content, file_state(content), TIME)
        self.placer.sync([prepared])
        return prepared

    def place(self, path: bytes, agreed: State, content: bytes) -> None:
        stamp = self.placer.place(path, agreed, self.prepare(path, content))
        status = (self.world / os.fsdecode(path)).stat()
        assert (stamp.size, stamp.time, stamp.inode) == (len(content), TIME, status.st_ino)

    def contents(self) -> dict[str, bytes]:
        return {str(item.relative_to(self.world)): item.read_bytes() for item in self.world.rglob("*") if item.is_file()}

    def private_contents(self) -> list[bytes]:
        return sorted(item.read_bytes() for name in ("exchange", "kept") for item in (self.private / name).rglob("*") if item.is_file())

    def settled(self) -> list[tuple[Displaced, bytes | None]]:
        return [(item, taken.content) for item, taken in self.placer.settle_displaced(1000)]


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


def put_back(function: Callable[[], object]) -> str:
    with pytest.raises(PutBack) as raised:
        function()
    return raised.value.reason


def just_before(monkeypatch: pytest.MonkeyPatch, disturb: Callable[[], None]) -> None:
    """Have something happen once, at the last moment before a rename."""
    real = linux.rename
    done: list[bool] = []

    def rename(source_fd: int, source: bytes, target_fd: int, target: bytes, flags: int) -> None:
        if not done:
            done.append(True)
            disturb()
        real(source_fd, source, target_fd, target, flags)

    monkeypatch.setattr(linux, "rename", rename)


def test_a_new_file_with_its_directories(desk: Desk) -> None:
    desk.place(b"a/b/c", ABSENT, b"one")
    assert desk.contents() == {"a/b/c": b"one"}
    assert (desk.world / "a/b/c").stat().st_mode & 0o777 == 0o644
    assert desk.private_contents() == []


def test_a_known_file_is_replaced_and_the_old_one_let_go(desk: Desk) -> None:
    desk.write("a", b"old")
    desk.place(b"a", file_state(b"old"), b"new")
    assert desk.contents() == {"a": b"new"}
    assert desk.private_contents() == []
    assert desk.placer.displaced == []


def test_a_known_file_is_deleted(desk: Desk) -> None:
    desk.write("a", b"old")
    desk.placer.delete(b"a", file_state(b"old"))
    desk.placer.delete(b"a", file_state(b"old"))
    desk.placer.delete(b"never/there", file_state(b"old"))
    desk.placer.delete(b"never", ABSENT)
    assert desk.contents() == {}
    assert desk.private_contents() == []


def test_a_file_whose_content_was_changed_meanwhile_goes_back(desk: Desk) -> None:
    desk.write("a", b"mine")
    assert put_back(lambda: desk.place(b"a", file_state(b"old"), b"theirs")) == "changed"
    assert put_back(lambda: desk.placer.delete(b"a", file_state(b"old"))) == "changed"
    assert desk.contents() == {"a": b"mine"}
    assert desk.private_contents() == []


@pytest.mark.parametrize("how", ["in place", "renamed over", "deleted", "made a directory", "made a link"])
@pytest.mark.parametrize("what", ["place", "delete"])
def test_an_edit_at_the_last_moment_is_not_lost(desk: Desk, monkeypatch: pytest.MonkeyPatch, how: str, what: str) -> None:
    desk.write("a", b"old")
    old = file_state(b"old")

    def disturb() -> None:
        if how == "in place":
            (desk.world / "a").write_bytes(b"mine")
        elif how == "renamed over":
            desk.write("other", b"mine")
            (desk.world / "other").rename(desk.world / "a")
        else:
            (desk.world / "a").unlink()
            if how == "made a directory":
                desk.write("a/inner", b"mine")
            elif how == "made a link":
                (desk.world / "a").symlink_to("/etc/passwd")

    prepared = desk.prepare(b"a", b"theirs")
    just_before(monkeypatch, disturb)
    if how == "deleted" and what == "delete":
        desk.placer.delete(b"a", old)
    elif what == "place":
        assert put_back(lambda: desk.placer.place(b"a", old, prepared)) == "changed"
    else:
        assert put_back(lambda: desk.placer.delete(b"a", old)) in ("changed", "obstructed")
    if how == "made a link":
        assert (desk.world / "a").is_symlink()
    else:
        expected = {"deleted": {}, "made a directory": {"a/inner": b"mine"}}
        assert desk.contents() == expected.get(how, {"a": b"mine"})
    if what == "delete":
        desk.placer.discard(prepared)
    assert desk.private_contents() == []


def just_after(monkeypatch: pytest.MonkeyPatch, disturb: Callable[[], None]) -> None:
    """Have something happen once, at the first moment after a rename."""
    real = linux.rename
    done: list[bool] = []

    def rename(*words: Any) -> None:
        real(*words)
        if not done:
            done.append(True)
            disturb()

    monkeypatch.setattr(linux, "rename", rename)


@pytest.mark.parametrize("agreed", [ABSENT, file_state(b"old")])
@pytest.mark.parametrize("how", ["in place", "renamed over", "deleted"])
def test_an_edit_right_after_it_was_placed_is_seen(desk: Desk, monkeypatch: pytest.MonkeyPatch, how: str, agreed: State) -> None:
    if agreed is not ABSENT:
        desk.write("x", b"old")
    place = desk.world / "x"
    threads: list[threading.Thread] = []

    def write() -> None:
        with place.open("r+b") as file:
            file.write(b"EDIT")
        os.utime(place, ns=(TIME, TIME))

    def disturb() -> None:
        if how == "renamed over":
            (desk.world / "new").write_bytes(b"EDIT")
            os.utime(desk.world / "new", ns=(TIME, TIME))
            (desk.world / "new").rename(place)
        elif how == "deleted":
            place.unlink()
        else:  # waits in open(2) until the lease is given back
            threads.append(threading.Thread(target=write))
            threads[0].start()
            time.sleep(0.05)

    just_after(monkeypatch, disturb)
    stamp = desk.placer.place(b"x", agreed, desk.prepare(b"x", b"gift"))
    for thread in threads:
        thread.join(5)
    status = desk.tree.status(b"x")
    assert status is None or Stamp.of(status) != stamp, "recorded with this stamp, the edit would never be looked at"


def test_a_new_name_that_was_taken_at_the_last_moment_stays_theirs(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    prepared = desk.prepare(b"a", b"theirs")
    just_before(monkeypatch, lambda: desk.write("a", b"mine"))
    assert put_back(lambda: desk.placer.place(b"a", ABSENT, prepared)) == "changed"
    assert desk.contents() == {"a": b"mine"}
    assert desk.private_contents() == []


def test_the_same_content_at_a_new_name_is_as_good(desk: Desk) -> None:
    desk.write("a", b"same")
    inode = (desk.world / "a").stat().st_ino
    stamp = desk.placer.place(b"a", ABSENT, desk.prepare(b"a", b"same"))
    assert stamp.inode == inode
    assert desk.private_contents() == []


def test_who_has_it_open_for_writing_goes_on_and_nothing_of_it_is_lost(desk: Desk) -> None:
    desk.write("a", b"old")
    with (desk.world / "a").open("ab") as writer:
        desk.place(b"a", file_state(b"old"), b"new")
        assert desk.contents() == {"a": b"new"}
        assert desk.settled() == []
        assert len(desk.placer.displaced) == 1, "it is open still"
        writer.write(b" and more")
    [(item, content)] = desk.settled()
    assert (item.path, content) == (b"a", b"old and more")
    assert desk.private_contents() == [b"old and more"], "until it is safe elsewhere"
    desk.placer.let_go(item)
    assert desk.private_contents() == []
    assert desk.placer.displaced == []


def test_who_had_it_open_and_wrote_nothing_leaves_nothing(desk: Desk) -> None:
    desk.write("a", b"old")
    with (desk.world / "a").open("ab"):
        desk.placer.delete(b"a", file_state(b"old"))
        assert desk.contents() == {}
        assert desk.settled() == []
    assert desk.settled() == []
    assert desk.private_contents() == []


def test_what_is_open_and_changed_already_goes_back(desk: Desk) -> None:
    desk.write("a", b"old")
    with (desk.world / "a").open("r+b") as writer:
        writer.write(b"new words")
        writer.flush()
        assert put_back(lambda: desk.place(b"a", file_state(b"old"), b"theirs")) == "changed"
        assert put_back(lambda: desk.placer.delete(b"a", file_state(b"old"))) == "changed"
    assert desk.contents() == {"a": b"new words"}
    assert desk.private_contents() == []


def test_a_large_displaced_file_is_kept_beside(desk: Desk) -> None:
    desk.write("a.txt", b"old")
    with (desk.world / "a.txt").open("ab") as writer:
        desk.placer.delete(b"a.txt", file_state(b"old"))
        writer.write(b"x" * 2000)
    [(item, content)] = desk.settled()
    assert content is None
    first = desk.placer.keep_beside(item, "alice", 0)
    assert first == b"a (conflict alice 1970-01-01 00.00.00).txt"
    assert desk.contents() == {os.fsdecode(first): b"old" + b"x" * 2000}
    (desk.private / "exchange/again").write_bytes(b"y")
    second = desk.placer.keep_beside(Displaced(b"again", b"a.txt", ABSENT), "alice", 0)
    assert second not in (first, b"a.txt")
    assert set(desk.contents().values()) == {b"old" + b"x" * 2000, b"y"}


@pytest.mark.parametrize("path", ["file/x", "link/x", "fifo/x"])
def test_what_is_in_the_way_stays(desk: Desk, tmp_path: Path, path: str) -> None:
    desk.write("file", b"mine")
    (desk.world / "link").symlink_to(tmp_path)
    os.mkfifo(desk.world / "fifo")
    assert put_back(lambda: desk.place(path.encode(), ABSENT, b"theirs")) == "obstructed"
    assert put_back(lambda: desk.placer.make_directory(path.encode())) == "obstructed"
    assert desk.contents() == {"file": b"mine"}
    assert not (tmp_path / "x").exists()
    assert desk.private_contents() == []


@pytest.mark.parametrize("kind", ["link", "fifo"])
def test_a_special_file_at_the_very_place_stays(desk: Desk, tmp_path: Path, kind: str) -> None:
    (tmp_path / "victim").write_bytes(b"victim")
    if kind == "link":
        (desk.world / "a").symlink_to(tmp_path / "victim")
    else:
        os.mkfifo(desk.world / "a")
    for agreed in (ABSENT, file_state(b"old")):
        put_back(lambda agreed=agreed: desk.place(b"a", agreed, b"theirs"))  # type: ignore[misc]
    put_back(lambda: desk.placer.delete(b"a", file_state(b"old")))
    assert (desk.world / "a").is_symlink() or (desk.world / "a").is_fifo()
    assert (tmp_path / "victim").read_bytes() == b"victim"
    assert desk.private_contents() == []


def test_directories_come_and_go(desk: Desk) -> None:
    desk.placer.make_directory(b"d/e")
    desk.placer.make_directory(b"d/e")
    assert (desk.world / "d/e").is_dir()
    desk.placer.delete(b"d/e", DIRECTORY)
    desk.placer.delete(b"d/e", DIRECTORY)
    assert not (desk.world / "d/e").exists()


def test_a_directory_with_something_in_it_stays(desk: Desk) -> None:
    desk.write("d/mine", b"mine")
    assert put_back(lambda: desk.placer.delete(b"d", DIRECTORY)) == "changed"
    assert put_back(lambda: desk.place(b"d", DIRECTORY, b"a file")) == "changed"
    assert desk.contents() == {"d/mine": b"mine"}
    assert desk.private_contents() == []


def test_what_never_travels_does_not_hold_a_directory_and_is_kept_for_a_while(desk: Desk) -> None:
    desk.write("d/a.tmp", b"cache")
    desk.write("d/sub/b.tmp", b"cache too")
    desk.placer.delete(b"d", DIRECTORY)
    assert not (desk.world / "d").exists()
    assert desk.private_contents() == [b"cache", b"cache too"]
    desk.placer.forget_kept(3600)
    assert desk.private_contents() == [b"cache", b"cache too"]
    desk.placer.forget_kept(-1)
    assert desk.private_contents() == []


def test_field_F05_what_never_travels_and_is_no_cache_stays_with_its_directory(desk: Desk) -> None:
    desk.write("shop/orders.db3", b"orders")
    desk.write("shop/a.tmp", b"cache")
    desk.placer.delete(b"shop", DIRECTORY)
    assert desk.contents() == {"shop/orders.db3": b"orders", "shop/a.tmp": b"cache"}
    desk.placer.forget_kept(-1)
    assert desk.contents()["shop/orders.db3"] == b"orders"


def test_field_F05_what_is_this_node_s_own_goes_along_where_its_directory_was_moved(desk: Desk) -> None:
    desk.write("shop/deep/orders.db3", b"orders")
    desk.write("shop/a.tmp", b"cache")
    desk.write("store/index", b"moved by others")
    desk.placer.delete(b"shop", DIRECTORY, b"store")
    assert desk.contents() == {"store/deep/orders.db3": b"orders", "store/index": b"moved by others"}


def test_what_is_in_the_way_there_keeps_it_here(desk: Desk) -> None:
    desk.write("shop/orders.db3", b"orders")
    desk.write("store/orders.db3", b"others")
    desk.placer.delete(b"shop", DIRECTORY, b"store")
    assert desk.contents() == {"shop/orders.db3": b"orders", "store/orders.db3": b"others"}


@pytest.mark.parametrize("kind", ["link", "fifo", "git", "sqlite"])
def test_field_F10_what_can_not_travel_stays_with_its_directory(desk: Desk, kind: str) -> None:
    """Else its directory would go and come again for ever."""
    desk.write("d/x.tmp", b"cache")
    place = desk.world / "d/own"
    if kind == "link":
        place.symlink_to("/etc")
    elif kind == "fifo":
        os.mkfifo(place)
    elif kind == "git":
        desk.write("d/.git/config", b"[core]")
    else:
        desk.write("d/own", b"SQLite format 3\x00 and pages")
    desk.placer.delete(b"d", DIRECTORY)
    assert (desk.world / "d").is_dir()
    assert os.path.lexists(place) or kind == "git"


@pytest.mark.parametrize("mode", [0o600, 0o755, 0o640])
def test_field_F32_what_replaces_a_file_keeps_its_mode(desk: Desk, mode: int) -> None:
    desk.write("a", b"old")
    (desk.world / "a").chmod(mode)
    desk.place(b"a", file_state(b"old"), b"new")
    assert (desk.world / "a").read_bytes() == b"new"
    assert stat.S_IMODE((desk.world / "a").stat().st_mode) == mode


def test_a_file_takes_the_place_of_a_directory_of_caches(desk: Desk) -> None:
    desk.write("d/a.tmp", b"cache")
    desk.place(b"d", DIRECTORY, b"a file")
    assert desk.contents() == {"d": b"a file"}


def test_a_file_that_comes_into_a_directory_of_caches_at_the_last_moment(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.write("d/a.tmp", b"cache")
    just_before(monkeypatch, lambda: desk.write("d/mine", b"mine"))
    assert put_back(lambda: desk.placer.delete(b"d", DIRECTORY)) == "changed"
    assert desk.contents() == {"d/a.tmp": b"cache", "d/mine": b"mine"}


def test_a_full_disk_is_said_and_leaves_nothing_half(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.write("a", b"old")

    def full(fd: int, content: bytes) -> None:
        os.write(fd, content[:1])
        raise OSError(errno.ENOSPC, "full")

    with monkeypatch.context() as patch:
        patch.setattr(placing, "write_all", full)
        with pytest.raises(OSError) as raised:
            desk.prepare(b"a", b"theirs")
    assert raised.value.errno == errno.ENOSPC
    assert desk.private_contents() == []

    def full_directory(*_: object) -> None:
        raise OSError(errno.ENOSPC, "full")

    prepared = desk.prepare(b"a", b"theirs")
    monkeypatch.setattr(linux, "rename", full_directory)
    assert put_back(lambda: desk.placer.place(b"a", file_state(b"old"), prepared)) == "space"
    assert desk.contents() == {"a": b"old"}
    assert desk.private_contents() == []


def test_what_was_staged_is_moved_in_or_goes_back(desk: Desk) -> None:
    staged = desk.private / "staging/file"
    staged.write_bytes(b"large")
    desk.write("taken", b"mine")
    prepared = desk.placer.adopt(b"taken", staged, file_state(b"large"), TIME)
    assert put_back(lambda: desk.placer.place(b"taken", ABSENT, prepared)) == "changed"
    assert staged.read_bytes() == b"large"
    prepared = desk.placer.adopt(b"gone/below", staged, file_state(b"large"), TIME)
    assert put_back(lambda: desk.placer.place(b"gone/below", file_state(b"was here"), prepared)) == "changed"
    assert staged.read_bytes() == b"large", "it goes back from where it was to be exchanged"
    prepared = desk.placer.adopt(b"new", staged, file_state(b"large"), TIME)
    desk.placer.sync([prepared] * 20)
    stamp = desk.placer.place(b"new", ABSENT, prepared)
    assert (stamp.time, stamp.size) == (TIME, 5)
    assert desk.contents() == {"taken": b"mine", "new": b"large"}
    assert desk.private_contents() == []
    staged.write_bytes(b"newer")
    prepared = desk.placer.adopt(b"new", staged, file_state(b"newer"), TIME)
    desk.placer.place(b"new", file_state(b"large"), prepared)
    assert desk.contents() == {"taken": b"mine", "new": b"newer"}
    assert desk.private_contents() == []


def test_names_are_synced_whatever_became_of_their_directories(desk: Desk) -> None:
    desk.write("d/a", b"x")
    desk.placer.sync_places([b"d/a", b"gone/b", b"d/a/c", b"e"])
    desk.placer.sync_places([b"%d/x" % number for number in range(20)])


# what an earlier run left


def again(desk: Desk, known: list[bytes]) -> Desk:
    """The agent ended and begins anew on the same disk."""
    later = Desk(desk.root)
    later.placer.find_leftovers(known)
    return later


def test_what_was_being_written_comes_again_and_is_thrown_away(desk: Desk) -> None:
    desk.placer.prepare(b"a", b"half", file_state(b"whole"), TIME)
    later = again(desk, [b"a"])
    assert later.private_contents() == []
    assert later.placer.displaced == []


def test_what_was_displaced_is_found_with_its_path(desk: Desk) -> None:
    desk.write("a", b"old")
    with (desk.world / "a").open("ab") as writer:
        desk.placer.delete(b"a", file_state(b"old"))
        writer.write(b" and more")
    later = again(desk, [b"x", b"a"])
    [(item, content)] = later.settled()
    assert (item.path, content) == (b"a", b"old and more")


def test_a_crash_in_the_middle_of_an_exchange_loses_nothing(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody's edit lies in the private directory, and the process ends before it is put back."""
    desk.write("a", b"mine")
    real = linux.rename
    prepared = desk.prepare(b"a", b"theirs")
    calls: list[int] = []

    def rename(source_fd: int, source: bytes, target_fd: int, target: bytes, flags: int) -> None:
        calls.append(flags)
        if len(calls) > 1:
            raise KeyboardInterrupt
        real(source_fd, source, target_fd, target, flags)

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(linux, "rename", rename)
        desk.placer.place(b"a", file_state(b"old"), prepared)
    assert desk.contents() == {"a": b"theirs"}
    later = again(desk, [b"a"])
    [(item, content)] = later.settled()
    assert (item.path, content) == (b"a", b"mine")


def test_of_a_path_that_nobody_knows_the_content_is_recovered(desk: Desk) -> None:
    desk.write("unknown", b"old")
    with (desk.world / "unknown").open("ab") as writer:
        desk.placer.delete(b"unknown", file_state(b"old"))
        writer.write(b"!")
    later = again(desk, [b"other"])
    [(item, content)] = later.settled()
    assert content == b"old!"
    assert item.path.startswith(b"recovered-")
    assert is_well_formed(item.path)


@pytest.mark.parametrize("inner", ["x", "my-file", "a-/b", "x-abcdefg/hij", "x-../y", "-", "x-"])
def test_whatever_lies_in_a_displaced_directory_gets_a_path(desk: Desk, inner: str) -> None:
    """A directory had taken a file's place, was exchanged, and the process ended before it went back."""
    prepared = desk.prepare(b"a", b"theirs")
    (desk.private / "exchange" / prepared.name.decode()).unlink()
    place = desk.private / "exchange" / prepared.name.decode().removeprefix("w-") / inner
    place.parent.mkdir(parents=True)
    place.write_bytes(b"mine")
    later = again(desk, [b"a"])
    [(item, content)] = later.settled()
    assert content == b"mine"
    assert is_well_formed(item.path), item.path
    kept = later.placer.keep_beside(item, "alice", time.time_ns())
    assert later.contents() == {os.fsdecode(kept): b"mine"}


@pytest.fixture(autouse=True)
def lease_breaks_are_ignored() -> Iterator[None]:
    linux.ignore_lease_breaks()
    yield


def test_an_empty_directory_is_somebody_s_and_holds_the_one_above(desk: Desk) -> None:
    desk.write("d/a.tmp", b"cache")
    (desk.world / "d/new").mkdir()
    assert put_back(lambda: desk.placer.delete(b"d", DIRECTORY)) == "changed"
    assert (desk.world / "d/new").is_dir()


@pytest.mark.parametrize("what", ["place", "delete"])
def test_what_was_displaced_and_can_not_go_back_is_looked_at_again(desk: Desk, monkeypatch: pytest.MonkeyPatch, what: str) -> None:
    desk.write("a", b"mine")
    rename, calls = linux.rename, []

    def failing(*words: Any) -> None:
        calls.append(words)
        if len(calls) == 2:
            raise OSError(5, "input/output error")
        rename(*words)

    monkeypatch.setattr(linux, "rename", failing)
    with pytest.raises((OSError, PutBack)):
        if what == "place":
            desk.place(b"a", file_state(b"old"), b"new")
        else:
            desk.placer.delete(b"a", file_state(b"old"))
    assert [content for _, content in desk.settled()] == [b"mine"]


def test_a_wikis_lock_is_waited_for_a_moment_and_no_longer(desk: Desk) -> None:
    """PHP exchanges files of its site, too, and puts back what it has not seen: never while a delivery is placed there."""
    lock = desk.root / "web/www/lock"
    lock.parent.mkdir(parents=True)
    lock.touch()
    desk.write("www/page", b"old")
    desk.write("files/page", b"old")
    done: list[float] = []
    with lock.open() as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        began = time.monotonic()

        def deliver() -> None:
            desk.place(b"www/page", file_state(b"old"), b"new")
            done.append(time.monotonic() - began)

        writer = threading.Thread(target=deliver)
        writer.start()
        time.sleep(0.02)
        desk.place(b"files/page", file_state(b"old"), b"another")  # no wiki's
        assert (desk.world / "www/page").read_bytes() == b"old"
        writer.join(10)
    assert done
    assert done[0] > 0.03
    assert (desk.world / "www/page").read_bytes() == b"new", "whoever holds it for long is not waited for"
    with lock.open() as free:
        fcntl.flock(free, fcntl.LOCK_EX | fcntl.LOCK_NB)  # it was let go


@pytest.mark.parametrize("kind", ["link", "fifo", "directory"])
def test_a_lock_that_is_none_stops_nothing(desk: Desk, kind: str) -> None:
    lock = desk.root / "web/www/lock"
    lock.parent.mkdir(parents=True)
    if kind == "link":
        lock.symlink_to("/etc/passwd")
    elif kind == "fifo":
        os.mkfifo(lock)
    else:
        lock.mkdir()
    desk.write("www/page", b"old")
    desk.place(b"www/page", file_state(b"old"), b"new")
    assert desk.contents() == {"www/page": b"new"}


def sentence(function: Callable[[], object]) -> str:
    with pytest.raises(PutBack) as raised:
        function()
    assert raised.value.reason == "obstructed"
    return raised.value.sentence


def failing(monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    """Have the kernel refuse each rename."""

    def rename(*_: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(linux, "rename", rename)


@pytest.mark.parametrize("number", [errno.EACCES, errno.EPERM, errno.EROFS, errno.ENAMETOOLONG, errno.EIO, errno.ETXTBSY])
@pytest.mark.parametrize("agreed", [ABSENT, file_state(b"old")])
def test_field_F17_what_can_not_be_placed_says_the_kernel_s_own_sentence(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, number: int, agreed: State
) -> None:
    """A directory of mode 555, `chattr +i`, a read-only mount, a name too long for this filesystem."""
    if agreed is not ABSENT:
        desk.write("d/a", b"old")
    prepared = desk.prepare(b"d/a", b"theirs")
    failing(monkeypatch, number)
    said = sentence(lambda: desk.placer.place(b"d/a", agreed, prepared))
    assert os.strerror(number) in said
    if number in (errno.EACCES, errno.EPERM):
        assert "uid" in said and "mode" in said and "chmod" in said


def test_field_F17_what_can_not_be_deleted_says_why(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.write("d/a", b"old")
    failing(monkeypatch, errno.EROFS)
    assert os.strerror(errno.EROFS) in sentence(lambda: desk.placer.delete(b"d/a", file_state(b"old")))


def test_field_F08_another_filesystem_below_the_world_is_named(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    prepared = desk.prepare(b"d/a", b"theirs")
    failing(monkeypatch, errno.EXDEV)
    assert "another filesystem is mounted there" in sentence(lambda: desk.placer.place(b"d/a", ABSENT, prepared))


def test_field_F35_a_displaced_file_is_hashed_in_pieces(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file of a gigabyte that somebody has open must not be read into memory, nor cut where one read ends."""
    old = b"x" * 3_000_000
    desk.write("a", old)
    sizes: list[int] = []
    pread = os.pread

    def counted(fd: int, size: int, offset: int) -> bytes:
        sizes.append(size)
        return pread(fd, min(size, 100_000), offset)  # a read may return less than was asked for

    monkeypatch.setattr(os, "pread", counted)
    with (desk.world / "a").open("r+b"):
        desk.place(b"a", file_state(old), b"theirs")
        assert [item.path for item in desk.placer.displaced] == [b"a"], "it is what was agreed on, and open"
    assert max(sizes) <= 1024 * 1024
    monkeypatch.undo()
    assert desk.settled() == []
