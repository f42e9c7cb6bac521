"""Points in time as people write them: ``2026-11-20``, ``2026-11-20T10:00``, ``3 days ago``, ``3d``. Always UTC unless an offset is written. Pure."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}\Z")
_AGO = re.compile(r"([0-9]{1,6}) *(second|minute|hour|day|week|month|year)s? ago\Z")
_SPAN = re.compile(r"([0-9]{1,6})(min|m|h|d|w)\Z")
_SHORT = {"min": 60, "m": 60, "h": 3600, "d": 86400, "w": 7 * 86400}
_SECONDS = {"second": 1, "minute": 60, "hour": 3600, "day": 86400, "week": 7 * 86400, "month": 30 * 86400, "year": 365 * 86400}


def parse(text: str, now: float, *, is_end: bool) -> int | None:
    """Given a text and the present, return the Unix second that it means, None if it means none.

    A date without a time is its last second if ``is_end``, else its first.
    """
    text = " ".join(text.split())
    if ago := _AGO.match(text):
        return max(0, int(now) - int(ago[1]) * _SECONDS[ago[2]])
    if span := _SPAN.match(text):
        return max(0, int(now) - int(span[1]) * _SHORT[span[2]])
    if not re.match(r"[0-9]{4}-", text):
        return None
    try:
        moment = datetime.fromisoformat(text)
        if _DATE.match(text) and is_end:
            moment += timedelta(days=1, seconds=-1)
        return max(0, int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()))
    except (ValueError, OverflowError):
        return None
