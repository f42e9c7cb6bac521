"""`fwrkit citizens`, `ban`, `unban`, `role`: who belongs to a world, and what officials change about it."""

from __future__ import annotations

from dataclasses import dataclass

from fwrkit.core.errors import ExitCode, FwrError
from fwrkit.core.records import CitizenRecord
from fwrkit.host.adapters.machine import Machine
from fwrkit.host.verbs import through


@dataclass(frozen=True)
class Roll:
    """The citizens of a world. Without ``is_live`` they are as this node last heard of them: nobody is known to be connected or behind.

    ``why`` says why the server did not tell, empty if it did; ``authority`` is the fingerprint of the world's authority, empty if that is not known.
    """

    is_live: bool
    citizens: list[CitizenRecord]
    why: str = ""
    authority: str = ""


@dataclass(frozen=True)
class Banned:
    """A ban; ``until`` in Unix seconds, 0 for good."""

    name: str
    reason: str
    until: int


@dataclass(frozen=True)
class Unbanned:
    """Whose ban is over."""

    name: str


@dataclass(frozen=True)
class RoleChanged:
    """What somebody is now, and was before."""

    name: str
    role: str
    before: str


def citizens(machine: Machine, node: str | None) -> Roll:
    """Return who belongs to a node's world, from the server if it can be reached, else from the node's own copy. Raise FwrError."""
    agent = through.agent(machine, node)
    try:
        answer = agent.ask("citizens")
        return Roll(True, [CitizenRecord.from_json(item) for item in answer["citizens"]], authority=str(answer.get("authority", "")))
    except FwrError as error:
        if error.code not in (ExitCode.UNREACHABLE, ExitCode.REFUSED):
            raise
        return Roll(False, agent.roll(), error.message)


def ban(machine: Machine, name: str, reason: str, until: int | None, node: str | None) -> Banned:
    """Ban a citizen until a moment (Unix seconds; None: for good). Raise FwrError: NOT_FOUND, USAGE, REFUSED, UNREACHABLE."""
    answer = through.agent(machine, node).ask("ban", name=name, reason=reason, until=until)
    return Banned(str(answer["name"]), str(answer["reason"]), int(answer["until"]))


def unban(machine: Machine, name: str, node: str | None) -> Unbanned:
    """End a ban. Raise FwrError: NOT_FOUND if there is none, REFUSED, UNREACHABLE."""
    return Unbanned(str(through.agent(machine, node).ask("unban", name=name)["name"]))


def role(machine: Machine, name: str, wanted: str, node: str | None) -> RoleChanged:
    """Give a citizen a role. Raise FwrError: NOT_FOUND, USAGE, REFUSED, UNREACHABLE."""
    answer = through.agent(machine, node).ask("role", name=name, role=wanted)
    return RoleChanged(str(answer["name"]), str(answer["role"]), str(answer["before"]))
