"""What may be asked of the server, by whom, and which of its parts does it."""

from __future__ import annotations

import base64
import json
import os
import time
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from fwrkit.agent import moments, paths, signatures
from fwrkit.agent.audit import SHARES
from fwrkit.agent.keys import fingerprint
from fwrkit.agent.order import in_safe_order
from fwrkit.agent.server.asking import EVERYBODY, OFFICIALS, WRITERS, Arguments, Verb
from fwrkit.agent.server.authority import Authority
from fwrkit.agent.server.enrolment import DEFAULT_EXPIRY, Enrolment
from fwrkit.agent.server.fold import Content, Edit, Fold
from fwrkit.agent.server.guard import Guard
from fwrkit.agent.server.handover import Handover
from fwrkit.agent.server.peers import Peers
from fwrkit.agent.server.reverting import Reverted, Reverting
from fwrkit.agent.server.reviews import Review
from fwrkit.agent.server.roll import OFFICIAL, Roll
from fwrkit.agent.server.store import Citizen, Store
from fwrkit.agent.states import file_state
from fwrkit.core.errors import ExitCode, FwrError
from fwrkit.core.moves import NAMESPACE, Declaration, Move
from fwrkit.core.names import FIRST_UID

_REVIEWS = 500  # changes that one answer lists
_SHOWN_BYTES = 256 * 1024  # of a content that is shown


def of_citizens(
    store: Store,
    enrolment: Enrolment,
    roll: Roll,
    change: Callable[[Citizen, bool], dict[str, Any]],
    guard: Guard,
    address: tuple[str, int] | None,
    listing: Callable[[], Any],
    audit: Callable[..., None],
) -> dict[str, Verb]:
    """Return the verbs about citizens.

    ``change`` changes the world's authority, at once if asked to. ``address`` is where other machines reach the server, None if they do not;
    ``listing`` tells of everybody; ``audit`` writes a line of the log, in the hub's thread.
    """

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
        audit(citizen.name, ruling, name, deletions=str(hold.deleted), files=str(hold.files))
        return {"citizen": name, "ruling": ruling, "deleted": hold.deleted, "files": hold.files}

    def take_requests(citizen: Citizen, arguments: Arguments) -> dict[str, Any]:
        store.set_meta("requests", "open" if arguments["open"] is True else "closed")
        audit(citizen.name, "requests", store.meta("requests"))
        return {"open": arguments["open"] is True}

    def change_authority(citizen: Citizen, arguments: Arguments) -> dict[str, Any]:
        if citizen.uid >= FIRST_UID:
            raise FwrError(
                ExitCode.REFUSED, "Only the operator changes the world's authority.", "On the server's machine: fwrkit rekey SERVER"
            )
        return change(citizen, arguments.get("now") is True)

    return {
        "citizens": Verb(
            lambda _, __: {"citizens": listing(), "authority": enrolment.authority}, EVERYBODY, is_slow=True, is_harmless=True
        ),
        "invite": Verb(invite, OFFICIALS),
        "invites": Verb(lambda _, __: {"invites": [each.to_json() for each in enrolment.invites.all()]}, OFFICIALS),
        "withdraw": Verb(lambda by, data: enrolment.withdraw(by.name, str(data["name"])), OFFICIALS),
        "requests": Verb(lambda _, __: {"requests": enrolment.requests(), "open": store.meta("requests") != "closed"}, OFFICIALS),
        "take-requests": Verb(take_requests, OFFICIALS),
        "admit": Verb(lambda by, data: enrolment.admit(by.name, str(data["name"]), str(data.get("key") or "")), OFFICIALS),
        "dismiss": Verb(lambda by, data: enrolment.dismiss(by.name, str(data["name"])), OFFICIALS),
        "ban": Verb(lambda by, data: roll.ban(by, str(data["name"]), str(data["reason"]), int(data.get("until") or 0)), OFFICIALS),
        "unban": Verb(lambda by, data: roll.unban(by, str(data["name"])), OFFICIALS),
        "role": Verb(lambda by, data: roll.set_role(by, str(data["name"]), str(data["role"])), OFFICIALS),
        "leave": Verb(lambda citizen, _: roll.leave(citizen), EVERYBODY),
        "decide": Verb(decide, OFFICIALS),
        "renew": Verb(lambda citizen, _: enrolment.renewed(citizen), EVERYBODY, is_harmless=True),
        "change-key": Verb(lambda citizen, data: enrolment.change_key(citizen, str(data["public_key"])), EVERYBODY),
        "change-authority": Verb(change_authority, OFFICIALS, is_slow=True),
    }


def of_moves(store: Store, enrolment: Enrolment, address: tuple[str, int] | None, audit: Callable[..., None]) -> dict[str, Verb]:
    """Return the verbs about where the world's server is. ``address`` and ``audit`` as in :func:`of_citizens`."""

    def declaration() -> Declaration | None:
        text = store.meta("declaration")
        told = Declaration(**json.loads(text)) if text else None
        return told if told is not None and told.authority == enrolment.authority_key else None

    def move(citizen: Citizen, arguments: Arguments) -> dict[str, Any]:
        host, port = _place(citizen, arguments, address)
        world = store.meta
        told = Move(host, port, world("world_id"), world("world_name"), enrolment.authority_key, declaration())
        return {"line": told.encode(), "authority": enrolment.authority, "is_declared": told.declaration is not None}

    def declared(citizen: Citizen, arguments: Arguments) -> dict[str, Any]:
        if citizen.uid >= FIRST_UID:
            raise FwrError(
                ExitCode.REFUSED, "Only the operator writes down who declared the authority.", "On the server's machine: fwrkit promote"
            )
        told = Declaration(**{name: arguments[name] for name in ("world_id", "authority", "number", "by", "signature")})
        key = next(
            (each.public_key for each in store.citizens() if each.name == told.by and each.role == OFFICIAL and not each.is_banned), ""
        )
        is_true = bool(key) and signatures.is_signed(told.text, told.signature.encode(), NAMESPACE, [key])
        if told.world_id != store.meta("world_id") or told.authority != enrolment.authority_key or not is_true:
            raise FwrError(
                ExitCode.REFUSED, f"This is no declaration of {told.by} about this world's authority.", "See who may: fwrkit citizens"
            )
        store.set_meta("declaration", json.dumps(asdict(told)))
        audit(told.by, "declare", "authority", key=enrolment.authority)
        return {"authority": enrolment.authority}

    return {
        "move": Verb(move, EVERYBODY, is_harmless=True),
        "authority": Verb(
            lambda _, __: {"key": enrolment.authority_key, "fingerprint": enrolment.authority, "trusted": enrolment.authority_keys},
            EVERYBODY,
        ),
        "declared": Verb(declared, OFFICIALS),
    }


def of_peers(peers: Peers, address: tuple[str, int] | None) -> dict[str, Verb]:
    """Return the verbs about who serves besides. ``address`` as in :func:`of_citizens`."""

    def serve(citizen: Citizen, arguments: Arguments) -> dict[str, Any]:
        # the invite goes to the official who asks, for a node beside theirs: the way that theirs takes to the server is good for it, too
        server = str(arguments.get("server_host") or ""), int(arguments.get("server_port") or 0)
        if not server[0]:
            server = _place(citizen, {}, address)
        return peers.serve(citizen, str(arguments["name"]), str(arguments["host"]), int(arguments["port"]), server)

    return {
        "serve": Verb(serve, OFFICIALS),
        "serve-stop": Verb(lambda by, data: peers.stop(by, str(data["name"])), OFFICIALS),
        "host-certificate": Verb(lambda citizen, data: peers.certify(citizen, str(data["key"])), EVERYBODY, is_harmless=True),
        "peers": Verb(lambda _, __: {"peers": [each.to_json() for each in peers.all()]}, EVERYBODY, is_harmless=True),
    }


def of_handover(handover: Handover) -> dict[str, Verb]:
    """Return the verbs by which the operator gives the server away."""
    return {
        "handover": Verb(lambda by, data: handover.begin(by, str(data["name"])), OFFICIALS, is_slow=True, is_harmless=True),
        "handover-finish": Verb(lambda by, data: handover.finish(by, str(data["line"])), OFFICIALS, is_slow=True, is_harmless=True),
        "handover-cancel": Verb(lambda by, _: handover.cancel(by), OFFICIALS, is_slow=True, is_harmless=True),
    }


def of_shares(authority: Authority, audit: Callable[..., None]) -> dict[str, Verb]:
    """Return the verb by which the operator has the authority's key in shares. ``audit`` writes a line of the log."""

    def shares(citizen: Citizen, arguments: Arguments) -> dict[str, Any]:
        if citizen.uid >= FIRST_UID:
            raise FwrError(
                ExitCode.REFUSED, "Only the operator makes shares of the authority.", "On the server's machine: fwrkit shares SERVER"
            )
        need, of = int(arguments["need"]), int(arguments["of"])
        made, key = authority.shares(need, of), fingerprint(authority.all_public[0])
        audit(citizen.name, SHARES, "authority", need=str(need), of=str(of), key=key)  # before anybody has one
        return {"shares": made, "key": key}

    return {"shares": Verb(shares, OFFICIALS, is_slow=True)}


def of_history(reverting: Reverting, audit: Callable[..., None]) -> dict[str, Verb]:
    """Return the verbs that bring back what was. ``audit`` writes a line of the log."""

    def told(citizen: Citizen, what: str, subject: str, arguments: Arguments, result: Reverted) -> dict[str, Any]:
        if result.done and arguments.get("dry_run") is not True:
            audit(citizen.name, what, subject, paths=str(len(result.done)))
        return result.to_json()

    def revert(citizen: Citizen, arguments: Arguments) -> dict[str, Any]:
        path, is_rehearsal = _path(arguments), arguments.get("dry_run") is True
        return told(
            citizen, "revert", paths.shown(path), arguments, reverting.to_version(citizen, path, str(arguments["to"]), is_rehearsal)
        )

    def restore(citizen: Citizen, arguments: Arguments) -> dict[str, Any]:
        path, is_rehearsal = _path(arguments), arguments.get("dry_run") is True
        return told(citizen, "restore", paths.shown(path), arguments, reverting.deleted(citizen, path, is_rehearsal))

    def revert_by(citizen: Citizen, arguments: Arguments) -> dict[str, Any]:
        name, is_rehearsal = str(arguments["by"]), arguments.get("dry_run") is True
        if citizen.role != OFFICIAL and name != citizen.name:
            raise FwrError(
                ExitCode.REFUSED, "Only officials take back all that somebody else did.", "One path: fwrkit revert PATH --to VERSION"
            )
        since = moments.parse(str(arguments["since"]), time.time(), is_end=False)
        if since is None:
            text = f"{str(arguments['since'])!r} is no time."
            raise FwrError(ExitCode.USAGE, text, "Write 2026-11-20, 2026-11-20T10:00 (UTC), or '3 days ago'.")
        return told(citizen, "revert by", name, arguments, reverting.by_citizen(citizen, name, since * 10**9, is_rehearsal))

    return {
        "revert": Verb(revert, WRITERS, is_slow=True),
        "restore": Verb(restore, WRITERS, is_slow=True),
        "revert-by": Verb(revert_by, WRITERS, is_slow=True),
    }


def of_reviews(store: Store, fold: Fold, audit: Callable[..., None]) -> dict[str, Verb]:
    """Return the verbs about what waits for an official. ``audit`` writes a line of the log, in the hub's thread."""

    def about(review: Review) -> dict[str, Any]:
        kind = "delete" if review.state is None else "edit" if review.base else "add"
        return {
            "number": review.number, "by": store.known_citizen(review.citizen).name, "path": paths.shown(review.path), "kind": kind,
            "size": review.size, "since": review.received // 10**9,
        }  # fmt: skip

    def waiting(citizen: Citizen, _: Arguments) -> dict[str, Any]:
        found = fold.reviews.waiting(None if citizen.role == OFFICIAL else citizen.id)
        return {"reviews": [about(review) for review in found[:_REVIEWS]], "count": len(found)}

    def show(citizen: Citizen, arguments: Arguments) -> dict[str, Any]:
        review = fold.reviews.find(int(arguments["number"]))
        if citizen.role != OFFICIAL and review.citizen != citizen.id:
            raise FwrError(ExitCode.REFUSED, "This change is somebody else's.", "See yours: fwrkit review")
        before, after = fold.read_head(review.path, _SHOWN_BYTES), fold.reviews.read(review, _SHOWN_BYTES)
        texts = {
            name: base64.b64encode(text).decode() if text is not None else None for name, text in (("before", before), ("after", after))
        }
        return {**about(review), **texts}

    def accept(citizen: Citizen, arguments: Arguments) -> dict[str, Any]:
        return decided(citizen, arguments, "accept", lambda review: fold.accept_review(review, citizen.name, time.time_ns()))

    def reject(citizen: Citizen, arguments: Arguments) -> dict[str, Any]:
        words = " ".join(str(arguments.get("reason") or "").split())[:500]
        reason = f"{citizen.name} has not accepted it{': ' + words if words else ''}."
        return decided(citizen, arguments, "reject", lambda review: fold.reject_review(review, reason))

    def decided(citizen: Citizen, arguments: Arguments, what: str, do: Callable[[Review], object]) -> dict[str, Any]:
        found = [fold.reviews.find(int(number)) for number in arguments.get("numbers", [])]
        if arguments.get("by"):
            author = store.citizen(name=str(arguments["by"]))
            found += fold.reviews.waiting(author.id) if author is not None else []
        position = {path: number for number, path in enumerate(in_safe_order((review.path, review.state) for review in found))}
        done = sorted(found, key=lambda review: position[review.path])
        for review in done:
            do(review)
            audit(citizen.name, what, paths.shown(review.path), by=store.known_citizen(review.citizen).name)
        return {"count": len(done), "paths": [paths.shown(review.path) for review in done[:_REVIEWS]]}

    return {
        "reviews": Verb(waiting, WRITERS),
        "review": Verb(show, WRITERS),
        "accept": Verb(accept, OFFICIALS),
        "reject": Verb(reject, OFFICIALS),
    }


def of_policy(store: Store, fold: Fold) -> dict[str, Verb]:
    """Return the verb by which officials change the policy."""

    def put(citizen: Citizen, arguments: Arguments) -> dict[str, Any]:
        content, base = str(arguments["text"]).encode(), str(arguments["base"])
        head = store.head(paths.POLICY)
        if (head.hex() if head else "") != base:
            hint = "Wait a moment until their version is here, then change that one."
            raise FwrError(ExitCode.TAKEN, "Somebody else has changed the policy meanwhile.", hint)
        decision = fold.judge(citizen, Edit(paths.POLICY, file_state(content), size=len(content), content=Content(content)))
        if decision.action != "allow":
            raise FwrError(ExitCode.REFUSED, decision.reason, "See docs/policy.md.")
        fold.write_record(paths.POLICY, content, citizen.name, time.time_ns())
        return {"rules": len(fold.policing.policy.rules)}

    return {"policy-set": Verb(put, OFFICIALS)}


def _path(arguments: Arguments) -> bytes:
    return os.fsencode(str(arguments["path"]))


def _place(citizen: Citizen, arguments: Arguments, address: tuple[str, int] | None) -> tuple[str, int]:
    """Return what an invite names as the server's place: what the operator says, else the server's address. Raise FwrError (REFUSED)."""
    if citizen.uid < FIRST_UID and arguments.get("host"):
        return str(arguments["host"]), int(arguments["port"])
    if address is None:
        hint = "Make it one that others reach: fwrkit up server --address HOST. On its machine no invite is needed: fwrkit join SERVER"
        raise FwrError(ExitCode.REFUSED, "This server is for its own machine only.", hint)
    return address
