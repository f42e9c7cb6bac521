"""A client goes to where its world's server is from now on, and an official declares a new authority where the old one is lost."""

from __future__ import annotations

import logging
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

from fwrkit.agent import history_reading, joining, public_records, signatures
from fwrkit.agent.citizen.ssh import Upstream, configuration, read_upstream, write_upstream
from fwrkit.agent.citizen.upstreams import Order
from fwrkit.agent.keys import fingerprint, is_public_key
from fwrkit.agent.paths import ROLL
from fwrkit.agent.repository import Repository
from fwrkit.core.errors import ExitCode, FwrError
from fwrkit.core.moves import NAMESPACE, Declaration, Move

log = logging.getLogger("fwrkit.following")

_OFFICIAL = "official"
_AHEAD = 86400.0  # seconds that an official's clock may be ahead


def follow(keys: Path, history: Path, move: Move, is_accepted: bool) -> dict[str, Any]:
    """Given a move, take up what it says if it can be believed and somebody of this world answers there. Return where the node is then.

    ``is_accepted``: the node's citizen takes up another authority if an official declares it, by the roll in its history. Nothing is changed before
    everything is sure. Raise FwrError: HELD (it waits for that acceptance), REFUSED (another world, nobody who may say so, an older word),
    UNREACHABLE.
    """
    known = read_upstream(keys)
    if known is None:
        raise FwrError(ExitCode.HELD, "This node has not joined a world yet.", "Join one: fwrkit join SERVER")
    if move.world_id != known.world_id:
        text = f"This leads to another world, '{move.world_name}'; the node belongs to '{known.world_name}'."
        raise FwrError(ExitCode.REFUSED, text, "To have a copy of that one too: fwrkit join INVITE --name NAME")
    there = replace(known, host=move.host, port=move.port)
    if move.authority not in known.trusted:
        _check_declared(move, known, history)
        if not is_accepted:
            raise _ask(move)
        assert move.declaration is not None
        former = dict.fromkeys([*known.former, known.authority, *known.trusted])
        there = replace(there, authority=move.authority, authorities=(move.authority,), former=tuple(former), epoch=move.declaration.number)
    configuration(there, keys, keys, keys)  # raises if one of these could not stand in it
    answer = joining.renew(keys, there, keys / "node")
    write_upstream(keys, joining.take_certificate(answer, keys, there))
    return {"host": move.host, "port": move.port, "world_name": known.world_name, "authority": fingerprint(move.authority)}


def _check_declared(move: Move, known: Upstream, history: Path) -> None:
    told = move.declaration
    if told is None:
        text = f"What is there has another authority ({fingerprint(move.authority)}), and no official says why."
        raise FwrError(ExitCode.REFUSED, text, "Ask an official of the world.")
    if told.number <= known.epoch:
        raise FwrError(ExitCode.REFUSED, "This word is older than one that this node has accepted.", "Ask for the newest one.")
    if told.number > time.time() + _AHEAD:
        raise FwrError(ExitCode.REFUSED, "This word is of a time to come.", "Look at the clocks: this machine's, and the official's.")
    roll = _roll(history)
    keys = public_records.keys_of(roll)
    found = next((each for each in public_records.roll_of(roll) if each.name == told.by), None)
    if found is None or found.role != _OFFICIAL or found.banned_since:
        why = "is banned" if found is not None and found.banned_since else "is no official"
        text = f"{told.by} {why} by this node's history, and has no say in who its server is."
        raise FwrError(ExitCode.REFUSED, text, "Who the officials are: fwrkit citizens")
    key = keys.get(told.by, "")
    if not key or not signatures.is_signed(told.text, told.signature.encode(), NAMESPACE, [key]):
        raise FwrError(ExitCode.REFUSED, f"The signature is not that of {told.by}.", "Ask for the line again.")


def _ask(move: Move) -> FwrError:
    assert move.declaration is not None
    when = time.strftime("%Y-%m-%d %H:%M", time.gmtime(move.declaration.number))
    text = f"{move.declaration.by}, an official, declared a new authority on {when} UTC: {fingerprint(move.authority)}."
    return FwrError(ExitCode.HELD, text, "If the old server is lost, accept it: fwrkit follow NODE LINE --accept")


def _roll(history: Path) -> bytes:
    """Return the roll's text as the history has it: in the world's own copy, a program of a stranger's may have written, when no server puts it back."""
    repository = Repository(history)
    try:
        return repository.blob(history_reading.find(repository, ROLL, "").oid)
    except FwrError as error:
        text = "This node's history does not say who the citizens are, by which an official would be known."
        raise FwrError(ExitCode.REFUSED, text, "It is fetched within seconds once a node is connected; else ask for an invite.") from error


def declare(keys: Path, history: Path, authority: str, now: int) -> Declaration:
    """Sign that the node's world has a new authority (type and base64), as the official that its citizen is. ``now`` in Unix seconds.

    Raise FwrError: HELD (no world), USAGE, REFUSED (no official, by the roll in its history).
    """
    known = read_upstream(keys)
    if known is None:
        raise FwrError(ExitCode.HELD, "This node has not joined a world yet.", "Join one: fwrkit join SERVER")
    if not is_public_key(authority):
        raise FwrError(ExitCode.USAGE, "This is no public key of an authority.")
    check_official(known, history)
    told = Declaration(known.world_id, authority, now, known.citizen)
    return replace(told, signature=signatures.sign(keys / "node", NAMESPACE, told.text))


def order_of(history: Path) -> Order:
    """Return who serves beside the server, as this node's history has it; nobody where it does not say."""
    try:
        roll = _roll(history)
        return Order(public_records.peers_of(roll), tuple(public_records.revoked_of(roll)))
    except (FwrError, ValueError, KeyError, TypeError, AttributeError) as error:
        log.info("the history does not say who the peers are: %s", error)
        return Order([])


def check_official(known: Upstream, history: Path) -> None:
    """Raise FwrError (REFUSED) unless the node's citizen is an official, by the roll that this node's history has."""
    found = next((each for each in public_records.roll_of(_roll(history)) if each.name == known.citizen), None)
    if found is None or found.role != _OFFICIAL or found.banned_since:
        text = f"{known.citizen} is no official of '{known.world_name}': nobody would follow."
        raise FwrError(ExitCode.REFUSED, text, "Have an official promote theirs (fwrkit citizens), or fork: fwrkit fork NODE NEW")


def standing(keys: Path, history: Path, position: int, number: int, is_connected: bool) -> dict[str, Any]:
    """Say whether a client could take the server's place: ``position`` is the newest version that it has heard of, ``number`` the newest that its
    history has. ``trusted`` are the public keys of the world's authorities. Raise FwrError: HELD, REFUSED (no official)."""
    known = read_upstream(keys)
    if known is None:
        raise FwrError(ExitCode.HELD, "This node has not joined a world yet.", "Join one: fwrkit join SERVER")
    repository = Repository(history)
    if not is_connected or (repository.exists and repository.head()):  # of a node that has only just joined, the server is there
        check_official(known, history)
    return {
        "is_connected": is_connected,
        "missing": max(0, position - number),
        "authority": fingerprint(known.trusted[0]),
        "trusted": list(known.trusted),
    }
