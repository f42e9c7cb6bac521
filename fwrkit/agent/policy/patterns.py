"""Patterns over paths: ``*`` within a component, ``**`` any number of components, ``?`` one character, ``{citizen}`` who acts.

A pattern without a slash matches a name anywhere. Paths come from strangers, so matching takes time in proportion to their length:
after each ``*`` or ``**`` the first place that fits is taken and never taken back, which loses no match. Paths are text here, in
which bytes that are no UTF-8 are surrogates: that loses nothing.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable
from functools import lru_cache

from fwrkit.agent.policy.lookalikes import FORMS, fold_name, fold_path

CITIZEN = "{citizen}"
PATTERN_LIMIT = 500  # characters

_TOKENS = re.compile(r"(\*|\?|\{citizen\})")
_ONE, _ANY = "[^/]", "[^/]*"


class PatternError(ValueError):
    """A pattern that cannot mean anything, or hardly what its author meant. The second argument is a hint."""


def check_pattern(pattern: str) -> None:
    """Raise PatternError if a pattern is malformed."""
    if not pattern or len(pattern) > PATTERN_LIMIT:
        raise PatternError(f"A pattern has 1 to {PATTERN_LIMIT} characters.", "Write for example www_tourist/** or *.php.")
    if any(char < " " or char == "\x7f" for char in pattern):
        raise PatternError(f"The pattern {pattern!r} holds a control character.", "Put ? where such a character may be.")
    components = pattern.split("/")
    if any(part in ("", ".", "..") for part in components):
        raise PatternError(f"The pattern {pattern!r} is no path of the world.", "Begin at the world's root, without a slash: www/pages/**.")
    if any("**" in part and part != "**" for part in components):
        raise PatternError(
            f"In {pattern!r}, ** stands beside other characters.", "** stands for whole components: a/**/b; within one write *."
        )
    if set(pattern) & set("[]\\") or pattern.startswith("!"):
        raise PatternError(
            f"The pattern {pattern!r} has signs of another dialect.", "There are *, **, ? and {citizen}; leave things out with except."
        )
    for word in re.findall(r"\{[^{}/]*\}", pattern):
        if word != CITIZEN:
            near = difflib.get_close_matches(word.lower(), [CITIZEN], 1, 0.5)
            raise PatternError(f"{word} stands for nothing.", f"Did you mean {CITIZEN}?" if near else f"Only {CITIZEN} is replaced.")


class Patterns:
    """Some patterns together."""

    def __init__(self, patterns: Iterable[str]) -> None:
        self.texts = tuple(patterns)
        self._has_citizen = any(CITIZEN in text for text in self.texts)

    def match_exactly(self, path: str, citizen: str, is_directory: bool) -> bool:
        """Say whether a path is one of them as it is written. ``dir/**`` stands for the directory itself too, but for no file of its name."""
        who = citizen if self._has_citizen else ""
        if _exact(self.texts, who).match(path):
            return True
        return is_directory and _directories(self.texts, who).match(path) is not None

    def match_beneath(self, path: str) -> bool:
        """Say whether a path, or a directory above it, is one of them as it is written. ``dir/**`` stands for ``dir`` too."""
        return _wide(self.texts, "").match(path) is not None

    def match_widely(self, path: str, citizen: str) -> bool:
        """Say whether a path, or a directory above it, is one of them or passes for one. ``dir/**`` stands for ``dir`` too."""
        who = citizen if self._has_citizen else ""
        if _wide(self.texts, who).match(path):
            return True
        expressions = [_folded(self.texts, who, form) for form in FORMS]
        return any(expression.match(fold_path(path, form)) for form, expression in zip(FORMS, expressions, strict=True))


@lru_cache(maxsize=4096)
def _exact(texts: tuple[str, ...], citizen: str) -> re.Pattern[str]:
    return _union(_expression(_anchored(text), citizen, r"\Z") for text in texts)


@lru_cache(maxsize=4096)
def _directories(texts: tuple[str, ...], citizen: str) -> re.Pattern[str]:
    above = [parts[:-1] for parts in map(_anchored, texts) if parts[-1] == "**" and parts[:-1]]
    return _union(_expression(parts, citizen, r"\Z") for parts in above)


@lru_cache(maxsize=4096)
def _wide(texts: tuple[str, ...], citizen: str) -> re.Pattern[str]:
    return _union(_expression(_without_end(_anchored(text)), citizen, r"(?:/|\Z)") for text in texts)


@lru_cache(maxsize=4096)
def _folded(texts: tuple[str, ...], citizen: str, form: int) -> re.Pattern[str]:
    folded = [[_fold_component(part, form) for part in _without_end(_anchored(text))] for text in texts]
    return _union(_expression(parts, citizen, r"(?:/|\Z)") for parts in folded)


def _union(expressions: Iterable[str]) -> re.Pattern[str]:
    return re.compile("(?s:" + ("|".join(expressions) or "(?!)") + ")")


def _anchored(text: str) -> list[str]:
    return text.split("/") if "/" in text or text == "**" else ["**", text]


def _without_end(parts: list[str]) -> list[str]:
    while len(parts) > 1 and parts[-1] == "**":
        parts = parts[:-1]
    return parts


def _fold_component(part: str, form: int) -> str:
    """Fold what is literal. A literal that would vanish stays, and matches no folded name: without it the pattern would match any."""
    if part == "**":
        return part
    tokens = [token for token in _TOKENS.split(part) if token]
    return "".join(token if token in ("*", "?", CITIZEN) else _fold_literal(token, form, position == len(tokens) - 1)
                   for position, token in enumerate(tokens))  # fmt: skip


def _fold_literal(text: str, form: int, is_last: bool) -> str:
    if is_last:
        return fold_name(text, form)
    folded = fold_name(text + "x", form)  # dots and spaces in the middle of a name stay
    return folded.removesuffix("x") or text


def _expression(parts: list[str], citizen: str, end: str) -> str:
    """Given the components of a pattern, return a regular expression that needs no backtracking over ``**``."""
    stretches: list[list[str]] = [[]]
    for part in parts:
        if part != "**":
            stretches[-1].append(_component(part, citizen))
        elif stretches[-1] or len(stretches) == 1:
            stretches.append([])
    first, *rest = ["/".join(stretch) for stretch in stretches]
    if not rest:
        return first + end
    result = first + "/" if first else ""
    for middle in rest[:-1]:
        result += f"(?>(?:[^/]+/)*?{middle}/)"
    return result + (f"(?:[^/]+/)*?{rest[-1]}{end}" if rest[-1] else r".+\Z")


def _component(part: str, citizen: str) -> str:
    first, *rest = [_piece(piece, citizen) for piece in re.split(r"\*+", part)]
    if not rest:
        return first
    return first + "".join(f"(?>{_ANY}?{piece})" for piece in rest[:-1]) + _ANY + rest[-1]


def _piece(piece: str, citizen: str) -> str:
    words = {"?": _ONE, CITIZEN: re.escape(citizen)}
    return "".join(words.get(token) or re.escape(token) for token in _TOKENS.split(piece) if token)
