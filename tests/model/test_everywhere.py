"""The way of an edit from its author to another, with a fault at every single system call of every step of it."""

from __future__ import annotations

import itertools

import pytest

from tests.model.play import Sequence, play

EDITS: dict[str, Sequence] = {
    "a small file": [("put", "alice", 3)],
    "a large file": [("large", "alice", 3)],
    "a deletion": [("delete", "alice", 3)],
    "a file in the place of a directory": [("put", "alice", 2)],
    "both at once": [("put", "alice", 3), ("put", "bob", 3)],
}
WAY: Sequence = [
    ("engine", "alice"), ("engine", "alice"), ("job", "alice", 0), ("engine", "alice"), ("up", "alice", 99), ("hub",),
    ("job", "server", 0), ("hub",), ("down", "alice", 99), ("engine", "alice"), ("job", "alice", 0), ("engine", "alice"),
    ("up", "alice", 99), ("hub",), ("job", "server", 0), ("hub",), ("hub",), ("job", "server", 0), ("hub",), ("historian",),
    ("down", "bob", 99), ("engine", "bob"), ("job", "bob", 0), ("engine", "bob"), ("up", "bob", 99), ("hub",), ("down", "bob", 99),
    ("engine", "bob"),
]  # fmt: skip
STEPS = [index for index, step in enumerate(WAY) if step[0] not in ("up", "down")]


@pytest.mark.parametrize("kind", ["crash", "full"])
@pytest.mark.parametrize("edit", EDITS)
def test_a_fault_anywhere_on_the_way(edit: str, kind: str) -> None:
    for index in STEPS:
        for number in itertools.count(1):
            struck = [*WAY[:index], (kind, number, *WAY[index]), *WAY[index + 1 :]]
            sequence = [("put", "alice", 3), ("round", 5), *EDITS[edit], *struck]
            try:
                oracle = play(sequence)
            except AssertionError as error:
                raise AssertionError(f"{kind} at call {number} of step {index}, {WAY[index]}: {error}; {sequence}") from error
            if not oracle.was_interrupted:
                break
