"""`fwrkit sync NODE`: return when the node and its upstream agree."""

from __future__ import annotations

from dataclasses import dataclass, field

from fwrkit.core.errors import ExitCode, FwrError
from fwrkit.host.adapters.machine import Machine


@dataclass(frozen=True)
class Synced:
    """Whether node and upstream agree, and the paths about which they do not; ``reasons`` says what some of these wait for."""

    node: str
    in_sync: bool
    missing: list[str]
    reasons: dict[str, str] = field(default_factory=dict)


def sync(machine: Machine, name: str, timeout: float) -> Synced:
    """Given a running node and a time-out in seconds, wait until it and its upstream agree, and return whether they do.

    Raise FwrError: NOT_FOUND, UNREACHABLE, or what the agent says.
    """
    machine.report(f"Waiting until {name} and its upstream agree")
    answer = machine.agent(machine.running(name)).sync(timeout)
    reasons = {str(path): str(reason) for path, reason in answer.get("reasons", {}).items()}
    return Synced(name, bool(answer["in_sync"]), [str(path) for path in answer.get("missing", [])], reasons)


def check(result: Synced, timeout: float) -> None:
    """Given a result, raise FwrError (TIMED_OUT) if they do not agree, naming the first paths."""
    if result.in_sync:
        return
    # those that wait for something come first: the others may arrive by themselves
    named = sorted(result.missing, key=lambda path: path not in result.reasons)
    words = [repr(path) + (f" ({result.reasons[path]})" if path in result.reasons else "") for path in named[:3]]
    missing = ", ".join(words) + (" …" if len(named) > 3 else "")
    message = f"'{result.node}' and its upstream do not agree after {timeout:g} s{': ' + missing if missing else ''}."
    raise FwrError(ExitCode.TIMED_OUT, message, f"See why: fwrkit status {result.node}")
