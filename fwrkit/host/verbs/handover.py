"""`fwrkit handover SERVER`: a server gives its world to an official's node, and shows everybody the way."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from fwrkit.core import moves
from fwrkit.core.errors import ExitCode, FwrError
from fwrkit.host.adapters.machine import Machine
from fwrkit.host.adapters.nodes import Node
from fwrkit.host.verbs import follow as moving
from fwrkit.host.verbs import through


@dataclass(frozen=True)
class HandedOver:
    """What was done: ``begun`` (with the ``file`` for the successor), ``finished`` (everybody is told where the server is) or ``cancelled``."""

    server: str
    step: str
    citizen: str = ""
    file: str = ""
    place: str = ""


def begin(machine: Machine, name: str, citizen: str, file: str | None = None) -> HandedOver:
    """Given a server and an official, stop taking anything and write the authority's key, encrypted for that official's node, into a new file.

    Raise FwrError: NOT_FOUND, REFUSED (no official), TAKEN (the file is there, or the server is elsewhere already).
    """
    server = _server(machine, name)
    path = Path(file if file is not None else f"handover-{citizen}.age").expanduser()
    try:
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError as error:
        raise FwrError(ExitCode.TAKEN, f"There is a file {path} already.", "Name another one with --file.") from error
    try:
        with os.fdopen(fd, "w") as target:
            target.write(str(machine.agent(server).ask("handover", name=citizen)["sealed"]))
            target.flush()
            os.fsync(target.fileno())
    except BaseException:
        path.unlink()
        raise
    return HandedOver(name, "begun", citizen=citizen, file=str(path))


def finish(machine: Machine, name: str, there: str) -> HandedOver:
    """Given the successor's line, or its name on this machine (if others reach it), have the server tell everybody who comes.

    Raise FwrError: USAGE, REFUSED.
    """
    server = _server(machine, name)
    line = there
    if not moves.is_move(there):
        line = moving.line(machine, there).line
    answer = machine.agent(server).ask("handover-finish", line=line)
    return HandedOver(name, "finished", place=f"{answer['host']}:{answer['port']}")


def cancel(machine: Machine, name: str) -> HandedOver:
    """Have the server go on as before. Raise FwrError (NOT_FOUND) if it is not being handed over."""
    machine.agent(_server(machine, name)).ask("handover-cancel")
    return HandedOver(name, "cancelled")


def _server(machine: Machine, name: str) -> Node:
    node = machine.running(name)
    through.check_no_peer(node)
    if node.role != "server":
        raise FwrError(ExitCode.USAGE, f"'{name}' is a client.", "Name the server: fwrkit ls")
    return node
