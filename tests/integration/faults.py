"""What happens to machines, cables and processes. Everything is done from outside, by the engine and the kernel: no node helps with it."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

from tests.integration.republic import Node, wait_until

# how a process is known by its command line
PROGRAMS = {
    "agent": "/usr/bin/fwrkit-agent run",
    "unison": "unison-2.53",
    "ssh": "ssh -T",
    "sshd": "sshd-session:",
    "listener": "/usr/sbin/sshd -D",
}


def container(node: Node) -> str:
    """Return the name of a node's ``sync``."""
    return f"{node.project}-sync"


def inspect(node: Node, template: str) -> str:
    """Return what the engine knows of a node's ``sync``."""
    return node.docker("inspect", "-f", template, container(node)).stdout.decode().strip()


def is_running(node: Node) -> bool:
    """Say whether ``sync`` runs, and not only restarts."""
    return inspect(node, "{{.State.Status}}") == "running"


def processes(node: Node, program: str) -> list[int]:
    """Return the processes of a program in a node's ``sync``, as this machine numbers them."""
    listed = node.docker("top", container(node), "-eo", "pid,args", check=False).stdout.decode().splitlines()[1:]
    pairs = [line.split(maxsplit=1) for line in listed]
    return [int(number) for number, words in pairs if PROGRAMS[program] in words and "tini" not in words]


def kill(node: Node, program: str) -> int:
    """Kill all processes of a program in a node's ``sync`` (SIGKILL); return how many there were. The engine starts the agent again."""
    found = processes(node, program)
    for number in found:
        with contextlib.suppress(ProcessLookupError):
            os.kill(number, signal.SIGKILL)
    return len(found)


@contextmanager
def apart(node: Node) -> Iterator[None]:
    """Cut a client off for the time of a block and have it know so at once: what it does is found by a walk at the next connection."""
    with node.cut():
        kill(node, "ssh")
        wait_until(lambda: node.status()["state"] == "offline", f"{node.name} is offline")
        yield


def make_device(node: Node, path: str) -> None:
    """Make a device node in a node's world, which only this machine's root may."""
    place = f"/srv/fwr/world/{path}"
    subprocess.run(["nsenter", "-t", inspect(node, "{{.State.Pid}}"), "-m", "mknod", place, "c", "1", "3"], check=True, capture_output=True)


def crash(node: Node) -> None:
    """Kill a node's ``sync`` as a power cut would end it, and start it again."""
    node.docker("kill", "--signal", "KILL", container(node))
    start(node)


def start(node: Node) -> None:
    """Start a node's ``sync`` again."""
    node.docker("start", container(node))
    wait_until(lambda: is_running(node), f"{node.name} runs again")


@contextmanager
def speechless(node: Node) -> Iterator[None]:
    """A node's agent does nothing during the block, while its sshd goes on to answer."""
    stopped = processes(node, "agent")
    for number in stopped:
        os.kill(number, signal.SIGSTOP)
    node.is_reachable = False
    try:
        yield
    finally:
        for number in stopped:
            os.kill(number, signal.SIGCONT)
        node.is_reachable = True


@contextmanager
def frozen(node: Node) -> Iterator[None]:
    """Nothing in a node's ``sync`` runs during the block, and its connections stand."""
    node.docker("pause", container(node))
    node.is_reachable = False
    try:
        yield
    finally:
        node.docker("unpause", container(node))
        node.is_reachable = True


@contextmanager
def swallowed(node: Node) -> Iterator[None]:
    """What a node sends and what is sent to it vanishes during the block: no cable is pulled, nobody is told."""
    rules = [("INPUT", "-i"), ("OUTPUT", "-o")]
    number = inspect(node, "{{.State.Pid}}")

    def iptables(verb: str) -> None:
        for chain, direction in rules:
            # the engine's own resolver is asked over loopback
            command = ["nsenter", "-t", number, "-n", "iptables", verb, chain, "!", direction, "lo", "-j", "DROP"]
            subprocess.run(command, check=True, capture_output=True)

    iptables("-A")
    node.is_reachable = False
    try:
        yield
    finally:
        iptables("-D")
        node.is_reachable = True


def address(node: Node) -> str:
    """Return the address of a node's ``sync``."""
    return inspect(node, "{{range .NetworkSettings.Networks}}{{.IPAddress}} {{end}}").split()[0]


@contextmanager
def another_address(server: Node) -> Iterator[None]:
    """The server comes back with another address than it had, and keeps that; during the block something else has the old one."""
    before, names = address(server), []
    network = json.loads(inspect(server, "{{json .NetworkSettings.Networks}}"))
    server.docker("stop", container(server))
    try:
        for number in range(3):  # whichever comes first to the address
            names.append(f"{server.project}-squatter-{number}")
            image = inspect(server, "{{.Config.Image}}")
            label = ("--label", f"org.fwrkit.home={server.republic.identity}")
            server.docker(
                "run", "-d", "--name", names[-1], *label, "--network", next(iter(network)), "--entrypoint", "sleep", image, "3600"
            )
        start(server)
        assert address(server) != before
        yield
    finally:
        server.docker("rm", "-f", *names)
