"""Whose edit something is that one citizen's node passes on for another: a peer's, which serves others while the server is out of reach.

A server believes that of those peers alone to whom it gave the right. A peer believes it of its own engine, which brings what the server
has accepted: no policy is asked about that a second time.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from fwrkit.agent.policy import Decision
from fwrkit.agent.server.store import Citizen
from fwrkit.core.errors import FwrError


@dataclass(frozen=True)
class Passed:
    """Whose edit it is, and whether the world's server has accepted it already. ``writer`` None: the citizen's own who brings it."""

    writer: Citizen | None = None
    is_settled: bool = False

    def judged_as(self, citizen: Citizen) -> Citizen:
        """Return by whose role the policy decides, given who brings it."""
        return self.writer or citizen


OWN = Passed()
Pass = Callable[[Citizen, str], Passed]
"""Given who brings an edit and the name of whose it is said to be, return whose it is."""


def why_banned(passed: Passed, look: Callable[[Citizen], FwrError | None]) -> Decision | None:
    """Return why an edit is refused that is passed on for somebody who is banned, None if it is not."""
    if passed.writer is None or passed.is_settled or not passed.writer.is_banned:
        return None
    reason = look(passed.writer)
    return Decision("refuse", "(ban)", reason.message if reason is not None else f"{passed.writer.name} is banned (built in).", None)
