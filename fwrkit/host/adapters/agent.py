"""The agent in a node's ``sync`` container: ``docker exec … fwrkit-agent VERB`` and the JSON it prints."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from fwrkit.core import commands
from fwrkit.core.commands import Command
from fwrkit.core.errors import ExitCode, FwrError
from fwrkit.core.history import BlamedLine, Difference, LogEntry, Shown, Snapshot, Tidied
from fwrkit.core.records import CitizenRecord, Conflict, Finding, KeptRefusal, NodeStatus

_TIMEOUT = 60.0  # seconds for verbs that only ask
_PATIENCE = 120.0  # seconds for those that ask the server
_AT_ONCE = 5.0  # seconds for what is only nice to know
_CONTENT_TIMEOUT = 3600.0
_TIDY_TIMEOUT = 3600.0


@dataclass(frozen=True)
class LogFilter:
    """Which versions a log is about; empty: all. Times as people write them."""

    path: str = ""
    by: str = ""
    since: str = ""
    until: str = ""
    limit: int = 50


@dataclass(frozen=True)
class Agent:
    """The agent of one node. Every method raises the agent's own FwrError, or FAILED if it gave no answer at all."""

    node: str
    container: str

    def status(self) -> NodeStatus:
        """Return what the node says of itself."""
        return NodeStatus.from_json(self._call("status"))

    def ask(self, what: str, **arguments: Any) -> dict[str, Any]:
        """Ask the server for something in the name of the node's citizen, through the gate or on its own machine; return the answer.

        What there is to ask for, and by whom: ``fwrkit/agent/server/powers.py``.
        """
        given = {name: value for name, value in arguments.items() if value is not None}
        return self._call("ask", what, stdin=json.dumps(given).encode(), patience=_PATIENCE)

    def ask_briefly(self, what: str) -> dict[str, Any]:
        """Ask the same way for something that is left out if the server does not say it at once."""
        return self._call("ask", f"--within={_AT_ONCE}", what, stdin=b"{}")

    def enrol(self, invite: str, citizen: str = "") -> dict[str, Any]:
        """Given an invite line, make the node a citizen's; return citizen and world. The line goes by standard input: it is a secret.

        ``citizen`` is the name to come under where the invite is for several.
        """
        return self._call("enrol", f"--citizen={citizen}", stdin=invite.encode() + b"\n")

    def request(self, host: str, port: int, citizen: str) -> dict[str, Any]:
        """Ask a server without an invite to be let in; return citizen and world, or ``waiting`` with both sides' fingerprints."""
        return self._call("request", f"--host={host}", f"--port={port}", f"--citizen={citizen}", patience=_PATIENCE)

    def change_key(self) -> str:
        """Give the node a new key; return its fingerprint."""
        return str(self._call("change-key", patience=_PATIENCE)["fingerprint"])

    def follow(self, line: str, *, is_accepted: bool) -> dict[str, Any]:
        """Have a client go to where a line says that its world's server is; return ``host``, ``port``, ``world_name`` and ``authority``."""
        more = ["--accept"] if is_accepted else []
        return self._call("follow", *more, stdin=line.encode() + b"\n", patience=_PATIENCE)

    def declare(self, authority: str) -> dict[str, Any]:
        """Have a client of an official sign that the world has a new authority (its public key); return the declaration."""
        return self._call("declare", "--", authority)

    def standing(self) -> dict[str, Any]:
        """Say whether a client could take the server's place: ``is_connected``, ``missing`` versions, the ``authority``'s fingerprint."""
        return self._call("standing")

    def peers(self) -> dict[str, Any]:
        """Return who serves the world besides, as the node knows it: ``peers``, and whom of them it follows now (``following``, empty: none)."""
        return self._call("peers")

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

    def roll(self) -> list[CitizenRecord]:
        """Return the citizens as the node's copy of the world has them."""
        return [CitizenRecord.from_json(item) for item in self._call("roll")["citizens"]]

    def audit(self) -> dict[str, Any]:
        """Return the audit log of the node's copy of the world: ``entries``, ``head`` (the last line's hash) and ``fault``."""
        return self._call("audit")

    def log(self, wanted: LogFilter) -> list[LogEntry]:
        """Return the versions that a filter lets through, the newest first."""
        options = [f"--{name}={value}" for name, value in (("by", wanted.by), ("since", wanted.since), ("until", wanted.until)) if value]
        answer = self._call("log", *options, f"--limit={wanted.limit}", "--", *([wanted.path] if wanted.path else []))
        return [LogEntry.from_json(item) for item in answer["entries"]]

    def show(self, version: str) -> Shown:
        """Given a version as people name it, return it with what it changed."""
        return Shown.from_json(self._call("show", "--", version))

    def diff(self, before: str, after: str, path: str) -> Difference:
        """Given two versions and a path, the last two of which may be empty, return what lies between the versions."""
        return Difference.from_json(self._call("diff", "--", before, after, path))

    def blame(self, target: str) -> list[BlamedLine]:
        """Given ``PATH`` or ``PATH@VERSION``, return the file's lines and where they come from."""
        return [BlamedLine.from_json(item) for item in self._call("blame", "--", target)["lines"]]

    def cat(self, target: str, write: Callable[[bytes], object]) -> None:
        """Given ``PATH`` or ``PATH@VERSION``, write the file's content piece by piece."""

        self._stream(write, "cat", "--", target)

    def _stream(self, write: Callable[[bytes], object], *words: str) -> None:
        def take(piece: bytes) -> bool:
            write(piece)
            return True

        done = commands.stream(Command(self._argv(*words)), take, _CONTENT_TIMEOUT)
        if not done.is_ok:
            raise error_in(done.stderr.decode(errors="replace").splitlines()) or _no_answer(self.node, done)

    def snapshots(self) -> list[Snapshot]:
        """Return the snapshots that the node holds, the newest first."""
        return [Snapshot.from_json(item) for item in self._call("snapshots")["snapshots"]]

    def freshen(self, patience: float) -> bool:
        """Have the node's history brought up to what its world has, within some seconds; return whether it was."""
        return self._call("freshen", f"--patience={patience:g}", patience=patience + _TIMEOUT)["fresh"] is True

    def tidy(self) -> Tidied:
        """Make the node's history as small as it gets."""
        return Tidied.from_json(self._call("tidy", patience=_TIDY_TIMEOUT))

    def policy(self) -> dict[str, Any]:
        """Return the policy in the node's copy of the world: ``text``, and ``fault``, empty if there is none."""
        return self._call("policy")

    def policy_test(self, path: str, citizen: str, operation: str, size: int | None) -> dict[str, Any]:
        """Return which rule would decide about a change: ``action``, ``rule``, ``reason``, ``line``, ``explanation`` and what was asked."""
        more = [*([f"--operation={operation}"] if operation else []), *([f"--size={size}"] if size is not None else [])]
        return self._call("policy-test", f"--as={citizen}", *more, "--", path)

    def policy_change(self, **change: Any) -> dict[str, Any]:
        """Have the policy changed: ``add`` (a rule's fields, and ``before``: a rule's name), ``remove`` (a name) or ``set`` (a text)."""
        given = {name: value for name, value in change.items() if value is not None}
        return self._call("policy-change", stdin=json.dumps(given).encode(), patience=_PATIENCE)

    def filters(self) -> dict[str, list[str]]:
        """Return the node's own filters: ``muted`` citizens and ``ignored`` patterns."""
        return self._call("filters")

    def change_filter(self, kind: str, word: str, is_on: bool) -> dict[str, list[str]]:
        """Put a filter in or take one out: ``kind`` is muted or ignored; return them all."""
        return self._call("filter", *(["--on"] if is_on else []), "--", kind, word)

    def refused(self) -> list[KeptRefusal]:
        """Return what the policy has refused of the node's edits, the oldest first."""
        return [KeptRefusal.from_json(item) for item in self._call("refused")["refused"]]

    def refused_content(self, number: int, write: Callable[[bytes], object]) -> None:
        """Write the content of a refused change piece by piece."""
        self._stream(write, "refused-content", str(number))

    def doctor(self) -> list[Finding]:
        """Return what the agent finds inside its container."""
        return [Finding.from_json(item) for item in self._call("doctor")["findings"]]

    def drill(self, since: str, operator: str, trusted: Sequence[str]) -> list[Finding]:
        """Have a server that was made on copies looked at: the newest version of what it was made from, its own account, the authorities' keys."""
        answer = self._call("drill", f"--since={since}", f"--operator={operator}", "--", *trusted, patience=_TIDY_TIMEOUT)
        return [Finding.from_json(item) for item in answer["findings"]]

    def _call(self, *words: str, stdin: bytes | None = None, patience: float = _TIMEOUT) -> dict[str, Any]:
        return parse_answer(self.node, commands.run(Command(self._argv(*words), stdin=stdin), patience))

    def _argv(self, *words: str) -> list[str]:
        return ["docker", "exec", "--interactive", self.container, "fwrkit-agent", *words]


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
        raise _no_answer(node, done)
    return answer


def _no_answer(node: str, done: commands.Completed) -> FwrError:
    message = f"The agent of node '{node}' gave no answer: {done.last_words()}"
    return FwrError(ExitCode.FAILED, message, f"See its log: fwrkit logs {node}")
