"""Stopping a node's containers: by Compose, and by what Docker itself knows of them where Compose can not."""

from __future__ import annotations

from fwrkit.core.errors import ExitCode, FwrError
from fwrkit.host.adapters.machine import Machine
from fwrkit.host.adapters.nodes import Node


def stop(machine: Machine, node: Node, *, keeps_networks: bool = False) -> None:
    """Given a node, stop and remove its containers, and its networks unless they are kept. Volumes stay.

    It works with whatever lies in the node's directory: a compose file that is missing or broken, an override with a mistake, no record.
    Raise FwrError: NO_ENGINE, or FAILED if Docker itself refuses.
    """
    project = machine.project(node)
    try:
        if (project.directory / "compose.yaml").is_file():
            project.remove_containers() if keeps_networks else project.down()
    except FwrError as error:
        if error.code is ExitCode.NO_ENGINE:
            raise
        machine.report(f"{error.message} {node.name} is stopped without Compose.")
    machine.engine.remove_containers(project.name)  # what Compose does not see by its files, is there all the same
    if not keeps_networks:
        machine.engine.remove_networks(project.name)
