"""The invites that let somebody in still."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from fwrkit.agent.server.open_invites import OpenInvites
from fwrkit.agent.server.register import Register
from fwrkit.agent.server.store import Store


class Drawer:
    """The tables of invites."""

    def __init__(self) -> None:
        self.store = Store(":memory:")
        self.register = Register(self.store.db)
        self.invites = OpenInvites(self.store, self.register)

    def add(self, key: str, name: str, by: str, seconds: float = 60, uses: int = 1) -> None:
        self.store.add_invite(key, name, int(time.time() + seconds))
        self.register.made_invite(key, by)
        if uses > 1:
            self.register.open_invite(key, uses)

    def found(self) -> list[tuple[str, str, int, int]]:
        return [(each.name, each.by, each.uses, each.left) for each in self.invites.all()]


@pytest.fixture
def drawer() -> Iterator[Drawer]:
    drawer = Drawer()
    yield drawer
    drawer.store.close()


def test_which_are_good_still(drawer: Drawer) -> None:
    drawer.add("k1", "late", "ada", seconds=90)
    drawer.add("k2", "used", "ada")
    drawer.add("k3", "over", "ada", seconds=-1)
    drawer.add("k4", "club", "olga", seconds=30, uses=3)
    drawer.add("k5", "full", "olga", uses=2)
    drawer.store.add_invite("k6", "old", int(time.time()) + 3600)  # of before it was remembered who had it made
    drawer.store.use_invite("k2", "key")
    for number, key in enumerate(("k4", "k5", "k5")):
        drawer.register.use(key, f"key{number}", f"citizen{number}")
    assert drawer.found() == [("club", "olga", 3, 2), ("late", "ada", 1, 1), ("old", "", 1, 1)]
    assert "public_key" not in drawer.invites.all()[0].to_json()


def test_what_is_ended_lets_in_nobody_else_and_who_came_by_it_may_repeat_it(drawer: Drawer) -> None:
    drawer.add("k1", "club", "ada", uses=3)
    drawer.add("k2", "bob", "ada")
    drawer.add("k3", "guild", "ada", uses=3)
    drawer.add("k4", "carol", "olga")
    drawer.register.use("k1", "key", "alice")
    drawer.invites.end_of("ada")
    assert drawer.found() == [("carol", "olga", 1, 1)]
    assert drawer.register.used_by("k1") == {"key": "alice"} and drawer.store.invite("k1") is not None
    assert drawer.register.uses_of("k1") == 1, "it is one for several still, and all of its places are taken"
    assert drawer.store.invite("k2") is None and drawer.store.invite("k3") is None
    drawer.invites.end_of("ada")
    assert drawer.found() == [("carol", "olga", 1, 1)]
