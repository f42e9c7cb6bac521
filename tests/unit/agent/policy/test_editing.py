"""Rules come and go; what people wrote around them stays."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fwrkit.agent.policy import PolicyError, add_rule, default_text, parse, remove_rule

TEXT = """\
# ours
[limits]
file = "20 MB" # enough

# about a
[[rule]]
name = "a"
paths = ["x"] # only x
then = "refuse"

# about b
[[rule]]
name = "b"
then = "allow"
# the end
"""


def names(text: str) -> list[str]:
    return [rule.name for rule in parse(text).rules]


def test_a_rule_is_added_last() -> None:
    text = add_rule(TEXT, {"then": "review", "name": 'c "quoted" \\', "paths": ["www/ä*"], "larger": "5 MB", "reason": None})
    assert text.startswith(TEXT)
    assert names(text) == ["a", "b", 'c "quoted" \\']
    assert text.endswith('larger = "5 MB"\nthen = "review"\n')
    assert parse(text).rules[-1].larger == 5_000_000


def test_a_rule_is_added_before_another_and_its_comment() -> None:
    text = add_rule(TEXT, {"name": "c", "then": "allow"}, before="b")
    assert names(text) == ["a", "c", "b"]
    assert text.index('name = "c"') < text.index("# about b") < text.index('name = "b"')


def test_a_rule_is_cut_out_and_comments_stay() -> None:
    text = remove_rule(TEXT, "a")
    assert names(text) == ["b"]
    for comment in ("# ours", "# enough", "# about a", "# about b", "# the end"):
        assert comment in text
    assert names(remove_rule(text, "b")) == []
    assert "# the end" in remove_rule(text, "b")


@pytest.mark.parametrize("fields", [
    {"name": "a", "then": "allow"}, {"name": "c"}, {"name": "c", "then": "x"}, {"name": "c", "then": "allow", "unknown": "x"},
    {"name": "c", "then": "allow", "paths": ["/x"]}, {"name": "c\ud800", "then": "allow", "x\ny": 1},
])  # fmt: skip
def test_no_edit_makes_a_policy_that_is_none(fields: dict[str, Any]) -> None:
    with pytest.raises(PolicyError):
        add_rule(TEXT, fields)


def test_what_is_not_there_is_told() -> None:
    with pytest.raises(PolicyError, match="no rule 'x'") as caught:
        remove_rule(TEXT, "x")
    assert "'a', 'b'" in caught.value.hint
    with pytest.raises(PolicyError, match="no rule 'x'"):
        add_rule("", {"name": "c", "then": "allow"}, before="x")
    with pytest.raises(PolicyError, match="no TOML"):
        add_rule("x = ", {"name": "c", "then": "allow"})


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=12), unique=True, max_size=6), st.data())
def test_whatever_was_added_is_there_and_goes_again(wanted: list[str], data: st.DataObject) -> None:
    text = default_text(data.draw(st.sampled_from(["dokuwiki", "static", "php"])))
    own, there = text, names(text)
    added: list[str] = []
    for name in wanted:
        try:
            text = add_rule(text, {"name": name, "then": "allow", "paths": ["x"]}, data.draw(st.sampled_from([None, *added])))
        except PolicyError:
            continue
        added.append(name)
    assert sorted(names(text)) == sorted(there + added)
    for name in added:
        text = remove_rule(text, name)
    assert names(text) == there
    assert [line for line in text.split("\n") if line] == [line for line in own.split("\n") if line]
