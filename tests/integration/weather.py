"""Random faults by a seed: cables, machines and processes, some at a time, each ended again. Steps are taken by whoever waits anyway."""

from __future__ import annotations

import random
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, ExitStack

from tests.integration import faults
from tests.integration.republic import Node, wait_until

_LASTING: dict[str, Callable[[Node], AbstractContextManager[None]]] = {
    "cut": lambda node: node.cut(),
    "freeze": faults.frozen,
    "swallow": faults.swallowed,
}
_RESTART = 90.0  # seconds: the engine waits ever longer before it starts again what is killed often

STORM: Mapping[str, int] = {"cut": 12, "freeze": 3, "swallow": 3, "crash": 1, "agent": 3, "unison": 6, "ssh": 4, "sshd": 4, "listener": 1}
"""Weights of kinds: what lasts (see above), ``crash`` of a machine, and programs that are killed (``faults.PROGRAMS``)."""


class Weather:
    """Makes faults at nodes: on the average one each ``every`` seconds, lasting ``lasting`` seconds at most; never two at one node."""

    def __init__(self, nodes: Mapping[str, Node], seed: int, every: float, lasting: float, kinds: Mapping[str, int] = STORM) -> None:
        self._nodes = nodes
        self._dice = random.Random(seed)
        self._every = every
        self._lasting = lasting
        self.kinds = dict(kinds)
        self.counts: Counter[str] = Counter()
        self._under_way: dict[str, tuple[float, ExitStack]] = {}
        self._next = time.monotonic()

    @property
    def is_calm(self) -> bool:
        """Whether no fault is under way, and all machines run."""
        return not self._under_way and all(faults.is_running(node) for node in self._nodes.values())

    def storm(self, seconds: float) -> None:
        """Make faults for some seconds; what is under way then goes on until :meth:`clear`."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            self.step()
            time.sleep(0.05)

    def step(self) -> None:
        """End what is over, begin what is due."""
        now = time.monotonic()
        for name, (until, stack) in list(self._under_way.items()):
            if now >= until:
                del self._under_way[name]
                stack.close()
        if now >= self._next:
            self._next = now + self._dice.random() * 2 * self._every
            self._begin(now)

    def _begin(self, now: float) -> None:
        kind = self._dice.choices(list(self.kinds), list(self.kinds.values()))[0]
        name, lasting = self._dice.choice(sorted(self._nodes)), self._dice.random() * self._lasting
        if kind in ("sshd", "listener"):
            name = "server"
        if name == "server" and kind in ("cut", "ssh"):
            return
        node = self._nodes[name]
        if name in self._under_way or not faults.is_running(node):
            return
        try:
            if kind in _LASTING:
                stack = ExitStack()
                stack.enter_context(_LASTING[kind](node))
                self._under_way[name] = (now + lasting, stack)
            elif kind == "crash":
                faults.crash(node)
            elif not faults.kill(node, kind):
                return
        except subprocess.CalledProcessError:
            if faults.is_running(node):
                raise
            return  # it went down by an earlier fault in this very moment
        self.counts[f"{kind} {name}"] += 1

    def clear(self) -> None:
        """End everything that is under way, and return when all machines run."""
        for _, stack in self._under_way.values():
            stack.close()
        self._under_way.clear()
        for node in self._nodes.values():
            wait_until(lambda node=node: faults.is_running(node), f"{node.name} runs again", _RESTART)  # type: ignore[misc]
