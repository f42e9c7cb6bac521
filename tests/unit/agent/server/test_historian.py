"""The historian: versions become commits, contents leave the database, nothing is lost on the way."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from fwrkit.agent import upkeep
from fwrkit.agent.history_reading import Filter, log
from fwrkit.agent.repository import Repository
from fwrkit.agent.server.canon import Canon
from fwrkit.agent.server.historian import Historian
from fwrkit.agent.server.history import History
from fwrkit.agent.server.store import Store
from fwrkit.agent.settings import Settings
from fwrkit.agent.states import ABSENT, DIRECTORY, State, file_state
from fwrkit.core.errors import ExitCode, FwrError
from tests.unit.agent.house import wait_until


class Archive:
    """Tables, a history, and the directory of received files."""

    def __init__(self, root: Path) -> None:
        self.store = Store(root / "hub.sqlite")
        self.history = History(root / "history.git", "world")
        self.canon = Canon(root, self.store, self.history)
        self.incoming = self.canon.incoming
        self.settings = Settings(large_limit=1000, history_quiet=0.01, history_limit=0.05)
        self.root = root

    def historian(self) -> Historian:
        return Historian(Store(self.root / "hub.sqlite"), History(self.root / "history.git", "world"), self.canon, self.settings)

    def put(self, path: bytes, content: bytes | None, author: str = "alice", incoming: str = "") -> int:
        state: State = ABSENT
        with self.store.transaction():
            if content is not None:
                state = file_state(content)
                if incoming:
                    (self.incoming / incoming).write_bytes(content)
                if self.store.place_of(state) is None:
                    self.store.add_pending(state, None if incoming else content, incoming or None)
            return self.store.set_head(path, state, len(content or b""), 0, author, time.time_ns())

    def log(self) -> list[str]:
        command = ["git", "-C", str(self.history.path), "log", "--reverse", "--format=%an: %s", "main"]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()

    def read(self, content: bytes) -> bytes:
        place = self.store.place_of(file_state(content))
        assert place is not None and place[0] == "history"
        return self.history.read(place[1])


@pytest.fixture
def archive(tmp_path: Path) -> Iterator[Archive]:
    archive = Archive(tmp_path)
    yield archive
    archive.store.close()


def test_versions_become_commits_and_contents_leave_the_database(archive: Archive) -> None:
    archive.put(b"a", b"one")
    archive.put(b"b", b"two", "bob")
    archive.put(b"c", b"one")
    assert archive.historian().commit_some(1 << 40) == 3
    assert archive.log() == ["alice: 2 changes: a, c", "bob: edit b"]
    assert not archive.store.has_uncommitted()
    for content in (b"one", b"two"):
        assert archive.store.pending(file_state(content)) is None
        assert archive.read(content) == content
    assert archive.historian().commit_some(1 << 40) == 0


def test_the_last_commit_says_how_far_the_history_goes(archive: Archive) -> None:
    """Versions of several authors are not in the order of the commits: a commit before the last may say nothing."""
    archive.put(b"a", b"one")
    archive.put(b"b", b"two", "bob")
    newest = archive.put(b"c", b"three")
    archive.historian().commit_some(1 << 40)
    assert Repository(archive.history.path).number() == newest
    assert [entry.message for entry in log(Repository(archive.history.path), Filter())] == ["edit b", "2 changes: a, c"]
    before = Repository(archive.history.path).read("cat-file", "commit", "main~1")[0]
    assert b"Fwrkit-Version" not in before


def test_only_what_was_told_is_committed(archive: Archive) -> None:
    first = archive.put(b"a", b"one")
    archive.put(b"b", b"two")
    assert archive.historian().commit_some(first) == 1
    assert archive.log() == ["alice: edit a"]
    assert archive.store.pending(file_state(b"two")) is not None


def test_what_comes_while_it_is_told_to_stop_is_committed_too(archive: Archive, monkeypatch: pytest.MonkeyPatch) -> None:
    historian = archive.historian()
    is_first = [True]

    def sign() -> None:
        if is_first and archive.history.head():  # it signs when it starts as well, and on a slow machine before anything was committed
            is_first.clear()
            newest = archive.put(b"b", b"two")
            historian._is_stopping = True
            historian.tell(newest)

    monkeypatch.setattr(historian, "_sign", sign)
    historian.start()
    historian.tell(archive.put(b"a", b"one"))
    wait_until(lambda: not is_first, "it is at work")
    historian.stop()
    assert archive.log() == ["alice: edit a", "alice: edit b"]


def test_directories_and_deletions_are_committed_without_a_content(archive: Archive) -> None:
    archive.put(b"a", b"one")
    archive.store.set_head(b"d", DIRECTORY, 0, 0, "alice", 0)
    archive.put(b"a", None)
    historian = archive.historian()
    assert historian.commit_some(1 << 40) == 3
    assert archive.read(b"one") == b"one"
    archive.put(b"a", b"one")
    assert historian.commit_some(1 << 40) == 1, "the content is in the history already"
    assert archive.read(b"one") == b"one"


def test_received_files_small_and_large(archive: Archive) -> None:
    small, large = b"s" * 1000, os.urandom(1001)
    archive.put(b"small", small, incoming="alice-g-1-0")
    archive.put(b"large", large, incoming="alice-g-1-1")
    assert archive.historian().commit_some(1 << 40) == 2
    for content in (small, large):
        assert archive.read(content) == content
    assert archive.history.large_object(file_state(large)) is not None
    assert archive.history.large_object(file_state(small)) is None
    done = subprocess.run(["git", "-C", str(archive.history.path), "fsck", "--strict"], check=False, capture_output=True)
    assert done.returncode == 0, done.stderr


def test_received_files_go_some_time_after_they_were_committed(archive: Archive, monkeypatch: pytest.MonkeyPatch) -> None:
    archive.put(b"done", b"done", incoming="alice-g-1-0")
    (archive.incoming / "alice-g-2-0").write_bytes(b"a run that is not folded yet")
    historian = archive.historian()
    historian.commit_some(1 << 40)
    assert archive.read(b"done") == b"done"
    long_ago = time.time() - 3600
    os.utime(archive.incoming / "alice-g-1-0", (long_ago, long_ago))
    later = time.time() + 3600
    monkeypatch.setattr(time, "time", lambda: later)
    os.utime(archive.incoming / "alice-g-2-0", (later, later))
    archive.put(b"more", b"more")
    historian.commit_some(1 << 40)
    assert sorted(item.name for item in archive.incoming.iterdir()) == ["alice-g-2-0"]


@pytest.mark.parametrize("name", ["alice-g-2-0", "place-77-1"])
def test_what_is_old_and_not_folded_yet_is_not_swept_away(archive: Archive, name: str) -> None:
    """A run of many gigabytes takes longer than ten minutes to be copied; and what is about to be placed bears the time of its edit."""
    (archive.incoming / name).write_bytes(b"under way")
    long_ago = time.time() - 3600
    os.utime(archive.incoming / name, (long_ago, long_ago))
    archive.put(b"a", b"one")
    archive.historian().commit_some(1 << 40)
    assert (archive.incoming / name).exists()


def test_a_crash_before_the_tables_know_loses_nothing(archive: Archive, monkeypatch: pytest.MonkeyPatch) -> None:
    """The commit is written, the row is not: it is written again."""
    archive.put(b"a", b"one")
    archive.put(b"a", b"two", "bob")

    def crash(*_: object) -> None:
        raise RuntimeError("crash")

    with monkeypatch.context() as patch, pytest.raises(RuntimeError):
        patch.setattr(Store, "mark_committed", crash)
        archive.historian().commit_some(1 << 40)
    assert archive.store.has_uncommitted()
    assert archive.store.pending(file_state(b"one")) == (b"one", None)
    assert archive.historian().commit_some(1 << 40) == 2
    assert archive.read(b"one") == b"one"
    tree = subprocess.run(["git", "-C", str(archive.history.path), "show", "main:a"], check=True, capture_output=True).stdout
    assert tree == b"two"


def test_what_was_left_is_committed_at_the_start_and_what_comes_when_it_comes(archive: Archive) -> None:
    archive.put(b"a", b"one")
    historian = archive.historian()
    historian.start()
    wait_until(lambda: not archive.store.has_uncommitted(), "what was left is committed")
    historian.tell(archive.put(b"b", b"two"))
    wait_until(lambda: not archive.store.has_uncommitted(), "what came is committed")
    historian.stop()
    assert archive.log() == ["alice: edit a", "alice: edit b"]


def test_a_continuous_writer_does_not_hold_it_back(archive: Archive) -> None:
    historian = archive.historian()
    historian.start()
    deadline = time.monotonic() + 10
    number = 0
    committed = False
    while not committed and time.monotonic() < deadline:
        number += 1
        historian.tell(archive.put(b"a", b"%d" % number))
        committed = bool(archive.history.head())
    historian.stop()
    assert committed, "the limit on settling is a limit"


def test_what_others_want_done_is_done_between_commits(archive: Archive) -> None:
    historian = archive.historian()
    historian.start()
    historian.tell(archive.put(b"a", b"one"))
    assert historian.call(archive.log, 10) == ["alice: edit a"], "behind what is pending"
    with pytest.raises(ZeroDivisionError):
        historian.call(lambda: 1 // 0, 10)
    historian.stop()
    with pytest.raises(FwrError) as error:
        historian.call(lambda: 1, 0.05)
    assert error.value.code is ExitCode.TIMED_OUT


def test_tidying_makes_it_small_and_commits_go_on(archive: Archive) -> None:
    historian = archive.historian()
    for number in range(40):
        archive.put(b"a", b"%d" % number * 300)
        historian.commit_some(1 << 40)
    tidied = historian.tidy()
    assert tidied.after < tidied.before / 2
    for number in range(40):
        assert archive.read(b"%d" % number * 300) == b"%d" % number * 300
        assert archive.canon.read(file_state(b"%d" % number * 300)) == b"%d" % number * 300
    archive.put(b"a", b"after")
    historian.commit_some(1 << 40)
    assert len(archive.log()) == 41


def test_many_loose_objects_are_packed_by_itself_now_and_then(archive: Archive, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(upkeep, "is_due", lambda _: True)
    historian = archive.historian()
    historian.tell(archive.put(b"a", b"one"))  # before it starts: else what it packs, once, may be nothing yet
    historian.start()
    packs = archive.history.path / "objects" / "pack"
    wait_until(lambda: len(list(packs.glob("*.pack"))) == 1, "what is loose is packed")
    historian.tell(archive.put(b"a", b"two"))
    wait_until(lambda: not archive.store.has_uncommitted(), "commits go on")
    historian.stop()
    assert len(list(packs.glob("*.pack"))) == 1, "not each time"
    assert archive.read(b"one") == b"one"
