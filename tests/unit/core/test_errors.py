"""Errors travel between agent and host."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from fwrkit.core.errors import ExitCode, FwrError


@given(st.sampled_from(ExitCode), st.text(), st.text())
def test_round_trip(code: ExitCode, message: str, hint: str) -> None:
    said = json.loads(json.dumps(FwrError(code, message, hint).to_json()))["error"]
    read = FwrError.from_json(said)
    assert (read.code, read.message, read.hint) == (code, message, hint)


def test_an_error_of_another_version_is_still_one() -> None:
    read = FwrError.from_json({"code": "FROM_THE_FUTURE", "message": "No."})
    assert (read.code, read.message, read.hint) == (ExitCode.FAILED, "No.", "")
    assert FwrError.from_json({}).message
