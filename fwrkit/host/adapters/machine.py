"""The operator's machine as the verbs see it: one object that holds every adapter."""

from __future__ import annotations

import functools
import getpass
from collections.abc import Callable

from fwrkit.core.errors import ExitCode, FwrError
from fwrkit.core.names import citizen_name_from_login
from fwrkit.host.adapters import labels, once, one_shot, reach
from fwrkit.host.adapters.agent import Agent
from fwrkit.host.adapters.archivist import Archivist
from fwrkit.host.adapters.compose import Project
from fwrkit.host.adapters.engine import Container, Engine
from fwrkit.host.adapters.home import Home
from fwrkit.host.adapters.nodes import WORLD_UID, Node, NodeStore


class Machine:
    """What verbs work with. ``report`` takes progress, one sentence each; the engine is connected when it is first needed."""

    def __init__(self, home: Home, report: Callable[[str], None] = lambda _: None) -> None:
        self.home = home
        self.report = report
        self.nodes = NodeStore(home)

    @functools.cached_property
    def engine(self) -> Engine:
        """Docker Engine. Raise FwrError (NO_ENGINE) if it does not answer."""
        return Engine()

    def project(self, node: Node) -> Project:
        """Given a node, return its compose project."""
        return Project(self.home.project(node.name), self.nodes.directory(node.name))

    def agent(self, node: Node) -> Agent:
        """Given a node, return its agent, whether it runs or not."""
        return Agent(node.name, self.home.container(node.name, "sync"))

    def volume(self, node: Node, key: str) -> str:
        """Given a node and ``world``, ``state`` or ``keys``, return the volume's name, or the directory of this machine in its place."""
        return node.world_dir if key == "world" and node.world_dir else self.home.volume(node.name, key)

    def archivist(self, node: Node, *, is_running: bool, is_root: bool = False) -> Archivist:
        """Given a node, return who makes and restores its backups: beside its running agent, else in a container that has its volumes.

        ``is_root``: those are not the world's owner's yet.
        """
        if is_running:
            return Archivist(node.name, ["docker", "exec", "--interactive", self.home.container(node.name, "sync")])
        name = once.new_name()
        return Archivist(node.name, self.project(node).run_command(name, is_root=is_root).argv, name)

    def examiner(self, image: str) -> Archivist:
        """Given an image, return who looks at backups: in a container that has nothing, reaches nothing and of whose
        words the engine keeps nothing."""
        options = ["--network", "none", "--read-only", "--tmpfs", "/tmp:size=64m,mode=1777", "--cap-drop", "ALL"]  # noqa: S108
        confined = [*options, "--security-opt", "no-new-privileges", "--memory", "1g", "--user", f"{WORLD_UID}:{WORLD_UID}"]
        name = once.new_name()
        return Archivist(
            "",
            [
                "docker",
                "run",
                "--rm",
                "--name",
                name,
                "--interactive",
                "--log-driver",
                "none",
                *confined,
                "--label",
                f"{labels.HOME}={self.home.identity}",
                image,
            ],
            name,
        )

    def containers(self, node: Node) -> dict[str, Container]:
        """Given a node, return its containers by service."""
        return {each.service: each for each in self.engine.containers(self.home.project(node.name))}

    def is_running(self, node: Node) -> bool:
        """Given a node, say whether its ``sync`` runs."""
        sync = self.containers(node).get("sync")
        return sync is not None and sync.is_running

    def is_page_served(self, node: Node) -> bool:
        """Given a node, say whether its web server answers."""
        return reach.is_page_served(node.http_port)

    def look_at_ground(self, image: str, directory: str, uid: int, gid: int) -> None:
        """As :func:`fwrkit.host.adapters.one_shot.look_at_ground`."""
        one_shot.look_at_ground(image, directory, uid, gid)

    def running(self, name: str) -> Node:
        """Given a name, return the node. Raise FwrError: NOT_FOUND if there is none, UNREACHABLE if it does not run."""
        node = self.nodes.get(name)
        if not self.is_running(node):
            raise FwrError(ExitCode.UNREACHABLE, f"The node '{name}' is not running.", f"Start it with: fwrkit up {name}")
        return node


def login_citizen() -> str:
    """Return the citizen name that the operator's login name suggests."""
    try:
        return citizen_name_from_login(getpass.getuser())
    except (OSError, KeyError):  # a uid without a name
        return citizen_name_from_login("")
