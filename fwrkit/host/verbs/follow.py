"""`fwrkit follow NODE LINE|SERVER`: a client goes to where its world's server is from now on. `fwrkit move SERVER` prints that line."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

from fwrkit.core import moves
from fwrkit.core.errors import ExitCode, FwrError
from fwrkit.host.adapters.machine import Machine
from fwrkit.host.adapters.nodes import Node
from fwrkit.host.verbs import through
from fwrkit.host.verbs.join import SSH_PORT_INSIDE
from fwrkit.host.verbs.start import start


@dataclass(frozen=True)
class Followed:
    """A client, where its server is now, and the fingerprint of the authority by which it is known."""

    node: str
    server: str
    world: str
    authority: str


@dataclass(frozen=True)
class Moved:
    """The line for citizens, the fingerprint of the authority, and whether it is one that they have to accept."""

    line: str
    authority: str
    is_declared: bool


def follow(machine: Machine, name: str, there: str, *, is_accepted: bool = False) -> Followed:
    """Given a client and a line, or a server of this machine, have it follow. If it can not, it is as it was.

    Raise FwrError: NOT_FOUND, USAGE, HELD (another authority, which waits to be accepted), REFUSED, UNREACHABLE.
    """
    node = machine.running(name)
    if node.kind == "server":
        raise FwrError(ExitCode.USAGE, f"'{name}' is a server and follows nobody.", "Name a client: fwrkit ls")
    if moves.is_move(there):
        return _followed(machine, node, there, is_accepted)
    server = machine.nodes.get(there)
    through.check_no_peer(server)
    if server.role != "server":
        raise FwrError(
            ExitCode.USAGE, f"'{there}' is a client and serves nobody.", "Name a server, or give the line that an official sent."
        )
    machine.running(server.name)
    line = str(machine.agent(server).ask("move", host=f"{server.name}.fwr", port=SSH_PORT_INSIDE)["line"])
    if node.upstream == server.name:
        return _followed(machine, node, line, is_accepted)
    moved = machine.nodes.save(dataclasses.replace(node, upstream=server.name, remote=""))  # its network is the way to it
    try:
        restart(machine, moved)
        return _followed(machine, moved, line, is_accepted)
    except FwrError:
        restart(machine, machine.nodes.save(node))
        raise


def restart(machine: Machine, node: Node) -> None:
    """Start a node whose network is another one now: Compose takes no notice of that in containers that are there."""
    project = machine.project(node)
    if node.upstream and (project.directory / "compose.yaml").is_file():
        project.down()  # by the file of before: with the network that was its own, which nobody would remove any more
    else:
        project.remove_containers()
    start(machine, node)


def _followed(machine: Machine, node: Node, line: str, is_accepted: bool) -> Followed:
    move = moves.decode(line)
    answer = machine.agent(node).follow(line, is_accepted=is_accepted)
    if not node.upstream:
        machine.nodes.save(dataclasses.replace(node, remote=f"{move.host}:{move.port}"))
    return Followed(node.name, node.upstream or f"{move.host}:{move.port}", str(answer["world_name"]), str(answer["authority"]))


def line(machine: Machine, name: str | None) -> Moved:
    """Given a server (None: the only one), return the line by which citizens on other machines follow. Raise FwrError: REFUSED, as for an invite."""
    servers = [node for node in machine.nodes.all() if node.kind == "server"]
    if name is None and len(servers) != 1:
        raise FwrError(ExitCode.USAGE, "There is not exactly one server on this machine.", "Say which: fwrkit move SERVER")
    server = machine.running(name if name is not None else servers[0].name)
    through.check_no_peer(server)
    if server.role != "server" or not server.address:
        hint = "Clients on this machine follow by its name: fwrkit follow NODE " + server.name
        raise FwrError(ExitCode.REFUSED, f"'{server.name}' is no server that other machines reach.", hint)
    answer = machine.agent(server).ask("move", host=server.address, port=server.ssh_port)
    return Moved(str(answer["line"]), str(answer["authority"]), answer["is_declared"] is True)
