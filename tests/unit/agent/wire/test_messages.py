"""Messages: each survives its way, and nothing that is none gets through."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fwrkit.agent.paths import is_well_formed
from fwrkit.agent.states import file_state, is_state
from fwrkit.agent.wire import frames
from fwrkit.agent.wire.frames import FrameError
from fwrkit.agent.wire.messages import (
    FROM_CLIENT,
    FROM_SERVER,
    Between,
    Change,
    Delivery,
    ManifestEntry,
    Outcome,
    Ping,
    from_value,
    to_value,
)

ALL: tuple[type[Any], ...] = tuple(dict.fromkeys((*FROM_CLIENT, *FROM_SERVER)))

integers = st.integers(min_value=-(2**63), max_value=2**64 - 1)
states = st.one_of(st.none(), st.just(b""), st.binary(min_size=32, max_size=32))
paths = st.binary(min_size=1, max_size=30).filter(is_well_formed)
plain: dict[str, st.SearchStrategy[Any]] = {
    "int": integers,
    "str": st.text(max_size=20),
    "bool": st.booleans(),
    "State": states,
    "bytes": st.binary(max_size=30),
    "bytes | None": st.one_of(st.none(), st.binary(max_size=30)),
    "list[State]": st.lists(states, max_size=4),
    "list[int]": st.lists(integers, max_size=4),
    "list[str]": st.lists(st.text(max_size=8), max_size=4),
    "list[bytes]": st.lists(st.binary(max_size=8), max_size=4),
    "list[list[Any]]": st.lists(st.lists(st.one_of(st.none(), integers, st.binary(max_size=4)), max_size=3), max_size=3),
}
# what msgpack can bring, whoever packed it
anything = st.recursive(
    st.one_of(st.none(), st.booleans(), integers, st.floats(allow_nan=False), st.text(max_size=8), st.binary(max_size=33)),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(st.text(max_size=4), inner, max_size=3)),
    max_leaves=8,
)


def fields(kind: type[Any]) -> dict[str, st.SearchStrategy[Any]]:
    """Return what each field of a message may be."""
    found = {}
    for item in dataclasses.fields(kind):
        found[item.name] = plain[str(item.type)]
        if item.name == "path":
            found[item.name] = paths
        elif item.name == "copy":
            found[item.name] = st.one_of(st.none(), paths)
    return found


def messages(kinds: tuple[type[Any], ...] = ALL) -> st.SearchStrategy[Any]:
    return st.sampled_from(kinds).flatmap(lambda kind: st.builds(kind, **fields(kind)))


def bring(value: Any) -> Any:
    """Take a value over the wire."""
    return frames.unpack(frames.pack(value)[4:])


def is_of(kind: str, name: str, value: Any) -> bool:
    """Say, independently of the code, whether a value fits a field."""
    if name == "path":
        return type(value) is bytes and is_well_formed(value)
    if name == "copy":
        return value is None or (type(value) is bytes and is_well_formed(value))
    if kind == "list[State]":
        return type(value) is list and all(is_state(item) for item in value)
    if kind.startswith("list["):
        inner = {"list[int]": int, "list[str]": str, "list[bytes]": bytes}.get(kind)
        return type(value) is list and (inner is None or all(type(item) is inner for item in value))
    checks = {
        "int": type(value) is int, "str": type(value) is str, "bool": type(value) is bool, "bytes": type(value) is bytes,
        "bytes | None": value is None or type(value) is bytes, "State": is_state(value),
    }  # fmt: skip
    return checks[kind]


@pytest.mark.parametrize("kind", ALL, ids=lambda kind: str(kind.tag))
@given(data=st.data())
def test_each_message_survives_its_way(kind: type[Any], data: st.DataObject) -> None:
    message = data.draw(st.builds(kind, **fields(kind)))
    assert from_value(bring(to_value(message)), ALL) == message


@pytest.mark.parametrize("kind", [kind for kind in ALL if dataclasses.fields(kind)], ids=lambda kind: str(kind.tag))
@given(data=st.data())
def test_each_field_takes_what_fits_and_nothing_else(kind: type[Any], data: st.DataObject) -> None:
    value = to_value(data.draw(st.builds(kind, **fields(kind))))
    index = data.draw(st.integers(min_value=0, max_value=len(value) - 2))
    item = dataclasses.fields(kind)[index]
    other = data.draw(anything)
    value[index + 1] = other
    if is_of(str(item.type), item.name, other):
        assert getattr(from_value(value, ALL), item.name) == other
    else:
        with pytest.raises(FrameError):
            from_value(value, ALL)


@given(messages(), st.sampled_from(["drop", "add"]), anything)
def test_a_field_more_or_less_is_no_message(message: Any, what: str, more: Any) -> None:
    value = to_value(message)
    with pytest.raises(FrameError):
        from_value(value[:-1] if what == "drop" else [*value, more], ALL)


@given(messages())
def test_a_side_says_only_what_is_its_own(message: Any) -> None:
    for allowed in (FROM_CLIENT, FROM_SERVER):
        if type(message) in allowed:
            assert from_value(to_value(message), allowed) == message
        else:
            with pytest.raises(FrameError):
                from_value(to_value(message), allowed)


@given(anything)
def test_whatever_else_arrives_is_refused(value: Any) -> None:
    try:
        message = from_value(value, ALL)
    except FrameError:
        return
    assert to_value(message) == value


@given(st.sampled_from(ALL), st.lists(anything, max_size=max(len(dataclasses.fields(kind)) for kind in ALL)))
def test_a_tag_alone_opens_nothing(kind: type[Any], rest: list[Any]) -> None:
    try:
        message = from_value([kind.tag, *rest], ALL)
    except FrameError:
        return
    for item in dataclasses.fields(message):
        assert is_of(str(item.type), item.name, getattr(message, item.name))


@pytest.mark.parametrize("path", [None, b"", b"/etc/passwd", b"../x", b"a/../../x", b"a//b", b"a/", b"a\0", "text", b"."])
def test_no_path_leads_out(path: Any) -> None:
    change = to_value(Change(1, b"a", None, None, None, False, False, False, 0, 0, None, False))
    delivery = to_value(Delivery(1, b"a", None, None, 0, "", None, 0))
    entry = ManifestEntry(b"a", None, None, None, False, False, 0, 0).to_value()
    change[2] = delivery[2] = entry[0] = path
    for value in (change, delivery):
        with pytest.raises(FrameError):
            from_value(value, ALL)
    with pytest.raises(FrameError):
        ManifestEntry.from_value(entry)
    if path is not None:
        with pytest.raises(FrameError):
            from_value(["outcome", 1, "ACCEPTED", "", path], (Outcome,))


def test_a_truth_is_no_number() -> None:
    with pytest.raises(FrameError):
        from_value(["ping", True], (Ping,))


entries = st.builds(ManifestEntry, **fields(ManifestEntry))


@given(entries)
def test_an_entry_of_a_manifest_survives_its_way(entry: ManifestEntry) -> None:
    assert ManifestEntry.from_value(bring(entry.to_value())) == entry


@given(entries, st.integers(min_value=0, max_value=len(dataclasses.fields(ManifestEntry)) - 1), anything)
def test_an_entry_takes_what_fits_and_nothing_else(entry: ManifestEntry, index: int, other: Any) -> None:
    value = entry.to_value()
    value[index] = other
    item = dataclasses.fields(ManifestEntry)[index]
    if is_of(str(item.type), item.name, other):
        assert getattr(ManifestEntry.from_value(value), item.name) == other
    else:
        with pytest.raises(FrameError):
            ManifestEntry.from_value(value)


@given(anything)
def test_no_other_value_is_an_entry(value: Any) -> None:
    with pytest.raises(FrameError):
        ManifestEntry.from_value(value)
    with pytest.raises(FrameError):
        ManifestEntry.from_value([value] * len(dataclasses.fields(ManifestEntry)))


def test_each_tag_is_used_once() -> None:
    assert len({kind.tag for kind in ALL}) == len(ALL)


@given(st.binary(max_size=30), st.text(max_size=20), integers)
def test_a_version_in_between_survives_its_way(content: bytes, author: str, time: int) -> None:
    version = Between(file_state(content), author, time, content)
    assert Between.from_value(bring(version.to_value())) == version


@given(st.integers(min_value=0, max_value=3), anything)
def test_a_version_in_between_takes_what_fits_and_nothing_else(index: int, other: Any) -> None:
    value = Between(file_state(b"one"), "alice", 0, b"one").to_value()
    value[index] = other
    item = dataclasses.fields(Between)[index]
    if is_of(str(item.type), item.name, other) and (item.name in ("author", "time") or file_state(value[3]) == value[0]):
        assert getattr(Between.from_value(value), item.name) == other
    else:
        with pytest.raises(FrameError):
            Between.from_value(value)


@given(anything)
def test_no_other_value_is_a_version_in_between(value: Any) -> None:
    for each in (value, [value] * 4):
        with pytest.raises(FrameError):
            Between.from_value(each)
