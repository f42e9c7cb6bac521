"""The fold on real tables and a real canon: what single edits do, and what random edits of several citizens never do."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fwrkit.agent.order import in_safe_order
from fwrkit.agent.paths import DEPTH_LIMIT, PATH_LIMIT, ancestors, is_beneath, parent, why_not
from fwrkit.agent.server.decide import Result
from fwrkit.agent.server.fold import TEXT_LIMIT, Content, Edit, Verdict
from fwrkit.agent.states import ABSENT, DIRECTORY, UNKNOWN, State, file_state, is_directory, is_file
from tests.unit.agent.server.court import NOON, Court

QUICK = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None


@pytest.fixture
def court(tmp_path: Path) -> Iterator[Court]:
    court = Court(tmp_path)
    yield court
    court.store.close()


A, B, C = (file_state(text) for text in (b"a", b"b", b"c"))
COPY = b"p (conflict bob 2026-11-25 12.00.00).txt"


def test_an_edit_moves_the_head_and_leaves_the_others_behind(court: Court) -> None:
    assert court.put("alice", b"www/p", b"a").result is Result.ACCEPTED
    assert court.tree() == court.on_disk() == {b"www": None, b"www/p": b"a"}
    entry = court.store.entry(b"www/p")
    assert entry is not None and (entry.author, entry.time, entry.size) == ("alice", NOON, 1)
    alice, bob = court.citizen("alice"), court.citizen("bob")
    assert court.store.base(alice, b"www/p") == A
    assert court.store.base(bob, b"www/p") is ABSENT
    assert court.store.base(bob, b"www") is ABSENT


def test_a_content_that_nobody_has_is_asked_for_and_nothing_moves(court: Court) -> None:
    verdict = court.edit("alice", Edit(b"p", A, ABSENT, size=1))
    assert verdict.result is Result.MISSING
    assert court.tree() == {}
    assert court.store.base(court.citizen("alice"), b"p") is ABSENT


def test_a_content_that_the_server_has_needs_not_be_sent(court: Court) -> None:
    court.put("alice", b"p", b"a")
    assert court.edit("alice", Edit(b"q", A, ABSENT, size=1)).result is Result.ACCEPTED
    assert court.on_disk() == {b"p": b"a", b"q": b"a"}


def test_both_change_it_and_both_are_kept(court: Court) -> None:
    court.put("alice", b"p.txt", b"a")
    verdict = court.put("bob", b"p.txt", b"b")
    assert (verdict.result, verdict.copy) == (Result.CONFLICT, COPY)
    assert court.tree() == court.on_disk() == {b"p.txt": b"a", COPY: b"b"}
    bob = court.citizen("bob")
    assert court.store.base(bob, b"p.txt") == B, "bob's machine still holds what bob wrote"
    assert court.store.base(bob, COPY) is ABSENT


def test_a_lost_race_has_one_copy_until_the_head_moves(court: Court) -> None:
    court.put("alice", b"p.txt", b"a")
    court.put("bob", b"p.txt", b"b1")
    second = court.put("bob", b"p.txt", b"b2", file_state(b"b1"))
    assert (second.result, second.copy) == (Result.CONFLICT, COPY)
    assert court.tree() == {b"p.txt": b"a", COPY: b"b2"}
    court.put("alice", b"p.txt", b"a2", A)
    third = court.put("bob", b"p.txt", b"b3", file_state(b"b2"))
    assert third.copy not in (None, COPY)
    assert sorted(content or b"" for content in court.tree().values()) == [b"a2", b"b2", b"b3"]


def test_a_copy_that_was_deleted_does_not_come_back_under_a_new_loss(court: Court) -> None:
    court.put("alice", b"p.txt", b"a")
    court.put("bob", b"p.txt", b"b1")
    court.edit("alice", Edit(COPY, ABSENT, file_state(b"b1"), is_unknown=False))
    assert COPY in court.tree(), "alice does not hold it yet: she can not delete it"
    court.store.drop_lag(court.citizen("alice").id, COPY)
    court.edit("alice", Edit(COPY, ABSENT, file_state(b"b1")))
    assert court.tree() == {b"p.txt": b"a"}
    court.put("bob", b"p.txt", b"b2", file_state(b"b1"))
    assert sorted(content or b"" for content in court.tree().values()) == [b"a", b"b2"]


def test_the_same_content_beside_the_same_head_is_kept_once(court: Court) -> None:
    court.put("alice", b"p.txt", b"a")
    court.put("bob", b"p.txt", b"b")
    again = court.put("bob", b"p.txt", b"b", ABSENT, is_unknown=True)
    assert again.copy == COPY
    assert court.tree() == {b"p.txt": b"a", COPY: b"b"}


PAGE = b"one\ntwo\nthree\nfour\n"
ONE, FOUR, BOTH = PAGE.replace(b"one", b"ONE"), PAGE.replace(b"four", b"FOUR"), b"ONE\ntwo\nthree\nFOUR\n"


def hold_all(court: Court) -> None:
    """Have everybody hold what the canon has."""
    for citizen in court.store.citizens():
        court.store.drop_lags(citizen.id)


def test_texts_are_merged_line_by_line_and_both_can_be_brought_back(court: Court) -> None:
    court.put("alice", b"p.md", PAGE)
    hold_all(court)
    court.put("alice", b"p.md", ONE, file_state(PAGE))
    verdict = court.put("bob", b"p.md", FOUR, file_state(PAGE))
    assert verdict.result is Result.MERGED
    assert court.tree() == court.on_disk() == {b"p.md": BOTH}
    assert {ONE, FOUR} <= {court.canon.read(row[2]) for row in court.store.uncommitted(10) if row[2] is not None}
    for name in ("alice", "bob"):
        assert court.store.base(court.citizen(name), b"p.md") == file_state(ONE if name == "alice" else FOUR)
    entry = court.store.entry(b"p.md")
    assert entry is not None and entry.time == NOON + 10**9, "nobody saved the merge: it has a time of its own"


@pytest.mark.parametrize("moment", [2**63 - 1, 2**64 - 1, -(2**63)])
def test_a_file_of_any_time_is_taken_and_holds_up_nobody_s_merge(court: Court, moment: int) -> None:
    """Otherwise nobody else's edit of it could be folded any more: a merge's time would be one that the tables can not hold."""
    court.put("alice", b"p.md", PAGE)
    hold_all(court)
    court.edit("alice", Edit(b"p.md", file_state(ONE), file_state(PAGE), time=moment, size=len(ONE), content=Content(ONE)))
    assert court.put("bob", b"p.md", FOUR, file_state(PAGE)).result is Result.MERGED
    assert court.tree() == court.on_disk() == {b"p.md": BOTH}


def test_who_loses_a_name_that_is_no_utf_8_is_kept_beside_too(court: Court) -> None:
    """It could never be folded else, and the connection of whoever brings it would end again and again."""
    court.put("alice", b"caf\xe9.bin", b"one")
    verdict = court.put("bob", b"caf\xe9.bin", b"two")
    assert verdict.result is Result.CONFLICT and verdict.copy is not None
    assert court.tree() == court.on_disk() == {b"caf\xe9.bin": b"one", verdict.copy: b"two"}


def test_a_text_that_both_changed_at_one_place_is_kept_beside(court: Court) -> None:
    court.put("alice", b"p.md", PAGE)
    hold_all(court)
    court.put("alice", b"p.md", ONE, file_state(PAGE))
    verdict = court.put("bob", b"p.md", PAGE.replace(b"one", b"I"), file_state(PAGE))
    assert verdict.result is Result.CONFLICT
    assert court.tree()[b"p.md"] == ONE


@pytest.mark.parametrize("is_unknown", [True, False])
def test_without_a_common_ancestor_nothing_is_merged(court: Court, is_unknown: bool) -> None:
    court.put("alice", b"p.md", ONE)
    verdict = court.put("bob", b"p.md", FOUR, file_state(PAGE), is_unknown=is_unknown)
    assert verdict.result is Result.CONFLICT, "what bob claims to have had is known to nobody"


def test_a_text_that_nobody_has_so_far_is_asked_for_before_it_is_merged(court: Court) -> None:
    court.put("alice", b"p.md", PAGE)
    hold_all(court)
    court.put("alice", b"p.md", ONE, file_state(PAGE))
    verdict = court.edit("bob", Edit(b"p.md", file_state(FOUR), file_state(PAGE), time=NOON, size=len(FOUR)))
    assert verdict.result is Result.MISSING
    assert court.tree() == {b"p.md": ONE}


def test_what_was_written_into_a_displaced_text_is_merged(court: Court) -> None:
    court.put("alice", b"p.md", PAGE)
    court.put("alice", b"p.md", ONE, file_state(PAGE))
    verdict = court.put("bob", b"p.md", FOUR, file_state(PAGE), is_unknown=True, is_orphan=True)
    assert verdict.result is Result.MERGED
    assert court.tree() == {b"p.md": BOTH}
    assert court.store.base(court.citizen("bob"), b"p.md") is ABSENT, "a displaced file says nothing of what the path holds"


def test_large_texts_are_not_merged(court: Court) -> None:
    large = b"x" * TEXT_LIMIT + b"\n"
    court.put("alice", b"p.md", large + PAGE)
    hold_all(court)
    court.put("alice", b"p.md", large + ONE, file_state(large + PAGE))
    assert court.put("bob", b"p.md", large + FOUR, file_state(large + PAGE)).result is Result.CONFLICT


def test_logs_are_merged_and_both_can_be_brought_back(court: Court) -> None:
    court.put("alice", b"p.changes", b"1 x\n")
    court.store.drop_lag(court.citizen("bob").id, b"p.changes")
    first = file_state(b"1 x\n")
    court.put("alice", b"p.changes", b"1 x\n3 a\n", first)
    verdict = court.put("bob", b"p.changes", b"1 x\n2 b\n", first)
    assert verdict.result is Result.MERGED
    assert court.tree() == {b"p.changes": b"1 x\n2 b\n3 a\n"}
    entry = court.store.entry(b"p.changes")
    assert entry is not None and entry.size == len(b"1 x\n2 b\n3 a\n")
    assert court.store.base(court.citizen("bob"), b"p.changes") == file_state(b"1 x\n2 b\n"), "the merge is still to be delivered"


def test_a_log_that_says_nothing_new_changes_nothing(court: Court) -> None:
    court.put("alice", b"p.changes", b"1 x\n2 y\n")
    verdict = court.put("bob", b"p.changes", b"1 x\n")
    assert verdict.result is Result.UNTOUCHED
    assert court.store.last_version() == 1


def test_a_deletion_loses_against_a_change(court: Court) -> None:
    court.put("alice", b"p", b"a")
    court.store.drop_lag(court.citizen("bob").id, b"p")
    court.put("alice", b"p", b"a2", A)
    assert court.edit("bob", Edit(b"p", ABSENT, A)).result is Result.KEPT
    assert court.tree() == {b"p": b"a2"}
    assert court.store.base(court.citizen("bob"), b"p") is ABSENT, "so it is delivered to bob again"


def test_a_base_that_was_never_theirs_is_unknown(court: Court) -> None:
    """Who claims to have seen the head and has not, overwrites nothing and deletes nothing."""
    court.put("alice", b"p", b"a")
    assert court.put("bob", b"p", b"b", A).result is Result.CONFLICT
    assert court.edit("bob", Edit(b"q", ABSENT, A)).result is Result.SAME
    court.put("alice", b"r", b"a")
    assert court.edit("bob", Edit(b"r", ABSENT, A)).result is Result.UNTOUCHED
    assert b"r" in court.tree()


def test_a_delivery_that_is_outstanding_is_a_base(court: Court) -> None:
    court.put("alice", b"p", b"a")
    bob = court.citizen("bob")
    court.store.set_lag(bob.id, b"p", ABSENT, [C, A])
    assert court.put("bob", b"p", b"b", A).result is Result.ACCEPTED
    assert court.store.lag(bob.id, b"p") is None


def test_a_change_whose_outcome_never_arrived_is_a_base(court: Court) -> None:
    court.put("alice", b"p", b"a")
    edit = Edit(b"p", B, ABSENT, A, True, size=1, content=Content(b"b"))
    assert court.edit("alice", edit).result is Result.ACCEPTED
    assert court.tree() == {b"p": b"b"}


def test_a_change_that_never_arrived_is_no_base(court: Court) -> None:
    edit = Edit(b"p", B, ABSENT, A, True, size=1, content=Content(b"b"))
    assert court.edit("alice", edit).result is Result.ACCEPTED
    court.put("bob", b"q", b"c")
    edit = Edit(b"q", B, ABSENT, A, True, size=1, content=Content(b"b"))
    assert court.edit("alice", edit).result is Result.CONFLICT


def test_first_contact_is_a_union(court: Court) -> None:
    court.put("alice", b"old", b"a")
    court.put("alice", b"old", b"b", A)
    court.put("alice", b"differs", b"a")
    court.put("alice", b"gone", b"a")
    court.edit("alice", Edit(b"gone", ABSENT, A))
    court.store.add_citizen("carol", 20009, "citizen", 0)
    court.store.update_citizen(court.citizen("carol").id, is_known=1)
    court.store.lag_everywhere(court.citizen("carol").id)
    results = {path: court.put("carol", path, text, is_unknown=True).result for path, text in (
        (b"old", b"a"), (b"differs", b"c"), (b"gone", b"a"), (b"new", b"c"),
    )}  # fmt: skip
    assert results == {b"old": Result.STALE, b"differs": Result.CONFLICT, b"gone": Result.STALE, b"new": Result.ACCEPTED}
    assert court.edit("carol", Edit(b"old", ABSENT, is_unknown=True)).result is Result.UNTOUCHED
    tree = court.tree()
    assert (tree[b"old"], tree[b"differs"], tree[b"new"], b"gone" in tree) == (b"b", b"a", b"c", False)
    assert b"c" in [content for path, content in tree.items() if b"differs (conflict carol" in path]


@pytest.mark.parametrize("path", [b".fwr", b".fwr/world.toml", b".fwr/x/y"])
def test_the_worlds_records_are_for_officials(tmp_path: Path, path: bytes) -> None:
    court = Court(tmp_path)
    verdict = court.put("alice", path, b"mine")
    assert verdict.result is Result.FORBIDDEN
    assert "official" in verdict.detail or path == b".fwr"
    assert court.tree() == {}
    assert court.store.base(court.citizen("alice"), path) == file_state(b"mine"), "so what is there is delivered: the change is undone"
    court.store.update_citizen(court.citizen("bob").id, role="official")
    if path == b".fwr":
        assert court.put("bob", path, b"official").result is Result.FORBIDDEN, "it is a directory, whoever would like it otherwise"
        return
    assert court.put("bob", path, b"official").result is Result.ACCEPTED
    assert court.put("alice", path, b"official").result is Result.SAME, "what they have from elsewhere is no change"


@pytest.mark.parametrize("path", [b".git/config", b"www/.GIT", b"x/" + b"n" * 256, b"cache", b"a/cache/b", b".htaccess", b".fwr-sentinel"])
def test_what_does_not_travel_is_refused_whoever_sends_it(court: Court, path: bytes) -> None:
    court.store.update_citizen(court.citizen("alice").id, role="official")
    verdict = court.put("alice", path, b"x")
    assert verdict.result is Result.REFUSED
    assert verdict.detail
    assert court.tree() == {}
    assert court.store.count_lags(court.citizen("alice").id) == 0


def test_a_file_where_a_directory_was_takes_nothing_with_it(court: Court) -> None:
    court.put("alice", b"d/x", b"a")
    verdict = court.put("bob", b"d", b"b")
    assert verdict.result is Result.CONFLICT
    assert court.tree() == court.on_disk() == {b"d": None, b"d/x": b"a", b"d (conflict bob 2026-11-25 12.00.00)": b"b"}


def test_what_was_made_below_a_file_lies_in_a_directory_beside_it(court: Court) -> None:
    court.put("alice", b"d", b"a")
    for path, text in ((b"d/x", b"1"), (b"d/y/z", b"2")):
        assert court.put("bob", path, text).result is Result.CONFLICT
    beside = b"d (conflict bob 2026-11-25 12.00.00)"
    expected = {b"d": b"a", beside: None, beside + b"/x": b"1", beside + b"/y": None, beside + b"/y/z": b"2"}
    assert court.tree() == court.on_disk() == expected


def test_nobody_holds_a_conflict_copy_before_it_was_delivered(court: Court) -> None:
    court.put("alice", b"d", b"a")
    court.put("bob", b"d/x", b"1")
    for name in ("alice", "bob"):
        for path in court.tree():
            if b"conflict" in path:
                assert court.store.base(court.citizen(name), path) is ABSENT, (name, path)


def test_what_replaces_a_directory_beside_keeps_its_place_whole(court: Court) -> None:
    """bob has d/x/y below what became a file, loses, and then makes d/x a file, before anything was delivered."""
    court.put("alice", b"d", b"a")
    court.put("bob", b"d/x/y", b"1")
    court.edit("bob", Edit(b"d/x/y", ABSENT, file_state(b"1")))
    court.put("bob", b"d/x", b"2", ABSENT)
    check_whole(court)
    assert court.canon.read(file_state(b"1")) == b"1"
    assert b"2" in court.tree().values()


def test_a_displaced_content_is_kept_and_changes_no_base(court: Court) -> None:
    court.put("alice", b"p.txt", b"a")
    court.store.drop_lag(court.citizen("bob").id, b"p.txt")
    verdict = court.put("bob", b"p.txt", b"b", is_unknown=True, is_orphan=True)
    assert (verdict.result, verdict.copy) == (Result.CONFLICT, COPY)
    assert court.store.base(court.citizen("bob"), b"p.txt") == A
    assert court.put("bob", b"p.txt", b"b", is_unknown=True, is_orphan=True).result is Result.SAME
    assert court.tree() == {b"p.txt": b"a", COPY: b"b"}


def test_a_displaced_content_whose_directory_became_a_file(court: Court) -> None:
    court.put("alice", b"d", b"a")
    verdict = court.put("bob", b"d/x", b"b", is_unknown=True, is_orphan=True)
    assert verdict.result is Result.CONFLICT
    check_whole(court)
    assert sorted(content or b"" for content in court.tree().values()) == [b"", b"a", b"b"]


@pytest.mark.parametrize("length", [PATH_LIMIT - 200, PATH_LIMIT - 100, PATH_LIMIT - 60, PATH_LIMIT - 20, PATH_LIMIT])
def test_of_a_path_at_the_limit_a_copy_can_be_delivered(court: Court, length: int) -> None:
    """A copy that no node takes would never be acknowledged: nobody would be in sync any more."""
    name = b"/note.txt"
    path = b"/".join([b"d" * 99] * 40)[: length - len(name) - 1] + b"d" + name
    assert len(path) == length
    court.put("alice", path, b"a")
    verdict = court.put("bob", path, b"b")
    assert verdict.result in (Result.CONFLICT, Result.REFUSED)
    if verdict.result is Result.CONFLICT:
        assert verdict.copy is not None and why_not(verdict.copy) is None


# random edits of several citizens

NAMES = ("alice", "bob", "carol")
PATHS = [b"a", b"a/b", b"a/b/c", b"a/d", b"e", b"l.changes"]
CHANGED_LATER = (Result.SAME, Result.UNTOUCHED, Result.STALE, Result.KEPT)


def check_whole(court: Court) -> None:
    """The canon is a tree: above everything is a directory; and the disk says the same as the tables."""
    tree = court.tree()
    for path in tree:
        for above in ancestors(path):
            assert tree.get(above, b"missing") is None, f"{above!r} above {path!r} is no directory"
    assert court.on_disk() == tree


class Machine:
    """A citizen's machine as far as the fold can tell: a disk, a record of what was agreed on, and what was sent in vain."""

    def __init__(self, court: Court, name: str) -> None:
        self.court = court
        self.name = name
        self.disk: dict[bytes, bytes | None] = {}
        self.record: dict[bytes, State] = {}
        self.sent: dict[bytes, State] = {}

    def state(self, path: bytes) -> State:
        if path not in self.disk:
            return ABSENT
        content = self.disk[path]
        return DIRECTORY if content is None else file_state(content)

    def write(self, path: bytes, content: bytes | None) -> None:
        """Somebody writes a file or (None) makes a directory, with whatever has to make room for it."""
        if any(self.disk.get(above, None) is not None for above in ancestors(path)):
            return
        if content is None and self.disk.get(path, b"") is None:
            return
        self.remove(path)
        self.disk.update(dict.fromkeys(ancestors(path)))
        self.disk[path] = content

    def remove(self, path: bytes) -> None:
        for other in [other for other in self.disk if other == path or is_beneath(other, path)]:
            del self.disk[other]

    def send(self, is_answered: bool, is_first: bool = False) -> None:
        """Send what is not as recorded, as one batch; what was sent in vain is sent again."""
        wanted = {path: self.state(path) for path in self.disk.keys() | self.record.keys() | self.sent.keys()}
        changes = {path: state for path, state in wanted.items() if is_first or state != self.record.get(path) or path in self.sent}
        for path in in_safe_order(changes.items()):
            content = self.disk.get(path)
            edit = Edit(
                path, changes[path], self.record.get(path), self.sent.get(path), path in self.sent, is_first, False, NOON,
                len(content or b""), Content(content),
            )  # fmt: skip
            verdict = self.court.edit(self.name, edit)
            assert verdict.result not in (Result.MISSING, Result.REFUSED)
            if is_file(edit.state):
                self.check_kept(edit, verdict)
            if is_answered or is_first:
                self.sent.pop(path, None)
                self.agree(path, changes[path])
            else:
                self.sent[path] = changes[path]

    def check_kept(self, edit: Edit, verdict: Verdict) -> None:
        """A content is the head, was a version, is beside, or all of its lines are in the merge."""
        tree, store = self.court.tree(), self.court.store
        text = self.disk[edit.path]
        assert text is not None
        if verdict.result is Result.ACCEPTED:
            assert tree[edit.path] == text
        elif verdict.result is Result.MERGED:
            assert set(text.splitlines()) <= set((tree[edit.path] or b"").splitlines())
        elif verdict.result is Result.CONFLICT:
            assert verdict.copy is not None and tree[verdict.copy] == text
        else:
            assert verdict.result in CHANGED_LATER
            is_in_log = set(text.splitlines()) <= set((tree.get(edit.path) or b"").splitlines())
            assert store.place_of(file_state(text)) is not None or is_in_log

    def agree(self, path: bytes, state: State) -> None:
        self.record[path] = state
        if state is ABSENT:
            del self.record[path]

    def take(self, is_acknowledged: bool) -> int:
        """Apply what can be applied of what is due; return how much that was."""
        store, citizen = self.court.store, self.court.citizen(self.name)
        due = [path for path, _ in store.lagging(citizen.id)]
        count = 0
        for path in in_safe_order((path, store.head(path)) for path in due):
            lag, head = store.lag(citizen.id, path), store.head(path)
            assert lag is not None
            if self.sent.get(path, UNKNOWN) is not UNKNOWN or self.state(path) != self.record.get(path):
                continue  # it was changed here: that comes first
            assert self.record.get(path) in (lag.base, *lag.sent), "no delivery would ever fit"
            if not self.place(path, head):
                continue
            count += 1
            self.agree(path, head)
            if is_acknowledged:
                store.drop_lag(citizen.id, path)
            else:
                store.set_lag(citizen.id, path, lag.base, [*lag.sent, head])
        return count

    def place(self, path: bytes, head: State) -> bool:
        above = parent(path)
        is_full = any(is_beneath(other, path) for other in self.disk)
        if head is ABSENT:
            if is_full:
                return False
            self.disk.pop(path, None)
            return True
        if any(self.disk.get(place, None) is not None for place in ancestors(path)) or (is_file(head) and is_full):
            return False
        self.disk.update(dict.fromkeys([*ancestors(path)] if above else []))
        assert isinstance(head, bytes)
        self.disk[path] = None if is_directory(head) else self.court.canon.read(head)
        return True

    def begin_anew(self) -> None:
        """The record was lost: first contact."""
        citizen = self.court.citizen(self.name)
        before = set(self.court.tree())
        self.record, self.sent = {}, {}
        self.court.store.drop_lags(citizen.id)
        self.court.store.lag_everywhere(citizen.id)
        self.send(is_answered=True, is_first=True)
        assert before <= set(self.court.tree()), "absent is not deleted"

    def check_base(self) -> None:
        """The server knows what this machine holds: its base is what is recorded here, or one of the two was told the other in vain."""
        store, citizen = self.court.store, self.court.citizen(self.name)
        for path in {
            *self.record,
            *self.sent,
            *(entry.path for entry in store.entries()),
            *(path for path, _ in store.lagging(citizen.id)),
        }:
            base, lag = store.base(citizen, path), store.lag(citizen.id, path)
            here = {self.record.get(path), self.sent.get(path, self.record.get(path))}
            there = {base, *(lag.sent if lag is not None else ())}
            assert here & there, f"{self.name} at {path!r}: {here} here, {there} there"


Step = Callable[[dict[str, Machine]], None]
_log = st.lists(st.integers(min_value=0, max_value=9), min_size=1, max_size=3).map(
    lambda times: b"".join(b"%d x\n" % time for time in times)
)
_text = st.sampled_from([b"one", b"two", b"three", b"four"])


@st.composite
def steps(draw: st.DrawFn) -> tuple[str, str, bytes, bytes | None]:
    name = draw(st.sampled_from(NAMES))
    what = draw(
        st.sampled_from(["write", "write", "write", "remove", "send", "send", "send in vain", "take", "take in vain", "begin anew"])
    )
    path = draw(st.sampled_from(PATHS))
    content = draw(_log if path.endswith(b".changes") else st.one_of(_text, st.none()))
    return name, what, path, content


@pytest.fixture(scope="module")
def quick_root() -> Iterator[Path]:
    """In memory where that is possible: every example has a canon on disk."""
    root = Path(tempfile.mkdtemp(dir=QUICK))
    yield root
    shutil.rmtree(root)


@given(st.lists(steps(), min_size=5, max_size=40))
def test_random_edits_lose_nothing_and_converge(quick_root: Path, script: list[tuple[str, str, bytes, bytes | None]]) -> None:
    for name in ("canon", "incoming"):
        shutil.rmtree(quick_root / name, ignore_errors=True)
    court = Court(quick_root, NAMES)
    machines = {name: Machine(court, name) for name in NAMES}
    for name, what, path, content in script:
        machine = machines[name]
        if what == "write":
            machine.write(path, content)
        elif what == "remove":
            machine.remove(path)
        elif what in ("send", "send in vain"):
            machine.send(is_answered=what == "send")
        elif what in ("take", "take in vain"):
            machine.take(is_acknowledged=what == "take")
        else:
            machine.begin_anew()
        check_whole(court)
        for each in machines.values():
            each.check_base()
    for _ in range(12):
        for machine in machines.values():
            machine.send(is_answered=True)
            machine.take(is_acknowledged=True)
            machine.check_base()
    for machine in machines.values():
        assert machine.disk == court.tree(), machine.name
        assert machine.record == {entry.path: entry.state for entry in court.store.entries()}
        assert court.store.count_lags(court.citizen(machine.name).id) == 0
    check_whole(court)
    court.store.close()


def test_a_copy_goes_to_its_successor_only(court: Court) -> None:
    """Bob's second edit was not made on his first, which is kept beside: the head had been delivered to him meanwhile."""
    court.put("alice", b"p.txt", b"a")
    first = court.put("bob", b"p.txt", b"b1")
    court.store.set_lag(court.citizen("bob").id, b"p.txt", ABSENT, [A])  # he acknowledged alice's, and then restored what he had before
    second = court.put("bob", b"p.txt", b"b2", ABSENT)
    assert (first.copy, second.result) == (COPY, Result.CONFLICT)
    assert second.copy != COPY
    assert sorted(content or b"" for content in court.tree().values()) == [b"a", b"b1", b"b2"]


def test_what_somebody_wrote_into_a_copy_is_not_replaced(court: Court) -> None:
    court.put("alice", b"p.txt", b"a")
    court.put("bob", b"p.txt", b"b1")
    court.store.drop_lag(court.citizen("alice").id, COPY)
    court.put("alice", COPY, b"alice on bob's", file_state(b"b1"))
    court.put("bob", b"p.txt", b"b2", file_state(b"b1"))
    assert sorted(content or b"" for content in court.tree().values()) == [b"a", b"alice on bob's", b"b2"]


def test_a_directory_that_its_citizen_removed_meanwhile_is_delivered_again(court: Court) -> None:
    """A run that was announced before the deletion arrived brings the directory back: at whom it was removed, it is missing."""
    court.edit("alice", Edit(b"d", DIRECTORY))
    court.store.drop_lag(court.citizen("bob").id, b"d")
    court.edit("alice", Edit(b"d", ABSENT, DIRECTORY))
    court.store.drop_lag(court.citizen("bob").id, b"d")  # bob acknowledged the deletion
    court.put("bob", b"d/x", b"b")
    assert court.store.base(court.citizen("bob"), b"d") is ABSENT


def test_a_directory_whose_deletion_did_not_arrive_is_still_held(court: Court) -> None:
    court.edit("alice", Edit(b"d", DIRECTORY))
    court.store.drop_lag(court.citizen("bob").id, b"d")
    court.edit("alice", Edit(b"d", ABSENT, DIRECTORY))
    court.put("bob", b"d/x", b"b")
    assert court.store.lag(court.citizen("bob").id, b"d") is None
    assert court.store.base(court.citizen("alice"), b"d") is ABSENT


def test_a_deletion_that_is_sent_again_after_a_delivery_whose_acknowledgement_was_lost(court: Court) -> None:
    """Bob's machine took alice's file up, and bob deleted it; neither the acknowledgement nor the first deletion arrived."""
    court.put("alice", b"p", b"a")
    bob = court.citizen("bob")
    court.store.set_lag(bob.id, b"p", ABSENT, [A])
    assert court.edit("bob", Edit(b"p", ABSENT, A, ABSENT, has_prior=True)).result is Result.ACCEPTED
    assert court.tree() == {}
    court.store.drop_lag(court.citizen("alice").id, b"p")
    court.put("alice", b"p", b"a")
    court.store.set_lag(bob.id, b"p", ABSENT, [A])
    again = court.edit("bob", Edit(b"p", ABSENT, A, ABSENT, has_prior=True))
    assert again.result is Result.UNTOUCHED, "his deletion was folded, alice's second one is another matter"
    assert court.tree() == {b"p": b"a"}


def test_what_streams_during_first_contact_is_held(court: Court) -> None:
    bob = court.citizen("bob")
    court.store.update_citizen(bob.id, is_known=0)
    court.put("bob", b"p", b"b")
    court.store.lag_everywhere(bob.id)
    court.store.update_citizen(bob.id, is_known=1)
    court.store.drop_lag(court.citizen("alice").id, b"p")
    court.edit("alice", Edit(b"p", ABSENT, B))
    lag = court.store.lag(bob.id, b"p")
    assert lag is not None and lag.base == B, "the deletion is delivered to bob"


def test_who_edits_on_while_answers_are_lost_does_not_lose_against_themselves(court: Court) -> None:
    """The first edit was folded, its outcome lost; the second was lost; the third follows both."""
    court.put("bob", b"p", b"a")
    third = Edit(b"p", C, ABSENT, B, has_prior=True, size=1, content=Content(b"c"), older=(A,))
    assert court.edit("bob", third).result is Result.ACCEPTED
    assert court.tree() == {b"p": b"c"}


def test_of_what_was_agreed_on_elsewhere_the_newest_that_is_known_here_is_the_base(court: Court) -> None:
    first, second, third = (file_state(text) for text in (b"first", b"second", b"third"))
    for path in (b"p", b"q", b"r", b"s", b"t"):
        court.put("alice", path, b"first")
    court.put("alice", b"q", b"other", first)
    court.edit("alice", Edit(b"s", ABSENT, first))
    court.put("alice", b"s", b"first")
    court.store.add_citizen("carol", 20009, "citizen", 0)
    court.store.update_citizen(court.citizen("carol").id, is_known=1)
    court.store.lag_everywhere(court.citizen("carol").id)

    def brings(path: bytes, state: State, *claims: State, content: bytes | None = None) -> Result:
        size = len(content or b"")
        edit = Edit(path, state, claims[0], trail=claims[1:], is_unknown=True, size=size, content=Content(content))
        return court.edit("carol", edit).result

    assert brings(b"p", third, third, second, first, content=b"third") is Result.ACCEPTED, (
        "versions of another server, made of what is the head"
    )
    assert brings(b"q", second, second, first, content=b"second") is Result.CONFLICT, "both have gone on from there"
    assert brings(b"r", ABSENT, ABSENT, first) is Result.ACCEPTED, "that it was deleted elsewhere is news"
    assert brings(b"s", ABSENT, ABSENT, first) is Result.UNTOUCHED, "it was deleted here too, and put there again since"
    assert brings(b"t", file_state(b"anew"), ABSENT, first, content=b"anew") is Result.ACCEPTED, "made anew where it was deleted elsewhere"
    assert brings(b"u", first, ABSENT, content=b"first") is Result.ACCEPTED, "nothing is claimed of a path that was never agreed on"


def test_what_was_agreed_on_with_another_server_is_a_base_if_the_history_has_it(court: Court) -> None:
    first, second = file_state(b"first"), file_state(b"second")
    court.put("alice", b"p", b"first")
    court.put("alice", b"q", b"first")
    court.put("alice", b"q", b"second", first)
    court.put("alice", b"r", b"first")
    court.store.add_citizen("carol", 20009, "citizen", 0)
    court.store.update_citizen(court.citizen("carol").id, is_known=1)
    court.store.lag_everywhere(court.citizen("carol").id)
    assert court.put("carol", b"p", b"edited since", first, is_unknown=True).result is Result.ACCEPTED, "an edit of what is the head still"
    assert court.put("carol", b"q", b"edited too", first, is_unknown=True).result is Result.CONFLICT, "the head has moved meanwhile"
    assert court.put("carol", b"q", b"something else", file_state(b"never heard of"), is_unknown=True).result is Result.CONFLICT
    assert court.edit("carol", Edit(b"q", ABSENT, file_state(b"never heard of"), is_unknown=True)).result is Result.UNTOUCHED
    assert court.edit("carol", Edit(b"q", ABSENT, first, is_unknown=True)).result is Result.KEPT, "deleted there, changed here"
    assert court.edit("carol", Edit(b"q", ABSENT, second, is_unknown=True)).result is Result.ACCEPTED, "what is the head still was deleted"
    assert court.put("carol", b"r", b"first", first, is_unknown=True).result is Result.SAME


FIRST, SECOND, THIRD, FOURTH = (file_state(text) for text in (b"one", b"two", b"three", b"four"))


class Passing(Court):
    """A fold to which a peer brings what alice and bob have edited there; carol only reads."""

    def __init__(self, root: Path) -> None:
        super().__init__(root, ("alice", "bob", "peer"))
        carol = self.store.add_citizen("carol", 20009, "reader", 0)
        self.store.update_citizen(carol.id, is_known=1)

    def passes(self, name: str, path: bytes, text: bytes | None, base: State, *between: tuple[str, bytes], **more: Any) -> Verdict:
        """The peer passes on what somebody made of a base, and what others had made of that in between."""
        versions = tuple(
            Edit(path, file_state(each), size=len(each), time=NOON, content=Content(each), writer=self.citizen(author))
            for author, each in between
        )
        state = file_state(text) if text is not None else ABSENT
        edit = Edit(
            path, state, base, time=NOON, size=len(text or b""), content=Content(text), writer=self.citizen(name), between=versions, **more
        )  # fmt: skip
        return self.edit("peer", edit)

    def catches_up(self) -> None:
        """The peer gets everything."""
        for path, _ in self.store.lagging(self.citizen("peer").id):
            self.store.drop_lag(self.citizen("peer").id, path)

    def versions(self, path: bytes) -> list[tuple[str, State]]:
        """Return who has made which versions of a path, the oldest first."""
        return list(self.store.db.execute("SELECT author, state FROM versions WHERE path = ? ORDER BY id", (path,)))


@pytest.fixture
def passing(tmp_path: Path) -> Iterator[Passing]:
    passing = Passing(tmp_path)
    yield passing
    passing.store.close()


def test_what_a_peer_passes_on_is_its_authors_and_the_peer_holds_it(passing: Passing) -> None:
    assert passing.passes("bob", b"p", b"one", ABSENT).result is Result.ACCEPTED
    assert passing.versions(b"p") == [("bob", FIRST)]
    assert passing.store.base(passing.citizen("peer"), b"p") == FIRST
    assert passing.store.base(passing.citizen("bob"), b"p") is ABSENT, "bob is with the peer"
    passing.put("alice", b"p", b"two", file_state(b"else"))
    assert passing.passes("bob", b"p", b"three", FIRST).copy is None


def test_what_a_peer_passes_on_is_judged_by_its_author_s_role(passing: Passing) -> None:
    assert passing.passes("carol", b"p", b"one", ABSENT).result is Result.FORBIDDEN
    assert passing.tree() == {}
    assert passing.passes("carol", b"p", b"one", ABSENT, is_settled=True).result is Result.ACCEPTED, "the server has judged it"
    assert passing.versions(b"p") == [("carol", FIRST)]


def test_what_a_peer_had_in_between_is_in_the_history_with_its_authors(passing: Passing) -> None:
    passing.put("alice", b"p", b"one")
    passing.catches_up()
    assert passing.passes("bob", b"p", b"four", FIRST, ("alice", b"two"), ("bob", b"three")).result is Result.ACCEPTED
    assert passing.versions(b"p") == [("alice", FIRST), ("alice", SECOND), ("bob", THIRD), ("bob", FOURTH)]
    assert passing.on_disk() == {b"p": b"four"}
    assert passing.canon.read(SECOND) == b"two"


def test_of_what_a_peer_had_in_between_others_may_have_brought_some(passing: Passing) -> None:
    passing.put("alice", b"p", b"one")
    passing.catches_up()
    passing.put("alice", b"p", b"two", FIRST)
    assert passing.passes("bob", b"p", b"four", FIRST, ("alice", b"two"), ("bob", b"three")).result is Result.ACCEPTED
    assert passing.versions(b"p") == [("alice", FIRST), ("alice", SECOND), ("bob", THIRD), ("bob", FOURTH)]


def test_what_others_have_brought_of_a_peer_and_gone_on_with_is_nothing_new(passing: Passing) -> None:
    for path in (b"p", b"q"):
        passing.put("alice", path, b"one")
    passing.catches_up()
    for path in (b"p", b"q"):
        passing.put("alice", path, b"two", FIRST)
        passing.put("alice", path, b"three", SECOND)
    assert passing.passes("bob", b"p", b"two", FIRST).result is Result.UNTOUCHED
    assert passing.passes("bob", b"q", b"two", FIRST, ("bob", b"four")).result is Result.CONFLICT, "what was in between is new"


def test_what_a_peer_s_was_made_of_is_no_conflict_with_it(passing: Passing) -> None:
    passing.put("alice", b"p", b"one")
    passing.catches_up()
    passing.put("alice", b"p", b"two", FIRST)
    assert passing.passes("bob", b"p", b"three", FIRST, trail=(SECOND,)).result is Result.ACCEPTED


def test_what_was_there_before_the_peer_s_base_and_is_there_again_is_not_what_it_went_by(passing: Passing) -> None:
    passing.put("alice", b"p.txt", b"one")
    passing.put("alice", b"p.txt", b"two", FIRST)
    passing.catches_up()
    passing.put("alice", b"p.txt", b"one", SECOND)
    verdict = passing.passes("bob", b"p.txt", b"three", SECOND, trail=(FIRST,))
    assert verdict.result is Result.CONFLICT, "nobody at the peer has seen that alice put it back"
    assert passing.tree()[b"p.txt"] == b"one"


def test_a_deletion_is_passed_on_and_loses_against_a_change(passing: Passing) -> None:
    for path in (b"p", b"q"):
        passing.put("alice", path, b"one")
    passing.catches_up()
    passing.put("alice", b"q", b"two", FIRST)
    assert passing.passes("bob", b"p", None, FIRST).result is Result.ACCEPTED
    assert passing.passes("bob", b"q", None, FIRST).result is Result.KEPT
    assert passing.tree() == {b"q": b"two"}
    assert passing.versions(b"p")[-1] == ("bob", ABSENT)


def test_a_merge_of_what_a_peer_passes_on_is_its_author_s(passing: Passing) -> None:
    passing.put("alice", b"p.md", b"a\nb\nc\nd\ne\n")
    passing.catches_up()
    passing.put("alice", b"p.md", b"alice\nb\nc\nd\ne\n", file_state(b"a\nb\nc\nd\ne\n"))
    assert passing.passes("bob", b"p.md", b"a\nb\nc\nd\nbob\n", file_state(b"a\nb\nc\nd\ne\n")).result is Result.MERGED
    assert passing.tree() == {b"p.md": b"alice\nb\nc\nd\nbob\n"}
    assert [author for author, _ in passing.versions(b"p.md")] == ["alice", "alice", "bob", "bob"]


def test_a_conflict_copy_of_what_a_peer_passes_on_has_its_author_s_name(passing: Passing) -> None:
    passing.put("alice", b"p.txt", b"a")
    assert passing.passes("bob", b"p.txt", b"b", ABSENT).copy == COPY


@pytest.mark.parametrize(("name", "counts"), [("alice", True), ("carol", False)])
def test_what_the_head_was_made_of_is_told_by_those_who_may_write_it(passing: Passing, name: str, counts: bool) -> None:
    passing.put("bob", b"p", b"three")
    edit = Edit(b"p", THIRD, THIRD, trail=(SECOND,), is_unknown=True, size=5, content=Content(b"three"))
    assert passing.edit(name, edit).result is Result.SAME
    late = Edit(b"p", SECOND, SECOND, is_unknown=True, size=3, content=Content(b"two"))
    assert passing.edit("bob", late).result is (Result.UNTOUCHED if counts else Result.CONFLICT)


def test_what_the_server_had_in_between_is_nothing_new_at_a_peer(passing: Passing) -> None:
    passing.put("alice", b"p", b"three")
    passing.fold.heard_of(b"p", [FIRST, SECOND])
    late = Edit(b"p", SECOND, SECOND, trail=(FIRST,), is_unknown=True, size=3, content=Content(b"two"))
    assert passing.edit("bob", late).result is Result.UNTOUCHED
    passing.put("alice", b"q", b"three")
    assert passing.edit("bob", replace(late, path=b"q")).result is Result.CONFLICT


def test_of_what_is_claimed_so_much_is_looked_up(passing: Passing) -> None:
    passing.put("alice", b"p", b"one")
    unknown = [file_state(str(number).encode()) for number in range(31)]
    assert passing.fold.claimed_base(b"p", [*unknown, FIRST]) == FIRST
    assert passing.fold.claimed_base(b"p", [*unknown, SECOND, FIRST]) is UNKNOWN


DEEP = b"/".join([b"d"] * (DEPTH_LIMIT + 1) + [b"bottom"])


def test_field_F04_what_is_too_deep_is_refused_and_what_is_there_already_is_not(court: Court) -> None:
    verdict = court.put("alice", DEEP, b"a")
    assert verdict.result is Result.REFUSED and "directories deep" in verdict.detail
    court.fold._move("alice", DEEP, A, 1, NOON, NOON)
    court.store.add_pending(A, b"a", None)
    hold_all(court)
    assert court.put("alice", DEEP, b"b", A).result is Result.ACCEPTED
    hold_all(court)
    assert court.edit("bob", Edit(DEEP, ABSENT, B)).result is Result.ACCEPTED
    assert DEEP not in court.tree()


def test_field_F02_what_was_written_over_unread_is_merged_with_it(court: Court) -> None:
    court.put("alice", b"p.md", PAGE)
    hold_all(court)
    court.put("alice", b"p.md", ONE, file_state(PAGE))
    hold_all(court)
    verdict = court.edit("bob", edit_of(b"p.md", FOUR, file_state(ONE), file_state(PAGE)))
    assert verdict.result is Result.MERGED
    assert court.tree() == {b"p.md": BOTH}


def test_field_F02_what_can_not_be_merged_with_what_was_not_read_is_kept_beside(court: Court) -> None:
    court.put("alice", b"p.txt", b"a")
    hold_all(court)
    court.put("alice", b"p.txt", b"b", A)
    hold_all(court)
    assert court.edit("bob", edit_of(b"p.txt", b"bob's", B, A)).result is Result.CONFLICT
    assert court.tree()[b"p.txt"] == b"b", "what nobody at bob's has seen stays"
    assert sorted(content or b"" for content in court.tree().values()) == [b"b", b"bob's"]


def test_who_saves_unread_what_was_there_before_has_changed_nothing(court: Court) -> None:
    court.put("alice", b"p.txt", b"a")
    hold_all(court)
    court.put("alice", b"p.txt", b"b", A)
    hold_all(court)
    assert court.edit("bob", edit_of(b"p.txt", b"a", B, A)).result is Result.UNTOUCHED
    assert court.tree() == {b"p.txt": b"b"}


def test_a_state_that_nobody_knows_is_no_reason_to_look_further_back(court: Court) -> None:
    court.put("alice", b"p.txt", b"b")
    hold_all(court)
    assert court.edit("bob", edit_of(b"p.txt", b"bob's", B, file_state(b"made up"))).result is Result.ACCEPTED


def test_a_deletion_means_what_is_there_whatever_was_read(court: Court) -> None:
    court.put("alice", b"p.txt", b"a")
    hold_all(court)
    court.put("alice", b"p.txt", b"b", A)
    hold_all(court)
    assert court.edit("bob", Edit(b"p.txt", ABSENT, B, seen=(A,))).result is Result.ACCEPTED
    assert court.tree() == {}


def edit_of(path: bytes, text: bytes, base: State, seen: State) -> Edit:
    """Return an edit of a program that had read ``seen`` and nothing newer."""
    return Edit(path, file_state(text), base, time=NOON, size=len(text), content=Content(text), seen=(seen,))


def test_field_F31_a_path_that_loses_again_and_again_has_a_bounded_number_of_copies(court: Court) -> None:
    """Two programs rewrite one file, cut off from each other again and again: the newest copies stay, and somebody is told."""
    court.put("alice", b"state.json", b"0")
    hold_all(court)
    verdicts = []
    for number in range(15):
        court.put("alice", b"state.json", b"a%d" % number, court.store.head(b"state.json"))
        edit = Edit(
            b"state.json",
            file_state(b"b%d" % number),
            B,
            time=NOON + number * 10**9,
            size=3,
            content=Content(b"b%d" % number),
            is_unknown=True,
        )
        verdicts.append(court.edit("bob", edit))
        hold_all(court)
    assert {verdict.result for verdict in verdicts} == {Result.CONFLICT}
    copies = [content for path, content in court.tree().items() if b"conflict bob" in path]
    assert copies == [b"b%d" % number for number in range(5, 15)]
    assert [bool(verdict.detail) for verdict in verdicts] == [False] * 10 + [True] * 5
    assert "fwrkit ignore" in verdicts[-1].detail and court.fold.losing == {b"state.json": "bob"}
    assert all(court.canon.has(file_state(b"b%d" % number)) for number in range(15)), "nothing is lost"


def test_copies_of_another_path_or_author_are_left_alone(court: Court) -> None:
    others = [b"state.json", b"states.json", b"state (conflict bob 2026-11-25 12.00.00).txt"]
    for number in range(12):
        for path, name in zip(others, ("bob", "alice", "alice"), strict=True):
            court.put(name, path, b"%d %d" % (number, len(path)), ABSENT, is_unknown=True)
    kept = [path for path, content in court.tree().items() if content is not None]
    assert all(path in kept for path in others[:2])


def test_what_was_folded_already_is_no_reason_to_look_further_back(court: Court) -> None:
    """An edit over an unread delivery was folded, its outcome was lost with the connection, and the next one was made of it."""
    court.put("alice", b"p.txt", b"a")
    hold_all(court)
    court.put("alice", b"p.txt", b"b", A)
    hold_all(court)
    first = court.edit("bob", edit_of(b"p.txt", b"bob's", B, A))
    assert first.result is Result.CONFLICT
    again = replace(edit_of(b"p.txt", b"bob's second", B, A), prior=file_state(b"bob's"), has_prior=True)
    second = court.edit("bob", again)
    assert (second.result, second.copy) == (Result.CONFLICT, first.copy), "its successor takes the copy's place"
    assert sorted(content or b"" for content in court.tree().values()) == [b"b", b"bob's second"]
