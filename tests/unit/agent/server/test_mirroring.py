"""A peer's tables follow the roll that the server publishes."""

from __future__ import annotations

from pathlib import Path

import pytest

from fwrkit.agent.paths import ROLL
from fwrkit.agent.server import mirroring
from fwrkit.agent.server.mirroring import Mirror
from fwrkit.agent.server.register import Peer
from fwrkit.agent.server.store import FORMER
from fwrkit.core.errors import ExitCode
from tests.unit.agent.server.test_peers import PeersHall
from tests.unit.agent.server.townhall import TownHall


class Peers:
    """A server's town hall, and that of a peer of olga's which has the same citizens at first."""

    def __init__(self, root: Path) -> None:
        for name in ("server", "peer"):
            (root / name).mkdir()
        self.server, self.peer = PeersHall(root / "server"), TownHall(root / "peer")
        for number, each in enumerate(self.server.store.citizens()):
            self.server.store.update_citizen(each.id, public_key=self.server.key(each.name))
            self.peer.store.update_citizen(
                self.peer.citizen(each.name).id, public_key=self.server.key(each.name), node_id=f"machine{number}"
            )
        self.server.come("olga-peer", "olga")
        peer = self.peer
        self.operator = operator = peer.store.add_citizen("olga-peer", 30000, "citizen", 0)
        self.mirror = Mirror(
            peer.store, peer.register, peer.enrolment, peer.fold, operator,
            lambda citizen, why: peer.expelled.append((citizen.name, why)), peer.refreshed.append,
        )  # fmt: skip

    def has_right(self) -> bool:
        """Whether the server says that this node may serve."""
        return self.peer.register.peer_of(self.operator.id) is not None

    def bring(self, text: str | None = None) -> None:
        """The peer's engine brings the roll, or something else in its place; a turn ends."""
        content = (self.server.publisher.roll() if text is None else text).encode()
        with self.peer.store.transaction():
            self.peer.fold.write_record(ROLL, content, "fwrkit", 0)
            self.mirror.follow()


@pytest.fixture
def peers(tmp_path: Path, openssh: None) -> Peers:
    peers = Peers(tmp_path)
    peers.bring()
    peers.peer.refreshed.clear()
    return peers


def test_who_is_admitted_at_the_server_is_at_the_peer(peers: Peers) -> None:
    peers.server.store.add_citizen("bob", 20009, "reader", 1234)
    peers.bring()
    bob = peers.peer.citizen("bob")
    assert (bob.role, bob.admitted, bob.public_key, bob.node_id) == ("reader", 1234, "", "")
    assert bob.uid == 30001, "a uid is never used again, and is each server's own"


def test_a_new_key_may_be_another_machine_s(peers: Peers) -> None:
    assert peers.peer.citizen("alice").node_id == "machine2"
    key = peers.server.key("alice-anew")
    peers.server.store.update_citizen(peers.server.citizen("alice").id, public_key=key)
    peers.bring()
    alice, rob = peers.peer.citizen("alice"), peers.peer.citizen("rob")
    assert (alice.public_key, alice.node_id) == (key, "")
    assert rob.node_id == "machine3"


def test_a_role_counts_in_a_live_session_at_once(peers: Peers) -> None:
    peers.server.roll.set_role(peers.server.citizen("ada"), "rob", "official")
    peers.bring()
    rob = peers.peer.citizen("rob")
    assert rob.role == "official" and rob.id in peers.peer.refreshed
    assert peers.peer.expelled == []


def test_who_is_banned_is_expelled_once_with_the_reason(peers: Peers) -> None:
    peers.server.roll.ban(peers.server.citizen("ada"), "alice", "spam", 0)
    peers.bring()
    alice = peers.peer.citizen("alice")
    assert alice.is_banned
    assert [name for name, _ in peers.peer.expelled] == ["alice"] and "spam" in peers.peer.expelled[0][1].message
    ban = peers.peer.register.ban_of(alice.id)
    assert ban is not None and (ban.citizen, ban.by, ban.reason) == (alice.id, "ada", "spam")
    peers.server.store.add_citizen("bob", 20009, "reader", 1234)
    peers.bring()
    assert len(peers.peer.expelled) == 1
    assert "alice" in (peers.peer.state / "enrol/banned").read_text(), "the gate knows"


def test_a_ban_that_is_lifted_is_lifted_here(peers: Peers) -> None:
    peers.server.roll.ban(peers.server.citizen("ada"), "alice", "spam", 0)
    peers.bring()
    peers.server.roll.unban(peers.server.citizen("ada"), "alice")
    peers.bring()
    alice = peers.peer.citizen("alice")
    assert not alice.is_banned and peers.peer.register.ban_of(alice.id) is None


def test_who_leaves_the_world_is_expelled(peers: Peers) -> None:
    peers.server.roll.leave(peers.server.citizen("alice"))
    peers.bring()
    alice = peers.peer.citizen("alice")
    assert (alice.role, alice.public_key) == (FORMER, "")
    [(name, why)] = peers.peer.expelled
    assert name == "alice" and why.code is ExitCode.REFUSED
    assert peers.server.key("alice") in peers.peer.store.revoked_keys()


def test_keys_are_revoked_and_admitted_again_as_at_the_server(peers: Peers) -> None:
    one, two = peers.server.key("one"), peers.server.key("two")
    peers.server.store.revoke_key(one, 1)
    peers.server.store.revoke_key(two, 2)
    peers.bring()
    assert set(peers.peer.store.revoked_keys()) == {one, two}
    peers.server.store.unrevoke_key(one)
    peers.bring()
    assert peers.peer.store.revoked_keys() == [two]
    assert two in (peers.peer.state / "enrol/revoked_keys").read_text(), "sshd knows"


def test_who_serves_besides_is_who_the_server_says(peers: Peers) -> None:
    def known() -> list[tuple[str, str, str]]:
        hall = peers.peer
        return [
            (hall.store.known_citizen(each.citizen).name, each.host, hall.store.known_citizen(each.by).name)
            for each in hall.register.peers()
        ]

    assert known() == [("olga-peer", "olga.example.org", "olga")] and peers.has_right()
    peers.server.now += 10
    peers.server.come("ada-peer", "ada", host="ada.example.org")
    peers.server.serve(host="elsewhere.example.org")
    peers.bring()
    assert known() == [("olga-peer", "elsewhere.example.org", "olga"), ("ada-peer", "ada.example.org", "ada")]
    peers.server.peers.stop(peers.server.citizen("olga"), "olga-peer")
    peers.bring()
    assert known() == [("ada-peer", "ada.example.org", "ada")] and not peers.has_right()


def test_its_own_row_is_passed_over(peers: Peers) -> None:
    before = peers.peer.citizen("olga-peer")
    assert before.public_key == "", "the key that the server knows opens nothing here"
    peers.server.roll.ban(peers.server.citizen("ada"), "olga-peer", "spam", 0)
    peers.bring()
    assert peers.peer.citizen("olga-peer") == before and peers.peer.expelled == []
    assert not peers.has_right(), "what it may no more"


@pytest.mark.parametrize(
    "text",
    [
        "no roll at all [",
        "citizen = 1",
        '[[citizen]]\nname = "alice"\n',
        '[[citizen]]\nname = "../alice"\nrole = "citizen"\nsince = 2026-01-01T00:00:00Z\n',
        '[[citizen]]\nname = "alice"\nrole = "king"\nsince = 2026-01-01T00:00:00Z\n',
        '[[peer]]\nname = "olga-peer"\nhost = "a b"\nport = 1\nby = "olga"\nsince = 2026-01-01T00:00:00Z\n',
    ],
)
def test_of_a_roll_that_is_none_the_one_before_stays_in_force_and_it_is_said(peers: Peers, text: str) -> None:
    peers.server.store.revoke_key(peers.server.key("one"), 1)
    peers.bring()
    before = [*peers.peer.store.citizens(), *peers.peer.register.peers(), *peers.peer.store.revoked_keys()]
    peers.bring(text)
    assert [*peers.peer.store.citizens(), *peers.peer.register.peers(), *peers.peer.store.revoked_keys()] == before
    assert "stays in force" in peers.mirror.fault
    peers.server.store.add_citizen("bob", 20009, "reader", 1234)
    peers.bring()
    assert peers.mirror.fault == "" and peers.peer.citizen("bob")


def test_of_a_roll_that_is_too_large_the_one_before_stays_in_force(peers: Peers, monkeypatch: pytest.MonkeyPatch) -> None:
    peers.server.store.revoke_key(peers.server.key("one"), 1)
    peers.bring()
    monkeypatch.setattr(mirroring, "_LIMIT", 100)
    peers.server.store.add_citizen("bob", 20009, "reader", 1234)
    peers.bring()
    assert peers.mirror.fault and peers.has_right()
    assert len(peers.peer.store.revoked_keys()) == 1


def test_what_is_wrong_with_the_roll_is_still_said_after_a_restart(peers: Peers) -> None:
    peers.bring("no roll at all [")
    peer = peers.peer
    again = Mirror(peer.store, peer.register, peer.enrolment, peer.fold, peer.citizen("olga-peer"), lambda *_: None, lambda _: None)
    again.follow()
    assert "stays in force" in again.fault


def test_nothing_is_done_when_the_roll_is_the_same(peers: Peers) -> None:
    peers.peer.store.update_citizen(peers.peer.citizen("alice").id, role="reader")
    peers.bring()
    peers.mirror.follow()
    assert peers.peer.citizen("alice").role == "reader" and peers.peer.refreshed == []


def test_before_there_is_a_roll_nothing_is_done(peers: Peers) -> None:
    with peers.peer.store.transaction():
        peers.peer.store.set_head(ROLL, None, 0, 0, "fwrkit", 0)
        peers.peer.register.put_peer(Peer(1, "h", 1, 1, 0))
    peers.mirror.follow()
    assert peers.peer.register.peer_of(1) is not None and peers.mirror.fault == ""
