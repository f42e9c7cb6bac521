"""The agent in a node's ``sync`` container: ``docker exec … fwrkit-agent VERB`` and the JSON it prints."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from fwrkit.core import commands
from fwrkit.core.commands import Command
from fwrkit.core.errors import ExitCode, FwrError
from fwrkit.core.records import Conflict, Finding, NodeStatus

_TIMEOUT = 60.0  # seconds for verbs that only ask


@dataclass(frozen=True)
class Agent:
    """The agent of one node. Every method raises the agent's own FwrError, or FAILED if it gave no answer at all."""

    node: str
    container: str

    def status(self) -> NodeStatus:
        """Return what the node says of itself."""
        return NodeStatus.from_json(self._call("status"))

    def invite(self, citizen: str, host: str, port: int, expires: int | None = None) -> dict[str, Any]:
        """Given a citizen's name and the address that the invite shall name, return the object with ``invite`` and ``expires``.

        ``expires`` is in seconds from now.
        """
        words = ["invite", citizen, "--host", host, "--port", str(port)]
        return self._call(*words, *(["--expires", str(expires)] if expires is not None else []))

    def decide(self, ruling: str, citizen: str) -> dict[str, Any]:
        """Given ``approve`` or ``reject`` and a citizen of whom something is held, decide; return the object with ``deleted`` and ``files``."""
        return self._call("decide", ruling, citizen)

    def enrol(self, invite: str) -> dict[str, Any]:
        """Given an invite line, make the node a citizen's; return citizen and world. The line goes by standard input: it is a secret."""
        return self._call("enrol", stdin=invite.encode() + b"\n")

    def public_key(self) -> str:
        """Return the node's public key as one line."""
        return str(self._call("key")["public_key"])

    def sync(self, timeout: float) -> dict[str, Any]:
        """Given a time-out in seconds, wait until node and upstream agree; return the object with ``in_sync`` and ``missing``."""
        return self._call("sync", "--timeout", f"{timeout:g}", patience=timeout + _TIMEOUT)

    def world(self) -> dict[str, Any]:
        """Return the identity of the world: id, name, template."""
        return self._call("world")

    def conflicts(self) -> list[Conflict]:
        """Return what two changed at once in the node's world."""
        return [Conflict.from_json(item) for item in self._call("conflicts")["conflicts"]]

    def resolve(self, path: str, keep: str) -> str:
        """Given a conflict's path or its copy's, and whose version is kept, end it; return the path of what was kept."""
        return str(self._call("resolve", f"--keep={keep}", "--", path)["kept"])

    def doctor(self) -> list[Finding]:
        """Return what the agent finds inside its container."""
        return [Finding.from_json(item) for item in self._call("doctor")["findings"]]

    def _call(self, *words: str, stdin: bytes | None = None, patience: float = _TIMEOUT) -> dict[str, Any]:
        argv = ["docker", "exec", "--interactive", self.container, "fwrkit-agent", *words]
        return parse_answer(self.node, commands.run(Command(argv, stdin=stdin), patience))


def error_in(lines: Sequence[str]) -> FwrError | None:
    """Given the last lines of an agent's log, return the error that it ended with, if it said one."""
    for line in reversed(lines):
        try:
            answer = json.loads(line)
        except ValueError:
            continue
        if isinstance(answer, dict) and isinstance(answer.get("error"), dict):
            return FwrError.from_json(answer["error"])
    return None


def parse_answer(node: str, done: commands.Completed) -> dict[str, Any]:
    """Given how an agent's verb ended, return the object it printed. Raise FwrError: the agent's own, or FAILED if there is no object."""
    try:
        answer = json.loads(done.stdout)
    except ValueError:
        answer = None
    if isinstance(answer, dict) and isinstance(answer.get("error"), dict):
        raise FwrError.from_json(answer["error"])
    if not isinstance(answer, dict) or not done.is_ok:
        message = f"The agent of node '{node}' gave no answer: {done.last_words()}"
        raise FwrError(ExitCode.FAILED, message, f"See its log: fwrkit logs {node}")
    return answer
