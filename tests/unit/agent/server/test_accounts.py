"""Citizens as Unix accounts: the three files, read as the C library reads them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from fwrkit.agent.server.accounts import write_accounts
from fwrkit.core.names import FIRST_UID
from tests.unit.agent.server.test_session import ALICE

BOB = replace(ALICE, id=2, name="bob", uid=FIRST_UID + 7)
OPERATOR = replace(ALICE, id=3, name="ada", uid=0, role="official")


def rows(path: Path) -> list[list[str]]:
    return [line.split(":") for line in path.read_text().splitlines()]


def test_everybody_who_comes_over_the_network_has_an_account(tmp_path: Path) -> None:
    directory = tmp_path / "extrausers"
    write_accounts(directory, Path("/homes"), [OPERATOR, ALICE, BOB])
    assert rows(directory / "passwd") == [
        ["c-alice", "x", "20000", "20000", "", "/homes/alice", "/bin/sh"],
        ["c-bob", "x", "20007", "20007", "", "/homes/bob", "/bin/sh"],
    ]
    assert rows(directory / "group") == [["c-alice", "x", "20000", ""], ["c-bob", "x", "20007", ""]]
    assert [(row[0], row[1], len(row)) for row in rows(directory / "shadow")] == [("c-alice", "*", 9), ("c-bob", "*", 9)]


def test_no_account_has_a_password_and_none_is_locked(tmp_path: Path) -> None:
    write_accounts(tmp_path, Path("/homes"), [ALICE])
    [row] = rows(tmp_path / "shadow")
    assert row[1] == "*"
    assert (tmp_path / "shadow").stat().st_mode & 0o777 == 0o640
    assert (tmp_path / "passwd").stat().st_mode & 0o777 == 0o644


@pytest.mark.parametrize("uid", [0, 1, 1000, 2011, FIRST_UID - 1])
def test_no_account_of_the_system_is_ever_written(tmp_path: Path, uid: int) -> None:
    write_accounts(tmp_path, Path("/homes"), [replace(ALICE, uid=uid)])
    for name in ("passwd", "group", "shadow"):
        assert (tmp_path / name).read_text() == ""


def test_what_is_written_anew_replaces_the_old(tmp_path: Path) -> None:
    write_accounts(tmp_path, Path("/homes"), [ALICE, BOB])
    write_accounts(tmp_path, Path("/homes"), [BOB])
    assert [row[0] for row in rows(tmp_path / "passwd")] == ["c-bob"]
    assert sorted(item.name for item in tmp_path.iterdir()) == ["group", "passwd", "shadow"]
