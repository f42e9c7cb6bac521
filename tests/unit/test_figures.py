"""The benchmark's own arithmetic: a figure that misses what was expected says so."""

from __future__ import annotations

import pytest

from tests.bench.figures import Figure, is_acceptable, percentile, table


@pytest.mark.parametrize(("share", "value"), [(0.5, 50.0), (0.95, 95.0), (0.99, 99.0), (1.0, 100.0), (0.0, 1.0)])
def test_percentiles_are_of_the_nearest_rank(share: float, value: float) -> None:
    assert percentile([float(number) for number in range(100, 0, -1)], share) == value


def test_a_miss_is_told_and_a_large_one_fails() -> None:
    small, large = Figure("a", 30, "ms", limit=25), Figure("b", 9, "s", 2, "tar", ratio_limit=2)
    assert "missed by 1.2" in table([small])
    assert "missed by 2.2" in table([large])
    assert is_acceptable([small, Figure("c", 1e9, "ms")])
    assert not is_acceptable([small, large])


def test_what_was_met_is_not_called_a_miss() -> None:
    lines = table([Figure("a", 3, "ms", 1, "a byte", limit=25), Figure("b", 3, "s", 2, "tar", ratio_limit=2)]).splitlines()
    assert lines[1].endswith("3.00   below 25 ms")
    assert lines[2].endswith("1.50   within 2 times")
