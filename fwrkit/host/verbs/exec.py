"""`fwrkit exec NODE -- COMMAND`: run a command in the node's world."""

from __future__ import annotations

from collections.abc import Sequence

from fwrkit.core.commands import Command
from fwrkit.host.adapters.machine import Machine

WORLD = "/srv/fwr/world"


def execute(machine: Machine, name: str, words: Sequence[str], *, has_terminal: bool) -> Command:
    """Given a running node and a command, return the command that runs it in ``sync``, as the world's owner, in the world's directory.

    Raise FwrError: NOT_FOUND if there is no node, UNREACHABLE if it does not run.
    """
    node = machine.running(name)
    container = machine.home.container(name, "sync")
    terminal = ["--tty"] if has_terminal else []
    owner = f"{node.uid}:{node.gid}"
    return Command(["docker", "exec", "--interactive", *terminal, "--user", owner, "--workdir", WORLD, container, *words])
