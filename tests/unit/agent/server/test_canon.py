"""The canon on disk follows the tables, also after a crash."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from fwrkit.agent.server.canon import Canon
from fwrkit.agent.server.historian import Historian
from fwrkit.agent.server.history import History
from fwrkit.agent.server.store import Store
from fwrkit.agent.settings import Settings
from fwrkit.agent.states import ABSENT, DIRECTORY, State, file_state

TIME = 1_700_000_000_123_456_789


class Shelf:
    """A canon with its tables and history."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.store = Store(root / "hub.sqlite")
        self.history = History(root / "history.git", "world")
        self.canon = Canon(root, self.store, self.history)
        self.settings = Settings(large_limit=1000)

    def put(self, path: bytes, content: bytes | None, incoming: str = "", is_directory: bool = False) -> None:
        state: State = ABSENT
        if is_directory:
            state = DIRECTORY
        elif content is not None:
            state = file_state(content)
            if incoming:
                (self.canon.incoming / incoming).write_bytes(content)
            self.store.add_pending(state, None if incoming else content, incoming or None)
        self.store.set_head(path, state, len(content or b""), TIME, "alice", 0)

    def commit(self) -> None:
        historian = Historian(Store(self.root / "hub.sqlite"), self.history, self.canon, self.settings)
        historian.commit_some(1 << 40)

    def disk(self) -> dict[bytes, bytes | None]:
        found: dict[bytes, bytes | None] = {}
        for path, _ in self.canon.tree.walk():
            place = Path(os.fsdecode(self.canon.path_of(path)))
            found[path] = None if place.is_dir() else place.read_bytes()
        return found

    def restart(self) -> Shelf:
        self.store.close()
        return Shelf(self.root)


@pytest.fixture
def shelf(tmp_path: Path) -> Iterator[Shelf]:
    shelf = Shelf(tmp_path)
    yield shelf
    shelf.store.close()


def test_settling_makes_the_disk_what_the_tables_say_and_twice_is_once(shelf: Shelf) -> None:
    shelf.put(b"www", None, is_directory=True)
    shelf.put(b"www/a", b"one")
    shelf.put(b"\xff", b"two", incoming="alice-1-0")
    for _ in range(2):
        for path in (b"www", b"www/a", b"\xff"):
            shelf.canon.settle(path)
        assert shelf.disk() == {b"www": None, b"www/a": b"one", b"\xff": b"two"}
    assert os.stat(shelf.canon.path_of(b"www/a")).st_mtime_ns == TIME
    shelf.put(b"www/a", None)
    shelf.put(b"www", None)
    for _ in range(2):
        for path in (b"www/a", b"www"):
            shelf.canon.settle(path)
        assert shelf.disk() == {b"\xff": b"two"}
    assert list(shelf.canon.incoming.glob("place-*")) == []


def test_files_and_directories_take_each_other_s_place(shelf: Shelf) -> None:
    shelf.put(b"a", b"one")
    shelf.canon.settle(b"a")
    shelf.put(b"a", None, is_directory=True)
    shelf.put(b"a/b", b"two")
    for path in (b"a", b"a/b"):
        shelf.canon.settle(path)
    assert shelf.disk() == {b"a": None, b"a/b": b"two"}
    shelf.put(b"a/b", None)
    shelf.put(b"a", b"three")
    for path in (b"a/b", b"a"):
        shelf.canon.settle(path)
    assert shelf.disk() == {b"a": b"three"}
    shelf.canon.settle(b"a/b")
    assert shelf.disk() == {b"a": b"three"}


@pytest.mark.parametrize("size", [10, 2000])
def test_what_is_in_the_history_only_is_settled_from_there(shelf: Shelf, size: int) -> None:
    content = os.urandom(size)
    shelf.put(b"a", content, incoming="alice-1-0")
    shelf.commit()
    (shelf.canon.incoming / "alice-1-0").unlink()
    again = shelf.restart()
    again.store.set_head(b"b", file_state(content), size, TIME, "bob", 0)
    again.canon.settle(b"b")
    assert again.disk() == {b"b": content}
    assert os.stat(again.canon.path_of(b"b")).st_mtime_ns == TIME
    again.store.set_head(b"c", file_state(b"nobody has it"), 1, TIME, "bob", 0)
    with pytest.raises(KeyError):
        again.canon.settle(b"c")


def test_who_holds_a_link_keeps_what_was_linked(shelf: Shelf, tmp_path: Path) -> None:
    shelf.put(b"a", b"one")
    shelf.canon.settle(b"a")
    os.link(shelf.canon.path_of(b"a"), tmp_path / "link")
    shelf.put(b"a", b"two")
    shelf.canon.settle(b"a")
    assert (tmp_path / "link").read_bytes() == b"one"
    assert shelf.disk() == {b"a": b"two"}


def test_contents_are_read_from_wherever_they_are(shelf: Shelf) -> None:
    large = os.urandom(2000)
    shelf.put(b"a", b"stored")
    shelf.put(b"b", b"received", incoming="alice-1-0")
    shelf.put(b"c", large, incoming="alice-1-1")
    contents = [b"stored", b"received", large]

    def check(canon: Canon) -> None:
        for content in contents:
            assert canon.has(file_state(content))
            assert canon.read(file_state(content)) == content

    check(shelf.canon)
    shelf.commit()
    assert shelf.store.place_of(file_state(large)) != ("pending", file_state(large))
    check(shelf.canon)
    check(shelf.restart().canon)


def test_what_nobody_brought_is_not_there(shelf: Shelf) -> None:
    assert not shelf.canon.has(file_state(b"x"))
    with pytest.raises(KeyError):
        shelf.canon.read(file_state(b"x"))
    shelf.canon.remember(file_state(b"x"), b"x")
    assert shelf.canon.read(file_state(b"x")) == b"x"


def is_remembered(shelf: Shelf, content: bytes) -> bool:
    try:
        return shelf.canon.read(file_state(content)) == content
    except KeyError:
        return False


def test_memory_is_bounded(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fwrkit.agent.server.canon._CACHE_BYTES", 80)
    contents = [b"%010d" % number for number in range(20)]
    for content in [*contents, b"x" * 11]:
        shelf.canon.remember(file_state(content), content)
    assert sum(is_remembered(shelf, content) for content in contents) == 8
    assert is_remembered(shelf, contents[-1])
    assert not is_remembered(shelf, b"x" * 11), "one content is not to push out all others"


def test_a_file_that_reads_like_a_pointer_is_what_it_is(shelf: Shelf) -> None:
    """Somebody may put a clone of a repository with large objects into the world: the pointer's text is the content then."""
    large = os.urandom(2000)
    pointer = f"version https://git-lfs.github.com/spec/v1\noid sha256:{file_state(large).hex()}\nsize 2000\n".encode()
    shelf.put(b"large", large, incoming="alice-1-0")
    shelf.put(b"pointer", pointer)
    shelf.commit()
    canon = shelf.restart().canon
    assert canon.read(file_state(large)) == large
    assert canon.read(file_state(pointer)) == pointer


def test_after_a_crash_the_disk_is_what_the_tables_say(shelf: Shelf) -> None:
    """Whatever was or was not done to the disk after the transaction had committed."""
    shelf.put(b"old", b"old")
    shelf.put(b"d", None, is_directory=True)
    shelf.put(b"d/x", b"x")
    for path in (b"old", b"d", b"d/x"):
        shelf.canon.settle(path)
    shelf.put(b"old", None)
    shelf.put(b"d/x", None)
    shelf.put(b"d", b"a file by now")
    shelf.put(b"e", None, is_directory=True)
    shelf.put(b"e/f", b"deep")
    shelf.put(b"received", b"received", incoming="alice-1-0")
    (shelf.canon.incoming / "place-1-1").write_bytes(b"half a pla")
    (shelf.canon.incoming / "alice-0-0").write_bytes(b"of a run that was never folded")
    again = shelf.restart()
    assert again.canon.recover() == 6
    assert again.disk() == {b"d": b"a file by now", b"e": None, b"e/f": b"deep", b"received": b"received"}
    assert [item.name for item in again.canon.incoming.iterdir()] == ["alice-1-0"]
    assert again.canon.recover() == 6
    again.commit()
    assert again.canon.recover() == 0
    assert again.disk() == {b"d": b"a file by now", b"e": None, b"e/f": b"deep", b"received": b"received"}


def test_a_canon_that_is_not_there_is_made_anew(tmp_path: Path) -> None:
    shelf = Shelf(tmp_path)
    shelf.put(b"www/page", b"page")
    shelf.put(b"www/film", b"x" * 2000, incoming="one")
    shelf.put(b"www/empty", None, is_directory=True)
    shelf.commit()
    shelf.put(b"www/late", b"late")
    shelf.store.set_head(b"www/lost", file_state(b"lost"), 4, TIME, "alice", 0)
    shutil.rmtree(tmp_path / "canon")
    again = Shelf(tmp_path)
    assert again.disk() == {}
    again.canon.rebuild()
    assert again.disk() == {
        b"www": None, b"www/page": b"page", b"www/film": b"x" * 2000, b"www/empty": None, b"www/late": b"late",
    }  # fmt: skip
