"""Whom a node follows: the server as long as it can be reached, then the peers in their order, and back."""

from __future__ import annotations

import socket
import threading
from pathlib import Path

import pytest

from fwrkit.agent.citizen.ssh import Upstream, write_upstream
from fwrkit.agent.citizen.upstreams import Ending, Order, Upstreams, is_reachable
from fwrkit.core.records import PeerRecord

HOME = Upstream("server.example.org", 2222, "w" * 16, "Utopia", "bob", "ssh-ed25519 AAAA")
REVOKED = ("ssh-ed25519 BBBB",)
PATIENCE = 60.0


def peer(name: str, host: str = "") -> PeerRecord:
    return PeerRecord(name, host or f"{name}.example.org", 2211, "alice", 0)


class Traveller:
    """A node with a clock, and a network in which the server is there or not."""

    def __init__(self, keys: Path, *peers: PeerRecord) -> None:
        self.peers = list(peers)
        self.now = 1000.0
        self.is_there = False
        self.works = True
        self.probed: list[tuple[str, int]] = []
        self.asked = 0
        write_upstream(keys, HOME)
        self.upstreams = Upstreams(keys, lambda: Order(self.peers, REVOKED), PATIENCE, self._answers, self._probe, lambda: self.now)

    def _answers(self) -> bool:
        self.asked += 1
        return self.works

    def _probe(self, host: str, port: int) -> bool:
        self.probed.append((host, port))
        return self.is_there

    def goes_to(self) -> str:
        """Return whom it connects to next, empty for the server."""
        choice = self.upstreams.choose()
        assert choice is not None
        return choice.peer

    def fails(self, seconds: float = 0.0) -> str:
        """A try ends in vain after some seconds; return whom it goes to next."""
        self.now += seconds
        self.upstreams.ended(Ending.UNANSWERED)
        return self.goes_to()

    def is_turned_away(self, seconds: float = 0.0) -> str:
        """The server does not let it in, after some seconds; return whom it goes to next."""
        self.now += seconds
        self.upstreams.ended(Ending.TURNED_AWAY)
        return self.goes_to()

    def was_let_in(self, seconds: float = 0.0) -> str:
        """A connection ends after some seconds; return whom it goes to next."""
        self.now += seconds
        self.upstreams.ended(Ending.LET_IN)
        return self.goes_to()

    def leaves(self) -> str:
        """Lose patience with the server; return whom it goes to."""
        self.goes_to()
        self.fails()
        return self.fails(PATIENCE)

    def is_time(self, seconds: float, is_server_back: bool = False) -> bool:
        self.now += seconds
        return self.upstreams.is_time_to_return(is_server_back)


@pytest.fixture
def bob(tmp_path: Path) -> Traveller:
    return Traveller(tmp_path, peer("first"), peer("second"))


def test_who_has_not_joined_goes_nowhere(tmp_path: Path) -> None:
    upstreams = Upstreams(tmp_path, lambda: Order([peer("first")]), 0.0, lambda: False, lambda *_: False)
    assert upstreams.choose() is None
    upstreams.ended(Ending.UNANSWERED)
    assert not upstreams.is_time_to_return(True)


def test_it_is_patient_with_the_server(bob: Traveller) -> None:
    assert bob.goes_to() == ""
    assert bob.fails() == ""
    assert bob.fails(PATIENCE - 1) == ""
    assert bob.fails(1) == "first" == bob.upstreams.peer
    assert bob.probed == []


def test_the_place_of_a_peer_is_taken_and_nothing_else_of_it(bob: Traveller) -> None:
    assert bob.leaves() == "first"
    choice = bob.upstreams.choose()
    assert choice is not None and choice.revoked == REVOKED
    there = choice.upstream
    assert (there.host, there.port) == ("first.example.org", 2211)
    assert (there.world_id, there.citizen, there.authority) == (HOME.world_id, HOME.citizen, HOME.authority)


def test_a_connection_that_stood_begins_the_patience_anew(bob: Traveller) -> None:
    bob.goes_to()
    assert bob.was_let_in(10 * PATIENCE) == ""
    assert bob.fails(PATIENCE - 1) == ""
    assert bob.fails(1) == "first"


def test_whom_the_server_does_not_want_stays_with_it(bob: Traveller) -> None:
    bob.goes_to()
    for _ in range(5):
        assert bob.is_turned_away(PATIENCE) == ""
    assert bob.fails(1) == "" and bob.fails(PATIENCE) == "first", "from the first failure after that on"


def test_an_sshd_with_nobody_behind_it_is_no_server(bob: Traveller) -> None:
    bob.is_there = True
    assert bob.leaves() == "first"
    bob.works = False
    assert not any(bob.is_time(1) for _ in range(100)) and bob.asked == 5, "it is not asked all the time"
    assert not any(bob.is_time(1, is_server_back=True) for _ in range(20)) and bob.asked == 6, (
        "nor on the peer's word, but for the first time"
    )
    bob.works = True
    assert not bob.is_time(20), "from now on it works"
    assert not bob.is_time(PATIENCE - 1) and bob.is_time(5)


def test_peers_have_their_turns_in_order_and_the_server_after_the_last(bob: Traveller) -> None:
    assert [bob.leaves(), bob.fails(), bob.fails(), bob.fails(), bob.fails()] == ["first", "second", "", "first", "second"]


def test_without_peers_it_stays_with_the_server(tmp_path: Path) -> None:
    assert Traveller(tmp_path).leaves() == ""


def test_a_peer_that_is_none_any_more_is_left_out(bob: Traveller) -> None:
    assert bob.leaves() == "first"
    bob.peers = []
    assert bob.fails() == ""


def test_after_a_peer_that_let_it_in_the_server_is_tried_first_and_then_the_same_peer(bob: Traveller) -> None:
    assert bob.leaves() == "first"
    assert bob.was_let_in(100) == ""
    assert bob.fails() == "first"


def test_a_peer_whose_address_is_none_is_passed_over(tmp_path: Path) -> None:
    assert Traveller(tmp_path, peer("odd", "host\nProxyCommand rm"), peer("good")).leaves() == "good"
    assert Traveller(tmp_path, peer("odd", "host\nProxyCommand rm")).leaves() == ""


def test_at_the_server_there_is_nothing_to_return_to(bob: Traveller) -> None:
    bob.is_there = True
    bob.goes_to()
    assert not bob.is_time(0, is_server_back=True) and bob.probed == []


def test_it_returns_at_once_on_the_peer_s_word_if_it_reaches_the_server_itself(bob: Traveller) -> None:
    bob.leaves()
    assert not bob.is_time(10, is_server_back=True), "the peer reaches it, this node does not"
    bob.is_there = True
    assert bob.is_time(10, is_server_back=True)
    assert bob.was_let_in() == "" and bob.upstreams.peer == ""
    bob.is_there = False
    assert bob.fails() == "" and bob.fails(PATIENCE) == "first", "patience begins anew"


def test_without_the_word_the_server_has_to_be_there_for_as_long_as_it_was_away(bob: Traveller) -> None:
    bob.leaves()
    bob.is_there = True
    assert not bob.is_time(10) and not bob.is_time(PATIENCE - 1)
    assert bob.is_time(5)


def test_a_server_that_comes_and_goes_is_not_returned_to(bob: Traveller) -> None:
    bob.leaves()
    for bob.is_there in (True, False) * 5:
        assert not bob.is_time(PATIENCE - 1)
    bob.is_there = True
    assert not bob.is_time(10), "it has to be there all the time"


def test_it_does_not_look_all_the_time(bob: Traveller) -> None:
    bob.leaves()
    bob.probed.clear()
    bob.is_time(10)
    bob.is_time(1)
    bob.is_time(1)
    assert len(bob.probed) == 1


def test_who_hangs_up_to_return_before_the_peer_let_it_in_does_return(bob: Traveller) -> None:
    bob.leaves()
    bob.is_there = True
    assert bob.is_time(10, is_server_back=True)
    assert bob.fails() == "", "and not to a peer again"


def answered(greeting: bytes) -> bool:
    """Say whether somebody is reachable who says this."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = int(listener.getsockname()[1])

        def greet() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.sendall(greeting)

        thread = threading.Thread(target=greet, daemon=True)
        thread.start()
        found = is_reachable("127.0.0.1", port)
        thread.join(5)
        return found


def test_only_an_sshd_counts_as_reachable() -> None:
    assert answered(b"SSH-2.0-OpenSSH\r\n")
    assert not answered(b"HTTP/1.1 400\r\n")
    assert not answered(b"")
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = int(listener.getsockname()[1])
    assert not is_reachable("127.0.0.1", port)


def test_a_name_that_can_not_be_one_is_not_reachable() -> None:
    assert not is_reachable("a" * 64 + ".example.org", 22)
