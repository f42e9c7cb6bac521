"""What other servers of the world had, as this one remembers it."""

from __future__ import annotations

import sqlite3

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
