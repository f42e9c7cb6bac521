"""A client's side of enrolment: its key, and what an invite gets it."""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path
from typing import Any

from fwrkit import __version__
from fwrkit.agent.citizen.ssh import Upstream, configuration, known_hosts_line, read_upstream, write_upstream
from fwrkit.agent.keys import make_key, pem_of_seed, write_private
from fwrkit.core.commands import Command, run
from fwrkit.core.errors import ExitCode, FwrError
from fwrkit.core.invites import Invite, decode
from fwrkit.core.names import ENROL_ACCOUNT, check_citizen_name

_SSH_FAILED = 255  # exit status of ssh itself


def node_key(keys: Path, node_id: str) -> str:
    """Return the node's public key, made if missing."""
    return make_key(keys / "node", f"fwrkit node {node_id}")


def enrol(line: str, keys: Path, node_id: str) -> dict[str, Any]:
    """Given an invite line, have this node's key signed, remember the upstream, and return what ``fwrkit-agent enrol`` prints.

    Repeating it is harmless. Raise FwrError: USAGE (malformed), UNREACHABLE, REFUSED, TAKEN (used by another key, or another world's node).
    """
    invite = decode(line)
    known = read_upstream(keys)
    if known is not None and known.world_id != invite.world_id:
        raise FwrError(
            ExitCode.TAKEN, f"This node belongs to another world, '{known.world_name}'.", "Join under another node's name (--name)."
        )
    answer = _ask(invite, {"public_key": node_key(keys, node_id), "node_id": node_id, "version": __version__})
    try:
        certificate, world, world_name = str(answer["certificate"]), str(answer["world"]), str(answer["world_name"])
        citizen = check_citizen_name(str(answer["citizen"]))
        if len(certificate.splitlines()) != 1:
            raise ValueError("certificate")
    except (KeyError, ValueError, FwrError) as error:
        raise _nonsense(str(error)) from error
    upstream = Upstream(invite.host, invite.port, invite.world_id, world_name, citizen, invite.authority)
    configuration(upstream, keys, keys, keys)  # raises if one of these could not stand in it
    write_private(keys / "node-cert.pub", certificate)
    write_upstream(keys, upstream)
    return {"citizen": citizen, "world": world, "world_name": world_name}


def _nonsense(words: str) -> FwrError:
    text = " ".join(words.split())[:200].rstrip(".")
    return FwrError(ExitCode.FAILED, f"The server answered nonsense ({text}).", "Look at the server's log (fwrkit logs server).")


def _ask(invite: Invite, request: dict[str, Any]) -> dict[str, Any]:
    with tempfile.TemporaryDirectory(prefix="enrol-") as work:
        key, known_hosts = Path(work) / "key", Path(work) / "known_hosts"
        write_private(key, pem_of_seed(invite.seed))
        known_hosts.write_text(known_hosts_line(invite.world_id, invite.authority))
        options = {
            "User": ENROL_ACCOUNT, "Port": invite.port, "HostKeyAlias": invite.world_id, "IdentityFile": key, "IdentitiesOnly": "yes",
            "IdentityAgent": "none", "UserKnownHostsFile": known_hosts, "GlobalKnownHostsFile": "/dev/null", "StrictHostKeyChecking": "yes",
            "HostKeyAlgorithms": "ssh-ed25519-cert-v01@openssh.com", "UpdateHostKeys": "no", "BatchMode": "yes", "ConnectTimeout": 5,
            "ServerAliveInterval": 5, "ServerAliveCountMax": 2, "LogLevel": "ERROR", "PreferredAuthentications": "publickey",
        }  # fmt: skip
        argv = ["ssh", "-T", "-F", "none", *(word for name, value in options.items() for word in ("-o", f"{name}={value}"))]
        done = run(Command([*argv, "--", invite.host, "enrol"], stdin=json.dumps(request).encode() + b"\n"), timeout=60)
    if done.status == _SSH_FAILED:
        raise _why(invite, done.stderr.decode(errors="replace"))
    try:
        answer: dict[str, Any] = dict(json.loads(done.stdout))
    except (ValueError, TypeError) as error:
        raise _nonsense(done.last_words()) from error
    if "error" in answer:
        raise FwrError.from_json(answer["error"])
    return answer


def _why(invite: Invite, words: str) -> FwrError:
    """ssh says what went wrong in words only: they choose the sentence, and decide nothing else."""
    place = f"{invite.host}:{invite.port}"
    if "Permission denied" in words:
        return FwrError(ExitCode.REFUSED, f"The server at {place} does not know this invite.", "Ask for a new one (fwrkit invite NAME).")
    if "Host key verification failed" in words or "host key" in words.lower():
        return FwrError(
            ExitCode.REFUSED, f"What answers at {place} is no server of the world '{invite.world_name}'.", "Ask for a new invite."
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
