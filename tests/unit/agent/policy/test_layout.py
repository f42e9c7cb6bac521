"""Lines of tables and keys, in whatever way they are written."""

from __future__ import annotations

from fwrkit.agent.policy.layout import Layout

TEXT = """\
# [[rule]] in a comment
[limits] # not a [[rule]]
file = 1

[[rule]]
name = \"""
[[rule]]
then = "x"
\"""
paths = [
    "a", # ] [
    "[[rule]]",
]
then = "refuse"
# about the next

[[ "rule" ]]
"name" = 'it''s'
   then='allow'
"""


def test_tables_and_keys_are_found_outside_of_strings_comments_and_lists() -> None:
    layout = Layout(TEXT.replace("'it''s'", "'its'"))
    assert [(stretch.first, stretch.end) for stretch in layout.rules] == [(4, 16), (16, 20)]
    assert layout.line_of_key(None, "file") == 3
    assert layout.line_of_key(0, "then") == 14
    assert layout.line_of_key(0, "paths") == 10
    assert layout.line_of_key(1, "name") == 18
    assert layout.line_of_key(1, "then") == 19
    assert layout.line_of_key(1, "missing") == 17
    assert layout.last_line(layout.rules[0]) == 13
    assert layout.line_of_table("limits") == 2


def test_other_ways_to_write_limits() -> None:
    assert Layout("# x\nlimits.file = 1").line_of_key(None, "file") == 2
    assert Layout("\n\nlimits = {file = 1}").line_of_key(None, "file") == 3
    assert Layout("").line_of_key(None, "file") == 1


def test_lines_may_end_as_on_windows() -> None:
    layout = Layout("[limits]\r\nfile = 1\r\n[[rule]]\r\nname = 'x'\r\n")
    assert layout.line_of_key(0, "name") == 4
