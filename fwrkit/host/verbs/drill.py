"""`fwrkit drill succession NODE`: the loss of a world's server is played on copies, to see whether the world would survive it."""

from __future__ import annotations

import secrets
import time
from typing import Any

from fwrkit.core import interrupts
from fwrkit.core.errors import ExitCode, FwrError
from fwrkit.core.names import CITIZEN_NAME_LIMIT
from fwrkit.core.records import Finding
from fwrkit.host.adapters import compose
from fwrkit.host.adapters.machine import Machine
from fwrkit.host.adapters.nodes import Node, new_node_id
from fwrkit.host.verbs import founding, rm, through
from fwrkit.host.verbs.start import prepare, start
from fwrkit.host.verbs.up import TEMPLATES

_SUFFIX = "-drill"
_PATIENCE, _PAUSE = 60.0, 1.0  # seconds


def succession(machine: Machine, name: str) -> list[Finding]:
    """Given an official's client, or a server, make a server of the same world from copies of what it has, look at it, and remove it again.

    Nothing of a running node is touched, and what is made has no network. What a killed drill has left is removed first.
    Raise FwrError: NOT_FOUND, UNREACHABLE, USAGE, REFUSED (the client of no official: nobody would follow), TAKEN (another drill goes on).
    """
    source = machine.running(name)
    through.check_no_peer(source)
    if source.role == "client" and not source.is_joined:
        raise FwrError(ExitCode.USAGE, f"'{name}' is no client of a world.", "Name one that has joined: fwrkit ls")
    compose.version()
    with machine.nodes.drilling():
        for left in machine.nodes.drills():
            _remove(machine, left)
        trusted, findings = _standing(machine, source)
        drill = _drill(machine, source)
        machine.nodes.save(drill)
        try:
            return findings + _played(machine, source, drill, trusted)
        finally:
            with interrupts.held():
                _remove(machine, drill)


def _remove(machine: Machine, drill: Node) -> None:
    """Remove a drill with its volumes. Programs that a killed one has started may go on for a while, and make once more what was just removed."""
    until = time.monotonic() + _PATIENCE
    while True:
        try:
            rm.remove(machine, drill, with_volumes=True)
        except FwrError:
            if time.monotonic() > until:
                raise
            time.sleep(_PAUSE)
        else:
            return


def _standing(machine: Machine, source: Node) -> tuple[list[str], list[Finding]]:
    """Return the authorities' public keys, and how far the node is behind."""
    if source.role == "server":
        return [str(key) for key in machine.agent(source).ask("authority").get("trusted", [])], [
            Finding("behind", True, f"{source.name} is the server itself.", "What would be left without it, an official's client shows.")
        ]
    standing = machine.agent(source).standing()
    missing, trusted = int(standing["missing"]), [str(key) for key in standing.get("trusted", [])]
    if missing:
        text = f"The history of {source.name} lacks {missing:,} versions that it has heard of: who wrote them would be lost."
        return trusted, [Finding("behind", False, text, "It is fetched some seconds after things got quiet. Drill again.")]
    return trusted, [Finding("behind", True, f"The history of {source.name} has every version that it has heard of.")]


def _drill(machine: Machine, source: Node) -> Node:
    world, state, keys = (machine.volume(source, key) for key in ("world", "state", "keys"))
    return Node(
        name=f"drill-{secrets.token_hex(2)}", role="server", node_id=new_node_id(),
        citizen=f"{source.citizen[: CITIZEN_NAME_LIMIT - len(_SUFFIX)].rstrip('-')}{_SUFFIX}", http_port=0, template=TEMPLATES[0],
        world_name=source.world_name, origin=founding.origin(machine, world, state, keys=keys), is_drill=True,
    )  # fmt: skip


def _played(machine: Machine, source: Node, drill: Node, trusted: list[str]) -> list[Finding]:
    findings: list[Finding] = []
    try:
        drill = founding.ensure(machine, prepare(machine, drill))
        findings += _copied(source, drill.founded)
        start(machine, drill)
    except FwrError as error:
        return [*findings, Finding("server" if findings else "copy", False, error.message, error.hint)]
    findings.append(Finding("server", True, "A server of the same world starts from it."))
    machine.report("Looking at what it has")
    try:
        return findings + machine.agent(drill).drill(str(drill.founded["version"]), drill.citizen, trusted)
    except FwrError as error:
        return [*findings, Finding("drill", False, error.message, error.hint)]


def _copied(source: Node, founded: dict[str, Any]) -> list[Finding]:
    words = f"{founded['files']:,} files and {founded['versions']:,} versions were copied from {source.name}."
    still = "" if founded["is_still"] else "It was written all the time: the files are whole, and of different moments."
    lost = int(founded["lost"])
    if lost:
        large = f"Of large files, {lost:,} old contents are not there: they lie on the server, and with who has read them."
        kept = Finding("large files", True, large, "Their newest contents are. A server's backup has the old ones: fwrkit backup SERVER")
    else:
        kept = Finding("large files", True, "The old contents of large files are there, too.")
    return [Finding("copy", True, words, still), kept]
