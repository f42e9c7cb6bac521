"""Making a snapshot: a tag that the world's authority signs, once, and that nothing moves afterwards."""

from __future__ import annotations

import contextlib
import json
from typing import Any

import pygit2

from fwrkit.agent import history_reading
from fwrkit.agent.repository import SNAPSHOTS, Repository
from fwrkit.agent.server.authority import Authority
from fwrkit.agent.server.history import History
from fwrkit.agent.server.store import Store
from fwrkit.agent.snapshots import tag_text
from fwrkit.core.errors import ExitCode, FwrError
from fwrkit.core.history import Snapshot
from fwrkit.core.names import check_citizen_name, check_snapshot_name


def make_snapshot(history: History, authority: Authority, name: str, at: str, by: str, now: int) -> dict[str, Any]:
    """Give a version a name, for ever. ``at`` is a version as people name it (empty: the newest), ``by`` the official, ``now`` in Unix seconds.

    Return the :class:`~fwrkit.core.history.Snapshot` as JSON. Raise FwrError: USAGE (no name for one), TAKEN, NOT_FOUND (no such version).
    """
    check_snapshot_name(name)
    version = history_reading.resolve(Repository(history.path), at, now)
    text = tag_text(version, name, check_citizen_name(by), history.domain, now)
    try:
        history.add_tag(SNAPSHOTS + name, text + authority.sign_text(text))
    except pygit2.AlreadyExistsError as error:
        raise FwrError(ExitCode.TAKEN, f"There is a snapshot '{name}' already.", "Choose another name: snapshots never move.") from error
    return Snapshot(name, version, now, by, is_verified=True).to_json()


def adopt_snapshots(history: History, authority: Authority, store: Store) -> None:
    """Sign the snapshots that a world was founded with, once: its founder vouches for them, since the other world's authority is none here."""
    for name, version, by, time in json.loads(store.meta("brought_snapshots") or "[]"):
        text = tag_text(version, name, by, history.domain, time)
        with contextlib.suppress(pygit2.AlreadyExistsError):  # a crash came between the tags and the table
            history.add_tag(SNAPSHOTS + name, text + authority.sign_text(text))
    store.set_meta("brought_snapshots", "")
