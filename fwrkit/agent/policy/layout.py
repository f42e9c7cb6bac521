"""Where things stand in the text of a policy: tomllib does not say. Lines are counted from 0 here, and from 1 in what is told."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

_HEADER = re.compile(r"\s*\[\s*(\[?)\s*(.*?)\s*\]?\s*\]\s*(?:#.*)?\Z")
_STRING = re.compile(r'"""(?:\\.|[^\\])*?(?:"{3,5}|\Z)' r"|'''.*?(?:'{3,5}|\Z)" r'|"(?:\\.|[^"\\\n])*"?' r"|'[^'\n]*'?|#[^\n]*", re.DOTALL)


@dataclass(frozen=True)
class Stretch:
    """The lines of one table: from its header to the line after its last key."""

    first: int
    end: int


class Layout:
    """The lines of a text that is TOML."""

    def __init__(self, text: str) -> None:
        self.lines = text.split("\n")
        self._outer = list(_outer_lines(text))
        headers = [(number, match) for number in self._outer if (match := _HEADER.match(self.lines[number]))]
        ends = [number for number, _ in headers[1:]] + [len(self.lines)]
        tables = [(match, Stretch(number, end)) for (number, match), end in zip(headers, ends, strict=False)]
        self.rules = [stretch for match, stretch in tables if match[1] and _bare(match[2]) == "rule"]
        self._tables = [(_bare(match[2]), stretch) for match, stretch in tables]

    def line_of_table(self, name: str) -> int:
        """Return the line of a table or of a key outside of tables, 1 if it cannot be found."""
        for table, stretch in self._tables:
            if table == name:
                return stretch.first + 1
        return self._search(name, 0, len(self.lines)) or 1

    def line_of_key(self, rule: int | None, key: str) -> int:
        """Return the line of a key of the rule at a position (None: of the limits), the table's own line if it cannot be found."""
        if rule is not None:
            stretch = self.rules[rule]
            return self._search(key, stretch.first, stretch.end) or stretch.first + 1
        found = next((stretch for name, stretch in self._tables if name == "limits"), None)
        if found is not None:
            return self._search(key, found.first, found.end) or found.first + 1
        return self._search(key, 0, len(self.lines)) or self.line_of_table("limits")

    def last_line(self, stretch: Stretch) -> int:
        """Return the last line of a table that is neither empty nor a comment."""
        outer, last = set(self._outer), stretch.first
        for number in range(stretch.first, stretch.end):
            if number not in outer or (self.lines[number].strip() and not self.lines[number].lstrip().startswith("#")):
                last = number
        return last

    def _search(self, key: str, first: int, end: int) -> int:
        words = "|".join(re.escape(word) for word in (key, f'"{key}"', f"'{key}'"))
        expression = re.compile(rf"\s*(?:limits\s*\.\s*)?(?:{words})\s*[=.]")
        return next((number + 1 for number in self._outer if first <= number < end and expression.match(self.lines[number])), 0)


def _bare(name: str) -> str:
    return name[1:-1] if len(name) > 1 and name[0] == name[-1] and name[0] in "\"'" else name


def _outer_lines(text: str) -> Iterator[int]:
    """Yield the lines that begin outside of strings and of lists."""
    inside: set[int] = set()

    def hide(match: re.Match[str]) -> str:
        number = text.count("\n", 0, match.start())
        inside.update(range(number + 1, number + match[0].count("\n") + 1))
        return "\n" * match[0].count("\n")

    depth = 0
    for number, line in enumerate(_STRING.sub(hide, text).split("\n")):
        if depth == 0 and number not in inside:
            yield number
        depth += sum(line.count(sign) for sign in "[{") - sum(line.count(sign) for sign in "]}")
