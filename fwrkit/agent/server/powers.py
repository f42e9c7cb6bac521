"""What may be asked of the server, by whom, and which of its parts does it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fwrkit.agent.server.asking import EVERYBODY, OFFICIALS, Arguments, Verb
from fwrkit.agent.server.enrolment import DEFAULT_EXPIRY, Enrolment
from fwrkit.agent.server.guard import Guard
from fwrkit.agent.server.roll import Roll
from fwrkit.agent.server.rotation import Rotation
from fwrkit.agent.server.store import Citizen, Store
from fwrkit.core.errors import ExitCode, FwrError
from fwrkit.core.names import FIRST_UID


def of_citizens(
    store: Store,
    enrolment: Enrolment,
    roll: Roll,
    rotation: Rotation,
    guard: Guard,
    address: tuple[str, int] | None,
    listing: Callable[[], Any],
) -> dict[str, Verb]:
    """Return the verbs about citizens. ``address`` is where other machines reach the server, None if they do not; ``listing`` tells of everybody."""

    def invite(citizen: Citizen, arguments: Arguments) -> dict[str, Any]:
        host, port = _place(citizen, arguments, address)
        expires, uses = int(arguments.get("expires") or DEFAULT_EXPIRY), int(arguments.get("uses") or 1)
        made = enrolment.invite(citizen.name, str(arguments["name"]), host, port, expires, uses)
        return {"invite": made.encode(), "citizen": made.citizen, "expires": made.expires, "uses": made.uses}

    def decide(citizen: Citizen, arguments: Arguments) -> dict[str, Any]:
        name, ruling = str(arguments["name"]), str(arguments["ruling"])
        if ruling not in ("approve", "reject"):
            raise ValueError(ruling)
        hold = guard.decide(name, ruling)
        return {"citizen": name, "ruling": ruling, "deleted": hold.deleted, "files": hold.files}

    def take_requests(_: Citizen, arguments: Arguments) -> dict[str, Any]:
        store.set_meta("requests", "open" if arguments["open"] is True else "closed")
        return {"open": arguments["open"] is True}

    def change_authority(citizen: Citizen, arguments: Arguments) -> dict[str, Any]:
        if citizen.uid >= FIRST_UID:
            raise FwrError(
                ExitCode.REFUSED, "Only the operator changes the world's authority.", "On the server's machine: fwrkit rekey SERVER"
            )
        return rotation.begin(citizen, arguments.get("now") is True)

    return {
        "citizens": Verb(lambda _, __: {"citizens": listing()}, EVERYBODY, is_slow=True),
        "invite": Verb(invite, OFFICIALS),
        "requests": Verb(lambda _, __: {"requests": enrolment.requests(), "open": store.meta("requests") != "closed"}, OFFICIALS),
        "take-requests": Verb(take_requests, OFFICIALS),
        "admit": Verb(lambda by, data: enrolment.admit(by.name, str(data["name"]), str(data.get("key") or "")), OFFICIALS),
        "dismiss": Verb(lambda by, data: enrolment.dismiss(by.name, str(data["name"])), OFFICIALS),
        "ban": Verb(lambda by, data: roll.ban(by, str(data["name"]), str(data["reason"]), int(data.get("until") or 0)), OFFICIALS),
        "unban": Verb(lambda by, data: roll.unban(by, str(data["name"])), OFFICIALS),
        "role": Verb(lambda by, data: roll.set_role(by, str(data["name"]), str(data["role"])), OFFICIALS),
        "leave": Verb(lambda citizen, _: roll.leave(citizen), EVERYBODY),
        "decide": Verb(decide, OFFICIALS),
        "renew": Verb(lambda citizen, _: enrolment.answer(citizen), EVERYBODY),
        "change-key": Verb(lambda citizen, data: enrolment.change_key(citizen, str(data["public_key"])), EVERYBODY),
        "change-authority": Verb(change_authority, OFFICIALS),
    }


def _place(citizen: Citizen, arguments: Arguments, address: tuple[str, int] | None) -> tuple[str, int]:
    """Return what an invite names as the server's place: what the operator says, else the server's address. Raise FwrError (REFUSED)."""
    if citizen.uid < FIRST_UID and arguments.get("host"):
        return str(arguments["host"]), int(arguments["port"])
    if address is None:
        hint = "Make it one that others reach: fwrkit up server --address HOST. On its machine no invite is needed: fwrkit join SERVER"
        raise FwrError(ExitCode.REFUSED, "This server is for its own machine only.", hint)
    return address
