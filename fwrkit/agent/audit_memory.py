"""What a node remembers of the audit log: a server that rewrites all of it makes a whole chain, but not the one that was seen before."""

from __future__ import annotations

import json
from pathlib import Path

from fwrkit.agent.audit import Chain
from fwrkit.agent.keys import write_private


def compare(chain: Chain, seen: Path) -> str:
    """Given a whole chain and what was remembered, return what is wrong, empty if nothing is."""
    try:
        number, head = json.loads(seen.read_text())
    except (OSError, ValueError, TypeError):
        return ""
    if number == 0:
        return ""
    if len(chain.entries) < number:
        return f"The log has {len(chain.entries)} lines, this node has seen {number}."
    if chain.entries[number - 1].hash != head:
        return f"Line {number} is not the one that this node has seen: the log was rewritten."
    return ""


def remember(chain: Chain, seen: Path) -> None:
    """Remember a whole chain."""
    write_private(seen, json.dumps([len(chain.entries), chain.head]))
