"""`fwrkit sync NODE`: return when the node and its upstream agree."""

from __future__ import annotations

from dataclasses import dataclass

from fwrkit.core.errors import ExitCode, FwrError
from fwrkit.host.adapters.machine import Machine


@dataclass(frozen=True)
class Synced:
    """Whether node and upstream agree, and the paths about which they do not."""

    node: str
    in_sync: bool
    missing: list[str]


def sync(machine: Machine, name: str, timeout: float) -> Synced:
    """Given a running node and a time-out in seconds, wait until it and its upstream agree, and return whether they do.

    Raise FwrError: NOT_FOUND, UNREACHABLE, or what the agent says.
    """
    machine.report(f"Waiting until {name} and its upstream agree")
    answer = machine.agent(machine.running(name)).sync(timeout)
    return Synced(name, bool(answer["in_sync"]), [str(path) for path in answer.get("missing", [])])


def check(result: Synced, timeout: float) -> None:
    """Given a result, raise FwrError (TIMED_OUT) if they do not agree, naming the first paths."""
    if result.in_sync:
        return
    missing = ", ".join(repr(path) for path in result.missing[:3]) + (" …" if len(result.missing) > 3 else "")
    message = f"'{result.node}' and its upstream do not agree after {timeout:g} s{': ' + missing if missing else ''}."
    raise FwrError(ExitCode.TIMED_OUT, message, f"See why: fwrkit status {result.node}")
