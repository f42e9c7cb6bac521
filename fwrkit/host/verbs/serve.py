"""`fwrkit serve NODE`: a peer beside an official's client: it has the same world, follows the same server, and serves others where that can not be reached."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

from fwrkit.core.errors import ExitCode, FwrError
from fwrkit.core.names import CITIZEN_NAME_LIMIT, NODE_NAME_LIMIT, check_client_name
from fwrkit.core.records import NodeStatus
from fwrkit.host.adapters import compose
from fwrkit.host.adapters.machine import Machine
from fwrkit.host.adapters.nodes import Node
from fwrkit.host.verbs import addresses, founding, rm
from fwrkit.host.verbs.follow import restart
from fwrkit.host.verbs.join import SSH_PORT_INSIDE
from fwrkit.host.verbs.start import wait_for_agent
from fwrkit.host.verbs.up import ServerWish, Up, make_server, up_node

_SUFFIX = "-peer"
_PATIENCE = 10.0  # seconds for a node to have what its server has
_REFUSALS = (ExitCode.REFUSED, ExitCode.TAKEN, ExitCode.USAGE)  # the server has decided: trying again will not help


@dataclass(frozen=True)
class ServeWish:
    """What ``serve`` was asked for; None means: as it is, or the default."""

    node: str
    name: str | None = None
    address: str | None = None
    ssh_port: int | None = None
    http_port: int | None = None


@dataclass(frozen=True)
class Serving:
    """A peer that runs: whose it is, under which name the world knows it, and where others reach it."""

    up: Up
    beside: str
    citizen: str
    host: str
    port: int


@dataclass(frozen=True)
class Ended:
    """A peer whose right to serve was taken back, and the volumes that went with it."""

    node: str
    citizen: str
    removed_volumes: list[str]


def serve(machine: Machine, wish: ServeWish) -> Serving:
    """Given a wish, make a peer beside an official's client and have the server let it serve. A second call finishes what was begun.

    Raise FwrError: NOT_FOUND, USAGE, TAKEN (node, name), REFUSED (no official), UNREACHABLE (the server, which alone gives the right).
    """
    source = _client(machine, wish.node)
    name = check_client_name(wish.name or _name(source))
    existing = machine.nodes.find(name)
    if existing is not None and not _is_own(machine, existing, source):
        raise FwrError(ExitCode.TAKEN, f"There is a node '{name}' on this machine already.", "Choose another name with --name.")
    if wish.address is not None:
        addresses.check_host(wish.address)
    if not source.upstream and not wish.address and not (existing and existing.address):
        hint = "Say how other machines reach it: --address HOST"
        raise FwrError(
            ExitCode.USAGE, f"The server of {source.name} is elsewhere, and nobody there would find a peer on this machine.", hint
        )
    _check_right(machine, source)
    up = _made(machine, wish, source, name) if existing is None else _taken_up(machine, wish, source, existing)
    try:
        status = _let_in(machine, source, machine.nodes.get(name))
    except FwrError as error:
        if existing is None and error.code in _REFUSALS:
            rm.remove(machine, machine.nodes.get(name), with_volumes=True)
        raise
    node = machine.nodes.get(name)
    host, port = _place(node)
    return Serving(dataclasses.replace(up, is_joined=True, status=status), source.name, node.citizen, host, port)


def stop(machine: Machine, wish: ServeWish) -> Ended:
    """Take back the right to serve of the peer beside a client, and remove it with its volumes. Raise FwrError: NOT_FOUND, UNREACHABLE, REFUSED."""
    source = _client(machine, wish.node)
    name = wish.name or _name(source)
    peer = machine.nodes.find(name)
    if peer is not None and not _is_own(machine, peer, source):
        raise FwrError(ExitCode.USAGE, f"'{name}' is not a peer beside {source.name}.", "See which there are: fwrkit ls")
    citizen = peer.citizen if peer is not None else _citizen(source)
    try:
        machine.agent(source).ask("serve-stop", name=citizen)
    except FwrError as error:
        if error.code is not ExitCode.NOT_FOUND or peer is None:
            hint = f"To remove the node all the same: fwrkit rm {name} --volumes" if peer is not None else error.hint
            raise FwrError(error.code, error.message, hint) from error
    removed = rm.remove(machine, peer, with_volumes=True).removed_volumes if peer is not None else []
    return Ended(name, citizen, removed)


def _client(machine: Machine, name: str) -> Node:
    node = machine.running(name)
    if node.role != "client" or not node.is_joined:
        what = "serves already" if node.role == "server" else "has not joined a world yet"
        raise FwrError(ExitCode.USAGE, f"'{name}' {what}.", "Name the client of an official: fwrkit ls")
    return node


def _check_right(machine: Machine, source: Node) -> None:
    """Raise FwrError before anything is made, where the server would not give the right or can not."""
    agent = machine.agent(source)
    roll = {each.name: each for each in agent.roll()}
    role = roll[source.citizen].role if source.citizen in roll else "nobody yet"
    if role != "official" or roll[source.citizen].reason:
        text = f"{source.citizen} has no right to let a node serve: only officials do."
        raise FwrError(ExitCode.REFUSED, text, f"See who is one: fwrkit citizens. An official types: fwrkit role {source.citizen} official")
    if not agent.standing()["is_connected"]:
        hint = f"Wait until it is back. If it is lost: fwrkit promote {source.name}"
        raise FwrError(
            ExitCode.UNREACHABLE, f"The server of {source.name} can not be reached, and it alone gives the right to serve.", hint
        )


def _made(machine: Machine, wish: ServeWish, source: Node, name: str) -> Up:
    compose.version()
    agent = machine.agent(source)
    machine.report(f"Waiting until {source.name} and its server agree")
    if not agent.sync(_PATIENCE)["in_sync"]:
        machine.report(
            f"They do not yet: what only {source.name} has is copied, too, and counts as the peer's where that is heard of first"
        )
    agent.freshen(_PATIENCE)
    server = ServerWish(
        name=name, address=wish.address, ssh_port=wish.ssh_port, http_port=wish.http_port, citizen=_citizen(source),
    )  # fmt: skip
    world, state, keys = (machine.volume(source, each) for each in ("world", "state", "keys"))
    return make_server(machine, server, {**founding.origin(machine, world, state, keys=keys), "peer": "yes"}, beside=source)


def _taken_up(machine: Machine, wish: ServeWish, source: Node, peer: Node) -> Up:
    """Start a peer that is there, at another address if one is given, and behind its client where that follows another server by now."""
    moved = dataclasses.replace(peer, address=wish.address or peer.address, upstream=source.upstream, remote=source.remote)
    machine.nodes.save(moved)
    if moved.upstream != peer.upstream and not peer.origin:
        restart(machine, moved)
    return up_node(machine, peer.name, wish.ssh_port, wish.http_port)


def _let_in(machine: Machine, source: Node, peer: Node) -> NodeStatus:
    """Have the server give a peer the right to serve, and the peer come to it; return its status once it serves."""
    host, port = _place(peer)
    machine.report(f"Asking the server of {source.name} to let {peer.citizen} serve")
    answer = machine.agent(source).ask("serve", name=peer.citizen, host=host, port=port, **_server(source))
    came = machine.agent(peer).enrol(str(answer["invite"]), peer.citizen)
    peer = machine.nodes.save(dataclasses.replace(peer, is_joined=True, world_id=str(came["world"]), world_name=str(came["world_name"])))
    return wait_for_agent(machine, peer)


def _place(peer: Node) -> tuple[str, int]:
    """Return where others reach a peer: at its address, or in the network of the server on this machine."""
    return (peer.address, peer.ssh_port) if peer.address else (f"{peer.name}.fwr", SSH_PORT_INSIDE)


def _server(source: Node) -> dict[str, str | int]:
    """Return the way that a client takes to its server: the peer takes the same."""
    host, port = (f"{source.upstream}.fwr", SSH_PORT_INSIDE) if source.upstream else addresses.split_host(source.remote)
    return {"server_host": host, "server_port": port}


def _is_own(machine: Machine, existing: Node, source: Node) -> bool:
    """Whether a node is the peer that an earlier call has made, or begun to make, beside this client."""
    if existing.origin:
        return existing.is_peer and existing.origin.get("keys") == machine.volume(source, "keys")
    return existing.is_peer and existing.citizen == _citizen(source) and existing.world_id in ("", source.world_id)


def _name(source: Node) -> str:
    return f"{source.name[: NODE_NAME_LIMIT - len(_SUFFIX)].rstrip('-')}{_SUFFIX}"


def _citizen(source: Node) -> str:
    return f"{source.citizen[: CITIZEN_NAME_LIMIT - len(_SUFFIX)].rstrip('-')}{_SUFFIX}"
