"""Frames of the stream: a length, then one msgpack value. Sizes are checked before anything is allocated."""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any

import msgpack

FRAME_LIMIT = 4 * 1024 * 1024  # bytes of one frame: the largest streamed content (settings) and its surroundings
ITEM_LIMIT = 20_000  # elements of any one array or map in a frame
FRAME_ITEM_LIMIT = 500_000  # of all of them together: each element takes many times the bytes that it has in the frame

_LENGTH = struct.Struct(">I")


class FrameError(Exception):
    """The other end sent something that is no frame. The connection is of no use any more."""


def pack(value: Any) -> bytes:
    """Given a value of lists, bytes, text, integers, booleans and None, return its frame. Raise FrameError if it is too large."""
    body: bytes = msgpack.packb(value, use_bin_type=True)
    if len(body) > FRAME_LIMIT:
        raise FrameError(f"a frame of {len(body)} bytes is too large to be sent")
    return _LENGTH.pack(len(body)) + body


def read(receive: Callable[[int], bytes]) -> Any:
    """Given a function that returns exactly n bytes or fewer at the end, return the next frame's value.

    Raise EOFError at a clean end between two frames, FrameError if the stream ends inside one or holds what no frame may.
    """
    head = receive(_LENGTH.size)
    if not head:
        raise EOFError
    if len(head) < _LENGTH.size:
        raise FrameError("the stream ended inside a frame")
    (size,) = _LENGTH.unpack(head)
    if size > FRAME_LIMIT:
        raise FrameError(f"a frame of {size} bytes is larger than allowed")
    body = receive(size)
    if len(body) < size:
        raise FrameError("the stream ended inside a frame")
    return unpack(body)


def unpack(body: bytes) -> Any:
    """Given a frame's body, return its value. Raise FrameError if it is no msgpack of the allowed kinds and sizes."""
    total = 0

    def count(items: list[Any]) -> list[Any]:
        nonlocal total
        total += len(items) + 1
        if total > FRAME_ITEM_LIMIT:
            raise ValueError("too many elements")
        return items

    try:
        return msgpack.unpackb(
            body,
            list_hook=count,
            raw=False,
            strict_map_key=True,
            use_list=True,
            max_str_len=FRAME_LIMIT,
            max_bin_len=FRAME_LIMIT,
            max_array_len=ITEM_LIMIT,
            max_map_len=ITEM_LIMIT,
            max_ext_len=0,
        )
    except (ValueError, msgpack.UnpackException, RecursionError) as error:
        raise FrameError(f"not a frame: {error}") from error
