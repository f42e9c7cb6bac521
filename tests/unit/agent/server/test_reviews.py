"""Premoderation: what waits is on no disk but its author's, and becomes theirs or nothing when an official has decided."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from fwrkit.agent.citizen import refusals
from fwrkit.agent.server.powers import of_reviews
from fwrkit.agent.server.reviews import COUNT_LIMIT, Review, Reviews
from fwrkit.core.errors import ExitCode, FwrError
from tests.unit.agent.house import House, Member, wait_until

POLICY = b'[[rule]]\nname = "looked at"\npaths = ["public/**"]\nroles = ["citizen"]\nthen = "review"\n'


class Paper:
    """A house whose public pages are looked at first: alice and bob write, olga is an official."""

    def __init__(self, root: Path) -> None:
        self.house = House(root)
        self.alice, self.bob = self.house.member("alice"), self.house.member("bob")
        self.olga = self.house.member("olga", role="official")
        self.policy(POLICY)
        self.told: list[tuple[str, ...]] = []
        self.verbs = of_reviews(self.house.store, self.house.fold, lambda *words, **_: self.told.append(words))

    def policy(self, text: bytes) -> None:
        self.house.hub.call(lambda: self.house.fold.write_record(b".fwr/policy.toml", text, "olga", 1))
        self.house.settled()

    @property
    def reviews(self) -> Reviews:
        return self.house.fold.reviews

    def waiting(self) -> list[Review]:
        found: list[Review] = self.house.hub.call(lambda: self.reviews.waiting())
        return found

    def ask(self, verb: str, name: str = "olga", **arguments: Any) -> dict[str, Any]:
        def work() -> dict[str, Any]:
            citizen = self.house.store.citizen(name=name)
            assert citizen is not None
            return self.verbs[verb].do(citizen, arguments)

        answer: dict[str, Any] = self.house.hub.call(work)
        self.house.settled()
        return answer

    def tree(self, member: Member) -> dict[str, str]:
        self.house.settled()
        return {path: text for path, text in member.tree().items() if text is not None and not path.startswith(".fwr")}

    def kept(self, member: Member) -> list[refusals.Refused]:
        return refusals.read(member.volume / "private" / refusals.DIRECTORY)


@pytest.fixture
def paper(tmp_path: Path) -> Iterator[Paper]:
    paper = Paper(tmp_path)
    yield paper
    paper.house.stop()


def test_what_waits_is_at_its_author_s_and_nowhere_else(paper: Paper) -> None:
    paper.alice.write("public/page", "draft")
    paper.alice.write("elsewhere", "free")
    assert paper.tree(paper.alice) == {"public/page": "draft", "elsewhere": "free"}
    assert paper.tree(paper.bob) == paper.tree(paper.olga) == {"elsewhere": "free"}
    [review] = paper.waiting()
    assert (review.path, review.base, review.size) == (b"public/page", None, 5)
    wait_until(lambda: paper.alice.engine.view.reviews == 1, "alice knows that it waits")
    paper.olga.write("public/hers", "an official's")
    assert paper.tree(paper.bob)["public/hers"] == "an official's"


def test_what_is_accepted_is_its_author_s(paper: Paper) -> None:
    paper.alice.write("public/page", "draft")
    paper.house.settled()
    paper.alice.write("public/page", "better")
    paper.house.settled()
    [review] = paper.waiting()
    answer = paper.ask("accept", numbers=[review.number])
    assert answer == {"count": 1, "paths": ["public/page"]}
    assert paper.tree(paper.bob) == paper.tree(paper.alice) == {"public/page": "better"}
    entry = paper.house.store.entry(b"public/page")
    assert entry is not None and entry.author == "alice"
    assert paper.told == [("olga", "accept", "public/page")]
    wait_until(lambda: paper.alice.engine.view.reviews == 0, "nothing waits any more")
    paper.alice.write("public/page", "better still")
    paper.house.settled()
    assert len(paper.waiting()) == 1 and paper.tree(paper.bob) == {"public/page": "better"}


def test_what_is_rejected_is_undone_and_kept(paper: Paper) -> None:
    paper.olga.write("public/page", "good")
    paper.house.settled()
    paper.alice.write("public/page", "advertising")
    paper.alice.write("public/new", "more of it")
    paper.house.settled()
    paper.ask("reject", by="alice", reason="no  advertising")
    assert paper.tree(paper.alice) == paper.tree(paper.bob) == {"public/page": "good"}
    kept = {each.path: each for each in paper.kept(paper.alice)}
    assert set(kept) == {b"public/page", b"public/new"} and all(each.has_content for each in kept.values())
    assert kept[b"public/new"].reason == "olga has not accepted it: no advertising."
    assert paper.waiting() == []


@pytest.mark.parametrize("verb", ["accept", "reject"])
def test_it_is_decided_while_the_author_is_away(paper: Paper, verb: str) -> None:
    paper.alice.write("public/page", "draft")
    paper.house.settled()
    paper.alice.cut()
    paper.ask(verb, by="alice")
    paper.alice.mend()
    wait_until(lambda: paper.alice.engine.view.is_ready, "alice is back")
    expected = {"public/page": "draft"} if verb == "accept" else {}
    assert paper.tree(paper.alice) == paper.tree(paper.bob) == expected
    assert [each.path for each in paper.kept(paper.alice)] == ([] if verb == "accept" else [b"public/page"])


def test_it_outlives_restarts_of_both(paper: Paper) -> None:
    paper.alice.write("public/page", "draft")
    paper.house.settled()
    paper.alice.stop()
    paper.house.restart()
    paper.alice.start()
    wait_until(lambda: paper.alice.engine.view.is_ready, "alice is back")
    paper.verbs = of_reviews(paper.house.store, paper.house.fold, lambda *_, **__: None)
    assert paper.tree(paper.alice) == {"public/page": "draft"} and paper.tree(paper.bob) == {}
    paper.ask("accept", numbers=[paper.waiting()[0].number])
    assert paper.tree(paper.bob) == {"public/page": "draft"}


def test_what_others_did_meanwhile_is_merged_or_kept_beside(paper: Paper) -> None:
    paper.olga.write("public/page.md", "one\ntwo\nthree\n")
    paper.olga.write("public/data.bin", "data")
    paper.house.settled()
    paper.alice.write("public/page.md", "one\ntwo\nthree, by alice\n")
    paper.alice.write("public/data.bin", "alice's")
    paper.house.settled()
    paper.olga.write("public/page.md", "one, by olga\ntwo\nthree\n")
    paper.olga.write("public/data.bin", "olga's")
    paper.house.settled()
    assert paper.tree(paper.alice)["public/data.bin"] == "alice's", "it stays while it waits"
    paper.ask("accept", by="alice")
    tree = paper.tree(paper.bob)
    assert tree["public/page.md"] == "one, by olga\ntwo\nthree, by alice\n"
    assert tree["public/data.bin"] == "olga's" and "alice's" in tree.values()
    assert tree == paper.tree(paper.alice) == paper.tree(paper.olga)


def test_an_author_who_takes_it_back_has_nothing_waiting(paper: Paper) -> None:
    paper.olga.write("public/page", "good")
    paper.house.settled()
    paper.alice.write("public/page", "draft")
    paper.house.settled()
    paper.alice.write("public/page", "good")
    paper.house.settled()
    assert paper.waiting() == []
    paper.alice.write("public/new", "draft")
    paper.house.settled()
    (paper.alice.world / "public/new").unlink()
    paper.house.settled()
    assert paper.waiting() == []
    assert paper.tree(paper.alice) == paper.tree(paper.bob) == {"public/page": "good"}


def test_deletions_and_renames_wait_whole(paper: Paper) -> None:
    paper.olga.write("public/page", "good")
    paper.olga.write("public/other", "x")
    paper.alice.write("mine", "mine")
    paper.house.settled()
    (paper.alice.world / "public/page").unlink()
    (paper.alice.world / "mine").rename(paper.alice.world / "public/mine")
    paper.house.settled()
    assert paper.tree(paper.bob) == {"public/page": "good", "public/other": "x", "mine": "mine"}
    assert {review.path for review in paper.waiting()} == {b"public/page", b"public/mine", b"mine"}
    paper.ask("accept", by="alice")
    assert paper.tree(paper.bob) == paper.tree(paper.alice) == {"public/other": "x", "public/mine": "mine"}


def test_large_contents_wait_too(paper: Paper) -> None:
    text = "x" * (2 * paper.house.settings.inline_limit)
    paper.alice.write("public/large", text)
    paper.house.settled(60)
    [review] = paper.waiting()
    assert review.size == len(text) and "public/large" not in paper.tree(paper.bob)
    assert paper.ask("review", number=review.number)["after"] is None, "too large to be shown"
    paper.ask("accept", numbers=[review.number])
    assert paper.tree(paper.bob)["public/large"] == text
    paper.reviews.sweep()
    assert list((paper.house.state / "reviews").iterdir()) == []


@pytest.mark.parametrize(("then", "expected"), [("allow", {"public/page": "later"}), ("refuse", {})])
def test_a_policy_that_has_changed_counts_for_the_next_edit(paper: Paper, then: str, expected: dict[str, str]) -> None:
    paper.alice.write("public/page", "draft")
    paper.house.settled()
    paper.policy(POLICY.replace(b'"review"', f'"{then}"'.encode()))
    paper.alice.write("public/page", "later")
    assert paper.tree(paper.alice) == paper.tree(paper.bob) == expected
    assert paper.waiting() == []


def test_who_sees_what(paper: Paper) -> None:
    paper.alice.write("public/a", "one")
    paper.bob.write("public/b", "two")
    paper.house.settled()
    assert {each["path"] for each in paper.ask("reviews")["reviews"]} == {"public/a", "public/b"}
    [mine] = paper.ask("reviews", "alice")["reviews"]
    assert (mine["path"], mine["by"], mine["kind"]) == ("public/a", "alice", "add")
    assert paper.ask("review", "alice", number=mine["number"])["after"] == "b25l"
    with pytest.raises(FwrError) as raised:
        paper.ask("review", "bob", number=mine["number"])
    assert raised.value.code is ExitCode.REFUSED
    with pytest.raises(FwrError) as raised:
        paper.ask("accept", numbers=[99])
    assert raised.value.code is ExitCode.NOT_FOUND


def test_nobody_fills_the_server_with_what_waits(paper: Paper, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fwrkit.agent.server.reviews.COUNT_LIMIT", 3)
    for number in range(5):
        paper.alice.write(f"public/{number}", "draft")
        paper.house.settled()
    assert len(paper.waiting()) == 3 < COUNT_LIMIT
    assert len(paper.kept(paper.alice)) == 2, "the others are refused, and kept"
    assert len(paper.tree(paper.alice)) == 3


def test_what_is_found_at_first_contact_is_accepted_beside_what_there_is(paper: Paper) -> None:
    paper.olga.write("public/page", "first")
    paper.house.settled()
    paper.alice.stop()
    paper.alice.record_path.unlink()
    paper.alice.write("public/page", "alice, who has seen nobody knows what")
    paper.alice.start()
    wait_until(lambda: bool(paper.waiting()), "it waits")
    paper.ask("accept", numbers=[paper.waiting()[0].number])
    assert sorted(paper.tree(paper.bob).values()) == ["alice, who has seen nobody knows what", "first"]


def test_a_directory_of_others_goes_when_what_waits_in_it_is_decided(paper: Paper) -> None:
    paper.olga.write("public/d/page", "olga")
    paper.house.settled()
    paper.alice.write("public/d/mine", "alice")
    paper.house.settled()
    (paper.olga.world / "public/d/page").unlink()
    (paper.olga.world / "public/d").rmdir()
    assert paper.tree(paper.alice) == {"public/d/mine": "alice"}
    paper.ask("reject", numbers=[paper.waiting()[0].number])
    assert paper.tree(paper.alice) == {}
    assert not (paper.alice.world / "public/d").exists()


def test_files_of_what_waited_go_with_it(paper: Paper) -> None:
    paper.alice.write("public/large", "x" * (2 * paper.house.settings.inline_limit))
    paper.house.settled()
    assert list((paper.house.state / "reviews").iterdir())
    paper.ask("reject", numbers=[paper.waiting()[0].number])
    wait_until(lambda: not list((paper.house.state / "reviews").iterdir()), "the file is gone")
