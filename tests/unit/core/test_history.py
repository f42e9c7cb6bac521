"""Records of the history travel between agent and host, of different versions too."""

from __future__ import annotations

import json

import pytest

from fwrkit.core.history import BlamedLine, Difference, LogEntry, PathChange, Record, Shown, Snapshot, Tidied

ENTRY = LogEntry("a" * 40, 1, "alice", "edit a", 1, [PathChange("a\udcff", "added", 3)])
RECORDS: list[Record] = [
    ENTRY, Shown(ENTRY, "+x", is_cut=True, snapshot="v1"), Difference("a", "b", ENTRY.changes, "", is_cut=False),
    BlamedLine(1, "a" * 40, "alice", 2, "\udcff"), Snapshot("v1", "a" * 40, 1, "alice", is_verified=True), Tidied(3, 2, 1, 0),
]  # fmt: skip


@pytest.mark.parametrize("record", RECORDS, ids=[type(record).__name__ for record in RECORDS])
def test_round_trip(record: Record) -> None:
    data = json.loads(json.dumps(record.to_json()))
    assert type(record).from_json(data) == record
    assert type(record).from_json({**data, "mood": "fine"}) == record
