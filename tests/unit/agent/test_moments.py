"""Points in time as people write them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fwrkit.agent.moments import parse

NOW = 1_800_000_000.5


@pytest.mark.parametrize(
    ("text", "second"),
    [
        ("2026-11-20", 1_795_132_800), ("2026-11-20T10:00", 1_795_168_800), ("2026-11-20 10:00:05", 1_795_168_805),
        ("2026-11-20T10:00Z", 1_795_168_800), ("2026-11-20T12:00+02:00", 1_795_168_800), ("3 days ago", 1_800_000_000 - 3 * 86400),
        ("1 hour ago", 1_799_996_400), ("1h", 1_799_996_400), ("90min", 1_799_994_600), ("1x", None),
        (" 2  weeks ago ", 1_800_000_000 - 14 * 86400), ("999999 years ago", 0),
        ("", None), ("yesterday", None), ("20261120", None), ("2026-13-01", None), ("days ago", None), ("2026", None), ("-1 days ago", None),
        ("0001-01-01T00:00+23:00", 0), ("٣ days ago", None),
    ],
)  # fmt: skip
def test_moments(text: str, second: int | None) -> None:
    assert parse(text, NOW, is_end=False) == second


def test_the_end_of_a_day() -> None:
    assert parse("2026-11-20", NOW, is_end=True) == 1_795_132_800 + 86399


@given(st.text())
def test_any_text_means_a_moment_or_none(text: str) -> None:
    moment = parse(text, NOW, is_end=True)
    assert moment is None or isinstance(moment, int)
