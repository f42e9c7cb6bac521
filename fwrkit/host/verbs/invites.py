"""`fwrkit invites`: which invites are good still, and their end before their time."""

from __future__ import annotations

from dataclasses import dataclass

from fwrkit.host.adapters.machine import Machine
from fwrkit.host.verbs import through


@dataclass(frozen=True)
class OpenInvite:
    """For whom it is, who had it made, until when (Unix seconds), for how many it was made, and how many it lets in still."""

    name: str
    by: str
    expires: int
    uses: int
    left: int


@dataclass(frozen=True)
class Invites:
    """Every invite of the world that is good still, the first to expire first."""

    invites: list[OpenInvite]


@dataclass(frozen=True)
class Withdrawn:
    """For whom invites let nobody in any more, and how many those were."""

    name: str
    count: int


def invites(machine: Machine, node: str | None) -> Invites:
    """Return the invites that are good still. Raise FwrError: REFUSED, UNREACHABLE."""
    answer = through.agent(machine, node).ask("invites")
    return Invites(
        [
            OpenInvite(str(each["name"]), str(each["by"]), int(each["expires"]), int(each["uses"]), int(each["left"]))
            for each in answer["invites"]
        ]
    )


def withdraw(machine: Machine, name: str, node: str | None) -> Withdrawn:
    """End the invites for a name. Raise FwrError: NOT_FOUND, REFUSED, UNREACHABLE."""
    answer = through.agent(machine, node).ask("withdraw", name=name)
    return Withdrawn(str(answer["name"]), int(answer["count"]))
