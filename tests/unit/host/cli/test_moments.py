"""Moments as people type them."""

from __future__ import annotations

import contextlib
import datetime
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fwrkit.core.errors import ExitCode, FwrError
from fwrkit.host.cli import moments
from fwrkit.host.cli.moments import parse

NOW = 1_795_608_000.0


@pytest.mark.parametrize(
    ("text", "seconds"), [("30m", 1800), ("12h", 43200), ("7d", 604800), ("2w", 1209600), ("3 days", 259200), ("1min", 60)]
)
def test_a_span_counts_from_now(text: str, seconds: int) -> None:
    assert parse(text, NOW, is_ahead=True) == int(NOW) + seconds
    assert parse(text, NOW, is_ahead=False) == int(NOW) - seconds


def test_a_date_is_in_utc_and_a_day_counts_to_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "America/New_York")
    time.tzset()
    day, evening = (int(datetime.datetime(2026, 12, 24, hour, tzinfo=datetime.UTC).timestamp()) for hour in (0, 18))
    assert parse("2026-12-24", NOW, True) == day + 86399
    assert parse("2026-12-24", NOW, False) == day
    assert parse("2026-12-24T18:00", NOW, True) == parse("2026-12-24T18:00Z", NOW, True) == evening
    assert parse("2026-12-24T19:00+01:00", NOW, True) == evening
    assert (moments.day(day), moments.shown(evening), moments.second(evening)) == (
        "2026-12-24",
        "2026-12-24 18:00 UTC",
        "2026-12-24 18:00:00",
    )
    monkeypatch.undo()
    time.tzset()


@pytest.mark.parametrize("text", ["", "soon", "7", "7y", "-7d", "2026-13-01", "2026-02-30", "9" * 30 + "d"])
def test_what_is_no_moment_is_said_to_be_none(text: str) -> None:
    with pytest.raises(FwrError) as raised:
        parse(text, NOW, True)
    assert raised.value.code is ExitCode.USAGE and "7d" in raised.value.hint


@given(st.text())
def test_no_text_does_anything_worse(text: str) -> None:
    with contextlib.suppress(FwrError):
        parse(text, NOW, True)
