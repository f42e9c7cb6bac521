"""What was seen in each window of a soak, and the report: Markdown for people, the same as JSON."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from tests.bench.figures import percentile

SHARES = (0.5, 0.95, 0.99)


@dataclass
class Machine:
    """One node at the end of a window. ``memory``: MiB that its agent holds, which runs since ``age`` seconds; ``cpu``: share of a core."""

    memory: float
    age: float
    cpu: float
    state: float  # MiB of its volume `state`


@dataclass
class Window:
    """Some minutes: acts and faults, then calm. Latencies in seconds, from the act until another client's disk has it."""

    number: int
    acts: int = 0
    faults: dict[str, int] = field(default_factory=dict)
    stormy: list[float] = field(default_factory=list)  # while anything could fail
    calm: list[float] = field(default_factory=list)
    missed: int = 0  # probes that did not arrive while it stormed: cut off for too long
    converged: float = 0.0  # seconds until all agreed after the storm
    files: int = 0
    copies: int = 0
    litter: int = 0
    machines: dict[str, Machine] = field(default_factory=dict)


@dataclass
class Soak:
    """A whole run. ``failure``: the invariant that did not hold, and the facts."""

    seed: int
    seconds: float
    windows: list[Window] = field(default_factory=list)
    failure: str = ""

    def as_data(self) -> dict[str, Any]:
        """Return everything for JSON."""
        return asdict(self)

    @property
    def faults(self) -> Counter[str]:
        """How many faults of each kind there were."""
        return sum((Counter(window.faults) for window in self.windows), Counter())

    def text(self) -> str:
        """Return the report."""
        result = f"failed: {self.failure}" if self.failure else "every invariant held"
        acts = sum(window.acts for window in self.windows)
        lines = [
            f"# Soak, seed {self.seed}, {self.seconds / 60:.0f} minutes",
            "",
            f"{acts} acts, {self.faults.total()} faults; {result}.",
            "",
        ]
        lines += _table(("fault", "times"), sorted(self.faults.items()))
        lines += _table(
            ("window", "acts", "faults", "converged after", "files", "conflict copies", "litter", "probes missed"),
            [
                (
                    item.number,
                    item.acts,
                    sum(item.faults.values()),
                    f"{item.converged:.1f} s",
                    item.files,
                    item.copies,
                    item.litter,
                    item.missed,
                )
                for item in self.windows
            ],
        )
        heads = [f"{kind} p{share * 100:.0f}" for kind in ("calm", "stormy") for share in SHARES]
        lines += ["Seconds until an edit is at another client:", ""]
        lines += _table(
            ("window", *heads),
            [(item.number, *_percentiles(item.calm), *_percentiles(item.stormy)) for item in self.windows],
        )
        lines += ["At each window's end; an agent that was killed began anew:", ""]
        lines += _table(
            ("window", "node", "memory", "agent's age", "CPU", "state"),
            [
                (item.number, name, f"{one.memory:.1f} MiB", f"{one.age:.0f} s", f"{one.cpu:.1%}", f"{one.state:.1f} MiB")
                for item in self.windows
                for name, one in item.machines.items()
            ],
        )
        return "\n".join(lines + self._growth())

    def _growth(self) -> list[str]:
        """What grew between the first window and the last."""
        if len(self.windows) < 2 or not self.windows[-1].machines:
            return []
        first, last = self.windows[0], self.windows[-1]
        rows = [
            (name, _change(first.machines[name].memory, one.memory), _change(first.machines[name].cpu, one.cpu),
             _change(first.machines[name].state, one.state))
            for name, one in last.machines.items()
        ]  # fmt: skip
        return ["The last window against the first:", "", *_table(("node", "memory", "CPU", "state"), rows)]


def _percentiles(values: Sequence[float]) -> Iterable[str]:
    return [f"{percentile(values, share):.3f}" if values else "" for share in SHARES]


def _change(first: float, last: float) -> str:
    return f"{last / first:.2f} times" if first else ""


def _table(heads: Sequence[str], rows: Iterable[Sequence[object]]) -> list[str]:
    lines = [heads, ["---"] * len(heads), *rows]
    return [*("| " + " | ".join(str(cell) for cell in line) + " |" for line in lines), ""]
