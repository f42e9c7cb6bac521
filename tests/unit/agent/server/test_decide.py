"""The decision: the design's table as a table, and what must hold for every question that can be asked."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from fwrkit.agent.server.decide import Question, Result, decide
from fwrkit.agent.states import ABSENT, DIRECTORY, UNKNOWN, Base, State, file_state, is_directory, is_file

A, B, C = (file_state(text) for text in (b"a", b"b", b"c"))
D = DIRECTORY
STATES: list[State] = [ABSENT, D, A, B, C]
BASES: list[Base] = [UNKNOWN, *STATES]
FLAGS = ("was_version", "is_mergeable", "is_blocked", "has_descendants", "is_orphan")

Row = tuple[str, Base, State, State, dict[str, bool], Result]
TABLE: list[Row] = [
    # new = head: nothing to do
    ("both have it", A, B, B, {}, Result.SAME),
    ("both deleted it", A, ABSENT, ABSENT, {}, Result.SAME),
    ("both made the directory", ABSENT, D, D, {}, Result.SAME),
    ("first contact, the same content", UNKNOWN, A, A, {}, Result.SAME),
    ("first contact, absent at both", UNKNOWN, ABSENT, ABSENT, {}, Result.SAME),
    # base = head: accept
    ("an edit", A, A, B, {}, Result.ACCEPTED),
    ("a new file", ABSENT, ABSENT, A, {}, Result.ACCEPTED),
    ("a new directory", ABSENT, ABSENT, D, {}, Result.ACCEPTED),
    ("a deletion", A, A, ABSENT, {}, Result.ACCEPTED),
    ("a directory that is empty goes", D, D, ABSENT, {}, Result.ACCEPTED),
    ("a file becomes a directory", A, A, D, {}, Result.ACCEPTED),
    ("an empty directory becomes a file", D, D, A, {}, Result.ACCEPTED),
    ("back to an older version", B, B, A, {"was_version": True}, Result.ACCEPTED),
    # new = base: not touched
    ("not touched, changed there", A, B, A, {}, Result.UNTOUCHED),
    ("not touched, deleted there", A, ABSENT, A, {}, Result.UNTOUCHED),
    ("absent here as before, made there", ABSENT, A, ABSENT, {}, Result.UNTOUCHED),
    # all differ
    ("both changed it", A, B, C, {}, Result.CONFLICT),
    ("both made it", ABSENT, B, C, {}, Result.CONFLICT),
    ("both changed it, mergeable", A, B, C, {"is_mergeable": True}, Result.MERGED),
    ("both made it, mergeable", ABSENT, B, C, {"is_mergeable": True}, Result.MERGED),
    ("changed here, deleted there", A, ABSENT, B, {}, Result.ACCEPTED),
    ("directory here, deleted there", A, ABSENT, D, {}, Result.ACCEPTED),
    ("back to an older version, changed there", B, C, A, {"was_version": True}, Result.CONFLICT),
    # deleted here, changed there: the change wins
    ("deleted here, changed there", A, B, ABSENT, {}, Result.KEPT),
    ("deleted here, a directory there", A, D, ABSENT, {}, Result.KEPT),
    # base unknown
    ("first contact, an older version", UNKNOWN, B, A, {"was_version": True}, Result.STALE),
    ("first contact, an older version of what was deleted", UNKNOWN, ABSENT, A, {"was_version": True}, Result.STALE),
    ("first contact, absent is not deleted", UNKNOWN, A, ABSENT, {}, Result.UNTOUCHED),
    ("first contact, absent is not deleted, ever", UNKNOWN, A, ABSENT, {"was_version": True}, Result.UNTOUCHED),
    ("first contact, a directory is not missing", UNKNOWN, D, ABSENT, {"has_descendants": True}, Result.UNTOUCHED),
    ("first contact, something new", UNKNOWN, ABSENT, A, {}, Result.ACCEPTED),
    ("first contact, another content", UNKNOWN, A, B, {}, Result.CONFLICT),
    ("first contact, another content, mergeable", UNKNOWN, A, B, {"is_mergeable": True}, Result.MERGED),
    # a file here, a directory there
    ("a file here, a directory there", ABSENT, D, A, {}, Result.CONFLICT),
    ("a file here, a full directory there, unseen", D, D, A, {"has_descendants": True}, Result.CONFLICT),
    ("a directory here, a file there", ABSENT, A, D, {}, Result.CONFLICT),
    ("a directory here, a file there, mergeable or not", ABSENT, A, D, {"is_mergeable": True}, Result.CONFLICT),
    ("deleted here, filled there", D, D, ABSENT, {"has_descendants": True}, Result.KEPT),
    ("below a file, new", ABSENT, ABSENT, A, {"is_blocked": True}, Result.CONFLICT),
    ("below a file, edited", A, ABSENT, B, {"is_blocked": True}, Result.CONFLICT),
    ("below a file, a directory", ABSENT, ABSENT, D, {"is_blocked": True}, Result.CONFLICT),
    ("below a file, not touched", A, ABSENT, A, {"is_blocked": True}, Result.UNTOUCHED),
    ("below a file, deleted too", A, ABSENT, ABSENT, {"is_blocked": True}, Result.SAME),
    ("below a file, first contact", UNKNOWN, ABSENT, A, {"is_blocked": True}, Result.CONFLICT),
    ("below a file, first contact, an older version", UNKNOWN, ABSENT, A, {"is_blocked": True, "was_version": True}, Result.UNTOUCHED),
    # a displaced file that was written on
    ("displaced, something new", UNKNOWN, A, B, {"is_orphan": True}, Result.CONFLICT),
    ("displaced, something new, mergeable", UNKNOWN, A, B, {"is_orphan": True, "is_mergeable": True}, Result.MERGED),
    ("displaced, deleted meanwhile", UNKNOWN, ABSENT, B, {"is_orphan": True}, Result.ACCEPTED),
    ("displaced, known", UNKNOWN, A, B, {"is_orphan": True, "was_version": True}, Result.SAME),
    ("displaced, below a file by now", UNKNOWN, ABSENT, B, {"is_orphan": True, "is_blocked": True}, Result.CONFLICT),
]  # fmt: skip


@pytest.mark.parametrize(("base", "head", "new", "flags", "expected"), [row[1:] for row in TABLE], ids=[row[0] for row in TABLE])
def test_the_table(base: Base, head: State, new: State, flags: dict[str, bool], expected: Result) -> None:
    assert decide(Question(base, head, new, **flags)) is expected


def is_possible(question: Question) -> bool:
    """Say whether the fold can ask this: what is blocked has no head, what has descendants is a directory, what merges is two files."""
    if question.is_blocked and question.head is not ABSENT:
        return False
    if question.has_descendants and not is_directory(question.head):
        return False
    if question.is_mergeable and not (is_file(question.new) and is_file(question.head)):
        return False
    if question.is_orphan and not (is_file(question.new) and question.base is UNKNOWN):
        return False
    return not (question.new is ABSENT and question.was_version and question.head is ABSENT)


def questions() -> list[Question]:
    """Return every question that can be asked: three contents are as many as can differ."""
    result = []
    for base, head, new in itertools.product(BASES, STATES, STATES):
        for flags in itertools.product((False, True), repeat=len(FLAGS)):
            arguments: dict[str, Any] = dict(zip(FLAGS, flags, strict=True))
            question = Question(base, head, new, **arguments)
            if is_possible(question):
                result.append(question)
    return result


QUESTIONS = questions()
KEEPS_NEW = {Result.ACCEPTED, Result.MERGED, Result.CONFLICT}


def test_no_question_is_left_open() -> None:
    assert len(QUESTIONS) > 500
    assert {decide(question) for question in QUESTIONS} == set(Result) - {Result.REFUSED, Result.FORBIDDEN, Result.REVIEW, Result.MISSING}


def test_no_content_is_lost() -> None:
    """A content is the head, or known to be somebody's earlier one, or it is kept: accepted, merged, or beside."""
    for question in QUESTIONS:
        if is_file(question.new) and decide(question) not in KEEPS_NEW:
            is_known = question.new in (question.head, question.base) or question.was_version
            assert is_known, question


def test_nobody_s_content_is_overwritten_unseen() -> None:
    """The head only moves for somebody who had seen it, or if nothing is there."""
    for question in QUESTIONS:
        if decide(question) is Result.ACCEPTED:
            assert question.head is ABSENT or question.head == question.base, question
            assert not question.has_descendants, question
            assert not question.is_blocked, question


def test_only_who_knew_deletes() -> None:
    for question in QUESTIONS:
        if question.new is ABSENT and decide(question) is Result.ACCEPTED:
            assert question.base == question.head != ABSENT, question


def test_what_was_not_touched_changes_nothing() -> None:
    for question in QUESTIONS:
        if question.new == question.base and not question.is_orphan:
            assert decide(question) in (Result.UNTOUCHED, Result.SAME), question


def test_at_first_contact_nothing_is_deleted_and_nothing_replaced() -> None:
    for question in QUESTIONS:
        if question.base is UNKNOWN and question.head is not ABSENT:
            assert decide(question) is not Result.ACCEPTED, question


def test_a_merge_is_of_two_files() -> None:
    for question in QUESTIONS:
        if decide(question) is Result.MERGED:
            assert question.is_mergeable and is_file(question.head) and is_file(question.new), question


def test_asking_again_after_it_was_accepted_changes_nothing() -> None:
    """A change whose outcome never arrived is sent again: the second time it is there already."""
    for question in QUESTIONS:
        if decide(question) is Result.ACCEPTED:
            again = Question(question.base, question.new, question.new, True, is_orphan=question.is_orphan)
            assert decide(again) is Result.SAME, question


def test_a_conflict_has_two_sides() -> None:
    for question in QUESTIONS:
        if decide(question) is Result.CONFLICT:
            assert question.new is not ABSENT, question
            assert question.is_blocked or question.head is not ABSENT, question
