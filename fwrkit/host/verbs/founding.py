"""A server whose world is made from a copy of another: before it is started for the first time."""

from __future__ import annotations

import dataclasses
import json
import os

from fwrkit.core.errors import ExitCode, FwrError
from fwrkit.host.adapters.agent import parse_answer
from fwrkit.host.adapters.machine import Machine
from fwrkit.host.adapters.nodes import Node

_WORLD, _STATE, _KEYS = "/from/world", "/from/state", "/from/keys"  # in the container


def origin(machine: Machine, world: str, state: str = "", version: str = "", keys: str = "") -> dict[str, str]:
    """Given where a copy lies (volumes, or directories of this machine), return it for the node's record.

    With ``keys``, those of a client, it is to be the same world. Raise FwrError (NOT_FOUND, USAGE).
    """
    places = {name: _place(machine, text) for name, text in (("world", world), ("state", state), ("keys", keys)) if text}
    found = {**places, "version": version}
    return {name: value for name, value in found.items() if value}


def words_of(origin: dict[str, str]) -> str:
    """Given what a world is made from, return what stands for it in a node's record while the node is not whole yet."""
    return json.dumps(origin, sort_keys=True)


def ensure(machine: Machine, node: Node, authority: bytes | None = None) -> Node:
    """Given a node whose compose file is written, make its world if that is still to be done, and return the node as it is recorded then.

    ``authority`` is the private key of the world's authority where a server succeeds another and has it. Raise FwrError: the agent's own.
    """
    if not node.origin:
        return node
    machine.report(f"Making the world of {node.name} from {node.origin['world']}")
    mounts = {node.origin["world"]: _WORLD}
    words = ["fwrkit-agent", "found", f"--world={_WORLD}"]
    if "state" in node.origin:
        mounts[node.origin["state"]] = _STATE
        words.append(f"--history={_STATE}")
    if "version" in node.origin:
        words.append(f"--at={node.origin['version']}")
    if "keys" in node.origin:
        if "authority" in node.origin and authority is None:  # without it, another would be made, which nobody knows
            hint = "Repeat the promotion as it was begun: fwrkit promote NODE --authority FILE"
            raise FwrError(ExitCode.HELD, f"The node '{node.name}' is to be made with the world's authority.", hint)
        mounts[node.origin["keys"]] = _KEYS
        words += [f"--succeed={_KEYS}", *(["--authority"] if authority is not None else []), *(["--peer"] if "peer" in node.origin else [])]
    answer = parse_answer(node.name, machine.project(node).run_once(words, mounts, machine.report, authority))
    return machine.nodes.save(
        dataclasses.replace(
            node, origin={}, founded=answer, template=str(answer["template"]), world_name=str(answer["name"]), begun=words_of(node.origin)
        )
    )


def _place(machine: Machine, text: str) -> str:
    if "/" in text:
        path = os.path.realpath(os.path.expanduser(text))
        if not os.path.isdir(path) or ":" in path:
            raise FwrError(ExitCode.NOT_FOUND, f"There is no directory {text}.", "Name a volume (docker volume ls) or a directory.")
        return path
    if not machine.engine.has_volume(text):
        raise FwrError(ExitCode.NOT_FOUND, f"There is no volume '{text}'.", "See which there are: docker volume ls")
    return text
