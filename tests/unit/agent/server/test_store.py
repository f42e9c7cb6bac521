"""The server's tables."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fwrkit.agent.server.store import Lag, Store, connect
from fwrkit.agent.states import ABSENT, DIRECTORY, UNKNOWN, State, file_state

A, B, C = (file_state(text) for text in (b"a", b"b", b"c"))


def test_what_was_committed_is_there_after_a_restart(tmp_path: Path) -> None:
    first = Store(tmp_path / "hub.sqlite")
    with first.transaction():
        first.set_meta("world_id", "w")
        citizen = first.add_citizen("alice", 20000, "citizen", 7)
        first.set_head(b"\xff", A, 1, 2, "alice", 3)
        first.set_lag(citizen.id, b"\xff", DIRECTORY, [A, ABSENT])
    first.close()
    cut_short = connect(tmp_path / "hub.sqlite")
    cut_short.execute("BEGIN IMMEDIATE")
    cut_short.execute("INSERT INTO meta VALUES ('lost', 'x')")
    cut_short.close()
    again = Store(tmp_path / "hub.sqlite")
    assert again.meta("world_id") == "w"
    assert again.meta("lost") == ""
    assert again.citizen(name="alice") == citizen
    assert again.head(b"\xff") == A
    assert again.lag(citizen.id, b"\xff") == Lag(b"\xff", DIRECTORY, [A, ABSENT])
    again.close()


def test_a_transaction_is_whole_or_nothing(store: Store) -> None:
    with pytest.raises(RuntimeError), store.transaction():
        store.set_head(b"a", A, 1, 2, "alice", 3)
        raise RuntimeError
    assert store.entry(b"a") is None
    assert store.last_version() == 0


def test_a_commit_that_fails_leaves_nothing_open(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Full(sqlite3.Connection):
        is_full = False

        def execute(self, query: str, values: Any = (), /) -> sqlite3.Cursor:
            if query == "COMMIT" and self.is_full:
                raise sqlite3.OperationalError("database or disk is full")
            return super().execute(query, values)

    real = sqlite3.connect
    monkeypatch.setattr(sqlite3, "connect", lambda *values, **named: real(*values, factory=Full, **named))
    store = Store(tmp_path / "hub.sqlite")
    monkeypatch.setattr(Full, "is_full", True)
    with pytest.raises(sqlite3.OperationalError, match="full"), store.transaction():
        store.set_meta("key", "value")
    monkeypatch.setattr(Full, "is_full", False)
    with store.transaction():
        assert store.meta("key") == ""
    store.close()


def test_an_item_that_fails_undoes_only_itself(store: Store) -> None:
    with store.transaction():
        store.set_head(b"a", A, 1, 2, "alice", 3)
        with pytest.raises(RuntimeError), store.savepoint():
            store.set_head(b"b", B, 1, 2, "alice", 3)
            raise RuntimeError
        with store.savepoint():
            store.set_head(b"c", C, 1, 2, "alice", 3)
    assert [entry.path for entry in store.entries()] == [b"a", b"c"]


def test_a_name_and_a_uid_are_never_given_twice(store: Store) -> None:
    assert store.highest_uid() == 0
    store.add_citizen("alice", 20000, "citizen", 1)
    store.add_citizen("bob", 20001, "citizen", 1)
    for name, uid in (("alice", 20002), ("carol", 20001)):
        with pytest.raises(sqlite3.IntegrityError):
            store.add_citizen(name, uid, "citizen", 1)
    assert store.highest_uid() == 20001
    assert [citizen.name for citizen in store.citizens()] == ["alice", "bob"]


def test_a_citizen_is_found_by_name_uid_and_number(store: Store) -> None:
    alice = store.add_citizen("alice", 20000, "official", 5)
    assert (
        store.citizen(name="alice") == store.citizen(uid=20000) == store.citizen(number=alice.id) == store.known_citizen(alice.id) == alice
    )
    assert (alice.role, alice.is_known, alice.is_banned, alice.generation) == ("official", False, False, "")
    assert store.citizen(name="bob") is None
    with pytest.raises(KeyError):
        store.known_citizen(99)
    store.update_citizen(alice.id, is_known=1, generation="g:1", proposed="g:2")
    updated = store.known_citizen(alice.id)
    assert (updated.is_known, updated.generation, updated.proposed) == (True, "g:1", "g:2")


def test_invites_and_keys(store: Store) -> None:
    store.add_invite("key", "alice", 100)
    assert store.invite("key") == ("alice", 100, "")
    assert store.invite("other") is None
    store.use_invite("key", "alice's")
    assert store.invite("key") == ("alice", 100, "alice's")
    assert store.invites() == [("key", 100)]
    store.revoke_key("old", 1)
    store.revoke_key("old", 2)
    store.revoke_key("older", 0)
    assert store.revoked_keys() == ["older", "old"]
    store.unrevoke_key("old")
    assert store.revoked_keys() == ["older"]


def test_the_canon_is_what_was_set_last(store: Store) -> None:
    assert store.set_head(b"a", A, 1, 10, "alice", 100) == 1
    assert store.set_head(b"a", B, 2, 20, "bob", 200, "note") == 2
    entry = store.entry(b"a")
    assert entry is not None
    assert (entry.state, entry.size, entry.time, entry.author) == (B, 2, 20, "bob")
    store.set_head(b"a", ABSENT, 0, 0, "bob", 300)
    assert store.entry(b"a") is None
    assert store.head(b"a") is ABSENT
    assert store.count_entries() == 0
    assert store.uncommitted(10) == [
        (1, b"a", A, 1, 10, "alice", 100, ""),
        (2, b"a", B, 2, 20, "bob", 200, "note"),
        (3, b"a", ABSENT, 0, 0, "bob", 300, ""),
    ]
    for state in (A, B, ABSENT):
        assert store.versions.had(b"a", state)
    assert not store.versions.had(b"a", C)
    assert not store.versions.had(b"b", A)


def test_beneath_is_not_beside(store: Store) -> None:
    for path in (b"a", b"a-b", b"a.b", b"a0", b"ab/c", b"b"):
        store.set_head(path, DIRECTORY, 0, 0, "alice", 0)
    assert not store.has_descendants(b"a")
    store.set_head(b"a/\xff", A, 0, 0, "alice", 0)
    assert store.has_descendants(b"a")
    assert not store.has_descendants(b"b")


def test_the_way_of_a_version_into_the_history(store: Store) -> None:
    for number, state in enumerate((A, DIRECTORY, ABSENT)):
        store.set_head(b"a", state, 1, 0, "alice", number)
    assert store.has_uncommitted()
    assert [row[0] for row in store.uncommitted(2)] == [1, 2]
    assert [row[0] for row in store.uncommitted(10, up_to=1)] == [1]
    store.mark_committed([(1, b"o" * 20), (2, None)])
    assert [row[0] for row in store.uncommitted(10)] == [3]
    store.mark_committed([(3, None)])
    assert not store.has_uncommitted()
    assert store.place_of(A) == ("history", b"o" * 20)


def test_a_content_is_pending_until_no_version_needs_it(store: Store) -> None:
    assert store.place_of(A) is None
    store.add_pending(A, b"a", None)
    store.add_pending(B, None, "file-1")
    store.add_pending(A, b"another word for it", None)
    assert store.pending(A) == (b"a", None)
    assert store.pending(B) == (None, "file-1")
    assert store.incoming_names() == {"file-1"}
    assert store.place_of(A) == ("pending", A)
    store.set_head(b"x", A, 1, 0, "alice", 0)
    store.set_head(b"y", A, 1, 0, "alice", 0)
    store.mark_committed([(1, b"o" * 20)])
    store.drop_pending([A])
    assert store.pending(A) is not None, "version 2 still needs it"
    store.mark_committed([(2, b"o" * 20)])
    store.drop_pending([A, C])
    assert store.pending(A) is None
    assert store.place_of(A) == ("history", b"o" * 20)
    assert store.place_of(B) == ("pending", B)


def test_who_is_known_holds_the_head_until_it_moves(store: Store) -> None:
    alice = store.add_citizen("alice", 20000, "citizen", 0)
    store.update_citizen(alice.id, is_known=1)
    bob = store.add_citizen("bob", 20001, "citizen", 0)
    alice = store.known_citizen(alice.id)
    store.set_head(b"a", A, 1, 0, "x", 0)
    assert store.base(alice, b"a") == A
    assert store.base(bob, b"a") is UNKNOWN
    store.leave_behind(b"a", A)
    store.set_head(b"a", B, 1, 0, "x", 0)
    assert store.base(alice, b"a") == A
    assert store.base(alice, b"other") is ABSENT
    store.leave_behind(b"a", B)
    store.set_head(b"a", C, 1, 0, "x", 0)
    assert store.base(alice, b"a") == A, "who is behind stays where they are"
    assert store.lagging(alice.id) == [(b"a", C)]
    assert store.count_lags(alice.id) == 1
    assert store.count_lags(bob.id) == 0, "of who is not known nothing is kept"
    store.drop_lag(alice.id, b"a")
    assert store.base(alice, b"a") == C
    store.lag_everywhere(bob.id)
    assert [(path, store.base(bob, path)) for path, _ in store.lagging(bob.id)] == [(b"a", ABSENT)]
    store.drop_lags(bob.id)
    assert store.count_lags(bob.id) == 0


states = st.one_of(st.none(), st.just(b""), st.sampled_from([A, B, C]))


@given(st.lists(st.tuples(st.binary(min_size=1, max_size=4), states, st.lists(states, max_size=3)), max_size=6))
def test_what_was_sent_is_remembered_as_it_is(rows: list[tuple[bytes, State, list[State]]]) -> None:
    store = Store(":memory:")
    for path, base, sent in rows:
        store.set_lag(1, path, base, sent)
    expected = {path: Lag(path, base, sent) for path, base, sent in rows}
    assert {path: store.lag(1, path) for path, _ in store.lagging(1)} == expected
    assert [path for path, _ in store.lagging(1)] == sorted(expected)
    store.close()


def test_conflicts_live_as_long_as_their_copies(store: Store) -> None:
    assert store.conflict(b"a", "alice") is None
    store.set_conflict(b"a", "alice", A, b"a (1)")
    store.set_conflict(b"a", "bob", ABSENT, b"a (2)")
    store.set_conflict(b"a", "alice", B, b"a (3)")
    assert store.conflict(b"a", "alice") == (B, b"a (3)")
    assert store.conflict(b"a", "bob") == (ABSENT, b"a (2)")
    store.drop_conflicts_of(b"a (3)")
    assert store.conflict(b"a", "alice") is None
    assert store.conflict(b"a", "bob") is not None


def test_two_stores_of_one_file_see_each_other(tmp_path: Path) -> None:
    """The hub's and the historian's."""
    hub, historian = Store(tmp_path / "hub.sqlite"), Store(tmp_path / "hub.sqlite")
    with hub.transaction():
        hub.set_head(b"a", A, 1, 0, "alice", 0)
        assert historian.uncommitted(10) == []
    assert len(historian.uncommitted(10)) == 1
    with historian.transaction():
        historian.mark_committed([(1, b"o")])
    assert not hub.has_uncommitted()
    hub.close()
    historian.close()


def test_positions_are_known_by_the_start_that_made_them(store: Store) -> None:
    store.begin_start("one")
    for number in range(3):
        store.set_head(b"p%d" % number, DIRECTORY, 0, 0, "alice", 0)
    store.begin_start("two")
    store.set_head(b"p3", DIRECTORY, 0, 0, "alice", 0)
    assert [store.has_position("one", version) for version in (0, 3, 4)] == [True, True, False]
    assert [store.has_position("two", version) for version in (3, 4, 5)] == [True, True, False]
    assert not store.has_position("three", 0)


def test_what_moved_is_asked_for_where_a_citizen_should_hold_it(store: Store) -> None:
    alice = store.add_citizen("alice", 20000, "citizen", 0)
    for number in range(4):
        store.set_head(b"p%d" % number, DIRECTORY, 0, 0, "bob", 0)
    store.set_head(b"p3", ABSENT, 0, 0, "bob", 0)
    store.set_lag(alice.id, b"p2", ABSENT, [])
    assert store.moved_since(1, alice.id) == [b"p1", b"p3"]
    assert store.moved_since(5, alice.id) == []


def test_a_content_is_in_use_or_since_when_it_is_not(store: Store) -> None:
    old, new = b"o" * 32, b"n" * 32

    def put(path: bytes, state: State, received: int) -> None:
        store.mark_committed([(store.set_head(path, state, 1, 0, "alice", received), b"blob")])

    put(b"a", old, 1)
    put(b"b", old, 2)
    assert store.superseded(old) is None
    put(b"a", new, 10)
    assert store.superseded(old) is None, "b has it still"
    put(b"b", None, 20)
    put(b"a", ABSENT, 30)
    assert (store.superseded(old), store.superseded(new), store.superseded(b"x" * 32)) == (20, 30, 0)
    store.add_pending(old, b"", None)
    assert store.superseded(old) is None
    assert not store.drop_content(old)


def test_a_content_that_was_dropped_is_not_known_until_it_is_back(store: Store) -> None:
    state = b"s" * 32
    store.mark_committed([(store.set_head(b"a", state, 7, 0, "alice", 1), b"blob")])
    assert not store.drop_content(state), "the canon has it"
    store.mark_committed([(store.set_head(b"a", None, 0, 0, "alice", 2), None)])
    assert store.place_of(state) == ("history", b"blob")
    assert list(store.committed_contents()) == [(state, 7, b"blob")]
    assert store.drop_content(state)
    assert store.drop_content(state)
    assert store.place_of(state) is None
    assert store.is_dropped(state)
    assert list(store.committed_contents()) == []
    assert store.state_of(b"blob") == state
    store.add_pending(state, b"x", None)
    assert store.place_of(state) == ("pending", state)
    store.have_contents([state])
    assert not store.is_dropped(state)
