"""`fwrkit cat PATH@VERSION`: a file of any version."""

from __future__ import annotations

import base64
from collections.abc import Callable
from dataclasses import dataclass

from fwrkit.host.adapters.machine import Machine
from fwrkit.host.verbs import readers


@dataclass(frozen=True)
class FileContent:
    """A file's content as programs get it: ``base64``, and its ``size`` in bytes."""

    target: str
    size: int
    base64: str


def cat(machine: Machine, target: str, node: str | None, write: Callable[[bytes], object]) -> None:
    """Given a path, or a path and a version, write the content piece by piece. Raise FwrError: NOT_FOUND, USAGE, UNREACHABLE."""
    machine.agent(readers.pick(machine, node)).cat(target, write)


def content(machine: Machine, target: str, node: str | None) -> FileContent:
    """Like :func:`cat`, but return the content."""
    pieces: list[bytes] = []
    cat(machine, target, node, pieces.append)
    whole = b"".join(pieces)
    return FileContent(target, len(whole), base64.b64encode(whole).decode())
