"""What a path can be."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fwrkit.agent.states import ABSENT, DIRECTORY, UNKNOWN, Base, file_state, is_directory, is_file, is_state, shown


@given(st.binary(max_size=100))
def test_a_content_is_a_file(content: bytes) -> None:
    state = file_state(content)
    assert state == hashlib.sha256(content).digest()
    assert is_file(state) and is_state(state) and not is_directory(state)
    assert shown(state) == hashlib.sha256(content).hexdigest()[:12]


@pytest.mark.parametrize(("state", "file", "directory", "word"), [
    (ABSENT, False, False, "absent"),
    (DIRECTORY, False, True, "directory"),
    (UNKNOWN, False, False, "unknown"),
    (b"\0" * 32, True, False, "000000000000"),
])  # fmt: skip
def test_each_kind_is_one_kind(state: Base, file: bool, directory: bool, word: str) -> None:
    assert is_file(state) is file
    assert is_directory(state) is directory
    assert shown(state) == word


@given(st.one_of(st.none(), st.binary(max_size=40), st.text(max_size=40), st.integers(), st.booleans(), st.lists(st.none(), max_size=2)))
def test_what_is_a_state(value: object) -> None:
    assert is_state(value) is (value is None or (isinstance(value, bytes) and len(value) in (0, 32)))


@pytest.mark.parametrize("value", [UNKNOWN, b"x", b"x" * 31, b"x" * 33, "", "x" * 32, bytearray(32), 0, False])
def test_what_is_none(value: object) -> None:
    assert not is_state(value)
