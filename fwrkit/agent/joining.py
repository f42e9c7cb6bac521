"""A client's side of enrolment: its key, what an invite or a request gets it, and how that is renewed."""

from __future__ import annotations

import json
import os
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from fwrkit import __version__
from fwrkit.agent.citizen.ssh import Upstream, configuration, known_hosts, read_upstream, write_upstream
from fwrkit.agent.keys import fingerprint, is_public_key, make_key, pem_of_seed, write_private
from fwrkit.core.commands import Command, run
from fwrkit.core.errors import ExitCode, FwrError
from fwrkit.core.invites import decode
from fwrkit.core.names import ENROL_ACCOUNT, REQUEST_ACCOUNT, check_citizen_name

_SSH_FAILED = 255  # exit status of ssh itself


def node_key(keys: Path, node_id: str) -> str:
    """Return the node's public key, made if missing."""
    return make_key(keys / "node", f"fwrkit node {node_id}")


def enrol(line: str, keys: Path, node_id: str, name: str = "") -> dict[str, Any]:
    """Given an invite line, have this node's key signed and remember the upstream; return citizen and world.

    ``name`` is the citizen's, where the invite is for several. Repeating it is harmless. A node whose key opens nothing any more (it has
    left, or its citizen moved away from it) comes with a new one. Raise FwrError: USAGE (malformed), UNREACHABLE, REFUSED, TAKEN (used by
    another key, or another world's node).
    """
    invite = decode(line)
    known = read_upstream(keys)
    if known is not None and known.world_id != invite.world_id:
        raise FwrError(
            ExitCode.TAKEN, f"This node belongs to another world, '{known.world_name}'.", "Join under another node's name (--name)."
        )
    about = {"node_id": node_id, "version": __version__, "name": name}
    door = Door(invite.host, invite.port, ENROL_ACCOUNT, invite.world_id, invite.world_name, (invite.authority,))
    with tempfile.TemporaryDirectory(prefix="enrol-") as work:
        key = Path(work) / "key"
        write_private(key, pem_of_seed(invite.seed))
        answer = knock(door, key, "enrol", {"public_key": node_key(keys, node_id), **about})
        if answer.get("revoked") is True:
            _forget_key(keys)
            answer = knock(door, key, "enrol", {"public_key": node_key(keys, node_id), **about})
    return _admitted(answer, keys, invite.host, invite.port, invite.world_id, invite.authority)


def _forget_key(keys: Path) -> None:
    """Only where the server has proved that it is one of the world, and says that the key is of no use."""
    for name in ("node", "node.pub", "node-cert.pub"):
        (keys / name).unlink(missing_ok=True)


def request(keys: Path, node_id: str, host: str, port: int, name: str) -> dict[str, Any]:
    """Ask a server without an invite to be let in, or see what became of that.

    Return citizen and world as :func:`enrol` does, or ``{"waiting": True, …}``; with ``authority``, the fingerprint of who answered, which only
    an official of the world can confirm. Raise FwrError as :func:`enrol`, and REFUSED if somebody else answers than the first time.
    """
    node_key(keys, node_id)
    answer = knock(Door(host, port, REQUEST_ACCOUNT, "", "", ()), keys / "node", "request", {"node_id": node_id, "name": name})
    if answer.get("revoked") is True:
        # Here the node's key is kept: who answers has proved nothing, and might only say so.
        hint = "Ask an official for an invite (fwrkit invite NAME), or join under another node's name (--name)."
        raise FwrError(ExitCode.REFUSED, "This node's key opens nothing any more.", hint)
    try:
        authorities = [str(each) for each in answer["authorities"]]
        authority = fingerprint(authorities[-1])
        world_name = str(answer["world_name"])
    except (KeyError, IndexError, TypeError, ValueError) as error:
        raise _nonsense(str(error)) from error
    asked = keys / "request.json"
    pinned = json.loads(asked.read_text()) if asked.exists() else {}
    if (
        pinned.get("host") == host
        and pinned.get("port") == port
        and pinned.get("authority") not in [fingerprint(each) for each in authorities]
    ):
        text = f"What answers at {host}:{port} is not what this node asked first."
        raise FwrError(ExitCode.REFUSED, text, "Somebody may be in between: ask an official for an invite (fwrkit invite NAME).")
    if answer.get("waiting") is True:
        write_private(asked, json.dumps({"host": host, "port": port, "name": name, "authority": authority}))
        return {"waiting": True, "world_name": world_name, "authority": authority, "fingerprint": fingerprint(node_key(keys, node_id))}
    done = _admitted(answer, keys, host, port, str(answer.get("world", "")), authorities[-1])
    asked.unlink(missing_ok=True)
    return {**done, "authority": authority}


def ask_again(keys: Path, node_id: str) -> dict[str, Any] | None:
    """See what became of a request that this node has made; None if it has made none. Raise FwrError as :func:`request`."""
    try:
        asked = json.loads((keys / "request.json").read_text())
        return request(keys, node_id, str(asked["host"]), int(asked["port"]), str(asked["name"]))
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError) as error:
        raise FwrError(ExitCode.FAILED, "What this node remembers of its request is damaged.", "Ask again: fwrkit join HOST") from error


def renew(keys: Path, upstream: Upstream, key: Path) -> dict[str, Any]:
    """Have a key that the server knows signed again, by the door that needs no certificate; see :func:`take_certificate`. Raise FwrError."""
    door = Door(upstream.host, upstream.port, ENROL_ACCOUNT, upstream.world_id, upstream.world_name, upstream.trusted)
    return knock(door, key, "renew", {})


def take_certificate(answer: dict[str, Any], keys: Path, upstream: Upstream) -> Upstream:
    """Given what the server answered an admitted node, take up the certificate and the authorities; return the upstream. Raise FwrError."""
    try:
        certificate, authorities = str(answer["certificate"]), tuple(str(each) for each in answer["authorities"])
        if len(certificate.splitlines()) != 1 or not authorities or not all(is_public_key(each) for each in authorities):
            raise ValueError("certificate")
    except (KeyError, TypeError, ValueError) as error:
        raise _nonsense(str(error)) from error
    former = tuple(key for key in map(str, answer.get("former", ())) if is_public_key(key))
    now = replace(upstream, authorities=authorities, former=former)
    write_private(keys / "node-cert.pub", certificate)
    if now != upstream:
        write_upstream(keys, now)
    return now


def _admitted(answer: dict[str, Any], keys: Path, host: str, port: int, world: str, authority: str) -> dict[str, Any]:
    try:
        citizen, world_name = check_citizen_name(str(answer["citizen"])), str(answer["world_name"])
        upstream = Upstream(host, port, world, world_name, citizen, authority)
        configuration(upstream, keys, keys, keys)  # raises if one of these could not stand in it
    except (KeyError, ValueError, FwrError) as error:
        raise _nonsense(str(error)) from error
    write_upstream(keys, take_certificate(answer, keys, upstream))
    return {"citizen": citizen, "world": world, "world_name": world_name}


def _nonsense(words: str) -> FwrError:
    text = " ".join(words.split())[:200].rstrip(".")
    return FwrError(ExitCode.FAILED, f"The server answered nonsense ({text}).", "Look at the server's log (fwrkit logs server).")


@dataclass(frozen=True)
class Door:
    """An account of a server that a machine without a certificate may open. Without ``authorities`` whoever answers is taken for it."""

    host: str
    port: int
    account: str
    world_id: str
    world_name: str
    authorities: tuple[str, ...]


def knock(door: Door, key: Path, command: str, request: dict[str, Any]) -> dict[str, Any]:
    """Say one line at a door and return the answer. Raise FwrError: the server's own, UNREACHABLE, REFUSED, FAILED (nonsense)."""
    with tempfile.TemporaryDirectory(prefix="knock-") as work:
        hosts = Path(work) / "known_hosts"
        hosts.write_text(known_hosts(door.world_id, door.authorities))
        trust = {
            "HostKeyAlias": door.world_id, "StrictHostKeyChecking": "yes", "HostKeyAlgorithms": "ssh-ed25519-cert-v01@openssh.com",
        } if door.authorities else {"StrictHostKeyChecking": "no", "HostKeyAlgorithms": "ssh-ed25519"}  # fmt: skip
        options = {
            "User": door.account, "Port": door.port, "IdentityFile": key, "IdentitiesOnly": "yes",
            "IdentityAgent": "none", "UserKnownHostsFile": hosts, "GlobalKnownHostsFile": "/dev/null", "UpdateHostKeys": "no",
            "BatchMode": "yes", "ConnectTimeout": 5, "ServerAliveInterval": 5, "ServerAliveCountMax": 2, "LogLevel": "ERROR",
            "PreferredAuthentications": "publickey", **trust,
        }  # fmt: skip
        argv = ["ssh", "-T", "-F", "none", *(word for name, value in options.items() for word in ("-o", f"{name}={value}"))]
        done = run(Command([*argv, "--", door.host, command], stdin=json.dumps(request).encode() + b"\n"), timeout=60)
    if done.status == _SSH_FAILED:
        raise _why(door, command, done.stderr.decode(errors="replace"))
    try:
        answer: dict[str, Any] = dict(json.loads(done.stdout))
    except (ValueError, TypeError) as error:
        raise _nonsense(done.last_words()) from error
    if "error" in answer:
        raise FwrError.from_json(answer["error"])
    return answer


def _why(door: Door, command: str, words: str) -> FwrError:
    """ssh says what went wrong in words only: they choose the sentence, and decide nothing else."""
    place = f"{door.host}:{door.port}"
    if "Permission denied" in words:
        what = {"enrol": "this invite", "request": "requests"}.get(command, "this node's key any more")
        return FwrError(ExitCode.REFUSED, f"The server at {place} does not know {what}.", "Ask for an invite (fwrkit invite NAME).")
    if "Host key verification failed" in words or "host key" in words.lower():
        return FwrError(
            ExitCode.REFUSED, f"What answers at {place} is no server of the world '{door.world_name}'.", "Ask for a new invite."
        )
    last = words.strip().splitlines()[-1].rstrip(".") if words.strip() else "no answer"
    return FwrError(ExitCode.UNREACHABLE, f"The server at {place} is out of reach ({last}).", "Check the network, then join again.")


def account_for_ssh(directory: Path, uid: int, gid: int) -> None:
    """ssh wants its user to have a name: give one to the uid of a world that lies in a directory of the host."""
    directory.mkdir(parents=True, exist_ok=True)
    for name, text in (("passwd", f"fwrnode:x:{uid}:{gid}::/tmp:/bin/sh\n"), ("group", f"fwrnode:x:{gid}:\n")):
        temporary = directory / f"{name}.new"
        temporary.write_text(text)
        os.replace(temporary, directory / name)
