"""A peer: when it serves, what it passes on, whom it tells that the server is back."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pytest

from fwrkit.agent import relaying as module
from fwrkit.agent.citizen.asker import Asker
from fwrkit.agent.citizen.ssh import Upstream, write_upstream
from fwrkit.agent.server.register import Peer as Row
from fwrkit.agent.server.register import Register
from fwrkit.agent.settings import Places
from fwrkit.agent.states import ABSENT, file_state
from fwrkit.core.errors import ExitCode, FwrError
from tests.unit.agent.house import House, Member, Peer, wait_until
from tests.unit.agent.past import Past

KEY = "ssh-ed25519 HOST"
REFUSED = FwrError(ExitCode.REFUSED, "peer has no right to serve.", "Ask an official.")


class Office:
    """The world's server as the peer asks it, and the peer's own as it serves."""

    def __init__(self, peer: Peer) -> None:
        self.asked: list[dict[str, Any]] = []
        self.done: list[Any] = []
        self.answer: dict[str, Any] | FwrError = {"certificate": "cert", "authorities": ["a"], "former": ["f"]}
        server = peer.uplink.server
        server.host_key = lambda: KEY
        server.serve_as_peer = lambda *words: self.done.append(words)
        server.serve_again = lambda: self.done.append("again")
        server.serve_nobody = lambda: self.done.append("nobody")

    def ask(self, verb: str, arguments: dict[str, Any]) -> dict[str, Any]:
        assert verb == "host-certificate"
        self.asked.append(arguments)
        if isinstance(self.answer, FwrError):
            raise self.answer
        return self.answer


class Village:
    """A house with a peer, at which bob is."""

    def __init__(self, root: Path) -> None:
        self.above = House(root)
        self.alice = self.above.member("alice")
        self.above.hub.call(lambda: self.above.store.add_citizen("bob", 20010, "citizen", 0))
        self.peer = Peer(self.above, root / "below")
        self.bob = self.peer.below.member("bob")
        self.relaying = self.peer.uplink.relaying
        self.office = Office(self.peer)
        self.relaying._asker = cast(Asker, self.office)
        self.relaying._credentials.tend = lambda: None  # type: ignore[method-assign]
        write_upstream(self.peer.places.keys, Upstream("server.example.org", 2222, "w" * 16, "test", "peer", "ssh-ed25519 AAAA"))
        self.settled()

    def settled(self) -> None:
        for _ in range(2):
            self.peer.hint(None)
            self.peer.below.settled()
            self.peer.hint(None)
            self.above.settled()

    def give_right(self, has_right: bool = True) -> None:
        below, number = self.peer.below, self.peer.citizen.id
        register = Register(below.store.db)
        below.hub.call(lambda: register.put_peer(Row(number, "h", 1, number, 0)) if has_right else register.drop_peer(number))

    def tend(self) -> list[Any]:
        """Return what is done with the peer's own server."""
        self.office.done.clear()
        self.relaying.tend()
        return self.office.done

    def cut(self) -> None:
        self.peer.uplink.cut()
        self.relaying._certify_at = 0.0

    def stop(self) -> None:
        self.peer.uplink.stop()
        self.peer.below.stop()
        self.above.stop()


@pytest.fixture
def village(tmp_path: Path) -> Iterator[Village]:
    village = Village(tmp_path)
    yield village
    village.stop()


def test_it_serves_once_it_has_the_right_and_the_server_has_signed(village: Village) -> None:
    assert village.tend() == [] and village.office.asked == []
    assert village.relaying.state() == ("starting", "It waits for the server's word that it may serve.")
    village.give_right()
    assert village.tend() == [("cert", ["a"], ["f"])] and village.office.asked == [{"key": KEY}]
    assert village.relaying.state() is None
    assert village.tend() == [], "for a while"
    village.relaying.engine.renewals_wanted += 1
    assert village.tend() == [("cert", ["a"], ["f"])], "the authority is another one"


def test_it_does_nothing_before_the_server_has_let_it_in(village: Village) -> None:
    (village.peer.places.keys / "upstream.json").unlink()
    village.give_right()
    assert village.tend() == [] and village.office.asked == []
    state = village.relaying.state()
    assert state is not None and state[0] == "starting"


def test_without_the_right_it_serves_nobody_any_more(village: Village) -> None:
    village.give_right()
    village.tend()
    village.give_right(False)
    assert village.tend() == ["nobody"] and village.tend() == []
    state = village.relaying.state()
    assert state is not None and state[0] == "held" and "no right to serve" in state[1]
    village.give_right()
    village.relaying._certify_at = 0.0
    assert village.tend() == [("cert", ["a"], ["f"])]


@pytest.mark.parametrize("has_certificate", [True, False])
def test_started_while_the_server_is_away_it_serves_by_what_was_signed(village: Village, has_certificate: bool) -> None:
    village.give_right()
    village.cut()
    if has_certificate:
        (village.peer.places.keys / "host-cert.pub").write_text("cert")
    assert village.tend() == (["again"] if has_certificate else [])
    assert village.tend() == [] and village.office.asked == []
    if has_certificate:
        state = village.relaying.state()
        assert state is not None and state[0] == "offline" and "serves on" in state[1]


def test_what_the_server_has_refused_is_not_taken_up_while_it_is_away(village: Village) -> None:
    village.give_right()
    village.tend()
    (village.peer.places.keys / "host-cert.pub").write_text("cert")
    village.office.answer = REFUSED
    village.relaying._certify_at = 0.0
    assert village.tend() == ["nobody"]
    state = village.relaying.state()
    assert state is not None and state == ("held", f"{REFUSED.message} {REFUSED.hint}")
    village.cut()
    assert village.tend() == []


def test_an_answer_that_is_none_and_a_server_that_does_not_answer_change_nothing(village: Village) -> None:
    village.give_right()
    village.tend()
    for village.office.answer in (FwrError(ExitCode.UNREACHABLE, "No.", ""), FwrError(ExitCode.FAILED, "No.", "")):
        village.relaying._certify_at = 0.0
        assert village.tend() == []
    village.office.answer = {"certificate": "cert"}
    village.relaying._certify_at = 0.0
    with pytest.raises(FwrError):
        village.tend()
    assert village.relaying.state() is None


def test_whom_the_server_sends_away_asks_at_once_whether_they_may_serve(village: Village) -> None:
    village.give_right()
    village.tend()
    store, number = village.above.store, village.peer.uplink.citizen.id
    village.above.hub.why_banned = lambda citizen: REFUSED if citizen.is_banned else None
    village.above.hub.call(lambda: store.update_citizen(number, is_banned=1))
    village.above.hub.call(lambda: village.above.hub.expel(store.known_citizen(number), REFUSED))
    wait_until(lambda: village.relaying.engine.view.refusal is not None, "it hears that it is banned")
    village.office.answer = REFUSED
    assert village.tend() == ["nobody"]
    assert village.tend() == []


def test_it_follows_only_those_before_it(village: Village) -> None:
    rows = "".join(
        f'[[peer]]\nname = "{name}"\nhost = "{name}.example.org"\nport = 2211\nby = "alice"\nsince = 2026-01-01T00:00:00Z\n'
        for name in ("first", "second", "peer", "last")
    )
    (village.peer.below.root / "other").mkdir()
    past = Past(village.peer.below.root / "other")
    past.write("fwrkit", {b".fwr/citizens.toml": rows.encode()})
    village.relaying._places = Places(state=village.peer.below.root / "other")
    assert [each.name for each in village.relaying._order().peers] == ["first", "second"]


def is_told(member: Member) -> bool:
    return member.engine.view.is_server_back


def test_who_is_there_is_told_that_the_server_is_back_when_that_has_everything(village: Village) -> None:
    village.tend()
    village.settled()
    assert not is_told(village.bob), "not at the first look"
    village.tend()
    wait_until(lambda: is_told(village.bob), "bob knows")
    village.bob.cut()
    wait_until(lambda: not is_told(village.bob), "it is another connection")


def test_while_the_server_is_away_or_lacks_something_nobody_is_told(village: Village) -> None:
    village.cut()
    for _ in range(3):
        village.tend()
    village.peer.uplink.mend()
    wait_until(lambda: village.relaying.engine.view.is_ready, "it is back")
    number = village.peer.citizen.id
    village.peer.below.hub.call(lambda: village.peer.below.store.set_lag(number, b"p", ABSENT, []))
    for _ in range(3):
        village.tend()
    village.peer.below.hub.call(lambda: None)
    time.sleep(0.1)
    assert not is_told(village.bob), "what the peer has accepted is not in its world yet"


def test_an_edit_is_whose_the_hub_says_as_long_as_it_is_there(village: Village) -> None:
    village.bob.write("p", "one")
    village.peer.write("own", "program")
    village.settled()
    whose = village.relaying._author_here
    assert whose(b"p", file_state(b"one")) == "bob"
    assert whose(b"p", file_state(b"two")) == whose(b"p", ABSENT) == "", "made in this very world"
    assert whose(b"own", file_state(b"program")) == whose(b"never", ABSENT) == ""
    (village.bob.world / "p").unlink()
    village.settled()
    assert whose(b"p", ABSENT) == "bob" and whose(b"p", file_state(b"one")) == ""


def test_what_was_made_and_deleted_before_it_is_asked_about_is_whose_it_was(village: Village) -> None:
    """An editor's temporary file: it is there for a few milliseconds, again and again under the same name."""
    whose = village.relaying._author_here
    village.peer.uplink.cut()
    for text in ("one", "two"):
        village.bob.write("p", text)
        village.peer.below.settled()
        (village.bob.world / "p").unlink()
        village.peer.below.settled()
    assert whose(b"p", file_state(b"one")) == whose(b"p", file_state(b"two")) == "bob", "the server has never had it"
    village.peer.uplink.mend()
    village.settled()
    for text in ("three", "four"):
        village.bob.write("p", text)
        village.settled()
    (village.bob.world / "p").unlink()
    village.settled()
    assert whose(b"p", file_state(b"three")) == whose(b"p", file_state(b"four")) == "", "put back by somebody in this very world"
    village.peer.uplink.cut()
    village.bob.write("p", "five")
    village.peer.below.settled()
    (village.bob.world / "p").unlink()
    village.peer.below.settled()
    assert whose(b"p", file_state(b"five")) == "bob"
    assert whose(b"p", file_state(b"four")) == ""


def test_versions_in_between_are_the_newest_that_have_room(village: Village, monkeypatch: pytest.MonkeyPatch) -> None:
    texts = ["1", "2" * 40, "3" * 40, "4" * 40, "5"]
    for text in texts:
        village.bob.write("p", text)
        village.settled()
    states = [file_state(text.encode()) for text in texts]

    def found() -> list[str]:
        return [each.content.decode() for each in village.relaying._between(b"p", states[0], states[-1])]

    assert found() == texts[1:-1]
    assert village.relaying._between(b"p", states[-2], states[-1]) == []
    monkeypatch.setattr(module, "_BETWEEN", 2)
    assert found() == texts[2:-1]
    monkeypatch.setattr(module, "_BETWEEN_BYTES", 79)
    assert found() == texts[3:-1]
    monkeypatch.setattr(village.peer.below.canon, "read", lambda _: 1 / 0)
    assert found() == [], "it is for the history only"
