"""Which paths of a world never travel: the template's patterns and our own.

The dialect: ``*`` matches within one component, ``**`` any number of components, ``?`` one byte; a pattern matches the whole
world-relative path, as bytes, and with a path everything beneath it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Protocol

OWN = (".fwr-sentinel", ".fwr-sentinel.new", ".fwr-sentinel-upstream", ".fwr-sentinel-upstream.new", "**/.unison.*")
"""fwrkit's own files."""

BESIDE_DOCUMENTS = (
    "**/*~", "**/.*.sw?", "**/4913", "**/.*.un~", "**/#*#", "**/.#*",  # vim, Emacs
    "**/~$*", "**/~WRL*.tmp", "**/.~lock.*", "**/.~*.tmp", "**/.goutputstream-*", "**/.*.kate-swp", "**/*___jb_tmp___", "**/*___jb_old___",
    "**/*.crdownload", "**/*.part", "**/*.partial",  # downloads that are not complete
    "**/.DS_Store", "**/._*", "**/.AppleDouble", "**/Thumbs.db", "**/ehthumbs.db", "**/desktop.ini", "**/.directory",
    "**/.nfs*", "**/.fuse_hidden*", "**/.Trash-*", "**/.fseventsd", "**/.Spotlight-V100",
)  # fmt: skip
"""Files that programs and desktops write beside a document.
Source: the global ignore lists of github/gitignore (Vim, Emacs, MicrosoftOffice, LibreOffice, JetBrains, macOS, Windows, Linux)."""

ALWAYS = (*OWN, "**/.htaccess", *BESIDE_DOCUMENTS)
"""Paths that travel in no world."""

_CACHES = (
    "**/cache", "**/.cache", "**/caches", "**/tmp", "**/temp", "**/*.tmp", "**/templates_c", "**/node_modules", "**/__pycache__",
    "*/data/index", "*/data/locks", "*/data/log", "**/*.meta", "**/*.indexed", "**/*.mlist",
    "*/storage/framework", "*/bootstrap/cache", "*/writable/debugbar", "*/typo3temp", "*/runtime",
)  # fmt: skip

SQLITE = (b"SQLite format 3\x00", b"\x37\x7f\x06\x82", b"\x37\x7f\x06\x83", b"\x18\xe2\x2d\x00", b"\xd9\xd5\x05\xf9\x20\xa1\x63\xd7")
"""How the files of a live SQLite database begin: itself, its write-ahead log (two byte orders), the log's index, its journal.
Source: sqlite.org/fileformat.html."""
SQLITE_HEAD = 16  # bytes that have to be seen


class PathFilter(Protocol):
    """Something that leaves paths out."""

    def matches(self, path: bytes) -> bool:
        """Say whether a path, or a directory above it, is left out."""


class IgnoreList:
    """A compiled set of patterns."""

    def __init__(self, patterns: Iterable[str]) -> None:
        self.patterns = tuple(patterns)
        encoded = [pattern.encode("utf-8", "surrogateescape") for pattern in self.patterns]
        # most patterns name a component, wherever it lies: these are looked for in one go, however deep a path is
        anywhere = [_translate(pattern[3:]) for pattern in encoded if _is_of_a_component(pattern)]
        whole = [_translate(pattern) for pattern in encoded if not _is_of_a_component(pattern)]
        self._component = re.compile(b"(?s)(?:\\A|/)(?:" + b"|".join(anywhere) + b")(?:/|\\Z)") if anywhere else None
        self._expression = re.compile(b"(?s)(?:" + b"|".join(whole) + b")(?:/.*)?\\Z") if whole else None

    def matches(self, path: bytes) -> bool:
        """Say whether a path, or a directory above it, is ignored."""
        if self._component is not None and self._component.search(path) is not None:
            return True
        return self._expression is not None and self._expression.match(path) is not None


def _is_of_a_component(pattern: bytes) -> bool:
    return pattern.startswith(b"**/") and len(pattern) > 3 and b"/" not in pattern[3:] and b"**" not in pattern[3:]


def is_sqlite(head: bytes) -> bool:
    """Given the first bytes of a file, say whether it belongs to a live SQLite database: what is copied while a program writes it is torn."""
    return head.startswith(SQLITE)


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


CACHES = IgnoreList((*OWN, *BESIDE_DOCUMENTS, *_CACHES))
"""Of what does not travel, that which a program makes anew: it may be thrown away with its directory. All else is somebody's."""
