"""`fwrkit shares SERVER`: the world's authority in shares for its officials, so many of whom can bring the server back."""

from __future__ import annotations

from dataclasses import dataclass, field

from fwrkit.core.errors import ExitCode, FwrError
from fwrkit.host.adapters.machine import Machine
from fwrkit.host.verbs import through

LEAST, MOST = 2, 16


@dataclass(frozen=True)
class Shared:
    """Lines of words, any ``need`` of which give back the private key of the authority with this fingerprint. They are kept nowhere."""

    server: str
    need: int
    of: int
    authority: str
    shares: list[str] = field(repr=False)


def shares(machine: Machine, name: str, need: int, of: int) -> Shared:
    """Given a server, return its world's authority in so many shares. Raise FwrError: NOT_FOUND, UNREACHABLE, USAGE."""
    if not LEAST <= need <= of <= MOST:
        text = f"There can be no {of} shares of which {need} are needed."
        raise FwrError(ExitCode.USAGE, text, f"At least {LEAST} are needed, of at most {MOST}: --need 2 --of 3")
    node = machine.running(name)
    through.check_no_peer(node)
    if node.role != "server":
        raise FwrError(ExitCode.USAGE, f"'{name}' is a client.", "Name the server: fwrkit ls")
    answer = machine.agent(node).ask("shares", need=need, of=of)
    return Shared(name, need, of, str(answer["key"]), [str(line) for line in answer["shares"]])
