"""Asking the upstream for something on a connection of its own: it works also while the stream is refused. One JSON line each way."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from fwrkit.agent.citizen.ssh import ask_command, read_upstream, write_configuration
from fwrkit.core.commands import run
from fwrkit.core.errors import ExitCode, FwrError

_SSH_FAILED = 255  # exit status of ssh itself
_GATE_REFUSED = 97  # exit status of the gate: it does not know the request
ANSWER_TIMEOUT = 90.0  # seconds that an upstream has for its answer
_AT_ONCE = 8.0  # seconds within which a server answers that works: the connection takes 5 at most
_NO_ANSWER = (ExitCode.UNREACHABLE, ExitCode.FAILED, ExitCode.TIMED_OUT)


class Asker:
    """Asks in the name of this node's citizen. ``keys`` and ``run`` are the directories of :class:`fwrkit.agent.settings.Places`."""

    def __init__(self, keys: Path, run: Path) -> None:
        self._keys = keys
        self._run = run

    def is_answered(self) -> bool:
        """Say whether the server answers, whatever it is: that it has an sshd does not mean that anything behind that works."""
        try:
            self.ask("peers", {}, _AT_ONCE)  # little, and the hub itself has to answer
        except FwrError as error:
            return error.code not in _NO_ANSWER
        return True

    def ask(self, verb: str, arguments: dict[str, Any], timeout: float = ANSWER_TIMEOUT) -> dict[str, Any]:
        """Return the server's answer, within ``timeout`` seconds. Raise FwrError: the server's own, UNREACHABLE, FAILED, TIMED_OUT, or HELD before this
        node has joined."""
        upstream = read_upstream(self._keys)
        if upstream is None:
            raise FwrError(ExitCode.HELD, "This node has not joined a world yet.", "Join one: fwrkit join SERVER")
        configuration = write_configuration(upstream, self._keys, self._run)
        request = json.dumps({"verb": verb, "arguments": arguments}).encode() + b"\n"
        done = run(ask_command(configuration, request), timeout)
        if done.status in (_SSH_FAILED, _GATE_REFUSED):
            raise why_not(done.last_words())
        try:
            answer = json.loads(done.stdout)
            if not isinstance(answer, dict):
                raise TypeError
        except (ValueError, TypeError) as error:
            text = f"The server gave no answer ({done.last_words() or 'nothing'})."
            raise FwrError(ExitCode.FAILED, text, "Look at the server's log (fwrkit logs server).") from error
        if "error" in answer:
            raise FwrError.from_json(answer["error"])
        return answer


def why_not(words: str) -> FwrError:
    """Given ssh's last words, return why nothing could be asked."""
    if "Permission denied" in words:
        text = "The server does not take this node's key any more: its certificate has expired, or its citizen lives elsewhere by now."
        return FwrError(ExitCode.REFUSED, text, "Ask an official for an invite (fwrkit invite NAME).")
    if "drop certificate" in words or "Host key verification failed" in words:
        text = "What answers there is no server that this node knows: perhaps its world has another authority by now."
        # nobody of this world has refused anything: a peer goes on to serve where somebody else has taken the server's place
        return FwrError(
            ExitCode.UNREACHABLE, text, "Ask an official for an invite (fwrkit invite NAME), then: fwrkit join LINE --name NODE"
        )
    hint = "This is decided at the server: try again when it can be reached. Reading and editing go on without it."
    return FwrError(ExitCode.UNREACHABLE, f"The server is out of reach ({words.rstrip('.') or 'no answer'}).", hint)
