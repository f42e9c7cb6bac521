"""A server that was put back takes what is newer from its clients, and believes nothing but what its authority has signed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from fwrkit.agent import audit
from fwrkit.agent.server import catching_up
from fwrkit.agent.server.register import Register
from tests.unit.agent.house import wait_until
from tests.unit.agent.server.comeback import OPERATOR, Town


@pytest.fixture
def town(tmp_path: Path) -> Iterator[Town]:
    town = Town(tmp_path)
    yield town
    town.stop()


def a_day(town: Town) -> Path:
    """Let a day pass after a backup: edits, deletions, a new citizen, a ban. Return the backup; who was online has all of it."""
    alice, bob, mallory = (town.member(name) for name in ("alice", "bob", "mallory"))
    alice.write("www/keep", "as it was")
    alice.write("www/changed", "before")
    alice.write("www/gone", "to be deleted")
    alice.write("www/old/one", "1")
    alice.write("www/old/deep/two", "2")
    backup = town.back_up()
    mallory.fetcher.fetch()
    alice.write("www/changed", "after")
    alice.remove("www/gone")
    alice.remove("www/old")
    bob.write("www/new/place", "of bob")
    town.settled()
    bob.write("www/changed", "after, and once more")
    town.member("carol").write("www/carol", "of carol")
    town.ask("ban", name="mallory", reason="spam", until=0)
    town.settled()
    for name in ("alice", "bob", "carol"):
        town.members[name].fetcher.fetch()
        town.members[name].cut()
    return backup


WANTED = {"www/keep": "as it was", "www/changed": "after, and once more", "www/new/place": "of bob", "www/carol": "of carol"}


def check_all_is_there(town: Town) -> None:
    town.settled()
    tree = town.tree()
    assert "www/old" not in tree and "www/old/deep" not in tree
    for member in town.members.values():
        if member.name != "mallory":
            files = {
                path: text
                for path, text in member.files().items()
                if path in WANTED or "conflict" in path or "old" in path or "gone" in path
            }
            assert files == WANTED, member.name
            assert not (member.world / "www/old").exists(), member.name
    roll = {citizen.name: citizen for citizen in town.store.citizens()}
    assert roll["mallory"].is_banned and not roll["carol"].is_banned
    chain = audit.follow([entry.to_line() for entry in Register(town.store.db).entries()])
    assert chain.fault == ""
    events = [(entry.event, entry.subject) for entry in chain.entries]
    assert ("ban", "mallory") in events and ("admit", "carol") in events


def test_an_old_backup_goes_on_from_what_its_clients_have(town: Town) -> None:
    backup = a_day(town)
    newest = town.history.head()
    town.put_back(backup)
    assert not town.server.store.citizen(name="carol")
    wait_until(lambda: town.members[OPERATOR].engine.view.refusal is not None, "the operator hears why they wait")
    heard = town.members[OPERATOR].engine.view.refusal
    assert heard is not None and heard.code == "HELD" and "older copy" in heard.message
    for name in ("mallory", "carol", "alice"):
        town.members[name].mend()
    town.caught_up()
    assert town.history.run("merge-base", "--is-ancestor", newest, town.history.head()).is_ok
    town.members["bob"].mend()
    check_all_is_there(town)
    assert town.members["mallory"].engine.view.refusal is not None
    assert "banned" in town.members["mallory"].engine.view.refusal.message
    [entry] = [entry for entry in Register(town.store.db).entries() if entry.event == "catch-up"]
    assert entry.details["from"] in ("alice", "carol")
    assert not (town.state / catching_up.MARK).exists() and not (town.state / "newer").exists()
    assert any("has taken over" in said for said in town.server.alerts())
    town.members["alice"].write("www/keep", "goes on")
    town.settled()
    town.members["alice"].fetcher.fetch()
    assert not town.members["alice"].fetcher.alerts, "for a client, the history just goes on"
