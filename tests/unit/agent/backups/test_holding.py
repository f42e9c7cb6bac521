"""What belongs together is kept still, and nothing of a killed backup stays."""

from __future__ import annotations

import errno
import os
import sqlite3
from pathlib import Path

import pytest

from fwrkit.agent.backups import holding
from fwrkit.core.errors import ExitCode, FwrError
from tests.unit.agent.backups.node import files, live, rows


def test_tables_what_they_name_and_where_the_history_stands(tmp_path: Path) -> None:
    state = live(tmp_path / "one").state
    with holding.scratch(state) as place:
        holding.hold(state, place)
        assert files(place).keys() >= {"hub.sqlite", "packed-refs", "incoming/late", "reviews/3"}
        (state / "reviews/3").unlink()
        assert (place / "reviews/3").read_bytes() == b"waits", "decided meanwhile, and still there"
        assert rows(place / "hub.sqlite", "SELECT count(*) FROM versions") == rows(state / "hub.sqlite", "SELECT count(*) FROM versions")
        assert " refs/heads/main" in (place / "packed-refs").read_text()
    assert not place.exists()


def test_a_client_has_less(tmp_path: Path) -> None:
    (tmp_path / "state").mkdir()
    with holding.scratch(tmp_path / "state") as place:
        holding.hold(tmp_path / "state", place)
        assert files(place) == {}


def test_leftovers_go_and_what_is_used_stays(tmp_path: Path) -> None:
    (tmp_path / "backup-dead").mkdir()
    (tmp_path / "backup-dead/file").write_text("x")
    with holding.scratch(tmp_path) as first, holding.scratch(tmp_path) as second:
        assert first.exists()
        assert second.exists()
        assert set(os.listdir(tmp_path)) == {first.name, second.name}
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (OSError(errno.ENOSPC, "full"), ExitCode.NO_SPACE),
        (OSError(errno.EIO, "broken"), ExitCode.FAILED),
        (sqlite3.DatabaseError("damaged"), ExitCode.FAILED),
    ],
)
def test_what_goes_wrong_is_said(error: Exception, code: ExitCode) -> None:
    with pytest.raises(FwrError) as raised, holding.told():
        raise error
    assert (raised.value.code, bool(raised.value.hint)) == (code, True)
