"""Changing the text of a policy by rules, so that what people wrote around them stays."""

from __future__ import annotations

import json
from typing import Any

from fwrkit.agent.policy.layout import Layout
from fwrkit.agent.policy.reading import parse
from fwrkit.agent.policy.rules import PolicyError

_ORDER = ("name", "paths", "except", "roles", "citizens", "operations", "larger", "then", "reason")


def add_rule(text: str, fields: dict[str, Any], before: str | None = None) -> str:
    """Given a policy's text, return it with one more rule: the last one, or the one before the rule of a name.

    ``fields`` are the keys of the format with texts, lists of texts or numbers; those that are None are left out. Raise PolicyError if
    the text is wrong, before or after, or if there is no such rule.
    """
    lines = ["[[rule]]", *(f"{key} = {_toml(fields[key])}" for key in sorted(fields, key=_position) if fields[key] is not None)]
    if before is None:
        parse(text)
        kept = text.rstrip()
        result = kept + ("\n\n" if kept else "") + "\n".join(lines) + "\n"
    else:
        layout = Layout(text)
        at = layout.rules[_find(text, before)].first
        while at > 0 and layout.lines[at - 1].lstrip().startswith("#"):
            at -= 1  # a comment right above a rule is about that rule
        result = "\n".join([*layout.lines[:at], *lines, "", *layout.lines[at:]])
    parse(result)
    return result


def remove_rule(text: str, name: str) -> str:
    """Given a policy's text, return it without the rule of a name; comments stay. Raise PolicyError if there is no such rule."""
    position = _find(text, name)
    layout = Layout(text)
    stretch = layout.rules[position]
    end = layout.last_line(stretch) + 1
    if end < len(layout.lines) and not layout.lines[end].strip() and end < len(layout.lines) - 1:
        end += 1
    result = "\n".join([*layout.lines[: stretch.first], *layout.lines[end:]])
    parse(result)
    return result


def _find(text: str, name: str) -> int:
    names = [rule.name for rule in parse(text).rules]
    if name not in names:
        listed = ", ".join(f"'{word}'" for word in names)
        raise PolicyError(1, f"There is no rule '{name}'.", f"There are: {listed}." if names else "The policy has no rules.")
    return names.index(name)


def _position(key: str) -> tuple[int, str]:
    return (_ORDER.index(key), key) if key in _ORDER else (len(_ORDER), key)


def _toml(value: object) -> str:
    """Return a value as TOML: its strings are like JSON's, but for one character."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
