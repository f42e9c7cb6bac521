"""Nodes that turn to a peer and back, at random, while everybody edits what they know the newest version of: then nothing was ever done at once.

So there is no reason for a conflict copy, every deletion stays one, and whoever is in touch with each other has the newest version that any of them has.
The clocks are real, the schedule is not left to them: after each step, what can be reached comes to rest.
"""

from __future__ import annotations

import os
import random
import shutil
import tempfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from tests.unit.agent.house import House, Member, Peer, wait_until

PATHS = ("a", "b", "www/c", "www/d", "www/deep/e")
ABOVE, BELOW, ALONE = "above", "below", "alone"
BALLAST = "ballast"
NIGHTLY = bool(os.environ.get("FWRKIT_NIGHTLY"))
STEPS = 100 if NIGHTLY else 25
SEEDS = range(2011, 2011 + (40 if NIGHTLY else 1))


class Country:
    """A server, a peer and three citizens; for each of them and each path, which version they know (0: none ever was)."""

    def __init__(self, root: Path, seed: int) -> None:
        self.dice = random.Random(seed)
        self.above = House(root)
        self.citizens = [self.above.member(name) for name in ("alice", "bob", "carol")]
        for number in range(20):  # what nobody touches: who deletes a few files deletes a small part of the world
            self.citizens[0].write(f"{BALLAST}/{number}", str(number))
        self.above.settled()
        self.peer = Peer(self.above, root / "peer")
        for member in self.citizens:
            self.peer.below.hub.call(partial(self.peer.below.store.add_citizen, member.name, member.citizen.uid + 100, "citizen", 0))
        self.where = {member.name: ABOVE for member in self.citizens}
        self.is_joined = True
        self.versions: dict[str, list[str | None]] = {path: [None] for path in PATHS}
        self.known = {name: dict.fromkeys(PATHS, 0) for name in (ABOVE, BELOW, *self.where)}
        self.log: list[str] = []

    def stop(self) -> None:
        self.peer.uplink.stop()
        self.peer.below.stop()
        self.above.members = [*self.citizens]
        self.above.stop()

    # what happens

    def step(self) -> None:
        act = self.dice.choice([self.edit] * 6 + [self.move] * 3 + [self.switch] * 2)
        act()
        self.settle()

    def edit(self) -> None:
        member = self.dice.choice(self.citizens)
        fresh = [path for path in PATHS if self.known[member.name][path] == len(self.versions[path]) - 1]
        if not fresh:
            return
        path = self.dice.choice(fresh)
        number, now = len(self.versions[path]), self.versions[path][-1]
        content = None if now is not None and self.dice.random() < 0.3 else f"{path} {number} by {member.name}"
        self.log.append(f"{member.name} ({self.where[member.name]}): {path} = {content}")
        if content is None:
            (member.world / path).unlink()
        else:
            member.write(path, content)
        self.versions[path].append(content)
        self.known[member.name][path] = number

    def move(self) -> None:
        member = self.dice.choice(self.citizens)
        place = self.dice.choice([each for each in (ABOVE, BELOW, ALONE) if each != self.where[member.name]])
        self.log.append(f"{member.name} goes {place}")
        for house in (self.above, self.peer.below):
            if member in house.members:
                house.members.remove(member)
        self.where[member.name] = place
        if place == ALONE:
            member.cut()
            return
        house = self.above if place == ABOVE else self.peer.below
        if not member.is_cut:
            member.cut()
        member.turn_to(house)
        house.members.append(member)

    def switch(self) -> None:
        self.is_joined = not self.is_joined
        self.log.append("the peer is joined" if self.is_joined else "the peer is cut off")
        if self.is_joined:
            self.peer.uplink.mend()
            wait_until(lambda: self.peer.uplink.engine.view.is_ready, "the peer is joined")
        else:
            self.peer.uplink.cut()

    # what is to come of it

    def settle(self) -> None:
        for _ in range(3 if self.is_joined else 1):
            for house in (self.peer.below, self.above):
                self.peer.hint(None)
                for member in self.citizens:
                    member.engine.hint(None)
                house.settled()
        names = {ABOVE: {ABOVE}, BELOW: {BELOW}}
        for name, place in self.where.items():
            if place != ALONE:
                names[place].add(name)
        for group in [names[ABOVE] | names[BELOW]] if self.is_joined else names.values():
            newest = {path: max(self.known[name][path] for name in group) for path in PATHS}
            for name in group:
                self.known[name] = dict(newest)
        for member in self.citizens:
            self.check(member, self.known[member.name])
        self.check(self.peer, self.known[BELOW])

    def check(self, member: Member, known: dict[str, int]) -> None:
        wanted = {path: content for path in PATHS if (content := self.versions[path][known[path]]) is not None}
        there = {path: text for path, text in member.tree().items() if text is not None and not path.startswith(BALLAST)}
        assert there == wanted, f"{member.name}:\n" + "\n".join(self.log)


@pytest.fixture
def root() -> Iterator[Path]:
    place = Path(tempfile.mkdtemp(dir="/dev/shm" if os.access("/dev/shm", os.W_OK) else None))
    yield place
    shutil.rmtree(place, ignore_errors=True)


@pytest.mark.parametrize("seed", SEEDS)
def test_what_was_never_done_at_once_is_never_kept_twice(root: Path, seed: int) -> None:
    country = Country(root, seed)
    try:
        for _ in range(STEPS):
            country.step()
        for member in country.citizens:
            country.where[member.name] = ABOVE
            if member in country.peer.below.members:
                country.peer.below.members.remove(member)
            member.turn_to(country.above)
            if member not in country.above.members:
                country.above.members.append(member)
        if not country.is_joined:
            country.switch()
        country.settle()
    finally:
        country.stop()
