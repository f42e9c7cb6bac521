"""A policy is read whole, or told what is wrong with it, and where."""

from __future__ import annotations

import contextlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fwrkit.agent.policy import PolicyError, parse

WHOLE = """\
[limits]
file = "20 MB"
quota = "1.5 GiB"

[[rule]]
name = "only officials publish"
paths = ["www_tourist/**"]
except = ["www_tourist/guestbook/**"]
roles = ["citizen"]
citizens = ["mallory"]
operations = ["add", "edit", "delete"]
larger = "5 kB"
then = "refuse"
reason = "Only officials publish."

[[rule]]
name = "rest"
then = "allow"
"""


def test_everything_in_its_place() -> None:
    policy = parse(WHOLE)
    assert (policy.limits.file, policy.limits.quota, policy.limits.line) == (20_000_000, 1_610_612_736, 2)
    first, second = policy.rules
    assert (first.name, first.action, first.line, first.larger, first.reason) == (
        "only officials publish", "refuse", 5, 5000, "Only officials publish.",
    )  # fmt: skip
    assert first.paths is not None
    assert first.paths.texts == ("www_tourist/**",)
    assert first.exceptions is not None
    assert first.exceptions.texts == ("www_tourist/guestbook/**",)
    assert [sorted(words or ()) for words in (first.roles, first.citizens, first.operations)] == [
        ["citizen"],
        ["mallory"],
        ["add", "delete", "edit"],
    ]
    assert (second.name, second.action, second.line) == ("rest", "allow", 16)
    assert (second.paths, second.exceptions, second.roles, second.citizens, second.operations, second.larger) == (None,) * 6


@pytest.mark.parametrize("text", ["", "\n", "# nothing", "[limits]", "rule = []"])
def test_an_empty_policy_has_no_rules(text: str) -> None:
    assert parse(text).rules == ()
    assert parse(text).limits.file is None


RULE = "[[rule]]\nname = 'x'\nthen = 'refuse'\n"


@pytest.mark.parametrize(("text", "line", "part", "hint"), [
    ("a = ", 1, "no TOML", "quotation"),
    ("[limits]\n\nfile = 20 MB", 3, "no TOML", "quotation"),
    (RULE + "name = 'y'", 4, "no TOML", ""),
    ("[limit]", 1, "'limit'", "'limits'"),
    ("\n[[rules]]\nname = 'x'", 2, "'rules'", "'rule'"),
    ("rule = 1", 1, "no list", "[[rule]]"),
    ("\nrule = [{name = 'x', then = 'allow'}]", 2, "no list", "[[rule]]"),
    ("[rule]\nname = 'x'", 1, "no list", "[[rule]]"),
    ('[["r\\u0075le"]]\nname = "x"\nthen = "allow"', 1, "no list", "[[rule]]"),
    ("limits = 3", 1, "no table", "[limits]"),
    ("[limits]\nflie = '1 MB'", 2, "'flie'", "'file'"),
    ("[limits]\nfile = '1 MX'", 2, "no size", "20 MB"),
    ("[limits]\nfile = -1", 2, "no size", ""),
    ("[limits]\nfile = true", 2, "no size", ""),
    ("[limits]\nfile = '1e9 B'", 2, "no size", ""),
    ("[limits]\nfile = '999999999999 TB'", 2, "no size", ""),
    ("[limits]\nfile = 99999999999999999999", 2, "no size", ""),
    ("[limits]\nquota = [1]", 2, "no size", ""),
    ("[[rule]]\nthen = 'allow'", 1, "no 'name'", "name ="),
    ("\n[[rule]]\nname = 'x'", 2, "no 'then'", "then ="),
    (RULE + "path = ['x']", 4, "'path'", "'paths'"),
    (RULE + "paths = 'x'", 4, "no list of texts", "paths = ["),
    (RULE + "paths = [1]", 4, "no list of texts", "paths = ["),
    (RULE + "paths = []", 4, "0 words", "leave"),
    (RULE + "paths = ['/x']", 4, "no path of the world", "without a slash"),
    (RULE + "paths = [\n 'x',\n 'y**',\n]", 4, "**", "whole components"),
    (RULE + "except = ['{citicen}/x']", 4, "{citicen}", "{citizen}"),
    (RULE + "roles = ['offical']", 4, "'offical'", "'official'"),
    (RULE + "roles = ['xyz']", 4, "'xyz'", "There are: citizen"),
    (RULE + "operations = ['remove']", 4, "'remove'", ""),
    (RULE + "citizens = ['Mallory!']", 4, "not a name", "lower-case"),
    (RULE + "larger = '5 megabytes'", 4, "no size", ""),
    (RULE + "reason = ''", 4, "'reason'", ""),
    (RULE + 'reason = "a\\nb"', 4, "one line", ""),
    (RULE + "reason = 5", 4, "no text", "reason ="),
    ("[[rule]]\nname = 'x'\nthen = 'deny'", 3, "'deny'", "There are: allow"),
    ("[[rule]]\nname = 'x'\nthen = 'refused'", 3, "'refused'", "'refuse'"),
    ("[[rule]]\nname = ''\nthen = 'refuse'", 2, "'name'", ""),
    ("[[rule]]\nname = '(readers)'\nthen = 'refuse'", 2, "built-in", ""),
    (RULE + "\n" + RULE, 6, "two rules 'x'", "line 1"),
    ("x = " + "[" * 20_000, 1, "", ""),
    ("x = " + "9" * 10_000, 1, "", ""),
    ("#" * 300_000, 1, "at most", ""),
    ("[[rule]]\n" * 501, 1001 - 500, "at most 500", "patterns"),
])  # fmt: skip
def test_what_is_wrong_is_told_with_line_and_hint(text: str, line: int, part: str, hint: str) -> None:
    with pytest.raises(PolicyError) as caught:
        parse(text)
    assert (caught.value.line, part in caught.value.message, hint in caught.value.hint) == (line, True, True), caught.value
    assert caught.value.message.endswith(".")
    assert caught.value.hint


@pytest.mark.parametrize(("text", "size"), [
    ("0", 0), ("12 B", 12), ("1 kB", 1000), ("1KB", 1000), ("1 KiB", 1024), ("20 MB", 20_000_000), ("20 M", 20_000_000), ("1 MiB", 1 << 20),
    ("0.5 GB", 500_000_000), ("2 TiB", 2 << 40),
])  # fmt: skip
def test_sizes(text: str, size: int) -> None:
    assert parse(f"[limits]\nfile = '{text}'").limits.file == size


pieces = st.sampled_from([
    "[[rule]]\n", "[limits]\n", "name = 'x'\n", "name = 'y'\n", "then = 'allow'\n", "then = ", "'", '"', '"""', "'''", "paths = ['**']\n", "paths", "[", "]",
    "{", "}", "=", "file = 1\n", "#", "\n", "\r\n", "rule", ".", "roles = ['citizen']\n", "1", "\\", "\ud800", "\0", ",", "1979-05-27", "inf",
])  # fmt: skip


@given(st.one_of(st.text(max_size=200), st.lists(pieces, max_size=25).map("".join)))
def test_no_text_raises_anything_else(text: str) -> None:
    try:
        policy = parse(text)
    except PolicyError as error:
        assert 1 <= error.line <= text.count("\n") + 1
    else:
        assert len({rule.name for rule in policy.rules}) == len(policy.rules)


values = st.recursive(
    st.one_of(st.text(max_size=8), st.integers(), st.booleans(), st.floats()), lambda inner: st.lists(inner, max_size=3), max_leaves=4
)


@given(st.sampled_from(["name", "paths", "except", "roles", "citizens", "operations", "larger", "then", "reason"]), values)
def test_no_value_raises_anything_else(key: str, value: object) -> None:
    lines = {"name": "'x'", "then": "'refuse'"} | {
        key: json.dumps(value, ensure_ascii=False).replace("NaN", "nan").replace("Infinity", "inf")
    }
    with contextlib.suppress(PolicyError):
        parse("[[rule]]\n" + "".join(f"{word} = {text}\n" for word, text in lines.items()))
