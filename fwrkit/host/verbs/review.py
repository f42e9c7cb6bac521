"""`fwrkit review`: what waits until an official accepts it."""

from __future__ import annotations

import base64
import difflib
from dataclasses import dataclass
from typing import Any

from fwrkit.core.errors import ExitCode, FwrError
from fwrkit.host.adapters.machine import Machine
from fwrkit.host.verbs import through


@dataclass(frozen=True)
class Waiting:
    """A change that waits. ``kind`` is add, edit or delete; ``since`` in Unix seconds, ``size`` in bytes."""

    number: int
    by: str
    path: str
    kind: str
    size: int
    since: int


@dataclass(frozen=True)
class Reviews:
    """What waits: the first ones, and how many there are."""

    count: int
    reviews: list[Waiting]


@dataclass(frozen=True)
class ReviewDiff:
    """What a change would do to a file, as a unified diff; empty with ``is_binary`` for what is no text, or too large to be shown."""

    change: Waiting
    diff: str
    is_binary: bool


@dataclass(frozen=True)
class Reviewed:
    """What was decided, on how many changes; ``paths`` names the first ones."""

    count: int
    paths: list[str]


def reviews(machine: Machine, node: str | None) -> Reviews:
    """Return what waits: everything for an official, for a citizen their own. Raise FwrError: REFUSED, UNREACHABLE."""
    answer = through.agent(machine, node).ask("reviews")
    return Reviews(int(answer["count"]), [_waiting(item) for item in answer["reviews"]])


def diff(machine: Machine, number: int, node: str | None) -> ReviewDiff:
    """Say what a change would do. Raise FwrError: NOT_FOUND, REFUSED, UNREACHABLE."""
    answer = through.agent(machine, node).ask("review", number=number)
    change = _waiting(answer)
    try:
        before, after = (_lines(answer[side]) for side in ("before", "after"))
    except ValueError:
        return ReviewDiff(change, "", True)
    if change.kind != "delete" and answer["after"] is None:
        return ReviewDiff(change, "", True)
    return ReviewDiff(change, "".join(difflib.unified_diff(before, after, f"a/{change.path}", f"b/{change.path}")), False)


def _lines(text: str | None) -> list[str]:
    content = base64.b64decode(text or "")
    if b"\0" in content:
        raise ValueError("no text")
    lines = content.decode().splitlines(keepends=True)
    return [line if line.endswith("\n") else line + "\n" for line in lines]


def decide(machine: Machine, what: str, numbers: list[int], by: str, reason: str, node: str | None) -> Reviewed:
    """Accept or reject changes by their numbers, or all of a citizen's. Raise FwrError: USAGE, NOT_FOUND, REFUSED, UNREACHABLE."""
    if bool(numbers) == bool(by):
        hint = f"Either: fwrkit review {what} NUMBER … · or: fwrkit review {what} --by CITIZEN"
        raise FwrError(ExitCode.USAGE, "It has to be said which changes are meant.", hint)
    answer = through.agent(machine, node).ask(what, numbers=numbers, by=by, reason=reason)
    if by and not answer["count"]:
        raise FwrError(ExitCode.NOT_FOUND, f"Nothing of {by} waits.", "See what does: fwrkit review")
    return Reviewed(int(answer["count"]), [str(path) for path in answer["paths"]])


def _waiting(item: dict[str, Any]) -> Waiting:
    return Waiting(int(item["number"]), str(item["by"]), str(item["path"]), str(item["kind"]), int(item["size"]), int(item["since"]))
