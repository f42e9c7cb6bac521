"""Sequences that once failed, made as small as they would go; each is named by what was wrong."""

from __future__ import annotations

import pytest

from tests.model.play import Sequence, play

FOUND: dict[str, Sequence] = {
    "a full disk left the server inside a transaction for good": [("full", 2, "hub")],
    "a full window of deliveries that wait kept back what would make room for them": [
        ("put", "bob", 4),
        ("put", "bob", 7),
        ("put", "bob", 5),
        ("round", 5),
        ("put", "bob", 2),
        ("rewrite", "alice", 5),
        ("begin-append", "alice", 7),
    ],
    "the deletion of a directory that its author had refilled was never withdrawn": [
        ("mkdir", "bob", 1),
        ("round", 1),
        ("begin", "bob", 3),
        ("round", 1),
        ("delete", "bob", 2),
        ("large", "alice", 7),
    ],
    "what a connection had brought when it was cut stayed in incoming": [
        ("walk", "alice"),
        ("large", "alice", 6),
        ("round", 1),
        ("round", 1),
        ("round", 2),
        ("round", 1),
        ("cut", "alice", 0, 2, 1),
    ],
    "a path of the canon became a directory before it was linked into an outbox": [
        ("large", "bob", 2),
        ("engine", "bob"),
        ("large", "alice", 0),
        ("round", 5),
        ("rewrite", "bob", 7),
        ("large", "alice", 2),
    ],
    "the canon was settled children first": [
        ("large", "alice", 3),
        ("append", "bob", 2),
        ("full", 25, "engine", "bob"),
        ("round", 5),
        ("put", "bob", 5),
        ("lost", "move", "alice", 3, 5),
        ("delete", "bob", 5),
    ],
    "the canon was not settled again after the disk was full": [
        ("append", "alice", 0),
        ("round", 1),
        ("engine", "alice"),
        ("up", "alice", 99),
        ("full", 8, "hub"),
    ],
    "a delivery that could not be applied was never replaced by a newer one": [
        ("lost", "begin-append", "alice", 2),
        ("put", "bob", 4),
        ("round", 1),
        ("round", 1),
        ("append", "bob", 2),
    ],
    "a delivery that could not be applied, and its path is gone": [
        ("begin", "bob", 2),
        ("rewrite", "alice", 3),
        ("round", 5),
        ("delete", "alice", 2),
    ],
    "prepared contents stayed when a turn failed": [
        ("rewrite", "bob", 2),
        ("put", "bob", 1),
        ("round", 2),
        ("full", 13, "engine", "alice"),
    ],
    "an older delivery that waited came back over its successor in the same turn": [
        ("put", "alice", 7),
        ("round", 5),
        ("append", "alice", 6),
        ("put", "alice", 1),
        ("begin", "alice", 0),
        ("begin-append", "alice", 5),
        ("delete", "bob", 2),
    ],
    "an older delivery that waited came back, with a cut": [
        ("put", "alice", 2),
        ("large", "bob", 5),
        ("engine", "alice"),
        ("engine", "bob"),
        ("round", 1),
        ("cut", "alice", 0, 0, 2),
        ("put", "alice", 4),
    ],
    "a delivery from before the fold of a run undid the deletion in it": [
        ("begin", "bob", 4),
        ("engine", "bob"),
        ("put", "bob", 7),
        ("mkdir", "alice", 7),
        ("engine", "alice"),
        ("mkdir", "alice", 4),
        ("round", 1),
        ("cut", "alice", 2, 99, 1),
        ("round", 1),
        ("begin", "alice", 2),
        ("mkdir", "alice", 5),
    ],
    "the place of a replaced connection was never handed out": [
        ("large", "alice", 2),
        ("round", 2),
        ("walk", "bob"),
        ("lost", "large", "bob", 6),
        ("round", 2),
        ("cut", "alice", 0, 1, 1),
        ("put", "alice", 5),
        ("down", "alice", 2),
    ],
    "a newer delivery was due when the older one began to wait": [
        ("rewrite", "bob", 5),
        ("round", 2),
        ("lost", "put", "bob", 2),
        ("lost", "put", "alice", 2),
        ("crash", 7, "hub"),
    ],
    "a conflict copy was replaced by what was not its successor": [
        ("put", "alice", 4),
        ("engine", "alice"),
        ("put", "bob", 2),
        ("round", 5),
        ("put", "bob", 2),
    ],
    "a conflict copy below a directory was replaced by what was not its successor": [
        ("rewrite", "alice", 3),
        ("begin-append", "alice", 5),
        ("put", "bob", 2),
        ("crash", 46, "engine", "bob"),
        ("round", 5),
        ("begin-append", "alice", 3),
    ],
}


@pytest.mark.parametrize("name", FOUND)
def test_found(name: str) -> None:
    play(FOUND[name])
