"""The audit log's chain: whatever is done to it is found."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fwrkit.agent.audit import GENESIS, Entry, file_of, follow


def chain(count: int) -> list[str]:
    lines, previous = [], GENESIS
    for number in range(1, count + 1):
        entry = Entry(number, 1000 + number, "ada", "ban", f"citizen-{number}", {"reason": "ä\n"}, previous)
        lines.append(entry.to_line())
        previous = entry.hash
    return lines


def test_a_whole_log_is_followed_to_its_end() -> None:
    lines = chain(5)
    found = follow(lines)
    assert found.fault == ""
    assert [entry.to_line() for entry in found.entries] == lines
    assert found.head == found.entries[-1].hash
    assert follow([]).head == GENESIS
    assert all("\n" not in line for line in lines)


@pytest.mark.parametrize("number", range(5))
def test_what_is_taken_out_put_in_or_swapped_is_found(number: int) -> None:
    lines = chain(6)
    assert follow(lines[:number] + lines[number + 1 :]).fault
    assert follow([*lines[:number], lines[number], *lines[number:]]).fault
    swapped = [*lines]
    swapped[number], swapped[number + 1] = swapped[number + 1], swapped[number]
    found = follow(swapped)
    assert found.fault and len(found.entries) == number


@given(st.integers(0, 5), st.sampled_from(["time", "actor", "event", "subject", "details", "previous", "hash", "number"]), st.data())
def test_a_word_that_is_changed_is_found(number: int, name: str, data: st.DataObject) -> None:
    lines = chain(6)
    entry = json.loads(lines[number])
    kind = {"time": st.integers(), "number": st.integers(), "details": st.dictionaries(st.text(), st.text())}.get(name, st.text())
    value = data.draw(kind.filter(lambda value: value != entry[name]))
    lines[number] = json.dumps({**entry, name: value}, sort_keys=True)
    assert follow(lines).fault


@given(st.lists(st.one_of(st.text(), st.sampled_from(["[]", "{}", "null", "7", '{"number": 1}', "[" * 5000]))))
def test_nonsense_is_no_chain(lines: list[str]) -> None:
    found = follow(lines)
    assert found.entries == [] and bool(found.fault) == bool(lines)


def test_a_further_field_is_found() -> None:
    [line] = chain(1)
    assert follow([json.dumps({**json.loads(line), "more": "x"})]).fault


def test_a_month_has_a_file() -> None:
    assert file_of("2026-11") == b".fwr/audit/2026-11.jsonl"
