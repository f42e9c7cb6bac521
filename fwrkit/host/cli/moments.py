"""Moments as people type them: a date, a date and a time, or how long from or before now."""

from __future__ import annotations

import datetime
import re

from fwrkit.core.errors import ExitCode, FwrError

_SPAN = re.compile(r"([0-9]{1,6})\s*(m|min|h|d|w)(?:\w*)\Z")
_SECONDS = {"m": 60, "min": 60, "h": 3600, "d": 86400, "w": 7 * 86400}
_HINT = "Use a date (2026-12-24), a date and a time (2026-12-24T18:00, local time), or a span: 30m, 12h, 7d, 2w."


def parse(text: str, now: float, is_ahead: bool) -> int:
    """Given what somebody typed and now (Unix seconds), return the moment in Unix seconds; a span counts ahead, or back. Raise FwrError (USAGE)."""
    span = _SPAN.match(text.strip())
    if span is not None:
        seconds = int(span[1]) * _SECONDS[span[2]]
        return int(now) + (seconds if is_ahead else -seconds)
    try:
        return int(datetime.datetime.fromisoformat(text.strip()).timestamp())
    except (ValueError, OverflowError, OSError) as error:
        raise FwrError(ExitCode.USAGE, f"{text!r} is no moment.", _HINT) from error
