"""The hub from the other end of a stream, as a client of any kind may speak to it."""

from __future__ import annotations

import os
import queue
import socket
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from fwrkit import __version__
from fwrkit.agent.files.flat import place_name
from fwrkit.agent.server import runs
from fwrkit.agent.server.landing import Landing
from fwrkit.agent.server.passing import OWN, Passed
from fwrkit.agent.server.session import Session
from fwrkit.agent.server.store import Citizen
from fwrkit.agent.settings import Settings
from fwrkit.agent.states import ABSENT, DIRECTORY, State, file_state
from fwrkit.agent.wire import messages as say
from fwrkit.agent.wire.channel import over_socket
from fwrkit.core.errors import ExitCode, FwrError
from tests.unit.agent.house import House, Member, tree_of, wait_until

WAIT = 10.0  # seconds
CLOSED = "closed"


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    house = House(tmp_path, Settings(history_quiet=0.05, history_limit=0.2, batch_count=100))
    yield house
    house.stop()


@contextmanager
def stopped(house: House) -> Iterator[None]:
    """Stop everything before a failure is shown: threads that go on failing meanwhile get into pytest's way (CPython 3.11's ast)."""
    try:
        yield
    finally:
        house.stop()


class Stranger:
    """A citizen whose node is this test."""

    def __init__(self, house: House, name: str) -> None:
        self.house = house

        def admit() -> Citizen:
            return house.store.citizen(name=name) or house.store.add_citizen(name, max(19999, house.store.highest_uid()) + 1, "citizen", 0)

        self.citizen: Citizen = house.hub.call(admit)
        landing = Landing(house.state, name, self.citizen.uid)
        landing.create()
        self.replica = landing.replica
        self.messages: queue.Queue[Any] = queue.Queue()
        self.position: say.Position | None = None
        ours, theirs = socket.socketpair()
        box: list[Session] = []
        served = over_socket(theirs, say.FROM_CLIENT, lambda message: house.hub.put(box[0], message), lambda _: house.hub.wake())
        box.append(Session(served, self.citizen))
        served.start()
        self.channel = over_socket(ours, say.FROM_SERVER, self.messages.put, lambda _: self.messages.put(CLOSED))
        self.channel.start()

    def tell(self, *messages: Any) -> None:
        for message in messages:
            self.channel.send(message)

    def next(self) -> Any:
        """Return what is said next; the positions between are another matter."""
        while isinstance(message := self.messages.get(timeout=WAIT), say.Position):
            self.position = message
        return message

    def hello(self, generation: str = "", **more: Any) -> Any:
        hello = say.Hello(say.PROTOCOL, __version__, "machine1", "", generation, generation, "", 0)
        self.tell(replace(hello, **more))
        return self.next()

    def join(self) -> str:
        """Come for the first time, with an empty world; return the generation."""
        welcome = self.hello()
        assert isinstance(welcome, say.Welcome) and not welcome.is_known
        self.tell(say.Manifest(1, True, [], True))
        assert isinstance(self.next(), say.Folded)
        self.tell(say.Confirm(welcome.generation))
        return welcome.generation

    def change(self, path: bytes, text: bytes, base: State = ABSENT, **more: Any) -> None:
        change = say.Change(1, path, file_state(text), base, None, False, False, False, 0, len(text), text, False)
        self.tell(replace(change, **more))

    def leave(self) -> None:
        """End the connection, and return when the hub knows: until then, who comes under another generation is a second machine."""
        self.channel.close("cut")
        wait_until(lambda: self.citizen.id not in self.house.hub.sessions(), f"{self.citizen.name} is gone")

    def is_closed(self) -> bool:
        """Wait for the end of the connection; what is said before it does not matter."""
        while self.next() != CLOSED:
            continue
        return True


def test_a_stranger_s_edit_is_answered_and_delivered_to_everybody(house: House) -> None:
    alice = house.member("alice")
    house.settled()
    bob = Stranger(house, "bob")
    bob.join()
    bob.change(b"a", b"one")
    assert bob.next() == say.Outcome(1, "ACCEPTED", "", None)
    wait_until(lambda: alice.tree() == {"a": "one"}, "alice has it")
    alice.write("a", "two")
    delivery = bob.next()
    assert (delivery.path, delivery.base, delivery.state, delivery.content) == (b"a", file_state(b"one"), file_state(b"two"), b"two")
    bob.tell(say.Barrier(5), say.Ping(7))
    assert bob.next() == say.Pong(7)
    bob.tell(say.Acknowledgement([delivery.number]))
    assert bob.next() == say.Passed(5)


def test_an_answer_that_no_frame_holds_ends_the_connection_of_whom_it_is_for_alone(house: House) -> None:
    """Who announces a million contents and brings none has an answer of many megabytes."""
    alice, bob = Stranger(house, "alice"), Stranger(house, "bob")
    alice.join()
    bob.join()
    with stopped(house):
        session = house.hub.sessions()[bob.citizen.id]
        alice.change(b"a", b"one")
        house.hub.call(lambda: session.say(say.Folded(2, list(range(1_500_000)), [], [], [], True)), WAIT)
        assert bob.is_closed()
        assert alice.next() == say.Outcome(1, "ACCEPTED", "", None)
        alice.tell(say.Ping(7))
        assert alice.next() == say.Pong(7)
        assert (house.state / "canon/a").read_bytes() == b"one"


def test_the_position_comes_before_what_follows_from_it_and_once(house: House) -> None:
    bob = Stranger(house, "bob")
    bob.join()
    first = bob.position
    assert first is not None and first.version == 0
    bob.change(b"a", b"one")
    assert bob.messages.get(timeout=WAIT) == say.Position(first.start, 1)
    assert isinstance(bob.messages.get(timeout=WAIT), say.Outcome)
    bob.tell(say.Ping(1))
    assert bob.messages.get(timeout=WAIT) == say.Pong(1)


@pytest.mark.parametrize(("start", "position", "is_known"), [("", 0, True), ("?", 1, True), ("?", 2, False), ("other", 1, False)])
def test_who_has_seen_more_than_the_tables_know_is_not_known(house: House, start: str, position: int, is_known: bool) -> None:
    bob = Stranger(house, "bob")
    generation = bob.join()
    bob.change(b"a", b"one")
    assert isinstance(bob.next(), say.Outcome)
    assert bob.position is not None
    bob.channel.close()
    again = Stranger(house, "bob")
    welcome = again.hello(generation, start=start.replace("?", bob.position.start), position=position)
    assert welcome.is_known is is_known


def test_what_moved_since_a_client_s_memory_is_asked_for(house: House) -> None:
    bob = Stranger(house, "bob")
    generation = bob.join()
    bob.change(b"a", b"one")
    assert isinstance(bob.next(), say.Outcome)
    bob.change(b"b", b"two", number=2)
    assert isinstance(bob.next(), say.Outcome)
    assert bob.position is not None
    bob.channel.close()
    again = Stranger(house, "bob")
    welcome = again.hello(generation, start=bob.position.start, position=1)
    again.tell(say.Confirm(welcome.generation))
    asked = again.next()
    assert (asked.path, asked.base, asked.state, asked.content) == (b"b", file_state(b"two"), file_state(b"two"), None)
    again.tell(say.PutBack(asked.number, "base", ABSENT))
    given = again.next()
    assert (given.path, given.base, given.state, given.content) == (b"b", ABSENT, file_state(b"two"), b"two")


def test_a_batch_is_folded_when_it_is_whole(house: House) -> None:
    bob = Stranger(house, "bob")
    bob.join()
    bob.change(b"a", b"one", more=True)
    bob.tell(say.Ping(1))
    assert bob.next() == say.Pong(1)
    assert house.hub.call(house.store.count_entries) == 0
    bob.change(b"b", b"two", number=2)
    assert [bob.next().number, bob.next().number] == [1, 2]
    assert house.hub.call(house.store.count_entries) == 2


def test_a_batch_that_was_cut_off_is_void(house: House) -> None:
    bob = Stranger(house, "bob")
    bob.join()
    bob.change(b"a", b"one", more=True)
    bob.leave()
    again = Stranger(house, "bob")
    assert not again.hello().is_known
    assert house.hub.call(house.store.count_entries) == 0


def been_here(house: House) -> str:
    """Have bob join and be cut off; return his generation, which he has confirmed."""
    bob = Stranger(house, "bob")
    generation = bob.join()
    bob.tell(say.Ping(1))
    bob.next()
    bob.leave()
    return generation


def test_who_comes_back_as_who_they_were_is_known(house: House) -> None:
    generation = been_here(house)
    again = Stranger(house, "bob")
    welcome = again.hello(generation)
    assert welcome.is_known
    name, _, counter = generation.partition(":")
    assert welcome.generation == f"{name}:{int(counter) + 1}"
    again.channel.close("cut before it confirmed")
    third = Stranger(house, "bob")
    assert third.hello(welcome.generation).is_known, "what was proposed may have become durable there"


@pytest.mark.parametrize("world", ["", "x:1", "same:2"])
def test_another_generation_makes_every_base_unknown(house: House, world: str) -> None:
    generation = been_here(house)
    again = Stranger(house, "bob")
    assert not again.hello(generation, world_generation=world).is_known


@pytest.mark.parametrize(
    ("more", "code"),
    [
        ({"protocol": 99}, "REFUSED"),
        ({"version": "99.0"}, "REFUSED"),
        ({"world_id": "of another world"}, "REFUSED"),
        ({"node_id": "machine2"}, "HELD"),
    ],
)
def test_who_does_not_belong_here_is_told_so(house: House, more: dict[str, Any], code: str) -> None:
    first = Stranger(house, "bob")
    first.join()
    first.tell(say.Ping(1))
    first.next()
    bob = Stranger(house, "bob")
    refusal = bob.hello(**more)
    assert isinstance(refusal, say.Refusal)
    assert refusal.code == code
    assert refusal.message and refusal.hint
    assert bob.next() == CLOSED
    first.tell(say.Ping(2))
    assert first.next() == say.Pong(2), "nobody ends a session who is not let in"


def test_who_is_not_let_in_so_far_is_answered_whether_anybody_is_there(house: House) -> None:
    bob = Stranger(house, "bob")
    bob.tell(say.Ping(1))
    assert bob.next() == say.Pong(1), "a node that has much to do says hello late"
    assert isinstance(bob.hello(), say.Welcome)


def test_who_is_banned_is_told_so(house: House) -> None:
    bob = Stranger(house, "bob")
    house.hub.call(lambda: house.store.update_citizen(bob.citizen.id, is_banned=1))
    assert bob.hello().code == "REFUSED"
    assert bob.next() == CLOSED


def test_a_copy_of_a_live_machine_is_held(house: House) -> None:
    bob = Stranger(house, "bob")
    bob.join()
    bob.tell(say.Ping(1))
    bob.next()
    twin = Stranger(house, "bob")
    assert twin.hello("another:1").code == "HELD"
    assert twin.next() == CLOSED


def test_the_newest_connection_of_a_machine_ends_the_older(house: House) -> None:
    bob = Stranger(house, "bob")
    generation = bob.join()
    bob.tell(say.Ping(1))
    bob.next()
    again = Stranger(house, "bob")
    assert again.hello(generation).is_known
    assert bob.is_closed()
    again.tell(say.Ping(2))
    assert again.next() == say.Pong(2)


def test_what_a_run_left_that_was_cut_off_is_gone_when_its_machine_is_back(house: House) -> None:
    bob = Stranger(house, "bob")
    generation = bob.join()
    left = house.state / "accounts/bob/lk0123456789abcdef0123456789abcdef"
    left.parent.mkdir(exist_ok=True)
    left.touch()
    again = Stranger(house, "bob")
    assert again.hello(generation).is_known
    assert not left.exists(), "Unison's lock, whose program or connection was killed"


def test_nothing_is_heard_before_hello(house: House) -> None:
    bob = Stranger(house, "bob")
    bob.change(b"a", b"one")
    assert bob.next() == CLOSED
    assert house.hub.call(house.store.count_entries) == 0


def test_what_a_manifest_needs_is_taken_from_the_replica(house: House) -> None:
    bob = Stranger(house, "bob")
    bob.join()
    contents = {b"large": b"x" * 2_000_000, b"gone": b"never sent", b"changed": b"as announced"}
    entries = [say.ManifestEntry(path, file_state(text), None, None, False, False, 0, len(text)) for path, text in contents.items()]
    bob.tell(say.Manifest(2, False, [entry.to_value() for entry in entries], True))
    need = bob.next()
    assert sorted(need.indexes) == [0, 1, 2]
    (bob.replica / place_name(b"large")).write_bytes(contents[b"large"])
    (bob.replica / place_name(b"changed")).write_bytes(b"written on meanwhile")
    bob.tell(say.Landed(2, []))
    folded = bob.next()
    assert (folded.run, sorted(folded.missing)) == (2, [1, 2])
    assert [entry.path for entry in house.hub.call(lambda: list(house.store.entries()))] == [b"large"]
    assert list(bob.replica.iterdir()) == []


def test_a_run_of_the_same_number_does_not_write_into_what_an_earlier_one_brought(house: House) -> None:
    """The canon and the history have links to it: what was brought as one content would be another, or nothing, for everybody and for good."""
    mallory = Stranger(house, "mallory")
    mallory.join()
    for path, content in ((b"a", b"one"), (b"b", b"two"), (b"c", b"torn")):
        entry = say.ManifestEntry(path, file_state(content), None, None, False, False, 0, len(content))
        mallory.tell(say.Manifest(2, False, [entry.to_value()], True))
        assert isinstance(mallory.next(), say.Need)
        (mallory.replica / place_name(path)).write_bytes(content if path != b"c" else b"else")
        mallory.tell(say.Landed(2, []))
        assert isinstance(mallory.next(), say.Folded)
    canon = house.state / "canon"
    assert {path.name: path.read_bytes() for path in canon.iterdir()} == {"a": b"one", "b": b"two"}


@pytest.mark.parametrize("second", [say.Manifest(3, False, [], True), say.Manifest(2, False, [], True), say.Landed(3, [])])
def test_who_begins_a_run_within_a_run_is_cut_off(house: House, second: object) -> None:
    """Runs are dear: nobody has two at once."""
    mallory = Stranger(house, "mallory")
    mallory.join()
    entry = say.ManifestEntry(b"a", file_state(b"one"), None, None, False, False, 0, 3)
    mallory.tell(say.Manifest(2, False, [entry.to_value()], True))
    assert isinstance(mallory.next(), say.Need)
    mallory.tell(second)
    assert mallory.next() == CLOSED


def known_content(house: House) -> tuple[Member, bytes]:
    """Have a large content in the canon, that everybody knows."""
    alice = house.member("alice")
    content = os.urandom(5_000_000)
    alice.write("large", content)
    house.settled(30)
    return alice, content


def test_who_lies_about_a_size_harms_nobody(house: House) -> None:
    """A content that is in the canon needs not be sent: its size is the server's to know."""
    alice, content = known_content(house)
    mallory = Stranger(house, "mallory")
    mallory.join()
    mallory.change(b"copy", content, size=0, content=None)
    with stopped(house):
        wait_until(lambda: alice.tree().get("copy") == content.decode("latin-1"), "alice has the copy, as large as it is")
        house.settled()


@pytest.mark.parametrize("size", [0, -5, 4_999_999])
def test_what_is_larger_than_a_run_announced_is_not_taken(house: House, size: int) -> None:
    """What was announced is what there has to be room for, and what a policy is asked about."""
    mallory = Stranger(house, "mallory")
    mallory.join()
    content = os.urandom(5_000_000)
    entry = say.ManifestEntry(b"copy", file_state(content), None, None, False, False, 0, size)
    mallory.tell(say.Manifest(2, False, [entry.to_value()], True))
    assert isinstance(mallory.next(), say.Need)
    (mallory.replica / place_name(b"copy")).write_bytes(content)
    mallory.tell(say.Landed(2, []))
    folded = mallory.next()
    assert (folded.run, folded.missing) == (2, [0])
    assert house.hub.call(lambda: house.store.head(b"copy")) is None
    assert list((house.state / "incoming").iterdir()) == []


def test_a_replica_may_grow_by_what_is_announced_and_only_then(house: House) -> None:
    mallory = Stranger(house, "mallory")
    mallory.join()
    uid = mallory.citizen.uid
    assert house.hub.allowance(uid) == (0, 0)
    entry = say.ManifestEntry(b"a", file_state(b"one"), None, None, False, False, 0, 3)
    mallory.tell(say.Manifest(2, False, [entry.to_value()], True))
    assert isinstance(mallory.next(), say.Need)
    assert house.hub.allowance(uid) == (3, 1)
    (mallory.replica / place_name(b"a")).write_bytes(b"one")
    mallory.tell(say.Landed(2, []))
    assert isinstance(mallory.next(), say.Folded)
    assert house.hub.allowance(uid) == (0, 0)


def test_what_was_announced_goes_with_the_connection(house: House) -> None:
    mallory = Stranger(house, "mallory")
    mallory.join()
    entry = say.ManifestEntry(b"a", file_state(b"one"), None, None, False, False, 0, 10**9)
    mallory.tell(say.Manifest(2, False, [entry.to_value()], True))
    assert isinstance(mallory.next(), say.Need)
    mallory.channel.close()
    wait_until(lambda: house.hub.allowance(mallory.citizen.uid) == (0, 0), "nothing is expected any more")


def test_what_there_is_no_room_for_is_not_asked_for_and_the_stream_goes_on(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runs, "room", lambda _: 10_000)
    mallory = Stranger(house, "mallory")
    mallory.join()
    entry = say.ManifestEntry(b"a", file_state(b"one"), None, None, False, False, 0, 10_000)
    mallory.tell(say.Manifest(2, False, [entry.to_value()], True), say.Ping(1))
    assert {type(mallory.next()), type(mallory.next())} == {say.Folded, say.Pong}
    mallory.tell(say.Manifest(3, False, [entry.to_value()], True))
    assert mallory.next() == say.Folded(3, [], [0], [], [], True, "the server's disk is full")


def test_field_F15_what_is_larger_than_the_limit_is_refused_in_words_and_never_asked_for(house: House) -> None:
    mallory = Stranger(house, "mallory")
    mallory.join()
    large = say.ManifestEntry(b"image", file_state(b"one"), None, None, False, False, 0, 1 << 50)
    small = say.ManifestEntry(b"d", DIRECTORY, None, None, False, False, 0, 0)
    mallory.tell(say.Manifest(2, False, [large.to_value(), small.to_value()], True))
    folded = mallory.next()
    assert isinstance(folded, say.Folded)
    assert (sorted(folded.settled), folded.missing) == ([0, 1], []), "it is settled: nobody tries again"
    (index, result, detail, _), = folded.notable  # fmt: skip
    assert (index, result) == (0, "REFUSED") and "64 GiB" in detail


def test_field_F03_a_run_is_asked_for_and_folded_slice_by_slice(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each slice fits the limits, and counts when it is done."""
    monkeypatch.setattr(runs, "_SLICE_FILES", 2)
    alice, bob = Stranger(house, "alice"), Stranger(house, "bob")
    alice.join()
    bob.join()
    names = [b"a", b"b", b"c", b"d", b"e"]
    entries = [say.ManifestEntry(name, file_state(name), None, None, False, False, 0, 1) for name in names]
    alice.tell(say.Manifest(2, False, [entry.to_value() for entry in entries], True))
    for needed, is_last in (([0, 1], False), ([2, 3], False), ([4], True)):
        assert alice.next() == say.Need(2, needed, True)
        assert house.hub.allowance(alice.citizen.uid) == (len(needed), len(needed)), "what is announced is the slice"
        for index in needed:
            (alice.replica / place_name(names[index])).write_bytes(names[index])
        alice.tell(say.Landed(2, []))
        assert alice.next() == say.Folded(2, needed, [], [], [], is_last)
        last = names[needed[-1]]
        assert house.hub.call(partial(house.store.head, last)) == file_state(last)
    assert [bob.next().path for _ in names] == names


def test_a_content_at_two_paths_comes_once_though_slices_part_them(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runs, "_SLICE_FILES", 1)
    alice = Stranger(house, "alice")
    alice.join()
    entries = [say.ManifestEntry(name, file_state(b"one"), None, None, False, False, 0, 3) for name in (b"a", b"b")]
    alice.tell(say.Manifest(2, False, [entry.to_value() for entry in entries], True))
    assert alice.next() == say.Need(2, [0], True)
    (alice.replica / place_name(b"a")).write_bytes(b"one")
    alice.tell(say.Landed(2, []))
    assert alice.next() == say.Folded(2, [0], [], [], [], False)
    assert alice.next() == say.Folded(2, [1], [], [], [], True)


def test_manifests_take_a_bounded_amount_of_memory(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runs, "_MANIFESTS_LIMIT", 100_000)
    first, second = Stranger(house, "first"), Stranger(house, "second")
    entries = [say.ManifestEntry(b"%d" % number, file_state(b"one"), None, None, False, False, 0, 3).to_value() for number in range(150)]
    for stranger in (first, second):
        stranger.join()
        stranger.tell(say.Manifest(2, False, entries, False), say.Ping(1))
    assert first.next() == say.Pong(1)
    assert second.is_closed(), "both together are too much"
    first.tell(say.Manifest(2, False, [], True))
    assert isinstance(first.next(), say.Need)


def test_who_sits_on_a_large_manifest_gives_way_to_who_comes_with_a_small_one(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """One who never says the last of theirs would keep everybody else from joining, and from bringing anything large."""
    monkeypatch.setattr(runs, "_MANIFESTS_LIMIT", 100_000)
    mallory, alice = Stranger(house, "mallory"), Stranger(house, "alice")
    entries = [say.ManifestEntry(b"%d" % number, file_state(b"one"), None, None, False, False, 0, 3).to_value() for number in range(190)]
    for stranger, count in ((mallory, 190), (alice, 20)):
        stranger.join()
        stranger.tell(say.Manifest(2, False, entries[:count], False), say.Ping(1))
        assert stranger.next() == say.Pong(1)
    assert mallory.is_closed()
    alice.tell(say.Manifest(2, False, [], True))
    assert isinstance(alice.next(), say.Need)


def test_barriers_that_wait_are_bounded(house: House) -> None:
    """They wait as long as a delivery is not acknowledged: for ever, if somebody likes."""
    mallory, alice = Stranger(house, "mallory"), Stranger(house, "alice")
    mallory.join()
    alice.join()
    alice.change(b"a", b"one")
    assert isinstance(mallory.next(), say.Delivery)
    mallory.tell(*(say.Barrier(number) for number in range(1001)))
    assert mallory.is_closed()


def test_what_can_not_be_sent_to_one_ends_nobody_else_s_connection(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    alice, bob, carol = house.member("alice"), Stranger(house, "bob"), Stranger(house, "carol")
    bob.join()
    carol.join()
    really = house.hub._deliveries.pump

    def pump(session: Session, citizen: Citizen) -> Any:
        if citizen.name == "bob":
            raise FileNotFoundError("a content that is lost")
        return really(session, citizen)

    monkeypatch.setattr(house.hub._deliveries, "pump", pump)
    alice.write("a", "one")
    assert bob.is_closed()
    assert carol.next().content == b"one"
    assert alice.engine.view.is_ready and house.store.entry(b"a") is not None


def test_who_says_hello_again_and_again_or_at_length_is_ended(house: House) -> None:
    """Each one has the hub look at all processes, and what is said is kept."""
    mallory = Stranger(house, "mallory")
    mallory.join()
    assert mallory.hello() is CLOSED or mallory.is_closed()
    mallory.leave()
    mallory = Stranger(house, "mallory")
    assert mallory.hello(node_id="x" * 65) is CLOSED
    assert house.hub.call(lambda: house.store.citizen(name="mallory")).node_id == "machine1"


def test_a_batch_takes_a_bounded_amount_of_memory(house: House) -> None:
    mallory = Stranger(house, "mallory")
    mallory.join()
    for number in range(40):  # of a megabyte each
        mallory.change(b"%d" % number, b"x" * 1_000_000, more=True)
    assert mallory.is_closed()


@pytest.mark.parametrize("more", [{"between": [[b"x" * 2_000_000]]}, {"author": "x" * 2_000_000}, {"trail": [ABSENT] * 19_000}])
def test_what_comes_beside_a_content_counts_in_a_batch_too(house: House, more: dict[str, Any]) -> None:
    mallory = Stranger(house, "mallory")
    mallory.join()
    change = say.Change(1, b"p", ABSENT, ABSENT, None, False, False, False, 0, 0, None, True)
    for _ in range(40):
        mallory.tell(replace(change, **more))
    assert mallory.is_closed()


def passing_peer(house: House) -> Stranger:
    """Return a peer of the house that passes on what others have edited there; bob is banned."""
    house.hub.call(lambda: house.store.add_citizen("alice", 20100, "citizen", 0))
    bob = house.hub.call(lambda: house.store.add_citizen("bob", 20101, "citizen", 0))
    house.hub.call(lambda: house.store.update_citizen(bob.id, is_banned=1))
    house.hub.why_banned = lambda citizen: FwrError(ExitCode.REFUSED, "Spam.", "") if citizen.is_banned else None
    house.hub.is_peer = lambda citizen: citizen.name == "peer"
    house.hub.passed = lambda citizen, author: Passed(house.store.citizen(name=author)) if citizen.name == "peer" else OWN
    peer = Stranger(house, "peer")
    peer.join()
    return peer


def versions(house: House, path: bytes) -> list[tuple[str, bytes]]:
    """Return (author, content) of the versions of a path, the oldest first."""

    def read() -> list[tuple[str, bytes]]:
        rows = house.store.db.execute("SELECT author, state FROM versions WHERE path = ? ORDER BY id", (path,)).fetchall()
        return [(author, house.canon.read(state)) for author, state in rows]

    return list(house.hub.call(read))


def between(author: str, text: bytes) -> list[Any]:
    return say.Between(file_state(text), author, 0, text).to_value()


def test_what_is_passed_on_is_its_author_s_unless_they_are_banned(house: House) -> None:
    peer = passing_peer(house)
    peer.change(b"p", b"one", author="alice")
    assert peer.next().result == "ACCEPTED"
    peer.change(b"q", b"one", author="bob")
    outcome = peer.next()
    assert (outcome.result, outcome.detail) == ("FORBIDDEN", "Spam.")
    assert versions(house, b"p") == [("alice", b"one")] and versions(house, b"q") == []
    mallory = Stranger(house, "mallory")
    mallory.join()
    mallory.change(b"r", b"one", author="alice", between=[between("alice", b"forged")])
    wait_until(lambda: versions(house, b"r") == [("mallory", b"one")], "who is no peer passes nothing on")


def test_versions_in_between_are_taken_but_for_those_of_who_is_banned_by_now(house: House) -> None:
    peer = passing_peer(house)
    peer.change(b"p", b"four", author="alice", between=[between("alice", b"one"), between("bob", b"two"), between("alice", b"three")])
    assert peer.next().result == "ACCEPTED"
    assert versions(house, b"p") == [("alice", b"one"), ("alice", b"three"), ("alice", b"four")]


@pytest.mark.parametrize("version", [[file_state(b"one"), "alice", 0, b"two"], [ABSENT, "alice", 0, b""], ["alice"], [1, 2, 3, 4]])
def test_a_peer_that_talks_nonsense_about_what_was_in_between_is_cut_off(house: House, version: list[Any]) -> None:
    peer = passing_peer(house)
    peer.change(b"p", b"four", author="alice", between=[version])
    assert peer.is_closed() and versions(house, b"p") == []


def test_what_is_passed_on_by_a_run_is_its_author_s_too(house: House) -> None:
    peer = passing_peer(house)
    content = b"large" * 300_000
    entries = [
        say.ManifestEntry(path, file_state(content), ABSENT, ABSENT, False, False, 0, len(content), author=author)
        for path, author in ((b"p", "alice"), (b"q", "bob"))
    ]
    peer.tell(say.Manifest(2, False, [entry.to_value() for entry in entries], True))
    assert peer.next() == say.Need(2, [0], True)
    (peer.replica / place_name(b"p")).write_bytes(content)
    peer.tell(say.Landed(2, []))
    assert peer.next() == say.Forbidden(2, [1], ["Spam."])
    assert [author for author, _ in versions(house, b"p")] == ["alice"] and versions(house, b"q") == []


def test_a_peer_s_own_engine_is_not_looked_at_by_the_guard(house: House) -> None:
    count = house.settings.guard_files + 10
    engine = Stranger(house, "peer")
    house.hub.passed = lambda citizen, author: Passed(replace(citizen, name=author), is_settled=True) if author else OWN
    engine.join()
    for author, answer in (("alice", say.Outcome), ("", say.Refusal)):
        names = [f"{author}{number}".encode() for number in range(count)]
        for name in names:
            engine.change(name, name)
            assert engine.next().result == "ACCEPTED"
        for name in names:
            more = name != names[-1]
            engine.tell(say.Change(1, name, ABSENT, file_state(name), None, False, False, False, 0, 0, None, more, author=author))
        assert isinstance(engine.next(), answer)
        for _ in names[1:] if author else []:
            assert engine.next().result == "ACCEPTED"


@pytest.mark.parametrize(("claims", "is_held"), [((), False), ((file_state(b"never"),), False), (("agreed",), True)])
def test_who_comes_from_another_server_and_has_deleted_too_much_there_is_held(house: House, claims: tuple[Any, ...], is_held: bool) -> None:
    names = [b"%d" % number for number in range(house.settings.guard_files + 10)]
    alice = Stranger(house, "alice")
    alice.join()
    for name in names:
        alice.change(name, name)
        assert alice.next().result == "ACCEPTED"
    bob = Stranger(house, "bob")
    bob.hello()
    entries = [
        say.ManifestEntry(
            name, ABSENT, ABSENT, ABSENT, False, True, 0, 0, trail=[file_state(name) if claim == "agreed" else claim for claim in claims]
        )
        for name in names
    ]
    bob.tell(say.Manifest(1, True, [entry.to_value() for entry in entries], True))
    answers = [bob.next()]
    assert isinstance(answers[-1], say.Refusal if is_held else say.Folded)
    assert house.hub.call(house.store.count_files) == len(names), "nothing of it counts before somebody decides"


def test_who_is_at_a_peer_hears_once_that_the_server_is_back(house: House) -> None:
    bob, carol = Stranger(house, "bob"), Stranger(house, "carol")
    bob.join()
    wait_until(lambda: house.hub.sessions()[bob.citizen.id].is_ready, "bob is ready")
    carol.hello()
    for _ in range(2):
        house.hub.call(house.hub.tell_that_server_is_back)
    bob.tell(say.Ping(7))
    carol.tell(say.Ping(8))
    assert [bob.next(), bob.next()] == [say.Back(), say.Pong(7)]
    assert carol.next() == say.Pong(8), "who has not been brought up to date has no reason to go"


def test_whoever_s_account_takes_too_much_loses_the_connection_and_nobody_else(house: House) -> None:
    mallory, bob = Stranger(house, "mallory"), Stranger(house, "bob")
    mallory.join()
    bob.join()
    house.hub.end_account(mallory.citizen.uid, "too much")
    assert mallory.is_closed()
    bob.tell(say.Ping(1))
    assert bob.next() == say.Pong(1)


_ORPHAN = {"is_unknown": True, "is_orphan": True}


@pytest.mark.parametrize(
    ("path", "more"),
    [
        (b"a", {"content": b"another content"}),
        (b"a", {"size": 2**63}),
        (b"a", {"size": -1}),
        (b"a", {"time": 2**64 - 1}),
        (b"a", {"time": -(2**63)}),
        (b"a", {"time": 2**63 - 1}),
        (b"file/below", {}),
        (b"file/below", _ORPHAN),
        (b"file/below/further", _ORPHAN),
        (b"a" * 3000, {}),
        (b".fwr/world.toml", {}),
        (b"a", {"is_orphan": True}),
    ],
)
def test_what_one_sends_costs_nobody_else_the_connection(house: House, path: bytes, more: dict[str, Any]) -> None:
    alice = house.member("alice")
    alice.write("file", "a file")
    house.settled()
    channel = alice.engine._channel
    mallory = Stranger(house, "mallory")
    mallory.join()
    mallory.change(path, b"x", **more)
    mallory.tell(say.Ping(99))
    while mallory.next() not in (CLOSED, say.Pong(99)):
        continue
    alice.write("after", "an edit after it")
    with stopped(house):
        house.settled()
        assert alice.tree()["after"] == "an edit after it"
        assert alice.engine._channel is channel, "alice had to connect anew"
    assert house.canon.tree.take(b"after", 100).content == b"an edit after it"


@pytest.mark.parametrize(
    "messages",
    [
        [say.Confirm("another:1")],
        [say.Landed(77, [])],
        [say.Manifest(2, False, [["nonsense"]], True)],
        [say.Manifest(2, False, [[b"../x", None, None, None, False, False, 0, 0]], True)],
        [say.Change(1, b"a", file_state(b"x"), None, None, False, False, False, 0, 1, b"y", False)],
        [say.Change(1, b"a", file_state(b"x"), None, None, False, False, False, 0, 2, b"x", False)],
        [say.Change(1, b"a", None, None, None, False, False, False, 0, 0, None, True)] * 500,
    ],
    ids=["generation", "landed", "entry", "path", "hash", "size", "batch"],
)
def test_who_breaks_the_rules_is_cut_off(house: House, messages: list[Any]) -> None:
    bob = Stranger(house, "bob")
    bob.join()
    bob.tell(*messages)
    assert bob.is_closed()
    assert house.hub.call(house.store.count_entries) == 0


def test_a_call_returns_what_the_function_does_or_raises(house: House) -> None:
    assert house.hub.call(lambda: 7) == 7

    def fail() -> None:
        house.store.set_meta("half", "x")
        raise KeyError("x")

    with pytest.raises(KeyError):
        house.hub.call(fail)
    assert house.hub.call(lambda: house.store.meta("world_name")) == "test"


def test_a_canon_that_can_not_be_written_is_written_later(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    bob = Stranger(house, "bob")
    bob.join()
    settle = house.canon.settle
    told: list[int] = []
    monkeypatch.setattr(house.hub, "on_commit", told.append)

    def full(path: bytes) -> None:
        raise OSError(28, "no space left")

    monkeypatch.setattr(house.canon, "settle", full)
    bob.change(b"d/a", b"one")
    assert bob.next().result == "ACCEPTED", "it is durable in the tables"
    house.hub.call(lambda: None)
    assert not (house.state / "canon/d").exists()
    assert told == [], "the history does not take up what a restart would have to write"
    monkeypatch.setattr(house.canon, "settle", settle)
    house.hub.call(lambda: None)
    house.hub.call(lambda: None)
    assert tree_of(house.state / "canon") == {"d": None, "d/a": "one"}
    assert told == [house.hub.call(house.store.last_version)]


def test_what_a_run_brought_in_vain_is_removed(house: House) -> None:
    bob = Stranger(house, "bob")
    bob.join()
    bob.change(b"a", b"one")
    bob.next()
    entry = say.ManifestEntry(b"x", file_state(b"not allowed"), None, None, False, False, 0, 11)
    bob.tell(say.Manifest(2, False, [entry.to_value()], True))
    assert isinstance(bob.next(), say.Need)
    (bob.replica / place_name(b"x")).write_bytes(b"not allowed")

    def demote() -> None:
        house.store.update_citizen(bob.citizen.id, role="reader")
        house.hub.refresh(bob.citizen.id)

    house.hub.call(demote)
    bob.tell(say.Landed(2, []))
    heard: list[say.Forbidden] = []
    while not isinstance(said := bob.next(), say.Folded):
        assert isinstance(said, say.Delivery | say.Forbidden)
        heard += [said] if isinstance(said, say.Forbidden) else []
    assert [each.indexes for each in heard] == [[0]] and "eader" in heard[0].reasons[0]
    wait_until(lambda: not list(house.canon.incoming.iterdir()), "nothing is left of it")


def test_a_run_tells_which_deliveries_it_made_void(house: House) -> None:
    alice, bob = Stranger(house, "alice"), Stranger(house, "bob")
    alice.join()
    bob.join()
    bob.change(b"a", b"one")
    bob.next()
    delivered = alice.next()
    assert isinstance(delivered, say.Delivery)
    entry = say.ManifestEntry(b"a", file_state(b"one"), None, None, False, False, 0, 3)
    alice.tell(say.Manifest(2, False, [entry.to_value()], True))
    assert alice.next() == say.Folded(2, [0], [], [], [delivered.number], True)


def test_the_place_of_a_connection_that_was_replaced_goes_to_others(tmp_path: Path) -> None:
    house = House(tmp_path, Settings(history_quiet=0.05, history_limit=0.2, concurrent_runs=1))
    with stopped(house):
        alice, bob = Stranger(house, "alice"), Stranger(house, "bob")
        generation = alice.join()
        bob.join()
        entry = say.ManifestEntry(b"a", file_state(b"large"), None, None, False, False, 0, 5)
        alice.tell(say.Manifest(2, False, [entry.to_value()], True))
        assert isinstance(alice.next(), say.Need)
        bob.tell(say.Manifest(2, False, [entry.to_value()], True))
        assert Stranger(house, "alice").hello(generation).is_known
        assert isinstance(bob.next(), say.Need), "alice's first connection has nothing under way any more"


def test_whose_hello_was_in_a_turn_that_failed_is_let_go(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    bob = Stranger(house, "bob")
    full = True

    drop_lags = house.store.drop_lags

    def drop(citizen: int) -> None:
        if full:
            raise sqlite3.OperationalError("database or disk is full")
        drop_lags(citizen)

    monkeypatch.setattr(house.store, "drop_lags", drop)
    bob.tell(say.Hello(say.PROTOCOL, __version__, "machine1", "", "", "", "", 0))
    assert bob.next() == CLOSED
    full = False
    assert isinstance(Stranger(house, "bob").hello(), say.Welcome)


def test_a_content_that_is_lost_stops_nobody(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    bob = Stranger(house, "bob")
    bob.join()
    settle = house.canon.settle

    def lost(path: bytes) -> None:
        if path == b"a":
            raise KeyError("no such content")
        settle(path)

    monkeypatch.setattr(house.canon, "settle", lost)
    bob.change(b"a", b"one")
    assert bob.next().result == "ACCEPTED"
    bob.change(b"b", b"two")
    assert bob.next().result == "ACCEPTED"
    house.hub.call(lambda: None)
    assert tree_of(house.state / "canon") == {"b": "two"}


def held_by_a_run(house: House) -> tuple[Stranger, list[bytes], str]:
    """Return a citizen who is held since they delete everything by a run, after some of it was folded; the names, and their generation."""
    names = [b"%d" % number for number in range(100)]
    alice, bob = Stranger(house, "alice"), Stranger(house, "bob")
    alice.join()
    generation = bob.join()
    for name in names:
        alice.change(name, name)
        assert alice.next().result == "ACCEPTED"
        delivered = bob.next()
        bob.tell(say.Acknowledgement([delivered.number]))
    some = [say.ManifestEntry(name, ABSENT, file_state(name), None, False, False, 0, 0) for name in names[:40]]
    bob.tell(say.Manifest(2, False, [entry.to_value() for entry in some], True))
    assert isinstance(bob.next(), say.Folded)
    bob.tell(say.Manifest(3, False, gone(names[40:]), True))
    while not isinstance(said := bob.next(), say.Refusal):
        assert isinstance(said, say.Delivery)
    wait_until(lambda: house.hub.call(house.store.count_files) == len(names), "what was folded before is put back")
    return bob, names, generation


def gone(names: list[bytes]) -> list[Any]:
    return [say.ManifestEntry(name, ABSENT, file_state(name), None, False, False, 0, 0).to_value() for name in names]


def test_who_is_held_and_goes_on_with_other_work_is_held_still(house: House) -> None:
    """Their node comes again as something has changed there; what it lacks comes by a run, behind the confirmation."""
    _, names, generation = held_by_a_run(house)
    again = Stranger(house, "bob")
    assert again.hello(generation).code == "HELD", "nothing has changed"
    again = Stranger(house, "bob")
    welcome = again.hello(generation, has_changed=True)
    assert isinstance(welcome, say.Welcome)
    again.tell(say.Confirm(welcome.generation, True))
    again.tell(say.Ping(1))
    while again.next() != say.Pong(1):
        continue
    assert house.hub.call(house.store.count_files) == len(names), "nothing of it is gone in between"
    again.tell(say.Manifest(1, False, gone(names[40:]), True))
    while not isinstance(said := again.next(), say.Refusal):
        assert isinstance(said, say.Delivery)
    assert said.code == "HELD"
    assert house.hub.call(house.store.count_files) == len(names)


def test_field_F11_who_is_held_and_has_it_all_again_is_let_in(house: House) -> None:
    bob, names, generation = held_by_a_run(house)
    again = Stranger(house, "bob")
    welcome = again.hello(generation, has_changed=True)
    back = [say.ManifestEntry(name, file_state(name), ABSENT, None, False, False, 0, len(name)).to_value() for name in names[:40]]
    again.tell(say.Confirm(welcome.generation, True), say.Manifest(1, False, back, True))
    while not isinstance(said := again.next(), say.Folded):
        assert isinstance(said, say.Delivery)
    assert house.hub.call(lambda: house.store.held(bob.citizen.id)) is None
    assert house.hub.call(house.store.count_files) == len(names)


@pytest.mark.parametrize("ruling", ["approve", "reject"])
def test_a_person_s_decision_counts_while_a_held_citizen_is_judged_anew(house: House, ruling: str) -> None:
    _, names, generation = held_by_a_run(house)
    again = Stranger(house, "bob")
    welcome = again.hello(generation, has_changed=True)
    house.hub.call(lambda: house.hub.guard.decide("bob", ruling))
    again.tell(say.Confirm(welcome.generation, True), say.Manifest(1, False, gone(names[40:]), True))
    while not isinstance(said := again.next(), say.Folded):
        assert isinstance(said, say.Delivery)
    assert house.hub.call(house.store.count_files) == (0 if ruling == "approve" else len(names))


def test_a_run_that_turned_out_empty_leaves_nobody_held(house: House) -> None:
    """A restored file of the same content: the node finds only when it has hashed it that there is nothing to bring."""
    bob, names, generation = held_by_a_run(house)
    again = Stranger(house, "bob")
    welcome = again.hello(generation, has_changed=True)
    again.tell(say.Confirm(welcome.generation, True))
    back = [
        say.Change(1, name, file_state(name), ABSENT, None, False, False, False, 0, len(name), name, name != names[39])
        for name in names[:40]
    ]
    again.tell(*back, say.Confirm(welcome.generation))
    again.tell(say.Ping(1))
    while again.next() != say.Pong(1):
        continue
    assert house.hub.call(lambda: house.store.held(bob.citizen.id)) is None
