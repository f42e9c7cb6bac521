"""`fwrkit rekey NODE`: a new key for a client's citizen, or for the authority of a server's world."""

from __future__ import annotations

from dataclasses import dataclass

from fwrkit.core.errors import ExitCode, FwrError
from fwrkit.host.adapters.machine import Machine
from fwrkit.host.verbs import through


@dataclass(frozen=True)
class Rekeyed:
    """The new key's fingerprint; of an authority, until when the old one is valid too (Unix seconds, else 0), and whether shares of that ``were_shared``."""

    node: str
    fingerprint: str
    until: int = 0
    were_shared: bool = False


def rekey(machine: Machine, name: str, is_now: bool = False) -> Rekeyed:
    """Change a node's key: a client's own, a server's authority (``is_now``: without a time for which both are valid).

    Raise FwrError: NOT_FOUND, UNREACHABLE, TAKEN if the authority is being changed already, USAGE.
    """
    node = machine.running(name)
    through.check_no_peer(node)
    if node.role == "server":
        answer = machine.agent(node).ask("change-authority", now=is_now)
        return Rekeyed(name, str(answer["fingerprint"]), int(answer["until"]), answer.get("were_shared") is True)
    if is_now:
        raise FwrError(ExitCode.USAGE, "A citizen's old key ends at once anyway.", "Leave --now out.")
    return Rekeyed(name, machine.agent(node).change_key())
