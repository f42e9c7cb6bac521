"""Which paths of a world never travel: the template's patterns and our own.

The dialect: ``*`` matches within one component, ``**`` any number of components, ``?`` one byte; a pattern matches the whole
world-relative path, as bytes, and with a path everything beneath it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Protocol

ALWAYS = (".fwr-sentinel", ".fwr-sentinel.new", ".fwr-sentinel-upstream", ".fwr-sentinel-upstream.new", "**/.unison.*", "**/.htaccess")


class PathFilter(Protocol):
    """Something that leaves paths out."""

    def matches(self, path: bytes) -> bool:
        """Say whether a path, or a directory above it, is left out."""


class IgnoreList:
    """A compiled set of patterns."""

    def __init__(self, patterns: Iterable[str]) -> None:
        self.patterns = tuple(patterns)
        parts = [_translate(pattern.encode("utf-8", "surrogateescape")) for pattern in self.patterns]
        self._expression = re.compile(b"(?s)(?:" + b"|".join(parts) + b")(?:/.*)?\\Z") if parts else None

    def matches(self, path: bytes) -> bool:
        """Say whether a path, or a directory above it, is ignored."""
        return self._expression is not None and self._expression.match(path) is not None


def _translate(pattern: bytes) -> bytes:
    result, position = b"", 0
    while position < len(pattern):
        if pattern.startswith(b"**/", position):
            result, position = result + b"(?:[^/]+/)*", position + 3
        elif pattern.startswith(b"**", position):
            result, position = result + b".*", position + 2
        elif pattern[position : position + 1] == b"*":
            result, position = result + b"[^/]*", position + 1
        elif pattern[position : position + 1] == b"?":
            result, position = result + b"[^/]", position + 1
        else:
            result, position = result + re.escape(pattern[position : position + 1]), position + 1
    return result
