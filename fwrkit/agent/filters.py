"""A node's own filters: whose writing, and which paths, do not come to its disk. They concern this node alone.

The server leaves out what they name and remembers that this node does not have it: so nothing is taken for deleted, and all of it comes
once a filter is gone.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property

from fwrkit.agent import paths
from fwrkit.agent.files.ignore import IgnoreList
from fwrkit.agent.policy.patterns import PatternError, Patterns, check_pattern
from fwrkit.core.errors import ExitCode, FwrError
from fwrkit.core.names import check_citizen_name

LIMIT = 500  # names, and as many patterns


@dataclass(frozen=True)
class Filters:
    """``muted`` are citizens, ``ignored`` patterns as in the policy (docs/policy.md), taken by the letter."""

    muted: tuple[str, ...] = ()
    ignored: tuple[str, ...] = ()

    @cached_property
    def _patterns(self) -> Patterns:
        return Patterns(self.ignored)

    def __bool__(self) -> bool:
        return bool(self.muted or self.ignored)

    def ignores(self, path: bytes) -> bool:
        """Say whether a path, or a directory above it, is ignored."""
        return bool(self.ignored) and self._patterns.match_beneath(paths.shown(path))

    def to_text(self) -> str:
        """Return the filters as they are kept."""
        return json.dumps({"muted": self.muted, "ignored": self.ignored})

    @classmethod
    def from_text(cls, text: str) -> Filters:
        """Given what :meth:`to_text` returned, or nothing, return the filters."""
        data = json.loads(text or "{}")
        return cls(tuple(data.get("muted", ())), tuple(data.get("ignored", ())))

    def changed(self, kind: str, word: str, is_on: bool) -> Filters:
        """Return the filters with a citizen (``muted``) or a pattern (``ignored``) put in or taken out. Raise FwrError: USAGE, NOT_FOUND."""
        before: tuple[str, ...] = getattr(self, kind)
        if not is_on and word not in before:
            raise FwrError(ExitCode.NOT_FOUND, f"There is no such filter: {word}", "See which there are: fwrkit filters")
        if is_on:
            check(kind, word)
            if len(before) >= LIMIT:
                raise FwrError(ExitCode.USAGE, f"There are {LIMIT} already.", "Take one out first.")
        rest = tuple(item for item in before if item != word)
        words = {"muted": self.muted, "ignored": self.ignored} | {kind: (*rest, word) if is_on else rest}
        return Filters(words["muted"], words["ignored"])


def check(kind: str, word: str) -> None:
    """Raise FwrError (USAGE) if a filter's word can not be one."""
    if kind == "muted":
        check_citizen_name(word)
        return
    try:
        check_pattern(word)
    except PatternError as error:
        message, hint = (str(part) for part in error.args)
        raise FwrError(ExitCode.USAGE, message, hint) from error
    if "{citizen}" in word or set(word) <= set("*/"):
        raise FwrError(ExitCode.USAGE, f"The pattern {word!r} can not be ignored.", "Name what is to be left out: www/films/** or *.mp4")


def taken(muted: Iterable[str], ignored: Iterable[str]) -> Filters:
    """Given what a client says, return its filters. Raise FwrError (USAGE) if that is none."""
    filters = Filters(tuple(muted), tuple(ignored))
    if len(filters.muted) > LIMIT or len(filters.ignored) > LIMIT:
        raise FwrError(ExitCode.USAGE, "There are too many filters.", "")
    for kind in ("muted", "ignored"):
        for word in getattr(filters, kind):
            check(kind, word)
    return filters


@dataclass(frozen=True)
class Ignored:
    """What does not leave a node: what the template says, and what the node itself ignores."""

    template: IgnoreList
    own: Filters = field(default_factory=Filters)

    def matches(self, path: bytes) -> bool:
        """Say whether a path, or a directory above it, is ignored."""
        return self.template.matches(path) or self.own.ignores(path)
