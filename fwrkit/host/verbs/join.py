"""`fwrkit join SERVER`: make this machine's client of a world, by an invite, of a server on this machine, or by asking elsewhere."""

from __future__ import annotations

import dataclasses
import itertools
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from fwrkit.core import invites
from fwrkit.core.errors import ExitCode, FwrError
from fwrkit.core.invites import Invite
from fwrkit.core.names import check_citizen_name, check_client_name
from fwrkit.core.records import NodeStatus
from fwrkit.host.adapters import compose, reach, timezones
from fwrkit.host.adapters.machine import Machine, login_citizen
from fwrkit.host.adapters.nodes import Node
from fwrkit.host.verbs import addresses, client, ground, rm, through
from fwrkit.host.verbs.start import start, start_new

FORCED_HOST = "host:"
SSH_PORT_INSIDE = 2222
DEFAULT_NAME = "client"
_SHUT_OUT = (ExitCode.REFUSED, ExitCode.UNREACHABLE, ExitCode.HELD)  # a key that opens nothing any more looks like any of these
_REFUSALS = (ExitCode.REFUSED, ExitCode.TAKEN, ExitCode.USAGE)  # the server has decided: trying again will not help


@dataclass(frozen=True)
class JoinWish:
    """What ``join`` was asked for: ``server`` as typed, None elsewhere means the default."""

    server: str
    name: str | None = None
    http_port: int | None = None
    world: str | None = None
    timezone: str | None = None


@dataclass(frozen=True)
class Joined:
    """A client that runs.

    Without ``is_joined`` it waits: with a ``fingerprint`` (of its key) until an official admits it, else for an invite, and ``public_key`` is what to
    hand over. ``authority`` is the fingerprint of who answered a request, which only an official of the world can confirm.
    """

    node: str
    citizen: str
    world: str
    server: str
    is_new: bool
    is_joined: bool
    urls: dict[str, str]
    status: NodeStatus
    public_key: str = ""
    fingerprint: str = ""
    authority: str = ""


def join(machine: Machine, wish: JoinWish) -> Joined:
    """Given a wish, make a client and join it; a second call finishes what the first began.

    Raise FwrError: USAGE, NOT_FOUND, TAKEN, UNREACHABLE or REFUSED (an invite that is expired, used, or for another world); a node
    that was refused is removed again.
    """
    if wish.timezone is not None:
        timezones.check(wish.timezone)
    if invites.is_invite(wish.server):
        return _join_by_invite(machine, wish, invites.decode(wish.server))
    if not wish.server.startswith(FORCED_HOST) and machine.nodes.find(wish.server) is not None:
        return _join_local(machine, wish, machine.nodes.get(wish.server))
    return _join_host(machine, wish, *_host_of(wish.server))


def _join_by_invite(machine: Machine, wish: JoinWish, invite: Invite) -> Joined:
    citizen = invite.citizen
    if invite.uses > 1:
        if wish.name is None:
            hint = "Choose who you will be: fwrkit join LINE --name NAME"
            raise FwrError(ExitCode.USAGE, f"This invite ('{citizen}') is for several: each comes under a name of their own.", hint)
        citizen = wish.name
    check_citizen_name(citizen)
    name = check_client_name(wish.name or citizen)
    existing = machine.nodes.find(name)
    if existing is not None and not _may_take(existing, invite, citizen):
        raise _taken(existing)
    if existing is not None and existing.is_joined:
        return _again(machine, existing, wish, invite.encode)
    if invite.expires <= time.time():
        raise FwrError(ExitCode.REFUSED, "This invite has expired.", f"Ask for a new one: fwrkit invite {invite.citizen}")
    reach.check(invite.host, invite.port)
    wanted = client.ClientPlan(name, citizen, remote=f"{invite.host}:{invite.port}", world_id=invite.world_id, world_name=invite.world_name)
    node = _recorded(machine, wish, wanted)
    return _enrolled(machine, node, invite.encode(), wish, is_new=existing is None)


def _join_local(machine: Machine, wish: JoinWish, server: Node) -> Joined:
    through.check_no_peer(server)
    if server.role != "server":
        hint = "Join a server: fwrkit ls shows which there are."
        raise FwrError(ExitCode.USAGE, f"'{server.name}' is a client and serves nobody.", hint)
    name = check_client_name(wish.name or _default_name(machine, upstream=server.name))
    check_citizen_name(name)
    if name == server.citizen:
        hint = "Choose another with --name."
        raise FwrError(ExitCode.TAKEN, f"'{name}' is the citizen of the server itself.", hint)
    existing = machine.nodes.find(name)
    if existing is not None and existing.upstream != server.name:
        raise _taken(existing)

    def invite() -> str:
        machine.running(server.name)
        return str(machine.agent(server).ask("invite", name=name, host=f"{server.name}.fwr", port=SSH_PORT_INSIDE)["invite"])

    if existing is not None and existing.is_joined:
        return _again(machine, existing, wish, invite)
    machine.running(server.name)
    node = _recorded(machine, wish, client.ClientPlan(name, name, upstream=server.name, world_name=server.world_name))
    return _enrolled(machine, node, invite(), wish, is_new=existing is None)


def _join_host(machine: Machine, wish: JoinWish, host: str, port: int) -> Joined:
    remote = f"{host}:{port}"
    name = check_client_name(wish.name or _default_name(machine, remote=remote))
    existing = machine.nodes.find(name)
    if existing is not None and existing.remote != remote:
        raise _taken(existing)
    if existing is not None and existing.is_joined:
        return _again(machine, existing, wish)
    reach.check(host, port)
    citizen = check_citizen_name(wish.name) if wish.name is not None else existing.citizen if existing is not None else login_citizen()
    node = _recorded(machine, wish, client.ClientPlan(name, citizen, remote=remote))
    node, status = start_new(machine, node, are_ports_asked_for=existing is not None or wish.http_port is not None)
    try:
        answer = machine.agent(node).request(host, port, citizen)
    except FwrError as error:
        if error.code not in (ExitCode.REFUSED, ExitCode.UNREACHABLE):
            raise
        machine.report(f"{error.message} {error.hint}")  # what is left: an invite, for which an official sees the key
        return dataclasses.replace(_joined(node, status, is_new=existing is None), public_key=machine.agent(node).public_key())
    if answer.get("waiting"):
        waiting = _joined(node, status, is_new=existing is None)
        return dataclasses.replace(
            waiting, world=str(answer["world_name"]), public_key=machine.agent(node).public_key(), fingerprint=str(answer["fingerprint"]),
            authority=str(answer["authority"]),
        )  # fmt: skip
    admitted = _joined(_admitted(machine, node, answer), machine.agent(node).status(), is_new=existing is None)
    return dataclasses.replace(admitted, authority=str(answer.get("authority", "")))


def check_joined(joined: Joined) -> None:
    """Given a result, raise FwrError (HELD) if the node waits to be let in, so that scripts can tell by the exit code."""
    if joined.is_joined:
        return
    if joined.fingerprint:
        hint = f"An official types: fwrkit admit {joined.citizen}. It comes alive by itself then; to see it: fwrkit join {joined.server} --name {joined.node}"
        raise FwrError(
            ExitCode.HELD, f"The node '{joined.node}' has asked '{joined.world}' to be let in as {joined.citizen}, and waits.", hint
        )
    hint = f"Ask an official of the world for a line (fwrkit invite NAME), then: fwrkit join LINE --name {joined.node}"
    raise FwrError(ExitCode.HELD, f"The node '{joined.node}' waits for an invite to {joined.server}.", hint)


def _default_name(machine: Machine, *, upstream: str = "", remote: str = "") -> str:
    """Return ``client``, or ``client-2`` and so on where a node of that name follows somebody else."""
    for number in itertools.count(1):
        name = DEFAULT_NAME if number == 1 else f"{DEFAULT_NAME}-{number}"
        existing = machine.nodes.find(name)
        if existing is None or (existing.role, existing.upstream, existing.remote) == ("client", upstream, remote):
            return name
    raise AssertionError("numbers do not end")


def _may_take(existing: Node, invite: Invite, citizen: str) -> bool:
    """Whether an invite may be for this node: it waits for one, or has joined as that citizen of that world."""
    if existing.role != "client" or existing.upstream:
        return False
    return not existing.is_joined or (existing.world_id, existing.citizen) == (invite.world_id, citizen)


def _again(machine: Machine, node: Node, wish: JoinWish, invite: Callable[[], str] | None = None) -> Joined:
    """Start a node that has joined; what is wished besides may repeat what it is.

    If the server does not let it in (its citizen has left, or its key or the authority's is another by now), an invite lets it in again.
    Raise FwrError besides: the server's own word about that invite.
    """
    client.check_world(node, wish.world)
    if wish.http_port not in (None, node.http_port):
        hint = f"Give it another with: fwrkit up {node.name} --http-port {wish.http_port}"
        raise FwrError(ExitCode.TAKEN, f"The node '{node.name}' has joined, with port {node.http_port}.", hint)
    if wish.timezone is not None:
        node = machine.nodes.save(dataclasses.replace(node, timezone=wish.timezone))
    status = start(machine, node)
    if invite is not None and not _is_let_in(machine, node):
        machine.report(f"The server does not let {node.name} in as it is: joining again")
        try:
            node = _admitted(machine, node, machine.agent(node).enrol(invite(), node.citizen))
        except FwrError as error:
            if error.code is not ExitCode.UNREACHABLE:
                raise
            machine.report(f"{error.message} {node.name} goes on alone until it can be reached.")
    return _joined(node, status, is_new=False)


def _is_let_in(machine: Machine, node: Node) -> bool:
    try:
        machine.agent(node).ask("citizens")  # the least that every citizen may ask for, on a new connection
    except FwrError as error:
        return error.code not in _SHUT_OUT
    return True


def _host_of(text: str) -> tuple[str, int]:
    host = text.removeprefix(FORCED_HOST)
    if not text.startswith(FORCED_HOST) and "." not in host and ":" not in host:
        hint = f"See: fwrkit ls. If it is another machine's name: fwrkit join {FORCED_HOST}{host}"
        raise FwrError(ExitCode.NOT_FOUND, f"There is no node '{host}' on this machine, and it is no invite.", hint)
    return addresses.split_host(host)


def _recorded(machine: Machine, wish: JoinWish, plan: client.ClientPlan) -> Node:
    compose.version()
    machine.engine.version()
    ground.check(machine, "client", ground.place_of(client.planned(machine, plan, wish.http_port, wish.world)))
    with machine.nodes.locked():
        node = client.planned(machine, plan, wish.http_port, wish.world)
        return machine.nodes.save(dataclasses.replace(node, timezone=wish.timezone if wish.timezone is not None else node.timezone))


def _enrolled(machine: Machine, node: Node, invite: str, wish: JoinWish, *, is_new: bool) -> Joined:
    """Hand the invite to the node; if the server refuses it, what was made for it goes again."""
    had_volumes = bool(machine.engine.volumes(machine.home.project(node.name)))
    node, _ = start_new(machine, node, are_ports_asked_for=not is_new or wish.http_port is not None)
    machine.report(f"Joining as {node.citizen}")
    try:
        answer = machine.agent(node).enrol(invite, node.citizen)
    except FwrError as error:
        if is_new and error.code in _REFUSALS:
            rm.remove(machine, node, with_volumes=not had_volumes)  # those that were kept on purpose stay
        raise
    return _joined(_admitted(machine, node, answer), machine.agent(node).status(), is_new=is_new)


def _admitted(machine: Machine, node: Node, answer: dict[str, Any]) -> Node:
    """Remember what an agent says that has got its certificate."""
    node = dataclasses.replace(
        node, is_joined=True, citizen=str(answer["citizen"]), world_id=str(answer["world"]), world_name=str(answer["world_name"])
    )
    return machine.nodes.save(node)


def _joined(node: Node, status: NodeStatus, *, is_new: bool) -> Joined:
    server = node.upstream or node.remote
    return Joined(node.name, node.citizen, node.world_name, server, is_new, node.is_joined, addresses.urls(node), status)


def _taken(node: Node) -> FwrError:
    hint = "Choose another with --name; fwrkit ls shows which there are."
    return FwrError(ExitCode.TAKEN, f"The node '{node.name}' exists and belongs to something else.", hint)
