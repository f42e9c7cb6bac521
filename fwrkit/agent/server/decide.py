"""The fold's decision for one path: a pure function of base, head and new, and of what lies above and below the path."""

from __future__ import annotations

import enum
from dataclasses import dataclass

from fwrkit.agent.states import ABSENT, UNKNOWN, Base, State, is_directory, is_file


class Result(enum.Enum):
    """What came of a change; the value is the sentence that people read."""

    SAME = "The server had it already."
    ACCEPTED = "Accepted."
    UNTOUCHED = "The citizen had not touched it; the newer version is delivered."
    STALE = "It is an older version of this path; the current one is delivered."
    MERGED = "Merged with what others wrote."
    CONFLICT = "Somebody else changed it too; this version is kept beside it."
    KEPT = "It was deleted here and changed elsewhere; the change wins."
    REFUSED = "It does not travel."
    FORBIDDEN = "The policy refuses it; it is undone at its author's."
    REVIEW = "It waits until an official accepts it."
    MISSING = "The server does not have this content; send it."


@dataclass(frozen=True)
class Question:
    """Everything that the decision depends on.

    ``base``: what the citizen's machine was known to hold when it was edited. ``head``: the canon now. ``new``: what it holds now.
    ``was_version``: ``new`` was the canon's state of this path at some time. ``is_mergeable``: head and new can be merged cleanly.
    ``is_blocked``: a file stands where an ancestor of the path should be a directory. ``has_descendants``: the canon has something
    below this path. ``is_orphan``: a displaced file that was written on; the path itself holds something else by now.
    """

    base: Base
    head: State
    new: State
    was_version: bool = False
    is_mergeable: bool = False
    is_blocked: bool = False
    has_descendants: bool = False
    is_orphan: bool = False


def decide(question: Question) -> Result:
    """Given a question, return what is to be done.

    ACCEPTED moves the head to ``new``; MERGED to the merge; CONFLICT keeps ``new`` beside the head; all others leave the canon as it is.
    """
    base, head, new = question.base, question.head, question.new
    if new == head and not question.is_blocked:
        return Result.SAME
    if question.is_orphan:
        if question.was_version or not is_file(new):
            return Result.SAME
        return Result.CONFLICT if question.is_blocked else _both_changed(question)
    if question.is_blocked:
        return _blocked(question)
    if base is UNKNOWN:
        return _first_seen(question)
    if new == base:
        return Result.UNTOUCHED
    if base == head:
        return _successor(question)
    return _both_changed(question)


def _blocked(question: Question) -> Result:
    """Somebody put a file where a directory above this path was."""
    if question.new is ABSENT:
        return Result.SAME
    if question.new == question.base or (question.base is UNKNOWN and question.was_version):
        return Result.UNTOUCHED
    return Result.CONFLICT


def _first_seen(question: Question) -> Result:
    """No base: absent is not deleted, an older version is not an edit, everything else is somebody's work."""
    if question.new is ABSENT:
        return Result.UNTOUCHED
    if question.was_version:
        return Result.STALE
    return _both_changed(question)


def _successor(question: Question) -> Result:
    """The citizen had seen the head. Only what lies below a directory, unseen, can be in the way."""
    if is_directory(question.head) and question.has_descendants:
        return Result.KEPT if question.new is ABSENT else Result.CONFLICT
    return Result.ACCEPTED


def _both_changed(question: Question) -> Result:
    """Neither had seen the other."""
    if question.new is ABSENT:
        return Result.KEPT
    if question.head is ABSENT:
        return Result.ACCEPTED
    if is_file(question.new) and is_file(question.head) and question.is_mergeable:
        return Result.MERGED
    return Result.CONFLICT
