"""What people and programs see."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fwrkit.core.errors import ExitCode, FwrError
from fwrkit.core.records import Finding
from fwrkit.host.cli.output import Output, plain, shown


@given(st.text(alphabet=st.characters(codec=None)))
def test_what_strangers_named_does_not_reach_the_terminal_raw(text: str) -> None:
    safe = shown(text)
    assert all(char.isprintable() or char in "\n\t" for char in safe)
    safe.encode()
    assert "\x1b" not in safe


def test_names_that_are_no_utf8_can_be_told_apart() -> None:
    assert shown("a\udcff") != shown("a\udcfe")


def test_results_are_plain_types() -> None:
    assert plain([Finding("a", True, "b")]) == [{"check": "a", "ok": True, "message": "b", "hint": "", "is_weaker": False}]


def test_markup_in_what_is_shown_is_text(capsys: pytest.CaptureFixture[str]) -> None:
    out = Output(is_json=False)
    out.line("[bold]x[/bold]")
    out.table(["NODE"], [["[red]y"]])
    assert "[bold]x[/bold]" in (seen := capsys.readouterr().out)
    assert "[red]y" in seen


def test_an_error_after_a_result_does_not_add_a_second_object(capsys: pytest.CaptureFixture[str]) -> None:
    out = Output(is_json=True)
    out.result("x", {"a": 1}, lambda: None)
    out.error(FwrError(ExitCode.HELD, "Held.", "Wait."))
    seen = capsys.readouterr()
    assert json.loads(seen.out) == {"fwrkit": 1, "kind": "x", "data": {"a": 1}}
    assert seen.err == "Held.\nWait.\n"
