"""Sequences at random: by a seed, for many, and how a failing one is made smaller."""

from __future__ import annotations

import random
from collections.abc import Callable

from tests.model.play import NAMES, PATHS, Operation, Sequence

_EDITS = (
    "put",
    "put",
    "put",
    "large",
    "rewrite",
    "in-place",
    "append",
    "begin",
    "begin-append",
    "end",
    "delete",
    "delete",
    "mkdir",
    "revert",
    "move",
)


def sequence(seed: int, names: tuple[str, ...] = NAMES) -> Sequence:
    """Return the sequence of a seed."""
    chance = random.Random(seed)
    return [operation(chance, names) for _ in range(chance.choice((6, 12, 25, 40)))]


def operation(chance: random.Random, names: tuple[str, ...]) -> Operation:
    """Return one operation."""
    kind = chance.choices(
        ("edit", "lost", "round", "step", "cut", "connect", "walk", "time", "during", "crash", "full", "restart"),
        (30, 4, 8, 34, 4, 4, 2, 1, 6, 5, 2, 1),
    )[0]
    who = chance.choice(names)
    if kind == "edit":
        return edit(chance, who)
    if kind == "lost":
        return ("lost", *edit(chance, who))
    if kind == "round":
        return ("round", chance.choice((1, 1, 2, 5)))
    if kind == "step":
        return step(chance, who)
    if kind == "cut":
        return ("cut", who, chance.choice((0, 0, 1, 2, 99)), chance.choice((0, 0, 1, 2, 99)), chance.randrange(3))
    if kind == "time":
        return ("time", who, chance.choice((1, 10, 60)))
    if kind == "during":
        return ("during", _early(chance, 120), *turn(chance, who), "|", *edit(chance, who))
    if kind in ("crash", "full"):
        return (kind, _early(chance, 60), *turn(chance, who))
    if kind == "restart":
        return ("restart", chance.choice((who, "server")))
    return (kind, who)


def _early(chance: random.Random, most: int) -> int:
    """Return a number of which small ones are more likely."""
    return 1 + int(most * chance.random() ** 2)


def edit(chance: random.Random, who: str) -> Operation:
    """Return an edit."""
    kind = chance.choice(_EDITS)
    path = chance.randrange(len(PATHS))
    return (kind, who, path, chance.randrange(len(PATHS))) if kind == "move" else (kind, who, path)


def step(chance: random.Random, who: str) -> Operation:
    """Return a turn, or frames that arrive."""
    if chance.random() < 0.4:
        return (chance.choice(("up", "down")), who, chance.choice((1, 2, 99)))
    return turn(chance, who)


def turn(chance: random.Random, who: str) -> Operation:
    """Return a turn of the engine, the hub or the historian, or a piece of disk work."""
    kind = chance.choices(("engine", "hub", "historian", "job", "server"), (8, 5, 1, 4, 2))[0]
    if kind == "job":
        return ("job", who, chance.randrange(2))
    if kind == "server":
        return ("job", "server", chance.randrange(2))
    return (kind, who) if kind == "engine" else (kind,)


def smaller(failing: Sequence, fails: Callable[[Sequence], bool]) -> Sequence:
    """Given a sequence that fails, return one that still does and of which no part can be left out."""
    size = max(1, len(failing) // 2)
    while True:
        position, is_smaller = 0, False
        while position < len(failing):
            shorter = failing[:position] + failing[position + size :]
            if shorter != failing and fails(shorter):
                failing, is_smaller = shorter, True
            else:
                position += size
        if size == 1 and not is_smaller:
            return failing
        size = max(1, size // 2) if not is_smaller or size > 1 else 1
