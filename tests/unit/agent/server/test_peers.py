"""Peers: who may serve, what that is made of, and when it ends."""

from __future__ import annotations

import subprocess
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from fwrkit import __version__
from fwrkit.agent.keys import make_key, public_of
from fwrkit.agent.public_records import peers_of
from fwrkit.agent.server.peers import Peers
from fwrkit.agent.settings import Settings
from fwrkit.core.errors import ExitCode, FwrError
from fwrkit.core.invites import decode
from fwrkit.core.records import PeerRecord
from tests.unit.agent.server.townhall import NOON, TownHall

SERVER = ("server.fwr", 2222)
ROLL = b".fwr/citizens.toml"


class PeersHall(TownHall):
    """A town hall with its peers; ``come`` has one enrol, as its node does."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.comers = 0
        self.peers = Peers(
            self.store, self.register, self.enrolment, self.roll, self.authority, self.publisher, Settings(), lambda: self.now
        )

    def serve(self, name: str = "olga-peer", by: str = "olga", host: str = "olga.example.org", port: int = 2222) -> str:
        return str(self.peers.serve(self.citizen(by), name, host, port, SERVER)["invite"])

    def key(self, name: str) -> str:
        return make_key(self.root / name, name)

    def come(self, name: str = "olga-peer", by: str = "olga", **where: Any) -> str:
        self.comers += 1
        invite, key = decode(self.serve(name, by, **where)), self.key(f"node-{self.comers}")
        request = {"public_key": key, "node_id": "0123456789ab", "version": __version__}
        self.enrolment.enrol(public_of(invite.seed).split()[1], request)
        return key

    def names(self) -> list[str]:
        return [peer.name for peer in self.peers.all()]


@pytest.fixture
def hall(tmp_path: Path, openssh: None) -> PeersHall:
    return PeersHall(tmp_path)


def refused(function: Callable[[], Any]) -> FwrError:
    with pytest.raises(FwrError) as raised:
        function()
    assert raised.value.message.endswith(".") and raised.value.hint
    return raised.value


def test_an_official_s_node_serves_and_everybody_can_read_it(hall: PeersHall) -> None:
    invite = decode(hall.serve())
    assert (invite.citizen, invite.host, invite.port) == ("olga-peer", *SERVER)
    assert hall.peers.is_peer(hall.citizen("olga-peer"))
    assert hall.names() == [], "who has not come can not serve"
    hall.come()
    expected = PeerRecord("olga-peer", "olga.example.org", 2222, "olga", NOON)
    assert hall.peers.all() == [expected]
    text = hall.published()[ROLL]
    assert peers_of(text.encode()) == [expected]
    assert [each["name"] for each in tomllib.loads(text)["citizen"]] == ["ada", "olga", "alice", "rob", "olga-peer"]
    assert hall.events() == [
        ("olga", "invite", "olga-peer"), ("olga", "serve", "olga-peer"), ("olga", "invite", "olga-peer"), ("olga", "serve", "olga-peer"),
        ("olga-peer", "join", "olga-peer"),
    ]  # fmt: skip
    assert hall.register.entries()[1].details == {"host": "olga.example.org", "port": "2222"}


def test_repeating_it_keeps_the_order_and_takes_up_another_address(hall: PeersHall) -> None:
    hall.come()
    hall.now += 60
    hall.come("ada-peer", "ada", host="10.0.0.7")
    hall.now += 60
    hall.serve(host="elsewhere.example.org", port=2300)
    assert hall.names() == ["olga-peer", "ada-peer"], "the oldest first"
    assert (hall.peers.all()[0].host, hall.peers.all()[0].port, hall.peers.all()[0].since) == ("elsewhere.example.org", 2300, NOON)


@pytest.mark.parametrize(
    ("words", "code"),
    [
        ({"name": "Olga"}, ExitCode.USAGE),
        ({"name": "ada"}, ExitCode.TAKEN),
        ({"name": "alice"}, ExitCode.TAKEN),
        ({"name": "olga"}, ExitCode.TAKEN),
        ({"host": ""}, ExitCode.USAGE),
        ({"host": "a b"}, ExitCode.USAGE),
        ({"host": "x\n    ProxyCommand evil"}, ExitCode.USAGE),
        ({"host": "-oProxyCommand=x"}, ExitCode.USAGE),
        ({"host": "%h"}, ExitCode.USAGE),
        ({"port": 0}, ExitCode.USAGE),
        ({"port": 65536}, ExitCode.USAGE),
    ],
)
def test_what_makes_no_sense_is_refused(hall: PeersHall, words: dict[str, Any], code: ExitCode) -> None:
    assert refused(lambda: hall.serve(**words)).code is code
    assert hall.peers.all() == [] and hall.events() == []


def test_a_peer_is_its_official_s_alone(hall: PeersHall) -> None:
    hall.come()
    assert refused(lambda: hall.serve(by="ada")).code is ExitCode.TAKEN
    hall.roll.ban(hall.citizen("ada"), "olga-peer", "leaks", 0)
    assert refused(hall.serve).code is ExitCode.REFUSED


def _ban(hall: PeersHall, name: str) -> None:
    hall.roll.ban(hall.citizen("ada"), name, "spam", 0)


@pytest.mark.parametrize(
    "end",
    [
        lambda hall: _ban(hall, "olga"),
        lambda hall: _ban(hall, "olga-peer"),
        lambda hall: hall.roll.set_role(hall.citizen("ada"), "olga", "citizen"),
        lambda hall: hall.roll.leave(hall.citizen("olga")),
        lambda hall: hall.roll.leave(hall.citizen("olga-peer")),
        lambda hall: hall.peers.stop(hall.citizen("ada"), "olga-peer"),
    ],
)
def test_the_right_ends_with_the_official_s_and_the_roll_says_so(hall: PeersHall, end: Callable[[PeersHall], None]) -> None:
    hall.come()
    host = hall.key("host")
    assert hall.peers.certify(hall.citizen("olga-peer"), host)["certificate"]
    assert peers_of(hall.published()[ROLL].encode())
    end(hall)
    assert not hall.peers.is_peer(hall.citizen("olga-peer"))
    assert peers_of(hall.published()[ROLL].encode()) == [], "published in the same turn"
    error = refused(lambda: hall.peers.certify(hall.citizen("olga-peer"), host))
    assert error.code is ExitCode.REFUSED and "no right to serve" in error.message and "fwrkit serve" in error.hint


def test_a_ban_that_ends_gives_the_right_back(hall: PeersHall) -> None:
    hall.come()
    _ban(hall, "olga")
    hall.roll.unban(hall.citizen("ada"), "olga")
    assert hall.names() == ["olga-peer"]


def test_who_is_banned_does_not_go_on_by_their_peer(hall: PeersHall) -> None:
    hall.come()
    _ban(hall, "olga")
    assert hall.citizen("olga-peer").is_banned
    assert [name for name, _ in hall.expelled] == ["olga", "olga-peer"]
    assert (hall.state / "enrol/banned").read_text() == "olga\nolga-peer\n"
    assert hall.events()[-2:] == [("ada", "ban", "olga"), ("ada", "ban", "olga-peer")]
    hall.roll.unban(hall.citizen("ada"), "olga")
    assert not hall.citizen("olga-peer").is_banned
    assert hall.events()[-2:] == [("ada", "unban", "olga"), ("ada", "unban", "olga-peer")]


def test_a_ban_that_ends_by_its_time_ends_the_peer_s_once(hall: PeersHall) -> None:
    hall.come()
    hall.roll.ban(hall.citizen("ada"), "olga", "spam", NOON + 60)
    hall.now += 60
    hall.roll.lift_ended_bans()
    assert not hall.citizen("olga").is_banned and not hall.citizen("olga-peer").is_banned
    assert hall.events()[-2:] == [("fwrkit", "unban", "olga"), ("fwrkit", "unban", "olga-peer")]


def test_a_peer_s_own_ban_is_not_its_official_s(hall: PeersHall) -> None:
    hall.come()
    hall.roll.ban(hall.citizen("ada"), "olga-peer", "leaks", 0)
    _ban(hall, "olga")
    hall.roll.unban(hall.citizen("ada"), "olga")
    assert hall.citizen("olga-peer").is_banned and not hall.citizen("olga").is_banned


def test_a_second_ban_of_an_official_takes_the_place_of_their_peer_s_too(hall: PeersHall) -> None:
    hall.come()
    hall.roll.ban(hall.citizen("ada"), "olga", "spam", NOON + 60)
    hall.roll.ban(hall.citizen("ada"), "olga", "spam, and more", 0)
    hall.now += 60
    hall.roll.lift_ended_bans()
    assert hall.citizen("olga").is_banned and hall.citizen("olga-peer").is_banned
    hall.roll.unban(hall.citizen("ada"), "olga")
    assert not hall.citizen("olga").is_banned and not hall.citizen("olga-peer").is_banned


@pytest.mark.parametrize("until", [0, NOON + 90])
def test_where_a_peer_s_own_ban_ends_while_its_official_is_banned_it_stays_banned_as_long_as_they_are(hall: PeersHall, until: int) -> None:
    hall.come()
    hall.roll.ban(hall.citizen("ada"), "olga-peer", "leaks", NOON + 60)
    hall.roll.ban(hall.citizen("ada"), "olga", "spam", until)
    hall.now += 60
    hall.roll.lift_ended_bans()
    assert hall.citizen("olga-peer").is_banned and hall.events()[-1] == ("fwrkit", "ban", "olga-peer"), "everybody can read it"
    if until:
        hall.now += 30
        hall.roll.lift_ended_bans()
    else:
        hall.roll.unban(hall.citizen("ada"), "olga")
    assert not hall.citizen("olga").is_banned and not hall.citizen("olga-peer").is_banned


def test_who_only_reads_does_not_write_by_their_peer(hall: PeersHall) -> None:
    hall.come()
    hall.roll.set_role(hall.citizen("ada"), "olga", "reader")
    assert hall.citizen("olga-peer").role == "reader"
    assert hall.refreshed == [hall.citizen("olga").id, hall.citizen("olga-peer").id]
    hall.roll.set_role(hall.citizen("ada"), "olga", "official")
    assert hall.citizen("olga-peer").role == "citizen" and hall.names() == ["olga-peer"]


def test_who_leaves_takes_their_peer_along(hall: PeersHall) -> None:
    key, host = hall.come(), hall.key("host")
    hall.peers.certify(hall.citizen("olga-peer"), host)
    hall.roll.leave(hall.citizen("olga"))
    assert hall.citizen("olga-peer").role == "former"
    assert set(hall.store.revoked_keys()) == {key, host}
    assert hall.register.peers() == []


def test_nobody_but_its_official_has_an_invite_made_for_a_peer(hall: PeersHall) -> None:
    """Who comes by it is the peer, and is believed about whose the edits are that they pass on."""
    hall.come()
    error = refused(lambda: hall.enrolment.invite("ada", "olga-peer", *SERVER, 3600))
    assert error.code is ExitCode.TAKEN and "olga" in error.message
    assert hall.enrolment.invite("olga", "olga-peer", *SERVER, 3600).citizen == "olga-peer"
    hall.roll.leave(hall.citizen("olga-peer"))
    invite = hall.enrolment.invite("ada", "olga-peer", *SERVER, 3600)
    hall.enrolment.enrol(
        public_of(invite.seed).split()[1], {"public_key": hall.key("ada-s"), "node_id": "0123456789ab", "version": __version__}
    )
    assert not hall.peers.is_peer(hall.citizen("olga-peer")), "the name alone gives no right"


def test_nobody_has_a_peer_s_host_key_or_an_invite_s(hall: PeersHall) -> None:
    """It would be revoked with their next one, and the peer would be believed by nobody; the invite would let nobody in."""
    hall.come()
    hall.store.update_citizen(hall.citizen("alice").id, public_key=hall.key("alice"))
    hall.peers.certify(hall.citizen("olga-peer"), hall.key("host"))
    invite = public_of(hall.enrolment.invite("olga", "bob", *SERVER, 3600).seed)
    for key in (hall.key("host"), invite):
        assert refused(lambda key=key: hall.enrolment.change_key(hall.citizen("alice"), key)).code is ExitCode.TAKEN  # type: ignore[misc]
        request = {"public_key": key, "node_id": "0123456789ab", "version": __version__}
        error = refused(lambda request=request: hall.enrolment.enrol(invite.split()[1], request))  # type: ignore[misc]
        assert error.code is ExitCode.TAKEN
    assert hall.store.revoked_keys() == []


def test_who_stops_serving_is_gone_with_both_keys_and_may_begin_again(hall: PeersHall) -> None:
    key, host = hall.come(), hall.key("host")
    hall.peers.certify(hall.citizen("olga-peer"), host)
    assert hall.peers.stop(hall.citizen("olga"), "olga-peer") == {"name": "olga-peer"}
    assert hall.citizen("olga-peer").role == "former"
    assert [name for name, _ in hall.expelled] == ["olga-peer"]
    assert sorted(hall.store.revoked_keys()) == sorted([key, host])
    assert set((hall.state / "enrol/revoked_keys").read_text().splitlines()) == {key, host}
    assert hall.events()[-2:] == [("olga", "serve-stop", "olga-peer"), ("olga-peer", "leave", "olga-peer")]
    assert refused(lambda: hall.peers.stop(hall.citizen("olga"), "olga-peer")).code is ExitCode.NOT_FOUND
    assert refused(lambda: hall.peers.stop(hall.citizen("olga"), "nobody")).code is ExitCode.NOT_FOUND
    hall.come()
    assert hall.names() == ["olga-peer"]
    assert refused(lambda: hall.peers.certify(hall.citizen("olga-peer"), host)).code is ExitCode.REFUSED, "a dead key stays dead"
    assert hall.peers.certify(hall.citizen("olga-peer"), hall.key("host-2"))


def test_a_host_key_is_signed_for_this_world_and_the_one_before_it_is_dead(hall: PeersHall, tmp_path: Path) -> None:
    hall.come()
    peer = hall.citizen("olga-peer")
    answer = hall.peers.certify(peer, hall.key("host"))
    assert (answer["authorities"], answer["former"]) == ([hall.authority.public], [])
    certificate = tmp_path / "peer-cert.pub"
    certificate.write_text(answer["certificate"])
    done = subprocess.run(["ssh-keygen", "-L", "-f", str(certificate)], check=True, capture_output=True, text=True)
    words = " ".join(done.stdout.split())
    assert "host certificate" in words and f"Principals: {'w' * 16}" in words and "forever" not in words
    hall.peers.certify(peer, hall.key("host"))
    assert hall.store.revoked_keys() == []
    hall.peers.certify(peer, hall.key("another"))
    assert hall.store.revoked_keys() == [hall.key("host")]
    assert hall.key("host") in (hall.state / "enrol/revoked_keys").read_text()
    assert hall.key("host") in hall.published()[ROLL]


def test_nobody_s_key_is_taken_for_a_host_s(hall: PeersHall) -> None:
    """Otherwise, a peer that stops serving would take the authority, the server or another citizen with it."""
    own = hall.come()
    hall.store.update_citizen(hall.citizen("alice").id, public_key=hall.key("alice"))
    hall.come("ada-peer", "ada")
    hall.peers.certify(hall.citizen("ada-peer"), hall.key("host-of-ada"))
    (hall.root / "keys/host.pub").write_text(hall.key("host-of-server") + "\n")
    for key in (own, hall.key("alice"), hall.key("host-of-ada"), hall.key("host-of-server"), hall.authority.public):
        assert refused(lambda key=key: hall.peers.certify(hall.citizen("olga-peer"), key)).code is ExitCode.TAKEN  # type: ignore[misc]
    assert refused(lambda: hall.peers.certify(hall.citizen("olga-peer"), "ssh-rsa AAAA")).code is ExitCode.USAGE


def test_without_the_right_nothing_is_signed(hall: PeersHall) -> None:
    for name in ("alice", "rob", "olga", "ada"):
        error = refused(lambda name=name: hall.peers.certify(hall.citizen(name), hall.key("host")))  # type: ignore[misc]
        assert (error.code, error.message) == (ExitCode.REFUSED, f"{name} has no right to serve.")
