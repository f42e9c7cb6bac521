"""Making a snapshot: once, of a version that there is, under a name that can be nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest

from fwrkit.agent.history_reading import resolve
from fwrkit.agent.server.authority import Authority
from fwrkit.agent.server.snapshots import make_snapshot
from fwrkit.core.errors import ExitCode, FwrError
from tests.unit.agent.past import BEGIN, DAY, Past


def test_names_are_given_once(tmp_path: Path) -> None:
    past, authority = Past(tmp_path), Authority(tmp_path, None)
    authority.create()
    with pytest.raises(FwrError) as error:
        make_snapshot(past.history, authority, "v0", "", "alice", BEGIN)
    assert error.value.code is ExitCode.NOT_FOUND, "there is nothing yet"
    first, second = past.put(a=b"1"), past.put(a=b"2")
    made = make_snapshot(past.history, authority, "v1", first[:6], "alice", BEGIN + 5 * DAY)
    assert made == {"name": "v1", "version": first, "time": BEGIN + 5 * DAY, "by": "alice", "is_verified": True, "note": ""}
    assert make_snapshot(past.history, authority, "V1", "", "alice", BEGIN)["version"] == second
    assert make_snapshot(past.history, authority, "v2", "v1", "alice", BEGIN)["version"] == first
    assert make_snapshot(past.history, authority, "v3", "4 days ago", "alice", BEGIN + 5 * DAY)["version"] == second
    assert resolve(past.repository, "v1") == first
    for name, at, code in (("v1", "", ExitCode.TAKEN), ("a/b", "", ExitCode.USAGE), ("v9", "no-such", ExitCode.NOT_FOUND)):
        with pytest.raises(FwrError) as error:
            make_snapshot(past.history, authority, name, at, "alice", BEGIN)
        assert error.value.code is code
    with pytest.raises(FwrError):
        make_snapshot(past.history, authority, "v9", "", "eve <x>\n", BEGIN)
