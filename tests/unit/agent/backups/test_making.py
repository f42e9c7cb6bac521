"""What of a node goes into a backup, and that it is whole while others write."""

from __future__ import annotations

import os
import sqlite3
import stat
from pathlib import Path

import pytest

from fwrkit.agent.backups import making
from fwrkit.agent.files.tree import Tree
from fwrkit.agent.repository import Repository
from fwrkit.agent.settings import Places
from fwrkit.agent.upkeep import pack_all
from fwrkit.core.errors import ExitCode, FwrError
from tests.unit.agent.backups.node import HEADER, back_up, check, files, live, places, restore, rows


@pytest.mark.parametrize("is_compressed", [True, False])
def test_what_can_not_be_made_anew_comes_back(tmp_path: Path, is_compressed: bool) -> None:
    node, file, other = live(tmp_path / "one"), tmp_path / "x.fwrkit", places(tmp_path / "two")
    made = back_up(node, file, is_compressed=is_compressed)
    checked = check(file)
    assert (checked.files, checked.size, checked.voids) == (made.files, made.size, [])
    assert (checked.header.world_id, checked.header.node) == ("w1", "server")
    restore(file, other)
    expected = files(node.world)
    del expected["www/cache/x"]
    assert files(other.world) == expected, "live files that never travel are in it, caches are not"
    assert (other.world / "www/page.html").stat().st_mtime_ns == 1_700_000_000_123_456_789
    assert files(other.private) == {"refused/1": b"refused"}
    assert (other.state / "audit.seen").read_text() == "seen"
    assert files(other.state / "reviews") == {"3": b"waits"}
    assert files(other.state / "incoming") == {"late": b"late"}, "what is in the history is not there twice"
    assert stat.S_IMODE((other.state / "incoming").stat().st_mode) == 0o700
    assert rows(other.state / "hub.sqlite", "SELECT path FROM entries") == rows(node.state / "hub.sqlite", "SELECT path FROM entries")
    before, after = Repository(node.state / "history.git"), Repository(other.state / "history.git")
    assert after.head() == before.head() != ""
    assert after.run("fsck", "--full").is_ok
    assert files(node.state / "history.git/lfs") == files(other.state / "history.git/lfs") != {}
    assert not (other.state / "replicas").exists()
    assert (files(other.keys), list(other.state.glob("restoring")), list(node.state.glob("backup-*"))) == ({}, [], [])


def test_it_says_what_it_leaves_out(tmp_path: Path) -> None:
    made = back_up(live(tmp_path / "one"), tmp_path / "x")
    assert (made.left, sorted(made.left_first)) == (2, ["world/www/link: no regular file", "world/www/pipe: no regular file"])


def test_a_packed_history_comes_back_too(tmp_path: Path) -> None:
    node, other = live(tmp_path / "one"), places(tmp_path / "two")
    pack_all(Repository(node.state / "history.git"))
    back_up(node, tmp_path / "x")
    restore(tmp_path / "x", other)
    assert Repository(other.state / "history.git").run("fsck", "--full").is_ok


def test_a_history_that_is_packed_meanwhile_is_listed_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    node, other = live(tmp_path / "one"), places(tmp_path / "two")
    original = making.Backup._file
    packed: list[bytes] = []

    def meddling(self: making.Backup, tree: Tree, path: bytes, name: bytes) -> bool:
        if name.startswith(b"history/objects/") and not packed:
            packed.append(name)
            pack_all(Repository(node.state / "history.git"))
        return original(self, tree, path, name)

    monkeypatch.setattr(making.Backup, "_file", meddling)
    back_up(node, tmp_path / "x")
    restore(tmp_path / "x", other)
    assert packed
    assert Repository(other.state / "history.git").run("fsck", "--full").is_ok


def test_a_database_of_an_application_is_copied_as_sqlite_does(tmp_path: Path) -> None:
    node, other = live(tmp_path / "one"), places(tmp_path / "two")
    connection = sqlite3.connect(node.world / "www/app.sqlite", isolation_level=None)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("CREATE TABLE t (x)")
    connection.execute("INSERT INTO t VALUES (5)")
    assert (node.world / "www/app.sqlite-wal").stat().st_size > 0, "what was written last is not in the file itself"
    back_up(node, tmp_path / "x", header={"role": "client"})
    connection.close()
    restore(tmp_path / "x", other)
    assert not (other.world / "www/app.sqlite-wal").exists()
    assert rows(other.world / "www/app.sqlite", "SELECT x FROM t") == [(5,)]


def test_what_only_looks_like_a_database_is_copied_as_it_is(tmp_path: Path) -> None:
    node, other = live(tmp_path / "one"), places(tmp_path / "two")
    (node.world / "www/app.sqlite").write_bytes(b"SQLite format 3\0, or so it says")
    back_up(node, tmp_path / "x", header={"role": "client"})
    restore(tmp_path / "x", other)
    assert (other.world / "www/app.sqlite").read_bytes() == b"SQLite format 3\0, or so it says"


def test_a_file_that_is_written_all_the_time_is_in_it_and_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(making, "_IN_MEMORY", 10)
    node, other = live(tmp_path / "one"), places(tmp_path / "two")
    log = node.world / "www/app.log"
    log.write_bytes(b"x" * 20_000_000)

    read = os.pread

    def read_while_it_is_written(fd: int, size: int, position: int) -> bytes:
        if os.fstat(fd).st_ino == log.stat().st_ino:
            with log.open("ab") as file:
                file.write(b"y")
        return read(fd, size, position)

    with monkeypatch.context() as patch:
        patch.setattr(os, "pread", read_while_it_is_written)
        made = back_up(node, tmp_path / "x", is_compressed=False)
    checked = check(tmp_path / "x")
    assert (made.unsteady, len(checked.voids), checked.files) == (["world/www/app.log"], 4, made.files)
    restore(tmp_path / "x", other, voids=tuple(checked.voids))
    assert (other.world / "www/app.log").read_bytes().startswith(b"x" * 20_000_000)


def test_what_moves_behind_its_back_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    node, other = live(tmp_path / "one"), places(tmp_path / "two")
    (node.world / "z").mkdir()
    (node.world / "z/moved").write_text("moved")
    original = making.Backup._file
    moved: list[bytes] = []

    def meddling(self: making.Backup, tree: Tree, path: bytes, name: bytes) -> bool:
        if name == b"world/www/page.html" and not moved:
            moved.append(name)
            os.rename(node.world / "z/moved", node.world / ".fwr/moved")
        return original(self, tree, path, name)

    monkeypatch.setattr(making.Backup, "_file", meddling)
    back_up(node, tmp_path / "x")
    restore(tmp_path / "x", other)
    assert (other.world / ".fwr/moved").read_text() == "moved"


def test_what_was_a_file_and_is_a_directory_does_not_spoil_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    node = live(tmp_path / "one")
    original = making.Backup._file
    turned: list[bytes] = []

    def meddling(self: making.Backup, tree: Tree, path: bytes, name: bytes) -> bool:
        was_there = original(self, tree, path, name)
        if name == b"world/www/page.html":
            turned.append(name)
            (node.world / "www/page.html").unlink()
            (node.world / "www/page.html").mkdir()
            (node.world / "www/page.html/inner").write_text("newer than the backup")
        return was_there

    monkeypatch.setattr(making.Backup, "_file", meddling)
    back_up(node, tmp_path / "x")
    assert turned
    assert check(tmp_path / "x")


def test_damaged_tables_are_said(tmp_path: Path) -> None:
    node = live(tmp_path / "one")
    for path in node.state.glob("hub.sqlite*"):
        path.write_bytes(b"x" * 10_000)
    with pytest.raises(FwrError) as raised:
        back_up(node, tmp_path / "x")
    assert "tables" in raised.value.message
    assert list(node.state.glob("backup-*")) == []


def test_a_server_that_runs_is_asked_and_says_no(tmp_path: Path) -> None:
    with pytest.raises(FwrError) as raised:
        back_up(live(tmp_path / "one"), tmp_path / "x", is_alone=False)
    assert raised.value.code == ExitCode.FAILED


def test_who_reads_no_more_ends_it(tmp_path: Path) -> None:
    node = live(tmp_path / "one")
    (node.world / "large").write_bytes(os.urandom(5_000_000))
    reading, writing = os.pipe()
    os.close(reading)
    try:
        with pytest.raises(FwrError) as raised:
            back_up_to(node, writing)
    finally:
        os.close(writing)
    assert raised.value.code == ExitCode.FAILED


def back_up_to(node: Places, fd: int) -> None:
    making.backup({"header": HEADER.__dict__, "lock": None, "is_compressed": False, "is_alone": True}, node, fd)
