"""`fwrkit promote NODE`: where a world's server is gone, a new one begins from what a client has. The client goes on beside it, and follows it."""

from __future__ import annotations

import io
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fwrkit.core.backups import Header
from fwrkit.core.errors import ExitCode, FwrError
from fwrkit.core.names import CITIZEN_NAME_LIMIT, check_citizen_name, check_node_name
from fwrkit.host.adapters import compose, images
from fwrkit.host.adapters.machine import Machine
from fwrkit.host.adapters.nodes import Node
from fwrkit.host.verbs import addresses, founding, restore
from fwrkit.host.verbs import follow as moving
from fwrkit.host.verbs.follow import follow
from fwrkit.host.verbs.up import ServerWish, Up, make_server, up_node

_SUFFIX = "-server"
_KEY_LIMIT = 65536  # bytes


@dataclass(frozen=True)
class PromoteWish:
    """What ``promote`` was asked for; None means the default.

    ``authority`` is the file with the authority's private key, or a server's backup with its keys, which ``lock`` opens; ``shares`` are lines of
    which it is made.
    """

    node: str
    name: str | None = None
    address: str | None = None
    ssh_port: int | None = None
    http_port: int | None = None
    world: str | None = None
    citizen: str | None = None
    authority: str | None = None
    shares: list[str] | None = field(default=None, repr=False)
    lock: dict[str, Any] | None = field(default=None, repr=False)
    new_epoch: bool = False
    accept_loss: bool = False


@dataclass(frozen=True)
class Promoted:
    """A server of the same world. ``line`` is for citizens on other machines, empty where the server is for this one only; ``missing`` are versions
    of the lost server that nobody here had; ``is_new_epoch``: citizens have to accept its authority."""

    up: Up
    line: str
    authority: str
    is_new_epoch: bool
    missing: int


def promote(machine: Machine, wish: PromoteWish) -> Promoted:
    """Given a wish, make a server that goes on from what a client has, and have the client follow it. A second call finishes what was begun.

    Raise FwrError: NOT_FOUND, TAKEN, USAGE, REFUSED (no official; the server is there; the node is behind, and ``accept_loss`` is not given; an
    authority of another world, or too few shares of it).
    """
    plan = _plan(machine, wish)
    source, name, existing = plan.source, plan.name, plan.existing
    key = _authority(machine, plan, wish) if existing is None or existing.origin else None
    if existing is None:
        server = ServerWish(
            name=name, address=wish.address, ssh_port=wish.ssh_port, http_port=wish.http_port, world=wish.world,
            citizen=wish.citizen or f"{source.citizen[: CITIZEN_NAME_LIMIT - len(_SUFFIX)].rstrip('-')}{_SUFFIX}",
        )  # fmt: skip
        world, state, keys = (machine.volume(source, each) for each in ("world", "state", "keys"))
        origin = founding.origin(machine, world, state, keys=keys)
        up = make_server(machine, server, {**origin, **({"authority": "kept"} if key is not None else {})}, key)
    else:
        up = up_node(machine, name, authority=key)
    agent = machine.agent(machine.nodes.get(name))
    if wish.new_epoch:
        machine.report(f"Declaring the new authority as {source.citizen}")
        agent.ask("declared", **machine.agent(source).declare(str(agent.ask("authority")["key"])))
    machine.report(f"{source.name} follows {name}")
    followed = follow(machine, source.name, name, is_accepted=True)
    line = moving.line(machine, name).line if up.address else ""
    return Promoted(up, line, followed.authority, wish.new_epoch, plan.missing)


def check(machine: Machine, wish: PromoteWish) -> Header | None:
    """Raise FwrError for what is known before anybody is asked for shares or a passphrase, as :func:`promote` does.

    Return what a backup that is to give the authority says of itself.
    """
    plan = _plan(machine, wish)
    if wish.authority is None or not is_backup(wish.authority):
        return None
    with restore.opened(machine, wish.authority, io.BytesIO()) as file:
        header = restore.look(file)
    if header.role != "server":
        hint = "Give one of the lost server; a node of a client's backup: fwrkit restore FILE"
        raise FwrError(ExitCode.USAGE, f"This backup is of {header.node}, a client.", hint)
    if not header.has_keys:
        text = f"There are no keys in this backup of {header.node}."
        raise FwrError(ExitCode.REFUSED, text, "Give one that was made with --keys; or go on with: fwrkit promote NODE --new-epoch")
    machine.report(f"The authority is taken from a backup of {header.node}; all else is as {plan.source.name} has it")
    return header


def is_backup(name: str) -> bool:
    """Say whether what is given for the authority is a backup, and no key."""
    return name != restore.STANDARD_INPUT and restore.is_backup(name)


@dataclass(frozen=True)
class _Plan:
    """From which client which server is made; ``existing`` is what an earlier call has made of it, ``trusted`` are the world's authorities."""

    source: Node
    name: str
    existing: Node | None
    missing: int
    trusted: list[str]


def _plan(machine: Machine, wish: PromoteWish) -> _Plan:
    source = machine.running(wish.node)
    _check(source, wish)
    name = wish.name or _name(machine, source)
    existing = machine.nodes.find(check_node_name(name))
    if existing is not None and not _is_begun(machine, existing, source):
        raise FwrError(ExitCode.TAKEN, f"There is a node '{name}' on this machine already.", "Choose another name with --name.")
    if existing is not None and not existing.origin:
        return _Plan(source, name, existing, 0, [])
    standing = machine.agent(source).standing()
    missing = _check_standing(source, standing, wish)
    compose.version()
    return _Plan(source, name, existing, missing, [str(key) for key in standing.get("trusted", [])])


def _authority(machine: Machine, plan: _Plan, wish: PromoteWish) -> bytes | None:
    """Return the authority's private key, None without one. Raise FwrError: USAGE, NOT_FOUND, REFUSED."""
    if wish.new_epoch:
        return None
    if wish.authority is not None and not is_backup(wish.authority):
        return _read_key(wish.authority)
    if not plan.trusted:
        hint = f"Start it with this one: fwrkit up {plan.source.name}"
        raise FwrError(ExitCode.REFUSED, f"{plan.source.name} runs an older fwrkit, which does not say what authority it trusts.", hint)
    examiner = machine.examiner(images.ensure(machine.engine, "server", "", machine.report))
    if wish.authority is None:
        machine.report("Putting the shares together")
        return examiner.authority(plan.trusted, plan.source.world_name, shares=wish.shares or [])
    check(machine, wish)
    with restore.opened(machine, wish.authority, io.BytesIO()) as file:
        return examiner.authority_in(wish.lock or {}, plan.trusted, plan.source.world_name, restore.pieces(machine, file, "examined"))


def _check(source: Node, wish: PromoteWish) -> None:
    """Raise FwrError (USAGE, NOT_FOUND) if the wish makes no sense."""
    if source.is_peer:
        hint = "Promote the official's client that it is beside: fwrkit ls"
        raise FwrError(ExitCode.USAGE, f"'{source.name}' is a peer: it serves, and can not be made the server.", hint)
    if source.role != "client" or not source.is_joined:
        raise FwrError(ExitCode.USAGE, f"'{source.name}' is no client of a world.", "Name one that has joined: fwrkit ls")
    if [wish.authority is not None, wish.shares is not None, wish.new_epoch].count(True) != 1:
        hint = "With the authority's key: --authority FILE or --shares. If nobody kept it: --new-epoch, which each citizen has to accept."
        raise FwrError(ExitCode.USAGE, "By whose authority is it to be the same world's server?", hint)
    if wish.citizen is not None:
        check_citizen_name(wish.citizen)
    if wish.address is not None:
        addresses.check_host(wish.address)
    if wish.authority is not None and not is_backup(wish.authority):
        _read_key(wish.authority)


def _read_key(text: str) -> bytes:
    try:
        with Path(text).expanduser().open("rb") as file:
            key = file.read(_KEY_LIMIT)
    except OSError as error:
        raise FwrError(ExitCode.NOT_FOUND, f"The authority's key can not be read: {error.strerror}.", f"Look at {text}.") from error
    if b"PRIVATE KEY-----" not in key and not key.startswith(b"-----BEGIN AGE ENCRYPTED FILE-----"):
        hint = "Give the authority's key, a server's backup, or what `fwrkit handover` wrote."
        raise FwrError(ExitCode.USAGE, f"{text} is no private key.", hint)
    return key


def _check_standing(source: Node, standing: dict[str, Any], wish: PromoteWish) -> int:
    """Return how many versions of the lost server this node does not have. Raise FwrError (REFUSED)."""
    if standing["is_connected"]:
        hint = "To have another machine take its place, stop it first: fwrkit down SERVER, on its machine."
        raise FwrError(ExitCode.REFUSED, f"The server of {source.name} is there.", hint)
    missing = int(standing["missing"])
    if missing and not wish.accept_loss:
        text = f"The history of {source.name} lacks {missing} versions that the server had."
        hint = (
            "Promote a node that has them (if the server is being handed over, call it off and wait: fwrkit handover SERVER --cancel), or go on"
            " without: --accept-loss. What is in somebody's world comes back by itself, and counts as theirs from then on."
        )
        raise FwrError(ExitCode.REFUSED, text, hint)
    return missing


def _is_begun(machine: Machine, existing: Node, source: Node) -> bool:
    """Whether a node is what an earlier call of the same words has begun to make."""
    if existing.is_peer:
        return False
    if existing.origin:
        return existing.origin.get("keys") == machine.volume(source, "keys")
    return (
        existing.role == "server" and bool(existing.founded) and existing.founded["id"] == existing.founded["origin_id"] == source.world_id
    )


def _name(machine: Machine, source: Node) -> str:
    other = machine.nodes.find("server")
    return "server" if other is None or _is_begun(machine, other, source) else f"{source.name}{_SUFFIX}"
