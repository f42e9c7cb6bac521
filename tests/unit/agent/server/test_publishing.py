"""What the server writes into the world's own records."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fwrkit.agent.audit import follow
from fwrkit.agent.public_records import peers_of
from fwrkit.core.records import PeerRecord
from tests.unit.agent.server.townhall import NOON, TownHall


@pytest.fixture
def hall(tmp_path: Path) -> TownHall:
    return TownHall(tmp_path)


def test_the_roll_is_published_at_the_start_and_when_it_changes(hall: TownHall) -> None:
    roll = tomllib.loads(hall.published()[b".fwr/citizens.toml"])
    assert [(each["name"], each["role"]) for each in roll["citizen"]] == [
        ("ada", "official"), ("olga", "official"), ("alice", "citizen"), ("rob", "reader"),
    ]  # fmt: skip
    before = hall.store.last_version()
    hall.published()
    assert hall.store.last_version() == before, "nothing new, nothing written"
    hall.roll.set_role(hall.citizen("olga"), "alice", "official")
    assert tomllib.loads(hall.published()[b".fwr/citizens.toml"])["citizen"][2]["role"] == "official"
    entry = hall.store.entry(b".fwr/citizens.toml")
    assert entry is not None and entry.author == "fwrkit", "what the server writes is nobody's to be reverted"


def test_the_audit_log_is_one_chain_over_the_months(hall: TownHall) -> None:
    hall.publisher.audit("ada", "role", "alice")
    first = hall.published()
    hall.now = NOON + 40 * 86400
    hall.publisher.audit("ada", "ban", "alice", reason="ä")
    hall.publisher.audit("ada", "unban", "alice")
    second = hall.published()
    assert set(second) - set(first) == {b".fwr/audit/2027-01.jsonl"}
    assert second[b".fwr/audit/2026-11.jsonl"] == first[b".fwr/audit/2026-11.jsonl"]
    lines = [line for path in sorted(second) if b"audit/" in path for line in second[path].splitlines()]
    chain = follow(lines)
    assert chain.fault == ""
    assert [entry.event for entry in chain.entries] == ["role", "ban", "unban"]


def test_what_is_done_to_a_name_that_is_no_utf_8_is_logged(hall: TownHall) -> None:
    """Else a review of it could be neither accepted nor rejected, and who reverts it would not be in the log."""
    hall.publisher.audit("olga", "reject", "www/\udcff.html", by="alice")
    assert hall.events() == [("olga", "reject", "www/?.html")]
    [text] = [text for path, text in hall.published().items() if b"audit/" in path]
    assert follow(text.splitlines()).fault == ""


def test_a_clock_that_goes_back_does_not_turn_the_log_round(hall: TownHall) -> None:
    hall.publisher.audit("ada", "role", "alice")
    hall.published()
    hall.now = NOON - 90 * 86400
    hall.publisher.audit("ada", "role", "rob")
    files = {path: text for path, text in hall.published().items() if b"audit/" in path}
    assert list(files) == [b".fwr/audit/2026-11.jsonl"]
    assert follow(files[b".fwr/audit/2026-11.jsonl"].splitlines()).fault == ""


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=50).filter(lambda text: bool(text.split())))
def test_any_reason_can_be_read_back(reason: str) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as root:
        hall = TownHall(Path(root))
        hall.roll.ban(hall.citizen("olga"), "alice", reason, 0)
        found = tomllib.loads(hall.published()[b".fwr/citizens.toml"])
        assert found["citizen"][2]["banned"]["reason"] == " ".join(reason.split())


def test_peers_are_in_the_roll_as_whoever_reads_it_understands(hall: TownHall) -> None:
    peers = [PeerRecord("olga-peer", "olga.example.org", 2211, "olga", NOON), PeerRecord("ada-peer", "10.0.0.7", 2222, "ada", NOON + 5)]
    hall.publisher.peers = lambda: peers
    assert peers_of(hall.published()[b".fwr/citizens.toml"].encode()) == peers


def test_a_peer_publishes_nothing_of_its_own(hall: TownHall) -> None:
    hall.publisher.is_mute = True
    hall.roll.set_role(hall.citizen("olga"), "alice", "official")
    assert hall.published() == {}
