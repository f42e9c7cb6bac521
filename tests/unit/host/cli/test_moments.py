"""Moments as people type them."""

from __future__ import annotations

import contextlib
import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fwrkit.core.errors import ExitCode, FwrError
from fwrkit.host.cli.moments import parse

NOW = 1_795_608_000.0


@pytest.mark.parametrize(
    ("text", "seconds"), [("30m", 1800), ("12h", 43200), ("7d", 604800), ("2w", 1209600), ("3 days", 259200), ("1min", 60)]
)
def test_a_span_counts_from_now(text: str, seconds: int) -> None:
    assert parse(text, NOW, is_ahead=True) == int(NOW) + seconds
    assert parse(text, NOW, is_ahead=False) == int(NOW) - seconds


def test_a_date_is_of_this_machine_s_time() -> None:
    assert parse("2026-12-24", NOW, True) == int(datetime.datetime(2026, 12, 24).timestamp())
    assert parse("2026-12-24T18:00", NOW, True) == int(datetime.datetime(2026, 12, 24, 18).timestamp())
    assert parse("2026-12-24T18:00Z", NOW, True) == int(datetime.datetime(2026, 12, 24, 18, tzinfo=datetime.UTC).timestamp())


@pytest.mark.parametrize("text", ["", "soon", "7", "7y", "-7d", "2026-13-01", "2026-02-30", "9" * 30 + "d"])
def test_what_is_no_moment_is_said_to_be_none(text: str) -> None:
    with pytest.raises(FwrError) as raised:
        parse(text, NOW, True)
    assert raised.value.code is ExitCode.USAGE and "7d" in raised.value.hint


@given(st.text())
def test_no_text_does_anything_worse(text: str) -> None:
    with contextlib.suppress(FwrError):
        parse(text, NOW, True)
