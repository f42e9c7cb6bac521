"""What other servers of the world had, as this one remembers it."""

from __future__ import annotations

import sqlite3

import pytest

from fwrkit.agent.server import elsewhere as module
from fwrkit.agent.server.elsewhere import Elsewhere
from fwrkit.agent.states import ABSENT, file_state


def test_states_are_remembered_by_path() -> None:
    elsewhere = Elsewhere(sqlite3.connect(":memory:"))
    state = file_state(b"a")
    elsewhere.remember(b"p", [state, ABSENT])
    elsewhere.remember(b"p", [ABSENT, state])
    assert elsewhere.has(b"p", state) and elsewhere.has(b"p", ABSENT)
    assert not elsewhere.has(b"q", state) and not elsewhere.has(b"p", b"")
    assert elsewhere._db.execute("SELECT count(*) FROM elsewhere").fetchone() == (2,)


def test_the_newest_are_remembered_and_no_more_than_that(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_KEPT", 3)
    elsewhere = Elsewhere(sqlite3.connect(":memory:"))
    states = [file_state(str(number).encode()) for number in range(5)]
    elsewhere.remember(b"q", states[:2])
    elsewhere.remember(b"p", states[:4])
    elsewhere.remember(b"p", [states[4], states[4], states[3]])
    assert elsewhere.states(b"p", 10) == [states[4], states[3], states[2]]
    assert elsewhere.states(b"p", 1) == [states[4]]
    assert elsewhere.states(b"q", 10) == [states[1], states[0]]
