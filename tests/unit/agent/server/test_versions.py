"""What paths were before, and whose that was."""

from __future__ import annotations

from fwrkit.agent.server.store import Store
from fwrkit.agent.states import ABSENT, DIRECTORY, UNKNOWN, file_state

A, B, C = (file_state(text) for text in (b"a", b"b", b"c"))


def test_what_a_path_had_between_two_of_its_states(store: Store) -> None:
    one, two, three = (file_state(text) for text in (b"one", b"two", b"three"))
    for number, (state, author) in enumerate(
        [(one, "alice"), (two, "bob"), (ABSENT, "bob"), (one, "alice"), (two, "carol"), (three, "bob")]
    ):
        store.set_head(b"p", state, 3, number, author, 0)
    assert store.versions.states_between(b"p", one, three, 10) == [two], "since the state was there last"
    assert store.versions.states_between(b"p", ABSENT, three, 10) == [one, two]
    assert store.versions.states_between(b"p", file_state(b"never"), three, 10) == [one, two, ABSENT, one, two]
    assert store.versions.states_between(b"p", file_state(b"never"), three, 2) == [one, two], "the newest"
    assert store.versions.states_between(b"p", three, one, 10) == store.versions.states_between(b"p", three, three, 10) == []
    assert store.versions.states_between(b"p", one, file_state(b"never"), 10) == store.versions.states_between(b"q", one, two, 10) == []
    [(_, state, size, time, author)] = store.versions.between(b"p", one, three, 10)
    assert (state, size, time, author) == (two, 3, 4, "carol")


def test_who_has_made_a_state_since_another(store: Store) -> None:
    for state, author in ((A, "alice"), (B, "bob"), (ABSENT, "carol"), (A, "alice"), (C, "bob"), (B, "carol")):
        store.set_head(b"p", state, 1, 0, author, 0)
    assert (store.versions.author_since(b"p", C, A), store.versions.author_since(b"p", B, A)) == ("bob", "carol")
    assert (
        store.versions.author_since(b"p", A, C)
        == store.versions.author_since(b"p", ABSENT, A)
        == store.versions.author_since(b"q", A, B)
        == ""
    ), "it was before"
    assert store.versions.author_since(b"p", ABSENT, DIRECTORY) == "carol", "of what was never there nothing is before"
    assert [store.versions.author_since(b"p", state, UNKNOWN) for state in (A, ABSENT)] == ["alice", "carol"], "ever"
    assert store.versions.author_since(b"q", A, UNKNOWN) == ""
    store.set_head(b"p", DIRECTORY, 0, 0, "dora", 0)
    assert store.versions.author_since(b"p", A, UNKNOWN) == "alice", "also before there was a directory"


def test_the_last_states_of_a_path(store: Store) -> None:
    for state in (A, B, B, ABSENT, A):
        store.set_head(b"p", state, 1, 0, "alice", 0)
    assert store.versions.last_states(b"p", 9) == [A, ABSENT, B, A] and store.versions.last_states(b"p", 2) == [A, ABSENT]
    assert store.versions.last_states(b"q", 9) == []


def test_whether_a_path_had_a_state_before_it_had_another(store: Store) -> None:
    one, two = file_state(b"one"), file_state(b"two")
    store.set_head(b"p", one, 3, 0, "alice", 0)
    store.set_head(b"p", two, 3, 0, "alice", 0)
    assert store.versions.was_before(b"p", one, two) and not store.versions.was_before(b"p", two, one)
    assert not store.versions.was_before(b"p", one, one) and not store.versions.was_before(b"q", one, two)
    assert not store.versions.was_before(b"p", one, UNKNOWN) and not store.versions.was_before(b"p", one, ABSENT)
    store.set_head(b"p", one, 3, 0, "alice", 0)
    assert store.versions.was_before(b"p", two, one) and store.versions.was_before(b"p", one, one)
