"""The operator's own editor."""

from __future__ import annotations

from pathlib import Path

import pytest

from fwrkit.core.errors import ExitCode, FwrError
from fwrkit.host.adapters.editor import edit


def editor(tmp_path: Path, script: str) -> dict[str, str]:
    program = tmp_path / "my editor"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    return {"EDITOR": f"'{program}' -x"}


def test_what_was_saved_comes_back(tmp_path: Path) -> None:
    assert edit("one\n", ".toml", editor(tmp_path, 'test "$1" = -x && echo two >> "$2"')) == "one\ntwo\n"


@pytest.mark.parametrize(
    ("environment", "code"), [({"EDITOR": "no-such-editor"}, ExitCode.NOT_FOUND), ({"VISUAL": "false"}, ExitCode.FAILED)]
)
def test_an_editor_that_does_not_do(environment: dict[str, str], code: ExitCode) -> None:
    with pytest.raises(FwrError) as raised:
        edit("one", ".toml", environment)
    assert raised.value.code is code
