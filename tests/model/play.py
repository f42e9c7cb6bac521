"""A sequence is a list of operations, each a tuple of words and small numbers: made at random, shrunk, and kept as they are when they failed.

``play(sequence)`` performs one and judges. The operations:

    ("put" | "rewrite" | "large" | "in-place" | "append" | "begin" | "begin-append" | "open" | "end" | "delete" | "mkdir" | "revert", who, path)
    ("move", who, path, other path)              programs' edits; ("lost", who, …) the same, but the hint never arrives
    ("engine", who)  ("hub",)  ("historian",)    a turn;  ("job", who or "server", which)  a piece of disk work
    ("up" | "down", who, count)                  frames arrive
    ("cut", who, up, down, who notices)  ("connect", who)  ("walk", who)  ("time", who, tenths of a second)
    ("round", count)                             everything happens that can
    ("crash" | "full", n, step…)                 at the n-th system call of that step
    ("during", n, step…, "|", edit…)             a program edits at the n-th system call of that step
    ("restart", who or "server")
    ("copy", who or "server")                    a backup is taken
    ("restore", who, "record" | "world" | "both")  or ("restore", "server"): put back from it; a client's is lost if there is none
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any

from tests.model.oracle import Oracle
from tests.model.republic import ACTS, Republic
from tests.model.republic import PATHS as EVERYWHERE
from tests.model.stage import Stage, stage
from tests.model.syscalls import Fault
from tests.model.world import LARGE

NAMES = ("alice", "bob")
PATHS = EVERYWHERE[:8]

Operation = tuple[Any, ...]
Sequence = list[Operation]


class Play:
    """Performs operations on a stage."""

    def __init__(self, on: Stage) -> None:
        self.stage = on
        self.republic = Republic(on)
        self.oracle = Oracle(on, self.republic)
        on.after_step = self.oracle.look_at

    def perform(self, operation: Operation) -> None:
        """Perform one operation."""
        kind = operation[0]
        if kind in _EDITS or kind in ("move", "lost"):
            self.stage.edit(self._edit(operation))
        elif kind in ACTS:
            self.oracle.was_cut |= kind not in ("policy", "role", "accept", "reject", "put-back")  # it ends a connection
            self.republic.perform(operation)
        elif kind == "during":
            split = operation.index("|")
            edit = self._edit(operation[split + 1 :])
            self._step(operation[2:split], Fault("edit", operation[1], lambda: self.stage.edit(edit)))
        elif kind in ("crash", "full"):
            fault = Fault(kind, operation[1])
            self._step(operation[2:], fault)
            if fault.has_struck:
                self.oracle.was_interrupted = True
                self.oracle.is_unsure |= operation[2] == "engine"
        else:
            self._step(operation, None)

    def _edit(self, operation: Operation) -> Callable[[], None]:
        is_hinting = operation[0] != "lost"
        kind, who, *rest = operation if is_hinting else operation[1:]
        member = self.stage.members[who]
        world, paths = member.world, [EVERYWHERE[index % len(EVERYWHERE)] for index in rest]

        def edit() -> None:
            member.is_hinting = is_hinting
            with contextlib.ExitStack() as stack:
                stack.callback(setattr, member, "is_hinting", True)
                if kind == "move":
                    world.move(paths[0], paths[1])
                else:
                    _EDITS[kind](world, paths[0])

        return edit

    def _step(self, operation: Operation, fault: Fault | None) -> None:
        kind, *rest = operation
        on = self.stage
        if kind == "engine":
            on.take(rest[0], on.members[rest[0]].step, fault)
        elif kind == "hub":
            on.take("server", on.server.hub.step, fault)
        elif kind == "historian":
            on.take("server", on.server.write_history, fault)
        elif kind == "job":
            workers = on.server.workers if rest[0] == "server" else on.members[rest[0]].workers
            on.take(rest[0], lambda: workers.work(rest[1]), fault)
        elif kind == "up":
            on.up(*rest)
        elif kind == "down":
            on.down(*rest)
        elif kind == "cut":
            self.oracle.was_cut = True
            on.cut(*rest)
        elif kind == "connect":
            on.members[rest[0]].connect()
        elif kind == "walk":
            on.members[rest[0]].engine.hint(None)
        elif kind == "time":
            on.members[rest[0]].now += rest[1] / 10
        elif kind == "round":
            for _ in range(rest[0]):
                on.round()
        elif kind == "restart":
            self.oracle.was_cut = True
            on.restart(rest[0])
        elif kind == "copy":
            on.copy_server() if rest[0] == "server" else on.members[rest[0]].copy()
        elif kind == "restore":
            self.oracle.is_union = self.oracle.was_cut = self.republic.is_union = True
            on.restore_server() if rest[0] == "server" else on.members[rest[0]].restore(rest[1])
        else:
            raise ValueError(f"no operation {operation}")


_EDITS: dict[str, Callable[[Any, bytes], None]] = {
    "put": lambda world, path: world.put(path),
    "large": lambda world, path: world.put(path, LARGE),
    "rewrite": lambda world, path: world.rewrite(path),
    "in-place": lambda world, path: world.change_in_place(path),
    "append": lambda world, path: world.append(path),
    "begin": lambda world, path: world.begin(path),
    "begin-append": lambda world, path: world.begin(path, True),
    "open": lambda world, path: world.begin(path, True, 0),
    "end": lambda world, path: world.end(path),
    "delete": lambda world, path: world.delete(path),
    "mkdir": lambda world, path: world.make_directory(path),
    "revert": lambda world, path: world.revert(path),
}


def play(sequence: Sequence) -> Oracle:
    """Perform a sequence from a quiet beginning, let everything come to rest, and see whether every promise was kept. Return who judged."""
    others = {word for operation in sequence for word in operation if word == "carol"}
    with stage((*NAMES, *others)) as on:
        playing = Play(on)
        unsettled = on.settle()
        assert not unsettled, f"{unsettled} never begin to agree"
        for operation in sequence:
            playing.perform(operation)
        unsettled = on.settle()
        assert not unsettled, f"{unsettled} never come to rest"
        if playing.republic.is_used:
            playing.republic.judge_phase_one()
            unsettled = playing.republic.end()
            assert not unsettled, f"{unsettled} never come to rest at the end"
        playing.oracle.judge()
        return playing.oracle
