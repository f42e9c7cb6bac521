"""Sequences at random: by a seed, for many, and how a failing one is made smaller."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field

from tests.model.play import NAMES, PATHS, Operation, Sequence
from tests.model.republic import PATHS as EVERYWHERE
from tests.model.republic import policy_text

_KINDS = {
    "edit": 30, "lost": 4, "round": 8, "step": 34, "cut": 4, "connect": 4, "walk": 2, "time": 1,
    "during": 6, "crash": 5, "full": 2, "restart": 1, "copy": 1, "restore": 1,
}  # fmt: skip
_EDITS = {
    "put": 3, "large": 1, "rewrite": 1, "in-place": 1, "append": 1, "begin": 1, "begin-append": 1, "open": 1, "end": 2, "delete": 2, "mkdir": 1,
    "revert": 1, "move": 1,
}  # fmt: skip

_ACTS = {
    "policy": 3, "role": 2, "ban": 0.5, "unban": 1, "accept": 3, "reject": 3, "put-back": 1, "mute": 1, "unmute": 1, "ignore": 0.7, "unignore": 0.7,
}  # fmt: skip


@dataclass
class Taste:
    """How likely each operation is, and at which paths and by whom edits are made."""

    names: tuple[str, ...] = NAMES
    kinds: dict[str, float] = field(default_factory=lambda: dict(_KINDS))
    edits: dict[str, float] = field(default_factory=lambda: dict(_EDITS))
    paths: tuple[int, ...] = tuple(range(len(PATHS)))
    ways: float = 0.05


def sequence(seed: int) -> Sequence:
    """Return the sequence of a seed. Each has a taste of its own: much of one thing and none of another meets what an even mixture does not."""
    chance = random.Random(seed)
    taste = Taste(("alice", "bob", "carol") if chance.random() < 0.2 else NAMES)
    taste.ways = chance.choice((0, 0.05, 0.15))
    if chance.random() < 0.8:
        taste.kinds = {kind: weight * chance.choice((0, 1, 1, 1, 4)) for kind, weight in _KINDS.items()}
        taste.kinds["edit"] = _KINDS["edit"]
        taste.edits = {kind: weight * chance.choice((0, 0, 1, 2)) for kind, weight in _EDITS.items()}
        taste.edits["put"] += 0.1
        taste.paths = tuple(chance.sample(taste.paths, chance.randint(1, len(taste.paths))))
    return _filled(chance, taste)


def _filled(chance: random.Random, taste: Taste) -> Sequence:
    length = chance.choice((6, 12, 25, 40))
    made: Sequence = []
    while len(made) < length:
        made.extend(way(chance, taste) if chance.random() < taste.ways else [operation(chance, taste)])
    return made


def troubled(seed: int) -> Sequence:
    """Return the sequence of a seed in which officials, policies and filters take part (see ``republic.py``)."""
    chance = random.Random(seed)
    names = ("alice", "bob", "carol") if chance.random() < 0.3 else NAMES
    taste = Taste(names, ways=chance.choice((0, 0.05, 0.2, 0.4)))
    taste.kinds = {kind: weight * chance.choice((0, 1, 1, 1, 4)) for kind, weight in _KINDS.items()}
    taste.kinds["edit"] = _KINDS["edit"]
    taste.edits = {kind: weight * chance.choice((0, 0, 1, 2)) for kind, weight in _EDITS.items()}
    taste.edits["put"] += 0.1
    taste.paths = tuple(chance.sample(range(len(EVERYWHERE)), chance.choice((1, 2, 2, 3, 5, 9))))
    if chance.random() < 0.7:  # without what relaxes the oracle
        taste.kinds["restore"] = 0
    acts = {kind: weight * chance.choice((0, 1, 1, 3)) for kind, weight in _ACTS.items()}
    acts["policy"] += 0.1
    words = [f'"{EVERYWHERE[path].decode()}"' for path in taste.paths]
    policies = [chance.randrange(1, 1000) for _ in range(8)]
    policies = [number for number in policies if any(word in policy_text(number) for word in words)][: chance.choice((1, 2, 3))] or [1]
    made: Sequence = [("put", chance.choice(names), chance.choice(taste.paths)) for _ in range(chance.randrange(4))]
    if chance.random() < 0.8:
        made += [("round", 5), ("policy", policies[0]), ("round", chance.choice((1, 2, 5)))]
    share = chance.choice((0.03, 0.1, 0.25))
    for item in _filled(chance, taste):
        if chance.random() < share:
            made.append(_act(chance, taste, acts, policies))
        made.append(item)
    return made


def _act(chance: random.Random, taste: Taste, acts: dict[str, float], policies: list[int]) -> Operation:
    kind = _one_of(chance, acts)
    who, other = chance.choice(taste.names), chance.choice(taste.names)
    if kind == "policy":
        return ("policy", chance.choice([*policies, 0]))
    if kind == "role":
        return ("role", who, chance.randrange(3))
    if kind in ("accept", "reject"):
        return (kind, chance.randrange(3))
    if kind == "put-back":
        return (kind, chance.choice(taste.paths), chance.choice((0, 1, 1, 2)))
    if kind.endswith("mute"):
        return (kind, who, other)
    if kind.endswith("ignore"):
        return (kind, who, chance.randrange(4))
    return (kind, who)


def _one_of(chance: random.Random, weights: dict[str, float]) -> str:
    return chance.choices(list(weights), list(weights.values()))[0]


def operation(chance: random.Random, taste: Taste) -> Operation:
    """Return one operation."""
    kind = _one_of(chance, taste.kinds)
    who = chance.choice(taste.names)
    if kind == "edit":
        return edit(chance, who, taste)
    if kind == "lost":
        return ("lost", *edit(chance, who, taste))
    if kind == "round":
        return ("round", chance.choice((1, 1, 2, 5)))
    if kind == "step":
        return step(chance, who)
    if kind == "cut":
        return ("cut", who, chance.choice((0, 0, 1, 2, 99)), chance.choice((0, 0, 1, 2, 99)), chance.randrange(3))
    if kind == "time":
        return ("time", who, chance.choice((1, 10, 60)))
    if kind == "during":
        return ("during", _early(chance, 120), *turn(chance, who), "|", *edit(chance, who, taste))
    if kind in ("crash", "full"):
        return (kind, _early(chance, 60), *turn(chance, who))
    if kind in ("restart", "copy"):
        return (kind, chance.choice((who, "server")))
    if kind == "restore":
        return ("restore", "server") if chance.random() < 0.3 else ("restore", who, chance.choice(("record", "world", "both")))
    return (kind, who)


def way(chance: random.Random, taste: Taste) -> Sequence:
    """Return a part of the way that an edit goes, from its author to the server and on to another; mostly something strikes in one of its steps."""
    who, other = chance.choice(taste.names), chance.choice(taste.names)
    first = edit(chance, who, taste)
    before: Sequence = [first, ("round", 3)] if chance.random() < 0.5 else []  # so that it is not the first at its path
    whole: Sequence = [
        first, ("engine", who), ("job", who, 0), ("engine", who), ("up", who, 99), ("hub",), ("down", who, 99),
        ("engine", who), ("job", who, 0), ("engine", who), ("up", who, 99), ("hub",), ("job", "server", 0), ("hub",), ("hub",),
        ("historian",), ("down", other, 99), ("engine", other), ("job", other, 0), ("engine", other), ("up", other, 99), ("hub",),
    ]  # fmt: skip
    begin = chance.choice((0, 0, 0, chance.randrange(len(whole))))
    part = whole[begin : begin + chance.randint(4, len(whole))]
    steps = [index for index, item in enumerate(part) if item[0] in ("engine", "hub", "historian", "job")]
    if steps and chance.random() < 0.7:
        index, kind = chance.choice(steps), chance.choice(("crash", "crash", "full", "during"))
        if not taste.kinds.get(kind):
            return before + part
        after = ("|", *edit(chance, chance.choice((who, other)), taste)) if kind == "during" else ()
        part[index] = (kind, _early(chance, 60 if kind == "during" else 25), *part[index], *after)
    return before + part


def _early(chance: random.Random, most: int) -> int:
    """Return a number of which small ones are more likely."""
    return 1 + int(most * chance.random() ** 2)


def edit(chance: random.Random, who: str, taste: Taste) -> Operation:
    """Return an edit."""
    kind, path = _one_of(chance, taste.edits), chance.choice(taste.paths)
    return (kind, who, path, chance.choice(taste.paths)) if kind == "move" else (kind, who, path)


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
