"""A server that was put back takes what is newer from its clients, and believes nothing but what its authority has signed."""

from __future__ import annotations

import os
import queue
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from fwrkit.agent import audit, heads, snapshots
from fwrkit.agent.heads import NAMESPACE, head_text
from fwrkit.agent.keys import make_key
from fwrkit.agent.server import catching_up
from fwrkit.agent.server.authority import Authority
from fwrkit.agent.server.register import Register
from fwrkit.agent.signatures import sign
from fwrkit.agent.wire import messages as say
from fwrkit.core.errors import ExitCode, FwrError
from tests.unit.agent.house import wait_until
from tests.unit.agent.server.comeback import OPERATOR, PATIENCE, SETTINGS, Stranger, Town


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


def test_who_waits_to_be_heard_may_ask_whether_anybody_is_there(town: Town) -> None:
    town.admitted("bob")
    bob = Stranger(town, "bob")
    assert bob.next() == say.Behind()
    bob.tell(say.Ping(7))
    assert bob.next() == say.Pong(7)
    bob.tell(say.Newest(b""))
    assert isinstance(bob.next(), say.Welcome)


def test_an_old_backup_goes_on_from_what_its_clients_have(patient: Town) -> None:
    town = patient
    backup = a_day(town)
    newest = town.history.head()
    town.put_back(backup)
    assert not town.server.store.citizen(name="carol")
    wait_until(lambda: town.members[OPERATOR].heard().startswith("HELD"), "the operator hears why they wait")
    assert "older copy" in town.members[OPERATOR].heard()
    for name in ("mallory", "carol", "alice"):
        town.members[name].mend()
    town.caught_up()
    assert town.history.run("merge-base", "--is-ancestor", newest, town.history.head()).is_ok
    town.members["bob"].mend()
    check_all_is_there(town)
    wait_until(lambda: "banned" in town.members["mallory"].heard(), "mallory hears why")
    [entry] = [entry for entry in Register(town.store.db).entries() if entry.event == "catch-up"]
    assert entry.details["from"] in ("alice", "carol")
    assert not (town.state / catching_up.MARK).exists() and not (town.state / "newer").exists()
    assert any("has taken over" in said for said in town.server.alerts())
    town.members["alice"].write("www/keep", "goes on")
    town.settled()
    town.members["alice"].fetcher.fetch()
    assert not town.members["alice"].fetcher.alerts, "for a client, the history just goes on"


def test_a_disk_that_was_put_back_without_a_word(town: Town) -> None:
    backup = a_day(town)
    town.put_back(backup, is_told=False)
    wait_until(lambda: town.members[OPERATOR].engine.view.is_ready, "nobody knows, and the operator is let in")
    town.members["alice"].mend()
    town.caught_up()
    town.members["bob"].mend()
    town.members["carol"].mend()
    check_all_is_there(town)


def test_who_is_not_further_is_let_in_when_all_were_heard(patient: Town) -> None:
    town = patient
    alice, bob = town.member("alice"), town.member("bob")
    alice.write("www/a", "1")
    backup = town.back_up()
    alice.fetcher.fetch()
    for member in (alice, bob):
        member.cut()
    town.put_back(backup)
    alice.mend()
    hearing = town.server.catching_up
    assert hearing is not None
    wait_until(lambda: bool(hearing._known), "alice was heard")
    with pytest.raises(AssertionError):
        wait_until(lambda: alice.engine.view.is_ready, "bob may have more", 1)
    with pytest.raises(FwrError) as caught:
        town.ask("role", name="bob", role="official")
    assert caught.value.code is ExitCode.HELD
    bob.mend()
    wait_until(lambda: alice.engine.view.is_ready and bob.engine.view.is_ready, "both are let in")
    alice.write("www/a", "2")
    town.settled()
    assert town.tree()["www/a"] == "2" and not town.server.alerts()


@pytest.mark.parametrize("is_alone", [True, False])
def test_when_nobody_comes_it_goes_on(tmp_path: Path, is_alone: bool) -> None:
    town = Town(tmp_path, replace(SETTINGS, behind_limit=1.5))
    try:
        if not is_alone:
            town.member("alice").cut()
        town.put_back(town.back_up())
        wait_until(lambda: town.members[OPERATOR].engine.view.is_ready, "the operator is let in")
        town.members[OPERATOR].write("www/a", "1")
        town.settled()
        assert town.tree()["www/a"] == "1"
        assert not (town.state / catching_up.MARK).exists()
    finally:
        town.stop()


def test_a_server_that_went_on_by_itself_compares_everything_and_says_so(patient: Town) -> None:
    town = patient
    backup = a_day(town)
    newest = heads.head_of(town.history)
    town.put_back(backup, is_told=False)
    town.members[OPERATOR].write("www/operator", "meanwhile")
    town.settled()
    for name in ("alice", "bob", "mallory"):
        town.members[name].mend()
    wait_until(lambda: any("could not take over" in said for said in town.server.alerts()), "it is said", PATIENCE)
    town.settled()
    tree = town.tree()
    assert {path: tree[path] for path in ("www/keep", "www/new/place", "www/operator", "www/carol")} == {
        "www/keep": "as it was", "www/new/place": "of bob", "www/operator": "meanwhile", "www/carol": "of carol",
    }  # fmt: skip
    assert WANTED["www/changed"] in tree.values(), "nothing is lost"
    head = heads.head_of(town.history)
    assert newest is not None and head is not None and head.number > newest.number, "and for clients it is the newest"
    town.members["alice"].fetcher.fetch()
    kept = heads.head_of(town.members["alice"].repository)
    assert kept is not None and kept.version == town.history.head()


def by_another(town: Town, number: int = 1000) -> bytes:
    (town.root / "other-keys").mkdir()
    other = Authority(town.root / "other-keys", None)
    other.create()
    return signed(town, other, number)


def signed(town: Town, authority: Authority, number: int, world: str = "", namespace: str = NAMESPACE) -> bytes:
    text = head_text(town.members["alice"].repository.head(), world or town.server.world_id, number, 1)
    return text + authority.sign_text(text, namespace)


def by_a_former_one(town: Town) -> bytes:
    key = town.root / "former"
    make_key(key, "former")
    (town.places.keys / "authorities-former.pub").write_text(key.with_suffix(".pub").read_text())
    text = head_text(town.members["alice"].repository.head(), town.server.world_id, 1000, 1)
    return text + sign(key, NAMESPACE, text).encode()


FORGERIES: dict[str, Callable[[Town], bytes]] = {
    "nothing": lambda _: b"",
    "no head": lambda _: b"\xff" * 5000,
    "signed by nobody": lambda town: head_text(town.members["alice"].repository.head(), town.server.world_id, 1000, 1),
    "by another authority": by_another,
    "by a former authority": by_a_former_one,
    "as a snapshot": lambda town: signed(town, town.server._authority, 1000, namespace=snapshots.NAMESPACE),
    "of another world": lambda town: signed(town, town.server._authority, 1000, world="another"),
    "an older one": lambda town: signed(town, town.server._authority, town.history.number()),
    "another number": lambda town: signed(town, town.server._authority, 1000).replace(b"number 1000", b"number 2000"),
}


@pytest.fixture
def patient(tmp_path: Path) -> Iterator[Town]:
    """A town whose server waits for long."""
    town = Town(tmp_path, replace(SETTINGS, behind_quiet=0.2, behind_patience=60.0, behind_limit=120.0))
    yield town
    town.stop()


def test_what_the_authority_has_not_signed_as_newer_is_not_even_asked_for(patient: Town) -> None:
    backup = a_day(patient)
    patient.put_back(backup)
    head = patient.history.head()
    for forgery, made in FORGERIES.items():
        stranger = Stranger(patient, "mallory")
        assert stranger.next() == say.Behind(), forgery
        stranger.tell(say.Newest(made(patient)))
        with pytest.raises(queue.Empty):
            said = stranger.next(0.4)
            pytest.fail(f"{forgery}: {said}")
        stranger.channel.close("done")
    assert patient.history.head() == head
    patient.members["alice"].mend()
    patient.caught_up()
    assert [entry.details["from"] for entry in Register(patient.store.db).entries() if entry.event == "catch-up"] == ["alice"]


def too_much(stranger: Stranger, bring: say.Bring) -> None:
    stranger.tell(say.Piece(0, 1 << 50, b"PACK"))
    with pytest.raises(queue.Empty):
        stranger.next(0.4)  # nothing more is asked for


def silent(stranger: Stranger, bring: say.Bring) -> None:
    """It never answers."""


def cut_off(stranger: Stranger, bring: say.Bring) -> None:
    stranger.tell(say.Piece(0, 5000, b"PACK" + bytes(996)))
    assert stranger.next() == replace(bring, offset=1000)
    stranger.channel.close("cut")


BRINGERS: dict[str, Callable[[Stranger, say.Bring], None]] = {
    "nothing": lambda stranger, _: stranger.tell(say.Piece(0, 0, b"")),
    "rubbish": lambda stranger, _: stranger.tell(say.Piece(0, 1000, os.urandom(1000))),
    "too much": too_much,
    "another piece": lambda stranger, _: stranger.tell(say.Piece(7, 1000, b"PACK")),
    "more than it said": lambda stranger, _: stranger.tell(say.Piece(0, 3, b"PACK")),
    "an empty piece": lambda stranger, _: stranger.tell(say.Piece(0, 1000, b"")),
    "a part": cut_off,
    "no answer": silent,
}


def test_who_does_not_bring_what_they_have_holds_up_nobody(patient: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(catching_up, "_PIECE", 3.0)
    for number in range(len(BRINGERS)):
        patient.admitted(f"stranger{number}")
    backup = a_day(patient)
    patient.put_back(backup)
    head, newest = patient.history.head(), heads.head_of(patient.members["alice"].repository)
    assert newest is not None
    for number, (bringer, brings) in enumerate(BRINGERS.items()):
        stranger = Stranger(patient, f"stranger{number}")
        bring = stranger.offers(newest.data)
        assert bring == say.Bring(newest.version, head, 0), bringer
        brings(stranger, bring)
        wait_until(lambda: not (patient.state / "newer").exists(), f"{bringer}: nothing of it is left")
        assert patient.history.head() == head, bringer
        again = Stranger(patient, f"stranger{number}")
        assert again.next() == say.Behind()
        again.tell(say.Newest(newest.data))
        if bringer == "a part":
            assert again.next() == bring, "a connection may end: that is nobody's fault"
        else:
            with pytest.raises(queue.Empty):
                again.next(0.4)
        again.channel.close("done")
        wait_until(lambda: not (patient.state / "newer").exists(), f"{bringer}: nothing of it is left")
    patient.members["alice"].mend()
    patient.caught_up()
    patient.members["bob"].mend()
    patient.members["carol"].mend()
    check_all_is_there(patient)


def test_where_nobody_brings_it_the_limit_ends_the_waiting(town: Town) -> None:
    backup = a_day(town)
    town.put_back(backup)
    newest = heads.head_of(town.members["alice"].repository)
    assert newest is not None
    stranger = Stranger(town, "mallory")
    assert isinstance(stranger.offers(newest.data), say.Bring)
    stranger.tell(say.Piece(0, 0, b""))
    assert isinstance(stranger.next(20), say.Welcome), "nobody knows yet that they are banned"
    assert any("could not take over" in said for said in town.server.alerts())


def test_who_only_ever_connects_and_never_answers_holds_up_nobody(patient: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(catching_up, "_ANSWER", 3.0)
    backup = a_day(patient)
    patient.put_back(backup)
    stranger = Stranger(patient, "mallory")
    assert stranger.next() == say.Behind()
    stranger.tell(say.Piece(0, 10, b"x" * 10))
    while (said := stranger.next()) is not None:
        assert not isinstance(said, say.Welcome)
    patient.members["alice"].mend()
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:  # at each moment of it, somebody has not answered yet
        Stranger(patient, "mallory")
        if patient.taken.wait(0.25):
            break
    else:
        pytest.fail("nothing was taken while somebody went on connecting")
    patient.caught_up()
