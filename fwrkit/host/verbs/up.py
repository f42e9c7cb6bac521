"""`fwrkit up server` makes and starts a server; `fwrkit up NODE` starts a node that exists."""

from __future__ import annotations

import dataclasses
import json
import os
from dataclasses import dataclass, field
from typing import Any

from fwrkit.core.errors import ExitCode, FwrError
from fwrkit.core.names import check_citizen_name, check_node_name
from fwrkit.core.records import NodeStatus
from fwrkit.host.adapters import compose, templates, timezones, world_directory
from fwrkit.host.adapters.machine import Machine, login_citizen
from fwrkit.host.adapters.nodes import Node, new_node_id
from fwrkit.host.verbs import addresses, founding, ground, ports, remains, rm
from fwrkit.host.verbs.start import start, start_new

_PATIENCE_LIMIT = 86400  # seconds
TEMPLATES = ("dokuwiki", "static", "php")


@dataclass(frozen=True)
class ServerWish:
    """What ``up server`` was asked for; None means: as it is, or the default."""

    name: str = "server"
    template: str | None = None
    address: str | None = None
    ssh_port: int | None = None
    http_port: int | None = None
    world: str | None = None
    citizen: str | None = None
    citizen_site_hash: str | None = None
    from_volume: str | None = None
    history: str | None = None
    timezone: str | None = None
    proxy: str | None = None


@dataclass(frozen=True)
class Up:
    """A node that runs. ``urls`` are what to open; ``is_new``: made by this call; ``is_joined`` is false for a client or a peer that is not let in yet.

    ``founded`` tells of the copy that a server's world was made from, empty if it was made from a template. ``is_peer``: the server is one.
    """

    node: str
    role: str
    is_new: bool
    urls: dict[str, str]
    ssh_port: int
    address: str
    is_joined: bool
    status: NodeStatus
    founded: dict[str, Any] = field(default_factory=dict)
    is_peer: bool = False


def up_server(machine: Machine, wish: ServerWish) -> Up:
    """Given a wish, make the server unless it exists, and start it. A second call finishes what the first began.

    Raise FwrError: USAGE for a malformed wish, TAKEN for a name or port that is in use or a wish that contradicts the node.
    """
    check_node_name(wish.name)
    existing = machine.nodes.find(wish.name)
    if existing is not None:
        _check_same(existing, wish)
        origin = founding.origin(machine, wish.from_volume, wish.history or "") if existing.begun and wish.from_volume is not None else {}
        if wish.from_volume is not None and not existing.origin and existing.begun != founding.words_of(origin):
            raise FwrError(
                ExitCode.TAKEN, f"The server '{wish.name}' has a world already.", "Make another from the copy: give it a --name."
            )
        changed: dict[str, Any] = {
            "citizen_site_hash": wish.citizen_site_hash,
            "proxy": addresses.check_proxy(wish.proxy) if wish.proxy is not None else None,
        }
        machine.nodes.save(dataclasses.replace(existing, **{name: value for name, value in changed.items() if value is not None}))
        return _finished(machine, up_node(machine, wish.name, wish.ssh_port, wish.http_port, timezone=wish.timezone))
    _check_wish(wish)
    compose.version()
    machine.engine.version()
    origin = founding.origin(machine, wish.from_volume, wish.history or "") if wish.from_volume is not None else {}
    return _finished(machine, make_server(machine, wish, origin))


def _finished(machine: Machine, up: Up) -> Up:
    machine.nodes.finish(up.node)
    return up


def make_server(
    machine: Machine, wish: ServerWish, origin: dict[str, str], authority: bytes | None = None, beside: Node | None = None
) -> Up:
    """Given a wish that was looked at, and what the world is made from (see ``Node``; empty: a template), make a server and start it.

    ``authority`` as in :func:`founding.ensure`. ``beside``: it is a peer beside this client, and follows the same server.

    A node whose world can not be made is removed again, but for volumes that were there before.
    """
    had_volumes = bool(machine.engine.volumes(machine.home.project(wish.name)))
    place = world_directory.prepare(wish.world) if wish.world is not None else None
    if place is not None:
        world_directory.check_unshared(place.path, machine.nodes.all())
    ground.check(machine, "server", place)
    with machine.nodes.locked():
        if machine.nodes.find(wish.name) is not None:
            raise FwrError(ExitCode.TAKEN, f"There is a node '{wish.name}' already.", "Choose another name.")
        node = dataclasses.replace(_new_server(machine, wish), origin=origin)
        if beside is not None:
            node = dataclasses.replace(node, is_peer=True, upstream=beside.upstream, remote=beside.remote)
        machine.nodes.save(node)
    try:
        are_ports_asked_for = wish.http_port is not None or wish.ssh_port is not None
        node, status = start_new(machine, node, are_ports_asked_for=are_ports_asked_for, authority=authority)
    except FwrError:
        made = machine.nodes.find(wish.name)
        if made is not None and made.origin:
            rm.remove(machine, made, with_volumes=not had_volumes)
        raise
    return _up(node, status, is_new=True)


def up_node(
    machine: Machine,
    name: str,
    ssh_port: int | None = None,
    http_port: int | None = None,
    authority: bytes | None = None,
    patience: int | None = None,
    timezone: str | None = None,
) -> Up:
    """Given a node's name, start it, on other ports and in another time zone if they are given; ``authority`` as in :func:`founding.ensure`.

    ``patience``: for how many seconds its server has to be out of reach before it turns to a peer. Raise FwrError: NOT_FOUND, TAKEN, USAGE,
    and what starting raises.
    """
    node = machine.nodes.get(name)
    zoned = node if timezone is None else dataclasses.replace(node, timezone=timezones.check(timezone))
    with machine.nodes.locked():
        moved = _moved(machine, _patient(zoned, patience), ssh_port, http_port)
        if moved != node:
            node = machine.nodes.save(moved)
    status = start(machine, node, authority)
    return _up(machine.nodes.get(name), status, is_new=False)


def _up(node: Node, status: NodeStatus, *, is_new: bool) -> Up:
    is_joined = node.kind == "server" or node.is_joined
    links = addresses.urls(node)
    return Up(node.name, node.role, is_new, links, node.ssh_port, node.address, is_joined, status, node.founded, node.is_peer)


def _patient(node: Node, patience: int | None) -> Node:
    if patience is None:
        return node
    if node.kind == "server":
        raise FwrError(ExitCode.USAGE, f"'{node.name}' is a server: it follows nobody.", "Give --patience to a client, or to a peer.")
    if not 0 < patience <= _PATIENCE_LIMIT:
        raise FwrError(ExitCode.USAGE, f"--patience is from 1 to {_PATIENCE_LIMIT} seconds.", "Give another number.")
    return dataclasses.replace(node, settings=json.dumps({**json.loads(node.settings or "{}"), "server_patience": patience}))


def _moved(machine: Machine, node: Node, ssh_port: int | None, http_port: int | None) -> Node:
    host = templates.published_on(node)
    if ssh_port is not None and node.role == "client":
        raise FwrError(ExitCode.USAGE, f"'{node.name}' is a client and has no SSH port.", "Leave --ssh-port out.")
    if ssh_port not in (None, node.ssh_port):
        node = dataclasses.replace(node, ssh_port=ports.ssh_port(machine, ssh_port, host))
    if http_port not in (None, node.http_port):
        node = dataclasses.replace(node, http_port=ports.http_port(machine, http_port, host))
    return node


def _new_server(machine: Machine, wish: ServerWish) -> Node:
    host = templates.EVERYWHERE if wish.address else templates.LOOPBACK
    place = world_directory.prepare(wish.world) if wish.world is not None else None
    if place is not None:
        world_directory.check_unshared(place.path, machine.nodes.all())
    node = Node(
        name=wish.name,
        role="server",
        node_id=remains.node_id(machine, wish.name) or new_node_id(),
        citizen=wish.citizen or login_citizen(),
        http_port=ports.http_port(machine, wish.http_port, host),
        ssh_port=ports.ssh_port(machine, wish.ssh_port, host),
        address=wish.address or "",
        template=wish.template or TEMPLATES[0],
        world_name="world" if wish.name == "server" else wish.name,
        citizen_site_hash=wish.citizen_site_hash or "",
        timezone=wish.timezone or "",
        proxy=addresses.check_proxy(wish.proxy) if wish.proxy else "",
    )
    return dataclasses.replace(node, world_dir=place.path, uid=place.uid, gid=place.gid) if place else node


def _check_wish(wish: ServerWish) -> None:
    if wish.from_volume is None and wish.history is not None:
        raise FwrError(ExitCode.USAGE, "--history belongs to --from-volume.", "Name the world's volume too.")
    if wish.from_volume is not None and wish.template is not None:
        raise FwrError(ExitCode.USAGE, "A world that is copied has its template already.", "Leave --template out.")
    if wish.template is not None and wish.template not in TEMPLATES:
        raise FwrError(ExitCode.USAGE, f"There is no template '{wish.template}'.", f"Use one of: {', '.join(TEMPLATES)}.")
    if wish.citizen is not None:
        check_citizen_name(wish.citizen)
    if wish.address is not None:
        addresses.check_host(wish.address)
    if wish.timezone is not None:
        timezones.check(wish.timezone)
    if wish.proxy is not None:
        addresses.check_proxy(wish.proxy)


def _check_same(node: Node, wish: ServerWish) -> None:
    """A wish for a server that exists may repeat what it is, never change it in passing; ports and the password are no part of what it is."""
    if node.role != "server":
        raise FwrError(ExitCode.TAKEN, f"'{node.name}' is a {node.role} on this machine.", f"Start it with: fwrkit up {node.name}")
    wished = {"template": wish.template, "address": wish.address, "citizen": wish.citizen}
    wished["world_dir"] = os.path.realpath(os.path.expanduser(wish.world)) if wish.world is not None else None
    for name, value in wished.items():
        if value is not None and value != getattr(node, name):
            option = "--" + name.replace("_dir", "").replace("_", "-")
            message = f"The server '{node.name}' exists with {option} {getattr(node, name) or '(none)'}."
            hint = f"Start it as it is with: fwrkit up {node.name}; or make another with --name."
            raise FwrError(ExitCode.TAKEN, message, hint)
