"""`fwrkit revert` and `fwrkit restore`: bringing back what was, as new versions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from fwrkit.host.adapters.machine import Machine
from fwrkit.host.verbs import through


@dataclass(frozen=True)
class Left:
    """A path that stays as it is, and why."""

    path: str
    reason: str


@dataclass(frozen=True)
class Reverted:
    """How many paths were changed, and how many left; ``done`` and ``left`` name the first ones."""

    count: int
    done: list[str]
    left_count: int
    left: list[Left]
    is_rehearsal: bool


def revert(machine: Machine, path: str, to: str, is_rehearsal: bool, node: str | None) -> Reverted:
    """Make a path what it was in a version. Raise FwrError: NOT_FOUND, USAGE, REFUSED, UNREACHABLE."""
    return _reverted(through.agent(machine, node).ask("revert", path=path, to=to, dry_run=is_rehearsal), is_rehearsal)


def revert_by(machine: Machine, name: str, since: str, is_rehearsal: bool, node: str | None) -> Reverted:
    """Take back what somebody did since a time, wherever nobody else has edited since. Raise FwrError as :func:`revert`."""
    return _reverted(through.agent(machine, node).ask("revert-by", by=name, since=since, dry_run=is_rehearsal), is_rehearsal)


def restore(machine: Machine, path: str, is_rehearsal: bool, node: str | None) -> Reverted:
    """Bring back what was deleted. Raise FwrError as :func:`revert`."""
    return _reverted(through.agent(machine, node).ask("restore", path=path, dry_run=is_rehearsal), is_rehearsal)


def _reverted(answer: dict[str, Any], is_rehearsal: bool) -> Reverted:
    left = [Left(str(each["path"]), str(each["reason"])) for each in answer["left"]]
    return Reverted(int(answer["count"]), [str(path) for path in answer["done"]], int(answer["left_count"]), left, is_rehearsal)
