"""Damaged databases are told from whole ones and put aside; copies are whole."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from fwrkit.agent.files import database


@pytest.fixture
def path(tmp_path: Path) -> Path:
    place = tmp_path / "a.sqlite"
    connection = sqlite3.connect(place)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("CREATE TABLE t (x TEXT)")
    connection.executemany("INSERT INTO t VALUES (?)", (("x" * 500,) for _ in range(500)))
    connection.commit()
    connection.close()
    return place


def count(path: Path) -> int:
    connection = sqlite3.connect(path)
    try:
        return int(connection.execute("SELECT count(*) FROM t").fetchone()[0])
    finally:
        connection.close()


def test_whole_and_absent_ones_are_well(path: Path, tmp_path: Path) -> None:
    assert database.fault(path) == database.fault(tmp_path / "none") == ""
    assert not (tmp_path / "none").exists()


@pytest.mark.parametrize("how", ["header", "middle", "cut short", "text", "empty pages"])
def test_damage_is_found(path: Path, how: str) -> None:
    content = path.read_bytes()
    path.write_bytes(
        {
            "header": b"\0" * 100 + content[100:],
            "middle": content[:50000] + b"\xff" * 9000 + content[59000:],
            "cut short": content[:60000],
            "text": b"this is no database" * 100,
            "empty pages": content[:4096] + b"\0" * (len(content) - 4096),
        }[how]
    )
    before = path.read_bytes()
    assert database.fault(path)
    assert path.read_bytes() == before, "looking changes nothing"
    place = database.set_aside(path)
    assert place.read_bytes() == before and not path.exists()
    assert database.fault(path) == ""


def test_a_copy_of_one_that_is_in_use_is_whole(path: Path, tmp_path: Path) -> None:
    writer = sqlite3.connect(path, isolation_level=None)
    writer.execute("INSERT INTO t VALUES ('committed, in the log')")
    writer.execute("BEGIN IMMEDIATE")
    writer.execute("INSERT INTO t VALUES ('not committed')")
    target = tmp_path / "copy"
    target.write_text("an older copy")
    database.copy(path, target)
    writer.execute("ROLLBACK")
    writer.close()
    assert database.fault(target) == ""
    assert count(target) == 501
