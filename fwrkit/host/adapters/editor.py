"""The operator's own editor."""

from __future__ import annotations

import os
import shlex
import tempfile
from collections.abc import Mapping
from pathlib import Path

from fwrkit.core.commands import Command, interact
from fwrkit.core.errors import ExitCode, FwrError


def edit(text: str, suffix: str, environment: Mapping[str, str] = os.environ) -> str:
    """Have somebody change a text in their editor (``VISUAL``, ``EDITOR``, else vi), and return what they saved. Raise FwrError: NOT_FOUND, FAILED."""
    editor = environment.get("VISUAL") or environment.get("EDITOR") or "vi"
    with tempfile.TemporaryDirectory(prefix="fwrkit-") as work:
        file = Path(work) / f"edit{suffix}"
        file.write_text(text)
        try:
            status = interact(Command([*shlex.split(editor), str(file)]))
        except OSError as error:
            raise FwrError(
                ExitCode.NOT_FOUND, f"The editor '{editor}' can not be started.", "Name one that is there: EDITOR=nano"
            ) from error
        if status != 0:
            raise FwrError(
                ExitCode.FAILED, f"The editor ended with status {status}; nothing was changed.", "Try again, or use fwrkit policy set FILE."
            )
        return file.read_text()
