"""The control socket: how ``fwrkit-agent VERB``, another process of the same uid, asks the running agent. One JSON line each way."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from fwrkit.agent.sockets import listen
from fwrkit.core.errors import ExitCode, FwrError

_LIMIT = 2 * 1024 * 1024  # bytes of a request: a policy fits

Verb = Callable[[dict[str, Any]], dict[str, Any]]


def serve_control(path: Path, verbs: Mapping[str, Verb]) -> socket.socket:
    """Serve verbs to processes of the agent's own uid; return the listening socket."""

    def serve(connection: socket.socket) -> None:
        with connection:
            connection.settimeout(5)
            line = connection.makefile("rb").readline(_LIMIT)
            connection.settimeout(30)
            connection.sendall(json.dumps(_answer(line, verbs)).encode() + b"\n")

    return listen(path, 0o600, serve)


def _answer(line: bytes, verbs: Mapping[str, Verb]) -> dict[str, Any]:
    try:
        request = json.loads(line)
        return verbs[request["verb"]](dict(request.get("arguments", {})))
    except FwrError as error:
        return error.to_json()
    except (ValueError, KeyError, TypeError):
        return FwrError(ExitCode.USAGE, "The agent does not know this verb.", "Update fwrkit, then start the node again.").to_json()
    except TimeoutError:
        return FwrError(ExitCode.TIMED_OUT, "The agent did not answer in time.", "Look at its log (fwrkit logs NODE).").to_json()


def ask(path: Path, verb: str, arguments: dict[str, Any], timeout: float) -> dict[str, Any]:
    """Ask the running agent and return its answer. Raise FwrError: its own error, or FAILED if no agent answers within ``timeout`` seconds."""
    try:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(timeout)
            connection.connect(str(path))
            connection.sendall(json.dumps({"verb": verb, "arguments": arguments}).encode() + b"\n")
            answer: dict[str, Any] = json.loads(connection.makefile("rb").readline())
    except (OSError, ValueError) as error:
        raise FwrError(
            ExitCode.FAILED, "The agent does not answer.", "Look at its log (fwrkit logs NODE), then start the node again."
        ) from error
    if "error" in answer:
        raise FwrError.from_json(answer["error"])
    return answer
