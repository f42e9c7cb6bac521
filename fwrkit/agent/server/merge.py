"""Merging what two wrote at once. So far: append-only logs, by union in time order. Pure functions."""

from __future__ import annotations


def union_of_logs(head: bytes, new: bytes) -> bytes:
    """Given two versions of an append-only log whose lines begin with a time, return their union in time order.

    Lines of equal time keep the order of ``head``, then that of ``new``. Lines without a leading number stay with the line before them.
    A line that both have stands once for each time that the side with more of it has it.
    """
    head_lines, new_lines = _lines(head), _lines(new)
    remaining: dict[bytes, int] = {}
    for line in head_lines:
        remaining[line] = remaining.get(line, 0) + 1
    added = []
    for time, line in _timed(new_lines):
        if remaining.get(line, 0) > 0:
            remaining[line] -= 1
        else:
            added.append((time, line))
    timed = _timed(head_lines) + added
    return b"".join(line + b"\n" for _, line in sorted(timed, key=lambda item: item[0]))


def _lines(text: bytes) -> list[bytes]:
    return [line for line in text.split(b"\n") if line]


def _timed(lines: list[bytes]) -> list[tuple[int, bytes]]:
    result, last = [], 0
    for line in lines:
        digits = line[: len(line) - len(line.lstrip(b"0123456789"))]
        last = int(digits[:19]) if digits else last
        result.append((last, line))
    return result
