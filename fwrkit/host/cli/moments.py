"""Moments as people type and read them. A world spans time zones: they are UTC, and say so, unless somebody writes another offset."""

from __future__ import annotations

import datetime
import re
import time

from fwrkit.core.errors import ExitCode, FwrError

_SPAN = re.compile(r"([0-9]{1,6})\s*(m|min|h|d|w)(?:\w*)\Z")
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}\Z")
_SECONDS = {"m": 60, "min": 60, "h": 3600, "d": 86400, "w": 7 * 86400}
_HINT = "Use a date (2026-12-24), a date and a time (2026-12-24T18:00, UTC), or a span: 30m, 12h, 7d, 2w."


def parse(text: str, now: float, is_ahead: bool) -> int:
    """Given what somebody typed and now (Unix seconds), return the moment in Unix seconds.

    A span counts ahead, or back; a day without a time is its last second, or its first. Raise FwrError (USAGE).
    """
    span = _SPAN.match(text.strip())
    if span is not None:
        seconds = int(span[1]) * _SECONDS[span[2]]
        return int(now) + (seconds if is_ahead else -seconds)
    try:
        moment = datetime.datetime.fromisoformat(text.strip())
        if is_ahead and _DAY.match(text.strip()):
            moment += datetime.timedelta(days=1, seconds=-1)
        return int((moment if moment.tzinfo else moment.replace(tzinfo=datetime.UTC)).timestamp())
    except (ValueError, OverflowError, OSError) as error:
        raise FwrError(ExitCode.USAGE, f"{text!r} is no moment.", _HINT) from error


def day(seconds: float) -> str:
    """Given Unix seconds, return the day, in UTC."""
    return time.strftime("%Y-%m-%d", time.gmtime(seconds))


def minute(seconds: float) -> str:
    """Given Unix seconds, return the minute, in UTC, for a column whose head says so."""
    return time.strftime("%Y-%m-%d %H:%M", time.gmtime(seconds))


def second(seconds: float) -> str:
    """Given Unix seconds, return the second, in UTC, for a column whose head says so."""
    return time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(seconds))


def shown(seconds: float) -> str:
    """Given Unix seconds, return the minute for a sentence."""
    return f"{minute(seconds)} UTC"
