"""`fwrkit requests` and `fwrkit admit`: who asks to be let in, and letting them."""

from __future__ import annotations

from dataclasses import dataclass

from fwrkit.host.adapters.machine import Machine
from fwrkit.host.verbs import through


@dataclass(frozen=True)
class Petition:
    """Somebody who asks to be let in: the name that they would like, since when (Unix seconds), and the fingerprint of their key."""

    name: str
    since: int
    fingerprint: str


@dataclass(frozen=True)
class Petitions:
    """Who asks, and whether anybody may."""

    is_open: bool
    requests: list[Petition]


@dataclass(frozen=True)
class Admitted:
    """Who was let in, and by which key they come."""

    name: str
    fingerprint: str


@dataclass(frozen=True)
class Dismissed:
    """Who was turned down."""

    name: str


def requests(machine: Machine, node: str | None) -> Petitions:
    """Return who asks to be let in. Raise FwrError: REFUSED, UNREACHABLE."""
    answer = through.agent(machine, node).ask("requests")
    return Petitions(
        bool(answer["open"]), [Petition(str(item["name"]), int(item["since"]), str(item["fingerprint"])) for item in answer["requests"]]
    )


def take(machine: Machine, is_open: bool, node: str | None) -> Petitions:
    """Say whether anybody may ask to be let in; return who does. Raise FwrError: REFUSED, UNREACHABLE."""
    through.agent(machine, node).ask("take-requests", open=is_open)
    return requests(machine, node)


def admit(machine: Machine, name: str, key: str | None, node: str | None) -> Admitted:
    """Let somebody in who asked; ``key`` is the beginning of their key's fingerprint. Raise FwrError: NOT_FOUND, USAGE, REFUSED, UNREACHABLE."""
    answer = through.agent(machine, node).ask("admit", name=name, key=key)
    return Admitted(str(answer["name"]), str(answer["fingerprint"]))


def dismiss(machine: Machine, name: str, node: str | None) -> Dismissed:
    """Turn somebody down who asked. Raise FwrError: NOT_FOUND, REFUSED, UNREACHABLE."""
    return Dismissed(str(through.agent(machine, node).ask("dismiss", name=name)["name"]))
