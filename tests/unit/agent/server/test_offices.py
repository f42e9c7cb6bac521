"""A world's offices put together on a house: what is asked comes to the right one, and what they do is published and logged."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from fwrkit.agent import shares
from fwrkit.agent.audit import follow, shares_of
from fwrkit.agent.keys import fingerprint, public_of
from fwrkit.agent.paths import ROLL
from fwrkit.agent.public_records import peers_of, read, read_audit, read_roll
from fwrkit.agent.server import offices
from fwrkit.agent.server.authority import Authority
from fwrkit.agent.server.offices import Offices
from fwrkit.agent.server.passing import OWN
from fwrkit.agent.server.store import Citizen, Store
from fwrkit.agent.settings import Node, Settings
from fwrkit.core.errors import ExitCode, FwrError
from fwrkit.core.invites import decode
from tests.unit.agent.house import House, wait_until


class TownHall:
    """A house with offices; ada is the operator, alice and bob have nodes."""

    def __init__(self, root: Path) -> None:
        self.house = House(root)
        keys = root / "keys"
        keys.mkdir()
        authority = Authority(keys, None)
        authority.create()
        store = self.house.store
        self.operator: Citizen = self.house.hub.call(lambda: store.add_citizen("ada", os.geteuid(), "official", 0))
        node = Node("server", "server", "0123456789ab", "ada", "static", "Utopia", (0, 0), Settings(), ("example.org", 2222))
        self.reading = Store(self.house.state / "hub.sqlite")
        self.offices = Offices(
            node, self.house.state, store, self.reading, self.house.hub, self.house.fold, self.house.historian, authority, self.operator,
            lambda: None,
        )  # fmt: skip
        self.alice, self.bob = self.house.member("alice"), self.house.member("bob")

    def ask(self, verb: str, **arguments: Any) -> dict[str, Any]:
        return self.offices.ask(verb, arguments)

    def ask_as(self, who: str, verb: str, /, **arguments: Any) -> dict[str, Any]:
        citizen = self.house.store.citizen(name=who)
        assert citizen is not None
        return self.offices.asking.ask(citizen.uid, verb, arguments)


@pytest.fixture
def hall(tmp_path: Path, openssh: None) -> Iterator[TownHall]:
    hall = TownHall(tmp_path)
    yield hall
    hall.house.stop()
    hall.reading.close()


def code(hall: TownHall, who: str, verb: str, /, **arguments: Any) -> ExitCode:
    with pytest.raises(FwrError) as raised:
        hall.ask_as(who, verb, **arguments)
    return raised.value.code


def test_a_ban_ends_a_live_connection_within_a_second_and_is_public(hall: TownHall) -> None:
    hall.house.settled()
    began = time.monotonic()
    hall.ask("ban", name="bob", reason="spam", until=int(time.time()) + 3600)
    wait_until(lambda: not hall.bob.engine.view.is_connected, "the connection ends", 1)
    assert time.monotonic() - began < 1
    refusal = hall.bob.engine.view.refusal
    assert refusal is not None and "spam" in refusal.message and "until" in refusal.message
    wait_until(lambda: any(citizen.reason == "spam" for citizen in read_roll(hall.alice.world)), "everybody can read it")
    hall.bob.write("late", "not taken")
    hall.bob.engine.hint(None)
    hall.house.hub.call(lambda: None)
    assert hall.house.store.entry(b"late") is None
    hall.ask("unban", name="bob")
    wait_until(lambda: hall.bob.engine.view.is_ready, "bob is let in again")
    wait_until(lambda: "late" in hall.alice.tree(), "and what was written meanwhile comes")
    wait_until(lambda: [entry.event for entry in read_audit(hall.alice.world).entries] == ["ban", "unban"], "the log is there")


def test_everything_that_officials_decide_is_in_the_log(hall: TownHall, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(offices, "_RENEWAL_PATIENCE", 0.2)  # these nodes do not renew
    hall.alice.write("a", "one")
    hall.house.settled()
    wait_until(lambda: not hall.house.store.has_uncommitted(), "it is in the history")
    hall.ask("invite", name="carol")
    hall.ask("role", name="bob", role="official")
    hall.ask_as("bob", "role", name="alice", role="reader")
    hall.ask("policy-set", text="# nothing\n", base="")
    hall.ask("snapshot", name="first")
    hall.ask("revert-by", by="alice", since="2020-01-01")
    hall.ask("change-authority", now=True)
    hall.ask_as("alice", "leave")
    expected = [
        ("ada", "invite"), ("ada", "role"), ("bob", "role"), ("ada", "policy"), ("ada", "snapshot"), ("ada", "revert by"), ("ada", "rekey"),
        ("fwrkit", "rekey"), ("alice", "leave"),
    ]  # fmt: skip
    wait_until(
        lambda: [(entry.actor, entry.event) for entry in read_audit(hall.bob.world).entries] == expected, "all of it is published, in order"
    )
    chain = read_audit(hall.bob.world)
    assert chain.fault == "" and follow(entry.to_line() for entry in chain.entries).fault == ""


def test_who_may_ask_for_what(hall: TownHall) -> None:
    for verb, arguments in (
        ("ban", {"name": "bob", "reason": "x"}), ("unban", {"name": "bob"}), ("role", {"name": "bob", "role": "official"}), ("invite", {"name": "x"}),
        ("requests", {}), ("admit", {"name": "x"}), ("dismiss", {"name": "x"}), ("take-requests", {"open": True}), ("policy-set", {"text": "", "base": ""}),
        ("snapshot", {"name": "x"}), ("accept", {"numbers": []}), ("reject", {"numbers": []}), ("decide", {"name": "bob", "ruling": "approve"}),
        ("serve", {"name": "x", "host": "x", "port": 1}), ("serve-stop", {"name": "x"}),
        ("change-authority", {}), ("revert-by", {"by": "bob", "since": "2020-01-01"}),
    ):  # fmt: skip
        assert code(hall, "alice", verb, **arguments) is ExitCode.REFUSED, verb
    hall.ask("role", name="alice", role="official")
    assert code(hall, "alice", "change-authority") is ExitCode.REFUSED, "the authority is the operator's"
    hall.ask("role", name="bob", role="reader")
    for verb in ("revert", "restore", "reviews"):
        assert code(hall, "bob", verb, path="a", to="x") is ExitCode.REFUSED, verb
    assert {item["name"] for item in hall.ask_as("bob", "citizens")["citizens"]} == {"ada", "alice", "bob"}


def test_a_policy_is_changed_on_the_one_that_was_seen(hall: TownHall) -> None:
    hall.ask("policy-set", text="# one\n", base="")
    with pytest.raises(FwrError) as raised:
        hall.ask("policy-set", text="# two\n", base="")
    assert raised.value.code is ExitCode.TAKEN
    with pytest.raises(FwrError) as raised:
        hall.ask(
            "policy-set", text="[[rule]]\nname = 'x'\nthen = 'refse'\n", base=(hall.house.store.head(b".fwr/policy.toml") or b"").hex()
        )
    assert raised.value.code is ExitCode.REFUSED and "line 3" in raised.value.message


def test_an_invite_names_the_server_s_address_whoever_asks(hall: TownHall) -> None:
    hall.ask("role", name="alice", role="official")
    invite = decode(hall.ask_as("alice", "invite", name="carol", host="evil.example.org", port=1)["invite"])
    assert (invite.host, invite.port) == ("example.org", 2222), "only the operator names another"
    assert decode(hall.ask("invite", name="carol", host="server.fwr", port=2222)["invite"]).host == "server.fwr"


def test_who_takes_too_much_is_in_the_log_once(hall: TownHall) -> None:
    hall.house.settled()
    session = hall.house.hub.sessions()[hall.bob.citizen.id]
    for _ in range(5):
        hall.offices.excess(hall.bob.citizen.uid, "too many processes")
    wait_until(lambda: session.channel.is_closed, "the connection ends")  # the next one is dialled at once
    wait_until(lambda: [entry.event for entry in read_audit(hall.alice.world).entries] == ["ended"], "one line")


def test_shares_are_the_operators_to_make_and_the_log_tells_no_word_of_them(hall: TownHall, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(offices, "_RENEWAL_PATIENCE", 0.2)  # these nodes do not renew
    for who in ("alice", "bob"):
        assert code(hall, who, "shares", need=2, of=3) == ExitCode.REFUSED
    assert hall.ask("change-authority")["were_shared"] is False
    made = hall.ask("shares", need=2, of=3)
    assert len(made["shares"]) == 3
    assert fingerprint(public_of(shares.combine(made["shares"][:2]))) == made["key"]
    with pytest.raises(FwrError):
        hall.ask("shares", need=4, of=3)
    wait_until(lambda: len(read_audit(hall.bob.world).entries) == 2, "everybody can read it")
    [entry] = shares_of(read_audit(hall.bob.world).entries, {made["key"]})
    assert (entry.actor, entry.subject, entry.details) == ("ada", "authority", {"need": "2", "of": "3", "key": made["key"]})
    published = b"".join(path.read_bytes() for path in (hall.house.state / "hub.sqlite", *hall.house.state.glob("hub.sqlite-wal")))
    assert not any(" ".join(line.split()[:3]).encode() in published for line in made["shares"])
    assert hall.ask("change-authority", now=True)["were_shared"] is False, "they are of the new one, which stays"
    assert hall.ask("change-authority")["were_shared"] is True


def test_who_serves_besides_is_in_everybody_s_roll_until_its_official_is_banned(hall: TownHall) -> None:
    hall.ask("role", name="alice", role="official")
    serve = {"name": "bob-too", "host": "10.0.0.7", "port": 2222}
    assert decode(hall.ask_as("alice", "serve", **serve)["invite"]).host == "example.org", "where the server is"
    way = {"server_host": "server.fwr", "server_port": 2222}
    assert decode(hall.ask_as("alice", "serve", **serve, **way)["invite"]).host == "server.fwr", "or as the official's node goes"
    peer = hall.house.store.citizen(name="bob-too")
    assert peer is not None and hall.offices.peers.is_peer(peer)
    key = public_of(b"p" * 32)
    hall.house.hub.call(lambda: hall.house.store.update_citizen(peer.id, public_key=key))
    assert [each["name"] for each in hall.ask_as("bob", "peers")["peers"]] == ["bob-too"]
    assert hall.ask_as("bob-too", "host-certificate", key=public_of(b"h" * 32))["certificate"]
    assert code(hall, "bob", "host-certificate", key=public_of(b"h" * 32)) is ExitCode.REFUSED
    hall.ask("invite", name="carol")  # has the roll published
    wait_until(lambda: [each.name for each in peers_of(read(hall.bob.world, ROLL))] == ["bob-too"], "clients read it")
    hall.ask("ban", name="alice", reason="spam")
    wait_until(lambda: peers_of(read(hall.bob.world, ROLL)) == [], "it is not there any more")
    assert code(hall, "bob-too", "host-certificate", key=public_of(b"h" * 32)) is ExitCode.REFUSED
    assert code(hall, "bob", "serve-stop", name="bob-too") is ExitCode.REFUSED
    assert hall.ask("serve-stop", name="bob-too") == {"name": "bob-too"}


def test_only_a_peer_s_word_about_whose_an_edit_is_counts(hall: TownHall) -> None:
    store, passed = hall.house.store, hall.house.hub.passed
    hall.ask("role", name="alice", role="official")
    alice, bob = (store.known_citizen(each.citizen.id) for each in (hall.alice, hall.bob))
    assert passed(bob, "alice") == passed(alice, "bob") == OWN, "an official who is no peer has no such word"
    hall.ask_as("alice", "serve", name="alice-peer", host="10.0.0.7", port=2222)
    peer = store.citizen(name="alice-peer")
    assert peer is not None
    writer = passed(peer, "bob").writer
    assert writer is not None and writer.id == bob.id and not passed(peer, "bob").is_settled
    assert passed(peer, "") == passed(peer, "alice-peer") == passed(peer, "nobody") == OWN
    hall.ask_as("bob", "leave")
    assert passed(peer, "bob") == OWN, "nothing is written in the name of who has left"
    hall.ask("ban", name="alice", reason="spam")
    assert passed(peer, "ada") == OWN, "the right has ended with the official's"


def test_at_a_peer_its_own_engine_alone_brings_what_is_settled(hall: TownHall) -> None:
    hall.offices.be_a_peer(hall.house.fold)
    store, passed = hall.house.store, hall.house.hub.passed
    bob = store.known_citizen(hall.bob.citizen.id)
    settled = passed(hall.operator, "alice")
    assert settled.writer is not None and settled.writer.id == hall.alice.citizen.id and settled.is_settled
    stranger = passed(hall.operator, "fwrkit")
    assert stranger.writer is not None and stranger.writer.name == "fwrkit" and stranger.is_settled, "what the server itself has written"
    assert passed(hall.operator, "") == passed(hall.operator, "ada") == OWN, "what a program writes at the peer"
    assert passed(bob, "alice") == OWN


def test_a_peer_decides_nothing_and_answers_where(hall: TownHall) -> None:
    hall.offices.be_a_peer(hall.house.fold)
    for verb, arguments in (
        ("invite", {"name": "carol"}),
        ("ban", {"name": "bob", "reason": "spam"}),
        ("role", {"name": "bob", "role": "reader"}),
    ):
        assert code(hall, "ada", verb, **arguments) is ExitCode.REFUSED
    assert hall.offices.enrolment.elsewhere is not None
    assert hall.ask("peers") == {"peers": []}
    before = hall.house.store.last_version()
    hall.house.hub.call(lambda: None)
    assert hall.house.store.last_version() == before, "it publishes nothing"
