"""Officials, policies and filters: sequences that once failed, named by what was wrong, and some at random (many: ``nightly.py COUNT SEED republic``)."""

from __future__ import annotations

import os

import pytest

from tests.model.chance import troubled
from tests.model.play import Sequence, play

_EXAMPLES = int(os.environ.get("FWRKIT_MODEL_EXAMPLES", "600")) // 12
_SENT: Sequence = [("engine", "alice"), ("engine", "alice"), ("engine", "alice"), ("up", "alice", 99), ("hub",)]
_BEGUN: Sequence = [("put", "alice", 0), ("put", "alice", 3), ("put", "bob", 5), ("round", 5)]
_RUN: Sequence = [
    ("engine", "alice"), ("engine", "alice"), ("job", "alice", 0), ("engine", "alice"), ("up", "alice", 99), ("hub",), ("job", "server", 0),
    ("hub",), ("down", "alice", 99), ("engine", "alice"), ("job", "alice", 0), ("engine", "alice"), ("up", "alice", 99), ("hub",),
    ("job", "server", 0), ("hub",), ("hub",),
]  # fmt: skip
# policies by their numbers: 13 refuses "a" to citizens; 11 has "a" and "b" wait, whoever changes them

FOUND: dict[str, Sequence] = {
    "a refusal that was lost with the connection": [
        *_BEGUN, ("policy", 13), ("round", 5), ("put", "alice", 0), *_SENT, ("cut", "alice", 99, 0, 0),
    ],
    "a refusal that was lost, and the policy allows it by now": [
        *_BEGUN, ("policy", 13), ("round", 5), ("put", "alice", 0), *_SENT, ("cut", "alice", 99, 0, 0), ("policy", 0), ("hub",),
    ],
    "a refusal in a run that was lost with the connection": [
        *_BEGUN, ("policy", 13), ("round", 5), ("large", "alice", 0), *_RUN, ("cut", "alice", 99, 0, 0),
    ],
    "what waits was found at first contact": [
        *_BEGUN, ("policy", 11), ("round", 5), ("cut", "alice", 0, 0, 0), ("put", "alice", 0), ("put", "bob", 0),
        ("restore", "alice", "record"),
    ],
    "the author of what waits has lost it": [
        *_BEGUN, ("policy", 11), ("round", 5), ("put", "alice", 0), ("round", 5), ("restore", "alice", "both"), ("round", 5),
    ],
    "a displaced file that is refused was let go": [
        *_BEGUN, ("policy", 13), ("round", 5), ("open", "alice", 0), ("role", "bob", 2), ("put", "bob", 0), ("round", 5),
        ("end", "alice", 0), ("round", 5),
    ],
    "a directory in which something waits was deleted again and again": [
        ("put", "alice", 3), ("round", 5), ("role", "carol", 2), ("put", "bob", 3), ("put", "carol", 2), ("policy", 3),
    ],
    "what others made beneath a file that waits was in its way": [
        ("put", "bob", 5), ("policy", 137), ("cut", "alice", 99, 2, 1), ("append", "alice", 2), ("put", "bob", 5), ("round", 5),
    ],
    "and what was on its way when that began to wait": [
        ("put", "bob", 4), ("put", "bob", 5), ("put", "alice", 3), ("policy", 18), ("round", 5), ("begin", "bob", 2),
    ],
    "a muted deletion of a directory in which something of others is": [
        *_BEGUN, ("mute", "bob", "alice"), ("round", 3), ("delete", "alice", 3), ("round", 5), ("role", "alice", 1), ("delete", "bob", 2),
        ("round", 5),
    ],
    "a refused directory with something ignored in it": [("policy", 50), ("ignore", "bob", 3), ("mkdir", "bob", 7)],
    "a file of others in the place of a directory with something ignored in it": [
        ("put", "bob", 2), ("put", "alice", 3), ("ignore", "alice", 1),
    ],
    "the file of what waited stayed": [*_BEGUN, ("policy", 11), ("round", 5), ("large", "alice", 0), ("round", 5), ("reject", 0), ("round", 5)],
    "the link of what was accepted stayed": [
        ("put", "bob", 1), ("put", "bob", 6), ("role", "alice", 2), ("hub",), ("during", 1, "historian", "|", "begin", "bob", 3),
        ("begin", "bob", 7), ("policy", 22), ("begin", "alice", 7),
    ],
    "a delivery that waits was never replaced by what is muted": [
        ("large", "alice", 5), ("round", 5), ("mute", "bob", "alice"), ("lost", "large", "alice", 2), ("begin", "bob", 2), ("round", 3),
    ],
    "what a run brought just before its connection was ended by a filter stayed in staging": [
        ("put", "carol", 4), ("put", "carol", 0), ("policy", 0), ("begin-append", "alice", 4), ("round", 3), ("crash", 1, "engine", "bob"),
        ("mute", "bob", "carol"), ("job", "bob", 0),
    ],
    "who was demoted while a run of theirs was under way had it folded in the former role": [
        ("policy", 598), ("round", 5), ("ignore", "alice", 1), ("engine", "alice"), ("policy", 737), ("role", "bob", 0), ("large", "alice", 0),
        ("round", 3), ("hub",), ("down", "alice", 99), ("engine", "alice"), ("job", "alice", 0), ("engine", "alice"), ("up", "alice", 99),
        ("role", "alice", 1),
    ],
    "a ban in a turn that failed left a connection that nobody answered": [("ban", "bob"), ("full", 2, "hub"), ("put", "bob", 6)],
    "a deletion of something else was undone when a pattern was ignored no more": [
        *_BEGUN, ("ignore", "alice", 1), ("round", 5), ("lost", "delete", "alice", 5), ("lost", "delete", "alice", 3),
        ("unignore", "alice", 1), ("round", 5),
    ],
}  # fmt: skip


@pytest.mark.parametrize("name", FOUND)
def test_found(name: str) -> None:
    play(FOUND[name])


@pytest.mark.parametrize("part", range(4))
def test_at_random(part: int) -> None:
    for seed in range(part, _EXAMPLES, 4):
        try:
            play(troubled(seed))
        except AssertionError as error:
            raise AssertionError(f"seed {seed}: {error}") from error
