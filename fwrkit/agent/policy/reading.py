"""Reading a policy. Whatever is wrong with it is told with its line and with what would be right."""

from __future__ import annotations

import difflib
import re
import tomllib
from collections.abc import Callable, Iterable
from typing import Any, TypeVar, cast

from fwrkit.agent.policy.layout import Layout
from fwrkit.agent.policy.patterns import PatternError, Patterns, check_pattern
from fwrkit.agent.policy.rules import ACTIONS, OPERATIONS, ROLES, Action, Limits, Policy, PolicyError, Rule
from fwrkit.core.errors import FwrError
from fwrkit.core.names import check_citizen_name

TEXT_LIMIT = 256 * 1024  # characters of a policy
RULES_LIMIT = 500
_LIST_LIMIT = 200  # words of one list
_NAME_LIMIT = 80
_REASON_LIMIT = 300
_SIZE_LIMIT = 2**63 - 1
_UNITS = {"": 1, "b": 1} | {
    name + tail: base**power for power, name in enumerate("kmgt", 1) for tail, base in (("", 1000), ("b", 1000), ("i", 1024), ("ib", 1024))
}
_TABLES = ("limits", "rule")
_LIMITS = ("file", "quota")
_KEYS = ("name", "paths", "except", "roles", "citizens", "operations", "larger", "then", "reason")
T = TypeVar("T")


def parse(text: str) -> Policy:
    """Given the text of a policy, return it. Raise PolicyError if anything is wrong with it; never anything else."""
    if len(text) > TEXT_LIMIT:
        raise PolicyError(1, f"A policy has at most {TEXT_LIMIT} characters.", "Use patterns instead of listing files.")
    try:
        data = tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        raise _syntax_error(text, error) from error
    layout = Layout(text)
    _only(data, _TABLES, layout.line_of_table)
    if not isinstance(data.get("limits", {}), dict):
        raise PolicyError(layout.line_of_table("limits"), "'limits' is no table.", 'Write [limits], and beneath it file = "20 MB".')
    tables = data.get("rule", [])
    if not isinstance(tables, list) or not all(isinstance(table, dict) for table in tables) or len(tables) != len(layout.rules):
        raise PolicyError(layout.line_of_table("rule"), "'rule' is no list of tables.", "Begin each rule with a line [[rule]].")
    if len(tables) > RULES_LIMIT:
        raise PolicyError(
            layout.rules[RULES_LIMIT].first + 1, f"A policy has at most {RULES_LIMIT} rules.", "Use patterns instead of listing files."
        )
    reader = _Reader(layout)
    limits = reader.limits(data.get("limits", {}))
    rules: dict[str, Rule] = {}
    for position, table in enumerate(tables):
        rule = reader.rule(table, position)
        if rule.name in rules:
            line = layout.line_of_key(position, "name")
            raise PolicyError(line, f"There are two rules '{rule.name}'.", f"The other one is in line {rules[rule.name].line}: rename one.")
        rules[rule.name] = rule
    return Policy(limits, tuple(rules.values()))


def _syntax_error(text: str, error: Exception) -> PolicyError:
    if isinstance(error, RecursionError):
        return PolicyError(1, "The policy is nested too deeply.", "A policy has [limits] and [[rule]], nothing deeper.")
    found = re.search(r" \(at line (\d+), column \d+\)\Z", str(error))
    line = int(found[1]) if found else text.count("\n") + 1
    what = re.sub(r" \(at [^()]*\)\Z", "", str(error))[:200]
    return PolicyError(line, f"This is no TOML: {what}.", 'Texts stand in quotation marks: name = "…"; lists in brackets: paths = ["…"].')


def _only(table: dict[str, Any], known: tuple[str, ...], line: Callable[[str], int]) -> None:
    for word in table:
        if word not in known:
            raise PolicyError(line(word), f"'{word[:60]}' is unknown here.", _nearest(word, known))


def _nearest(word: str, known: tuple[str, ...]) -> str:
    near = difflib.get_close_matches(word[:60].lower(), known, 1, 0.5)
    return f"Did you mean '{near[0]}'?" if near else f"There are: {', '.join(known)}."


class _Reader:
    def __init__(self, layout: Layout) -> None:
        self._layout = layout

    def limits(self, table: dict[str, Any]) -> Limits:
        """Read the table of limits."""

        def line(key: str) -> int:
            return self._layout.line_of_key(None, key)

        _only(table, _LIMITS, line)
        sizes = {key: _size(value, key, line(key)) for key, value in table.items()}
        return Limits(sizes.get("file"), sizes.get("quota"), line("file"))

    def rule(self, table: dict[str, Any], position: int) -> Rule:
        """Read the rule at a position."""

        def line(key: str) -> int:
            return self._layout.line_of_key(position, key)

        def words(key: str, known: tuple[str, ...]) -> frozenset[str] | None:
            return _optional(table.get(key), lambda value: frozenset(_known(_texts(value, key, line(key)), known, key, line(key))))

        def patterns(key: str) -> Patterns | None:
            return _optional(table.get(key), lambda value: _patterns(_texts(value, key, line(key)), line(key)))

        _only(table, _KEYS, line)
        for key, hint in (("name", 'name = "what it is about"'), ("then", 'then = "refuse", "review" or "allow"')):
            if key not in table:
                raise PolicyError(self._layout.rules[position].first + 1, f"The rule has no '{key}'.", f"Add {hint}.")
        name = _line(table["name"], "name", _NAME_LIMIT, line("name"))
        if name.startswith("("):
            raise PolicyError(line("name"), "Names in parentheses are those of the built-in rules.", "Begin it with a letter.")
        then = _line(table["then"], "then", _NAME_LIMIT, line("then"))
        _known([then], ACTIONS, "then", line("then"))
        return Rule(
            name,
            cast(Action, then),
            self._layout.rules[position].first + 1,
            patterns("paths"),
            patterns("except"),
            words("roles", ROLES),
            _optional(table.get("citizens"), lambda value: _citizens(_texts(value, "citizens", line("citizens")), line("citizens"))),
            words("operations", OPERATIONS),
            _optional(table.get("larger"), lambda value: _size(value, "larger", line("larger"))),
            _optional(table.get("reason"), lambda value: _line(value, "reason", _REASON_LIMIT, line("reason"))) or "",
        )


def _optional(value: object, read: Callable[[object], T]) -> T | None:
    return None if value is None else read(value)


def _line(value: object, key: str, limit: int, line: int) -> str:
    if not isinstance(value, str):
        raise PolicyError(line, f"'{key}' is no text.", f'Write {key} = "…".')
    if not value.strip() or len(value) > limit or not value.isprintable():
        raise PolicyError(line, f"'{key}' is not one line of 1 to {limit} characters.", f'Write {key} = "…".')
    return value


def _texts(value: object, key: str, line: int) -> list[str]:
    if not isinstance(value, list) or not all(isinstance(word, str) for word in value):
        raise PolicyError(line, f"'{key}' is no list of texts.", f'Write {key} = ["…", "…"].')
    if not 1 <= len(value) <= _LIST_LIMIT:
        raise PolicyError(
            line, f"'{key}' has {len(value)} words.", f"It has 1 to {_LIST_LIMIT}; leave '{key}' out where it does not matter."
        )
    return value


def _known(words: list[str], known: tuple[str, ...], key: str, line: int) -> list[str]:
    for word in words:
        if word not in known:
            raise PolicyError(line, f"'{word[:60]}' is nothing for '{key}'.", _nearest(word, known))
    return words


def _citizens(words: Iterable[str], line: int) -> frozenset[str]:
    try:
        return frozenset(check_citizen_name(word) for word in words)
    except FwrError as error:
        raise PolicyError(line, str(error), error.hint) from error


def _patterns(words: list[str], line: int) -> Patterns:
    try:
        for word in words:
            check_pattern(word)
    except PatternError as error:
        raise PolicyError(line, *error.args) from error
    return Patterns(words)


def _size(value: object, key: str, line: int) -> int:
    match = re.fullmatch(r"([0-9]{1,15}(?:\.[0-9]{1,6})?) ?([A-Za-z]{0,3})", value) if isinstance(value, str) else None
    size: int | None = None
    if match is not None and match[2].lower() in _UNITS:
        size = round(float(match[1]) * _UNITS[match[2].lower()])
    elif isinstance(value, int) and not isinstance(value, bool):
        size = value
    if size is None or not 0 <= size <= _SIZE_LIMIT:
        raise PolicyError(line, f"'{key}' is no size.", f'Write {key} = "20 MB"; there are B, kB, MB, GB, TB and KiB, MiB, GiB, TiB.')
    return size
