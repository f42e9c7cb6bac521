"""What is written as TOML is read back by Python's own reader."""

from __future__ import annotations

import datetime
import tomllib

from hypothesis import given
from hypothesis import strategies as st

from fwrkit.agent.toml_text import toml_string, toml_time


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_any_text(text: str) -> None:
    assert tomllib.loads(f"x = {toml_string(text)}")["x"] == text


def test_a_moment() -> None:
    assert tomllib.loads(f"x = {toml_time(1_795_608_000)}")["x"] == datetime.datetime(2026, 11, 25, 12, tzinfo=datetime.UTC)
