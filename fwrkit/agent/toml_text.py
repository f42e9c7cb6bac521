"""Writing TOML, which Python's standard library only reads. Pure functions."""

from __future__ import annotations

import json
import time


def toml_string(text: str) -> str:
    """Return a text as a TOML string: like JSON's, but without surrogate pairs, which TOML does not know."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def toml_time(seconds: int) -> str:
    """Given Unix seconds, return the moment as TOML writes it, in UTC."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))
