"""Merging what two wrote at once: texts line by line, append-only logs by union in time order."""

from __future__ import annotations

import logging
import os
import tempfile

from fwrkit.core.commands import Command, run
from fwrkit.core.errors import FwrError

log = logging.getLogger("fwrkit.merge")

_TIMEOUT = 10.0  # seconds: what takes longer is no text that a person wrote


def merge_texts(base: bytes, head: bytes, new: bytes) -> bytes | None:
    """Given two successors of a text, return their merge line by line (``git merge-file``), None if both changed the same place.

    None, too, if one of them is no text: git calls binary what has a NUL near its beginning, and so does this of a NUL anywhere.
    """
    if any(b"\0" in content for content in (base, head, new)):
        return None
    try:
        with tempfile.TemporaryDirectory(prefix="fwrkit-merge-") as work:
            names = [os.path.join(work, name) for name in ("head", "base", "new")]
            for name, content in zip(names, (head, base, new), strict=True):
                with open(name, "wb") as file:
                    file.write(content)
            environment = {"PATH": os.defpath, "HOME": work}
            done = run(Command(["git", "merge-file", "--stdout", "--quiet", *names], env=environment, clean=True), _TIMEOUT)
    except (OSError, FwrError) as error:  # no room, too long: both contents are kept as they are
        log.warning("a merge failed: %s", error)
        return None
    return done.stdout if done.is_ok else None


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
