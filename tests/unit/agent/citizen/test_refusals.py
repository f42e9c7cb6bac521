"""What was refused is kept, given back, let go in time; and what goes on and on is left alone."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from fwrkit.agent.citizen import refusals
from fwrkit.agent.citizen.refusals import Refusals, read
from fwrkit.agent.files.tree import Tree
from fwrkit.agent.states import ABSENT, DIRECTORY, file_state
from tests.unit.agent.house import House, wait_until

POLICY = b'[[rule]]\nname = "no films"\npaths = ["*.mp4"]\nthen = "refuse"\nreason = "No films."\n'


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


class Drawer:
    def __init__(self, root: Path) -> None:
        self.world, self.place = root / "world", root / "refused"
        self.world.mkdir()
        self.clock = Clock()
        self.refusals = self.open()

    def open(self) -> Refusals:
        return Refusals(self.place, Tree(self.world), self.clock)

    def kept(self) -> list[tuple[bytes, str, bool]]:
        return [(each.path, each.kind, each.has_content) for each in read(self.place)]


@pytest.fixture
def drawer(tmp_path: Path) -> Drawer:
    return Drawer(tmp_path)


def test_a_content_is_kept_that_was_given_or_is_there_still(drawer: Drawer) -> None:
    drawer.refusals.add(b"given", file_state(b"one"), "No.", b"one")
    (drawer.world / "there").write_bytes(b"two")
    drawer.refusals.add(b"there", file_state(b"two"), "No.", None)
    drawer.refusals.add(b"there", file_state(b"gone"), "No.", None)
    drawer.refusals.add(b"never", file_state(b"x"), "No.", None)
    drawer.refusals.add(b"dir", DIRECTORY, "No.", None)
    drawer.refusals.add(b"gone", ABSENT, "No.", None)
    assert drawer.kept() == [
        (b"given", "file", True), (b"there", "file", True), (b"there", "file", False), (b"never", "file", False), (b"dir", "directory", False),
        (b"gone", "deletion", False),
    ]  # fmt: skip
    assert [(drawer.place / str(number)).read_bytes() for number in (1, 2)] == [b"one", b"two"]
    assert not (drawer.place / "3").exists()


def test_the_same_again_is_no_news_also_after_a_restart(drawer: Drawer) -> None:
    for _ in range(3):
        drawer.refusals.add(b"a", file_state(b"one"), "No.", b"one")
        drawer.refusals.add(b"b", ABSENT, "No.", None)
        drawer.refusals = drawer.open()
    assert len(drawer.kept()) == 2
    drawer.refusals.add(b"a", file_state(b"two"), "No.", b"two")
    assert len(drawer.kept()) == 3


def test_names_and_contents_of_any_bytes(drawer: Drawer) -> None:
    name = b"\xff\n\x01"
    drawer.refusals.add(name, file_state(b"\0\xff"), "No.", b"\0\xff")
    assert drawer.kept() == [(name, "file", True)]


def test_what_is_old_or_too_much_goes_the_oldest_first(drawer: Drawer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(refusals, "KEPT_COUNT", 3)
    for number in range(5):
        drawer.refusals.add(b"%d" % number, file_state(b"%d" % number), "No.", b"%d" % number)
    assert [path for path, _, _ in drawer.kept()] == [b"2", b"3", b"4"]
    monkeypatch.setattr(refusals, "KEPT_BYTES", 2)
    drawer.refusals.clean()
    assert [path for path, _, _ in drawer.kept()] == [b"3", b"4"]
    later = time.time() + refusals.KEPT_SECONDS + 1
    monkeypatch.setattr(time, "time", lambda: later)
    drawer.open()
    assert drawer.kept() == [] and list(drawer.place.iterdir()) == []


def test_what_can_not_be_read_is_passed_over(drawer: Drawer) -> None:
    drawer.refusals.add(b"a", file_state(b"one"), "No.", b"one")
    for name, text in (("7.json", "{"), ("8.json", "{}"), ("x.json", "{}"), ("9.json", '{"path": 7, "state": null}')):
        (drawer.place / name).write_text(text)
    assert drawer.kept() == [(b"a", "file", True)]
    drawer.open().add(b"b", file_state(b"two"), "No.", b"two")
    assert len(drawer.kept()) == 2


def test_many_are_kept_in_a_time_that_grows_with_their_number(drawer: Drawer) -> None:
    began = time.monotonic()
    for number in range(1000):
        drawer.refusals.add(b"%d" % number, ABSENT, "No.", None)
    first = time.monotonic() - began
    began = time.monotonic()
    for number in range(1000, 2000):
        drawer.refusals.add(b"%d" % number, ABSENT, "No.", None)
    assert time.monotonic() - began < 5 * first + 1


def test_a_path_that_is_refused_again_and_again_is_left_alone_ever_longer(drawer: Drawer) -> None:
    def again(number: int) -> None:
        drawer.refusals.add(b"a", file_state(b"%d" % number), "No.", b"%d" % number)

    for number in range(4):
        again(number)
    assert not drawer.refusals.is_held(b"a")
    again(4)
    assert drawer.refusals.is_held(b"a") and drawer.refusals.held() == [b"a"]
    assert not drawer.refusals.is_held(b"b")
    drawer.clock.now += 61
    assert not drawer.refusals.is_held(b"a")
    again(5)
    drawer.clock.now += 61
    assert drawer.refusals.is_held(b"a"), "one more at once, and it is left alone for longer"
    drawer.clock.now += 60
    assert not drawer.refusals.is_held(b"a")


def test_one_now_and_then_is_never_held(drawer: Drawer) -> None:
    for number in range(50):
        drawer.clock.now += 20
        drawer.refusals.add(b"a", file_state(b"%d" % number), "No.", b"%d" % number)
        assert not drawer.refusals.is_held(b"a")


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    house = House(tmp_path)
    house.hub.call(lambda: house.fold.write_record(b".fwr/policy.toml", POLICY, "olga", 1))
    yield house
    house.stop()


def test_the_whole_way(house: House) -> None:
    alice, bob = house.member("alice"), house.member("bob")
    alice.write("a.mp4", "a film")
    alice.write("b.txt", "a text")
    house.settled()
    wait_until(lambda: "a.mp4" not in alice.tree(), "it is undone")
    assert "a.mp4" not in bob.tree() and bob.tree()["b.txt"] == "a text"
    place = alice.volume / "private" / refusals.DIRECTORY
    [kept] = read(place)
    assert (kept.path, kept.reason, (place / str(kept.number)).read_bytes()) == (b"a.mp4", "No films. (rule 'no films')", b"a film")


def test_who_never_heard_that_it_was_refused_keeps_it_too(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    alice = house.member("alice")
    house.settled()
    channel = alice._sessions[0]
    send = channel.send
    monkeypatch.setattr(channel, "send", lambda message: None if message.tag in ("outcome", "delivery", "rejected") else send(message))
    alice.write("a.mp4", "a film")
    wait_until(lambda: bool(house.hub.call(lambda: house.fold.reviews.rejected(alice.citizen.id, b"a.mp4"))), "the server refuses it")
    assert (alice.world / "a.mp4").exists()
    alice.cut()
    alice.mend()
    wait_until(lambda: not (alice.world / "a.mp4").exists(), "it is undone")
    [kept] = read(alice.volume / "private" / refusals.DIRECTORY)
    assert kept.has_content
    house.settled()
    assert house.hub.call(lambda: house.fold.reviews.rejected(alice.citizen.id, b"a.mp4")) is None


def test_a_refused_edit_that_is_mended_at_once_is_no_conflict(house: House) -> None:
    house.hub.call(lambda: house.fold.write_record(b".fwr/policy.toml", b'[limits]\nfile = "10"\n', "olga", 2))
    alice, bob = house.member("alice"), house.member("bob")
    alice.write("a.bin", "short")
    house.settled()
    for number in range(4):  # five times within a minute are a program's, which is left alone
        alice.write("a.bin", f"much too long {number}")
        time.sleep(0.006 * number)  # before it is sent, while it is under way, while it is being undone, after that
        alice.write("a.bin", f"ok {number}")
        time.sleep(0.02)
    house.settled()
    alice.write("a.bin", "the last")
    house.settled()
    files = {path: text for path, text in bob.tree().items() if text is not None and not path.startswith(".fwr")}
    assert files == {"a.bin": "the last"}
    assert not os.listdir(alice.volume / "private" / "exchange")


def test_what_was_not_to_be_had_is_kept_when_it_comes_again(drawer: Drawer) -> None:
    state = file_state(b"a film")
    drawer.refusals.add(b"a.mp4", state, "no", None)
    assert drawer.kept() == [(b"a.mp4", "file", False)], "somebody had written over it"
    drawer.refusals.add(b"a.mp4", state, "no", b"a film")
    drawer.refusals.add(b"a.mp4", state, "no", b"a film")
    assert drawer.kept() == [(b"a.mp4", "file", False), (b"a.mp4", "file", True)]


def test_a_displaced_file_is_kept_from_where_it_lies(drawer: Drawer) -> None:
    drawer.world.parent.joinpath("displaced").write_bytes(b"x" * 100_000)
    with drawer.world.parent.joinpath("displaced").open("rb") as file:
        drawer.refusals.add(b"a.mp4", file_state(b"x" * 100_000), "no", None, file=file.fileno())
    assert drawer.kept() == [(b"a.mp4", "file", True)]
