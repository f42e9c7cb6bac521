"""Records travel between agent and host, of different versions too."""

from __future__ import annotations

import json

from fwrkit.core.records import Connection, Finding, NodeStatus, PeerRecord, Refusal

STATUS = NodeStatus(
    node="server", role="server", citizen="ada", world="world", world_id="w", state="in sync", since=1.5, written=2.5,
    refused=[Refusal("a\udcff", "no UTF-8")], connections=[Connection("bob", True, 3)],
)  # fmt: skip


def test_round_trip() -> None:
    assert NodeStatus.from_json(json.loads(json.dumps(STATUS.to_json()))) == STATUS
    finding = Finding("disk", False, "Full.", "Make room.")
    assert Finding.from_json(json.loads(json.dumps(finding.to_json()))) == finding
    peer = PeerRecord("alice-peer", "alice.example.org", 2222, "alice", 7)
    assert PeerRecord.from_json({**json.loads(json.dumps(peer.to_json())), "of a later version": 1}) == peer


def test_fields_of_a_later_version_are_passed_over() -> None:
    later = {**STATUS.to_json(), "mood": "fine", "connections": [{"citizen": "bob", "connected": True, "behind": 3, "since": 1}]}
    assert NodeStatus.from_json(later) == STATUS


def test_fields_that_an_earlier_version_did_not_know_have_defaults() -> None:
    earlier = {name: value for name, value in STATUS.to_json().items() if name not in ("version", "refused", "connections", "detail")}
    assert NodeStatus.from_json(earlier).connections == []
