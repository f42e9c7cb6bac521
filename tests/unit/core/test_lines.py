"""Lines survive mail and chat, or are seen to be broken."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fwrkit.core import lines

FIELDS = st.lists(st.one_of(st.text(max_size=30), st.integers(-(2**40), 2**40), st.booleans()), max_size=8)


@given(FIELDS, st.data())
def test_a_line_is_read_as_it_was_written_however_it_was_wrapped(fields: list[object], data: st.DataObject) -> None:
    line = lines.encode("fwrx1", fields)
    assert line.isascii() and not set(line) - set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_")
    place = data.draw(st.integers(0, len(line)))
    assert lines.decode("fwrx1", f"  {line[:place]}\n {line[place:]}\n") == fields


@given(FIELDS, st.data())
def test_a_changed_character_is_seen(fields: list[object], data: st.DataObject) -> None:
    line = lines.encode("fwrx1", fields)
    place = data.draw(st.integers(5, len(line) - 2))
    other = data.draw(st.sampled_from([char for char in "abcXYZ019-_" if char != line[place]]))
    with pytest.raises((ValueError, TypeError)):
        lines.decode("fwrx1", line[:place] + other + line[place + 1 :])
    with pytest.raises((ValueError, TypeError)):
        lines.decode("fwrx1", line[:place])


@pytest.mark.parametrize("text", ["", "fwrx1", "fwry1AAAA", "fwrx1****", "fwrx1AAAAAAAA"])
def test_what_is_no_line(text: str) -> None:
    with pytest.raises((ValueError, TypeError)):
        lines.decode("fwrx1", text)
