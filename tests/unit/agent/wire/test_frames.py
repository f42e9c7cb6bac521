"""Frames: every split of the stream, every kind of garbage, and sizes that are refused before anything is read."""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any

import msgpack
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fwrkit.agent.wire.frames import FRAME_LIMIT, ITEM_LIMIT, FrameError, pack, read, unpack

scalars = st.one_of(
    st.none(), st.booleans(), st.integers(min_value=-(2**63), max_value=2**64 - 1), st.binary(max_size=50), st.text(max_size=50)
)
values = st.recursive(scalars, lambda inner: st.lists(inner, max_size=5), max_leaves=20)


def source(data: bytes) -> Callable[[int], bytes]:
    """Return what reads exactly n bytes, or fewer at the end, as a buffered pipe does."""
    position = 0

    def receive(count: int) -> bytes:
        nonlocal position
        part = data[position : position + count]
        position += len(part)
        return part

    return receive


@given(st.lists(values, max_size=5))
def test_what_is_packed_is_read_and_then_it_ends(sent: list[Any]) -> None:
    receive = source(b"".join(pack(value) for value in sent))
    assert [read(receive) for _ in sent] == sent
    with pytest.raises(EOFError):
        read(receive)


@given(values, values)
def test_a_stream_that_is_cut_anywhere_gives_whole_frames_or_an_error(first: Any, second: Any) -> None:
    frames = [pack(first), pack(second)]
    stream = b"".join(frames)
    for cut in range(len(stream)):
        receive = source(stream[:cut])
        whole = int(cut >= len(frames[0]))
        assert [read(receive) for _ in range(whole)] == [first][:whole]
        is_clean = cut in (0, len(frames[0]))
        with pytest.raises(EOFError if is_clean else FrameError):
            read(receive)


@given(st.integers(min_value=FRAME_LIMIT + 1, max_value=2**32 - 1))
def test_a_frame_that_is_too_large_is_refused_before_it_is_read(size: int) -> None:
    asked: list[int] = []
    head = struct.pack(">I", size)

    def receive(count: int) -> bytes:
        asked.append(count)
        return head

    with pytest.raises(FrameError):
        read(receive)
    assert asked == [4]


def test_the_limits_themselves() -> None:
    fits = b"x" * (FRAME_LIMIT - 5)
    assert read(source(pack(fits))) == fits
    with pytest.raises(FrameError):
        pack(b"x" * (FRAME_LIMIT - 4))
    items = [0] * ITEM_LIMIT
    assert read(source(pack(items))) == items
    with pytest.raises(FrameError):
        read(source(pack([0] * (ITEM_LIMIT + 1))))
    with pytest.raises(FrameError):
        unpack(msgpack.packb({str(number): 0 for number in range(ITEM_LIMIT + 1)}))


@given(st.binary(max_size=200))
def test_garbage_is_a_value_or_an_error_and_nothing_else(body: bytes) -> None:
    try:
        value = unpack(body)
    except FrameError:
        return
    assert isinstance(value, (type(None), bool, int, float, str, bytes, list, dict))


@given(st.binary(max_size=100))
def test_a_garbled_stream_ends_in_an_error(data: bytes) -> None:
    receive = source(data)
    with pytest.raises((FrameError, EOFError)):
        for _ in range(len(data) + 1):
            read(receive)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\xc1",  # never used
        b"\x92\x01",  # an array that is cut short
        b"\x01\x02",  # two values
        b"\xa1\xff",  # text that is no UTF-8
        b"\xd9\xff",  # text that is cut short
        b"\xc6\xff\xff\xff\xff",  # bytes that announce 4 GiB
        b"\xdd\xff\xff\xff\xff",  # an array that announces 4 G items
        b"\xdf\xff\xff\xff\xff",  # a map that does
        b"\xd4\x01\x00",  # an extension
        b"\xd6\xff\x00\x00\x00\x00",  # a time
        b"\x81\x01\x02",  # a map with a key that is no text
        b"\x91" * 100_000,  # arrays in arrays
        b"\x81\xa1a" * 100_000,
    ],
    ids=lambda body: bytes(body[:6]).hex(),
)
def test_what_no_frame_may_hold(body: bytes) -> None:
    with pytest.raises(FrameError):
        unpack(body)


def test_a_frame_of_very_many_elements_is_no_frame() -> None:
    """A few megabytes of empty lists would take some hundred in memory."""
    with pytest.raises(FrameError, match="too many"):
        unpack(msgpack.packb([[[]] * 1000] * 1000))
    assert len(unpack(msgpack.packb([[0] * 10] * 5000))) == 5000
