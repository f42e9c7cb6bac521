"""Figures as they are printed: percentiles, ratios, what was expected, a table."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

TOLERATED = 2.0  # a miss of more than that many times what was expected fails the benchmark


@dataclass(frozen=True)
class Figure:
    """One line of the table. ``value``, ``baseline`` and ``limit`` in ``unit``; ``ratio_limit``: how many times the baseline it may be."""

    name: str
    value: float
    unit: str
    baseline: float | None = None
    baseline_name: str = ""
    limit: float | None = None
    ratio_limit: float | None = None

    @property
    def ratio(self) -> float | None:
        """How many times the baseline it is."""
        return self.value / self.baseline if self.baseline else None

    @property
    def miss(self) -> float:
        """How many times what was expected it is; 0 where nothing was."""
        if self.limit is not None:
            return self.value / self.limit
        return self.ratio / self.ratio_limit if self.ratio is not None and self.ratio_limit is not None else 0.0

    @property
    def expected(self) -> str:
        """What was expected, and whether that is so."""
        if self.limit is None and self.ratio_limit is None:
            return ""
        words = f"below {self.limit:g} {self.unit}" if self.limit is not None else f"within {self.ratio_limit:g} times"
        return words if self.miss <= 1 else f"{words}: missed by {self.miss:.1f}"

    def as_data(self) -> dict[str, Any]:
        """Return the figure for ``--json``."""
        return {**asdict(self), "ratio": self.ratio, "miss": self.miss}


def percentile(values: Sequence[float], share: float) -> float:
    """Given values, return the smallest one that at least ``share`` (0 to 1) of them do not exceed: the nearest-rank method."""
    return sorted(values)[max(0, math.ceil(share * len(values)) - 1)]


def is_acceptable(figures: Sequence[Figure]) -> bool:
    """Say whether nothing was missed by more than what is tolerated."""
    return all(figure.miss <= TOLERATED for figure in figures)


def table(figures: Sequence[Figure]) -> str:
    """Return the figures as lines for people."""
    rows = [("figure", "measured", "baseline", "ratio", "expected")]
    for figure in figures:
        baseline = f"{figure.baseline:.4g} {figure.unit} ({figure.baseline_name})" if figure.baseline is not None else ""
        ratio = f"{figure.ratio:.2f}" if figure.ratio is not None else ""
        rows.append((figure.name, f"{figure.value:.4g} {figure.unit}", baseline, ratio, figure.expected))
    widths = [max(len(row[column]) for row in rows) for column in range(5)]
    return "\n".join("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows)
