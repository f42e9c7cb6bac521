"""Bringing back what was: exactly that, by whom it may be, and nothing that others have done since."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from fwrkit.agent.server.reverting import Reverting
from fwrkit.agent.server.store import Citizen
from fwrkit.agent.states import is_file
from fwrkit.core.errors import ExitCode, FwrError
from tests.unit.agent.house import House, Member, wait_until


class Village:
    """A house with three who edit, and an official who brings things back."""

    def __init__(self, root: Path) -> None:
        self.house = House(root)
        self.alice, self.bob, self.mallory = (self.house.member(name) for name in ("alice", "bob", "mallory"))
        self.house.hub.call(lambda: self.house.store.add_citizen("olga", 29999, "official", 0))
        self.reverting = Reverting(self.house.hub, self.house.store, self.house.fold, self.house.history)

    def citizen(self, name: str) -> Citizen:
        found = self.house.store.citizen(name=name)
        assert found is not None
        return found

    def committed(self) -> str:
        """Settle, and return the newest version's id."""
        self.house.settled()
        wait_until(lambda: not self.house.store.has_uncommitted(), "it is in the history")
        return self.house.history.head()

    def tree(self) -> dict[str, str | None]:
        self.house.settled()
        tree = self.alice.tree()
        assert tree == self.bob.tree() == self.mallory.tree()
        return tree


@pytest.fixture
def village(tmp_path: Path) -> Iterator[Village]:
    village = Village(tmp_path)
    yield village
    village.house.stop()


def write(member: Member, **files: str) -> None:
    for name, text in files.items():
        member.write(name.replace("__", "/").replace("_", "."), text)


def test_a_file_is_what_it_was_in_a_version(village: Village) -> None:
    write(village.alice, a_txt="one")
    first = village.committed()
    write(village.bob, a_txt="two")
    village.committed()
    result = village.reverting.to_version(village.citizen("alice"), b"a.txt", first[:10])
    assert (result.done, result.left) == ([b"a.txt"], {})
    assert village.tree() == {"a.txt": "one"}
    entry = village.house.store.entry(b"a.txt")
    assert entry is not None and entry.author == "alice"
    assert village.reverting.to_version(village.citizen("alice"), b"a.txt", first).done == [], "it is so already"


def test_a_directory_is_what_it_was_in_a_version(village: Village) -> None:
    write(village.alice, d__a="one", d__b="one", e="one")
    first = village.committed()
    write(village.bob, d__a="two", d__c="new", e="two")
    (village.bob.world / "d/b").unlink()
    village.committed()
    result = village.reverting.to_version(village.citizen("olga"), b"d", first)
    assert sorted(result.done) == [b"d/a", b"d/b", b"d/c"]
    assert village.tree() == {"d": None, "d/a": "one", "d/b": "one", "e": "two"}


def test_what_was_deleted_together_comes_back_together(village: Village) -> None:
    write(village.alice, d__a="one", d__s__b="two", d__old="x", other="x")
    village.committed()
    (village.bob.world / "d/old").unlink()
    village.committed()
    village.house.hub.call(lambda: village.house.store.db.execute("UPDATE versions SET received = received - 3600000000000"))
    for name in ("d/a", "d/s/b"):
        (village.bob.world / name).unlink()
    for name in ("d/s", "d"):
        (village.bob.world / name).rmdir()
    village.committed()
    assert village.tree() == {"other": "x"}
    result = village.reverting.deleted(village.citizen("alice"), b"d")
    assert result.left == {}
    assert village.tree() == {"d": None, "d/a": "one", "d/s": None, "d/s/b": "two", "other": "x"}, "what went long before stays gone"


def test_who_brings_back_what_is_not_gone_or_never_was(village: Village) -> None:
    write(village.alice, a="one")
    head = village.committed()
    for path in (b"a", b"never"):
        with pytest.raises(FwrError) as raised:
            village.reverting.deleted(village.citizen("alice"), path)
        assert raised.value.code is ExitCode.NOT_FOUND
    for path, version, code in (
        (b"never", head, ExitCode.NOT_FOUND),
        (b"a", "no-such", ExitCode.NOT_FOUND),
        (b"../a", head, ExitCode.USAGE),
    ):
        with pytest.raises(FwrError) as raised:
            village.reverting.to_version(village.citizen("alice"), path, version)
        assert raised.value.code is code


def test_all_that_a_vandal_did_is_taken_back_and_nothing_of_others(village: Village) -> None:
    write(village.alice, a="good", b="good", c="good", d__e="good", twice="good")
    village.committed()
    since = time.time_ns()
    write(village.mallory, a="bad", b="bad", x="bad", y__z="bad", twice="bad")
    village.committed()
    write(village.mallory, twice="worse")
    (village.mallory.world / "c").unlink()
    (village.mallory.world / "d/e").unlink()
    (village.mallory.world / "d").rmdir()
    village.committed()
    write(village.bob, b="rescued by hand")
    village.committed()
    rehearsal = village.reverting.by_citizen(village.citizen("olga"), "mallory", since, is_rehearsal=True)
    before = village.tree()
    result = village.reverting.by_citizen(village.citizen("olga"), "mallory", since)
    assert (sorted(rehearsal.done), rehearsal.left) == (sorted(result.done), result.left)
    assert village.tree() != before
    assert village.tree() == {"a": "good", "b": "rescued by hand", "c": "good", "d": None, "d/e": "good", "twice": "good"}
    assert result.left == {b"b": "bob has edited it since"}
    again = village.reverting.by_citizen(village.citizen("olga"), "mallory", since)
    assert again.done == []


def test_a_vandal_who_goes_on_is_taken_back_while_others_edit(village: Village) -> None:
    for number in range(250):
        village.alice.write(f"w/{number}", "good")
    village.committed()
    since = time.time_ns()
    for number in range(250):
        village.mallory.write(f"w/{number}", "bad")
    village.committed()
    ended = threading.Event()

    def edit() -> None:
        number = 0
        while not ended.is_set():
            village.bob.write(f"bob/{number % 20}", f"bob's {number}")
            number += 1
            time.sleep(0.002)

    thread = threading.Thread(target=edit)
    thread.start()
    result = village.reverting.by_citizen(village.citizen("olga"), "mallory", since)
    ended.set()
    thread.join()
    assert len(result.done) == 250
    tree = village.tree()
    assert {text for name, text in tree.items() if name.startswith("w/")} == {"good"}
    assert all(str(text).startswith("bob's") for name, text in tree.items() if name.startswith("bob/"))


def test_nobody_reverts_where_they_may_not_write(village: Village) -> None:
    village.house.hub.call(lambda: village.house.fold.write_record(b".fwr/policy.toml", b"# one\n", "olga", 1))
    first = village.committed()
    village.house.hub.call(lambda: village.house.fold.write_record(b".fwr/policy.toml", b"# two\n", "olga", 2))
    village.committed()
    result = village.reverting.to_version(village.citizen("alice"), b".fwr", first)
    assert result.done == [] and "fficial" in result.left[b".fwr/policy.toml"]
    assert village.reverting.to_version(village.citizen("olga"), b".fwr", first).done == [b".fwr/policy.toml"]


def test_who_was_demoted_meanwhile_reverts_nothing(village: Village) -> None:
    write(village.alice, a="one")
    first = village.committed()
    write(village.alice, a="two")
    village.committed()
    olga = village.citizen("olga")
    village.house.hub.call(lambda: village.house.store.update_citizen(olga.id, role="reader"))
    result = village.reverting.to_version(olga, b"a", first)
    assert result.done == [] and "eaders" in result.left[b"a"]


def test_an_answer_names_the_first_ones_and_counts_all(village: Village) -> None:
    for number in range(300):
        village.alice.write(f"{number}", "x")
    village.committed()
    found = village.reverting.by_citizen(village.citizen("olga"), "alice", 0, is_rehearsal=True).to_json()
    assert (found["count"], len(found["done"]), found["left_count"]) == (300, 200, 0)
    assert sum(is_file(entry.state) for entry in village.house.store.entries()) == 300
    with pytest.raises(FwrError):
        village.reverting.by_citizen(village.citizen("olga"), "nobody", 0)
    with pytest.raises(FwrError):
        village.reverting.by_citizen(village.citizen("olga"), "bob", 0)
