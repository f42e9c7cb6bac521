"""Whether a client is let in, and whether what the server knows of it still holds. Pure functions of what both say."""

from __future__ import annotations

import secrets

from fwrkit import __version__
from fwrkit.agent.server.session import Session
from fwrkit.agent.server.store import FORMER, Citizen, Hold
from fwrkit.agent.wire.messages import PROTOCOL, Hello, Refusal


def why_refused(citizen: Citizen, hello: Hello, world_id: str, live: Session | None, hold: Hold | None = None) -> Refusal | None:
    """Given what a client says, the world's id, the citizen's live session and hold, return why it is not let in, None if it is."""
    if citizen.is_banned:
        return Refusal("REFUSED", "You are banned from this world.", "Ask an official.")
    if citizen.role == FORMER:
        return Refusal("REFUSED", "You have left this world.", "To come back, ask an official for an invite.")
    if hello.protocol != PROTOCOL or hello.version.split(".")[:2] != __version__.split(".")[:2]:
        text = f"The server runs fwrkit {__version__}, this node {hello.version}."
        return Refusal("REFUSED", text, "Update the older of the two, then start it again.")
    if hello.world_id and hello.world_id != world_id:
        return Refusal("REFUSED", "This node belongs to another world.", "Join with an invite of this world under a new node's name.")
    if citizen.node_id and citizen.node_id != hello.node_id:
        text = f"The key of {citizen.name} belongs to another machine."
        return Refusal("HELD", text, f"Fork this copy (fwrkit fork NODE NEW), or have a new invite made for {citizen.name}.")
    if live is not None and not live.channel.is_closed and _is_twin(live, hello):
        text = f"A second live machine uses the key of {citizen.name}."
        return Refusal(
            "HELD", text, f"Stop one of them; fork this copy (fwrkit fork NODE NEW), or have a new invite made for {citizen.name}."
        )
    if hold is not None and not hold.ruling and not hello.has_changed:
        return held(citizen, hold)
    return None


def held(citizen: Citizen, hold: Hold) -> Refusal:
    """Return what a citizen hears who deletes too much at once."""
    text = f"{citizen.name} deletes {hold.deleted} of {hold.files} files; nothing of it goes on until somebody decides."
    return Refusal(
        "HELD", text, f"On the server's machine: fwrkit approve {citizen.name}, or fwrkit reject {citizen.name} to have the files back."
    )


def _is_twin(live: Session, hello: Hello) -> bool:
    """Say whether a hello comes from another machine than the live session's: the same node, but not of its generation, or a copy.

    The machine itself, coming back before its broken connection was noticed, carries the live session's generation in both places.
    """
    return live.is_ready and not hello.world_generation == hello.record_generation == live.generation


def is_known(citizen: Citizen, hello: Hello, is_position_known: bool) -> bool:
    """Say whether world, record and base belong together: only then is something missing there taken for deleted.

    A position that the server does not know says that its tables are older than what the client has seen of it.
    """
    generations = {citizen.generation, citizen.proposed} - {""}
    return (
        is_position_known
        and citizen.is_known
        and hello.world_generation == hello.record_generation
        and hello.record_generation in generations
    )


def next_generation(current: str) -> str:
    """Given ``id:counter`` or nothing, return the next generation."""
    name, _, counter = current.partition(":")
    return f"{name}:{int(counter) + 1}" if name and counter.isdigit() else f"{secrets.token_hex(8)}:1"
