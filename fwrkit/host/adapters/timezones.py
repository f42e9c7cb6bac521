"""Time zones by the names of the tz database: this machine's own, and what people type."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path

from fwrkit.core.errors import ExitCode, FwrError

UTC = "UTC"
_DATABASE = Path("/usr/share/zoneinfo")
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_+-]*(?:/[A-Za-z0-9_+-]+){0,2}\Z")


def of_machine(environment: Mapping[str, str] = os.environ, etc: Path = Path("/etc")) -> str:
    """Return the name of this machine's time zone: ``$TZ``, else what ``/etc/timezone`` or the link ``/etc/localtime`` says, else UTC."""
    for text in (environment.get("TZ", ""), _first_line(etc / "timezone"), _target(etc / "localtime")):
        name = _plain(text)
        if name:
            return name
    return UTC


def check(text: str) -> str:
    """Given a name as typed, return it. Raise FwrError (USAGE) if it is none, as far as this machine knows."""
    if not is_known(text):
        raise FwrError(
            ExitCode.USAGE, f"{text!r} is not the name of a time zone.", "Use one as in: timedatectl list-timezones (Europe/Berlin)."
        )
    return text


def is_known(name: str) -> bool:
    """Say whether a text is the name of a time zone: whether it looks like one, where this machine has no database."""
    return bool(_NAME.match(name)) and (not _DATABASE.is_dir() or (_DATABASE / name).is_file())


def _plain(text: str) -> str:
    """Return the name in what a machine says of its zone, empty if there is none: ``:Europe/Berlin``, a path into the database, ``CET-1CEST``."""
    name = text.strip().removeprefix(":").rpartition("zoneinfo/")[2]
    name = name.removeprefix("posix/").removeprefix("right/")
    return name if is_known(name) else ""


def _first_line(path: Path) -> str:
    try:
        return next(iter(path.read_text(errors="replace").splitlines()), "")
    except OSError:
        return ""


def _target(path: Path) -> str:
    try:
        return os.fsdecode(path.readlink())
    except OSError:  # a copy of the zone's file does not say its name
        return ""
