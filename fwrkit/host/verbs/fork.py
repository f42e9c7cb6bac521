"""`fwrkit fork NODE NEW`: a world of one's own, made from what a node of this machine has."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, field

from fwrkit.core.errors import ExitCode, FwrError
from fwrkit.core.names import check_citizen_name, check_node_name
from fwrkit.host.adapters import compose
from fwrkit.host.adapters.machine import Machine
from fwrkit.host.adapters.nodes import Node
from fwrkit.host.verbs import addresses, founding
from fwrkit.host.verbs import invite as inviting
from fwrkit.host.verbs.invite import Invited
from fwrkit.host.verbs.up import ServerWish, Up, make_server, up_node

_PATIENCE = 10.0  # seconds for a node to fetch the newest history


@dataclass(frozen=True)
class ForkWish:
    """What ``fork`` was asked for; None means the default. At most one of ``snapshot`` and ``version`` is given."""

    node: str
    new: str
    snapshot: str | None = None
    version: str | None = None
    address: str | None = None
    ssh_port: int | None = None
    http_port: int | None = None
    world: str | None = None
    citizen: str | None = None
    invite_all: bool = False


@dataclass(frozen=True)
class Forked:
    """A server with a world of its own, and an invite for each citizen of the other one, where they were asked for."""

    up: Up
    invites: list[Invited] = field(default_factory=list)


def fork(machine: Machine, wish: ForkWish) -> Forked:
    """Given a wish, make a server from a node, which is not touched and may go on working meanwhile. A second call finishes what was begun.

    Raise FwrError: NOT_FOUND (node, snapshot, version), TAKEN (the new name), USAGE, REFUSED (a snapshot that nobody signed), UNREACHABLE
    (a snapshot is asked of a node that does not run).
    """
    source = machine.nodes.get(wish.node)
    _check(wish)
    compose.version()
    machine.engine.version()
    existing = machine.nodes.find(wish.new)
    if existing is None:
        server = ServerWish(
            name=wish.new, address=wish.address, ssh_port=wish.ssh_port, http_port=wish.http_port, world=wish.world,
            citizen=wish.citizen or source.citizen,
        )  # fmt: skip
        up = make_server(machine, server, _origin(machine, source, wish))
    elif _is_begun(existing, _origin(machine, source, wish)):
        up = up_node(machine, wish.new)
    else:
        raise FwrError(ExitCode.TAKEN, f"There is a node '{wish.new}' on this machine already.", "Choose another name for the new world.")
    invites = _invites(machine, up) if wish.invite_all else []
    machine.nodes.finish(wish.new)
    return Forked(up, invites)


def _is_begun(existing: Node, origin: dict[str, str]) -> bool:
    """Whether a node is what an earlier call of the same words has begun to make."""
    return existing.origin == origin if existing.origin else existing.begun == founding.words_of(origin)


def _check(wish: ForkWish) -> None:
    check_node_name(wish.new)
    if wish.snapshot is not None and wish.version is not None:
        raise FwrError(ExitCode.USAGE, "--from and --at name two different versions.", "Give one of them.")
    if wish.citizen is not None:
        check_citizen_name(wish.citizen)
    if wish.address is not None:
        addresses.check_host(wish.address)
    if wish.invite_all and wish.address is None:
        hint = "Say how others will reach the new world: --address HOST"
        raise FwrError(ExitCode.USAGE, "An invite has to name an address.", hint)


def _origin(machine: Machine, source: Node, wish: ForkWish) -> dict[str, str]:
    if machine.is_running(source):
        with contextlib.suppress(FwrError):  # its history tells by whom what was; without it, the world is there all the same
            machine.agent(source).freshen(_PATIENCE)
    version = wish.version or ""
    if wish.snapshot is not None:
        version = _snapshot(machine, source, wish.snapshot)
    return founding.origin(machine, machine.volume(source, "world"), machine.volume(source, "state"), version)


def _snapshot(machine: Machine, source: Node, name: str) -> str:
    machine.running(source.name)
    found = [each for each in machine.agent(source).snapshots() if each.name == name]
    if not found:
        raise FwrError(ExitCode.NOT_FOUND, f"There is no snapshot '{name}'.", "See which there are: fwrkit snapshots")
    if not found[0].is_verified:
        hint = "Look at it (fwrkit show); to take it all the same: --at VERSION"
        raise FwrError(ExitCode.REFUSED, f"The snapshot '{name}' is not to be trusted: {found[0].note}.", hint)
    return found[0].version


def _invites(machine: Machine, up: Up) -> list[Invited]:
    return [inviting.invite(machine, str(name), up.node) for name in up.founded.get("citizens", [])]
