"""What makes a server the same world's as another: its roll, its audit log, its authority or the promise of a new one.

Roll and log are read from the world itself, where every citizen has them; of the authority, only who kept it has the key.
"""

from __future__ import annotations

import datetime
import logging
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from fwrkit.agent import public_records
from fwrkit.agent.files.tree import NotRegular
from fwrkit.agent.keys import fingerprint, is_public_key, public_key, write_private
from fwrkit.agent.paths import ROLL
from fwrkit.agent.server.register import Ban, Peer, Register
from fwrkit.agent.server.roll import ROLES
from fwrkit.agent.server.store import FORMER, Store
from fwrkit.core.commands import Command, run
from fwrkit.core.errors import ExitCode, FwrError
from fwrkit.core.names import FIRST_UID, check_citizen_name
from fwrkit.core.records import PeerRecord

log = logging.getLogger("fwrkit.succession")


@dataclass(frozen=True)
class Succession:
    """To which world the successor's node belongs, which authorities it trusts and which were before those (public keys, type and base64), and the
    authority's private key (OpenSSH's own form), empty if it is lost. ``is_peer``: what is made serves beside the world's server, without authority."""

    world_id: str
    world_name: str
    trusted: tuple[str, ...]
    former: tuple[str, ...] = ()
    authority: str = ""
    is_peer: bool = False


@dataclass(frozen=True)
class Row:
    """What the roll says of one citizen. ``since`` in Unix seconds; ``key`` empty if they have none; the ban's ``citizen`` is 0."""

    name: str
    role: str
    since: int
    key: str
    ban: Ban | None


def install_authority(succession: Succession, keys: Path) -> str:
    """Put the authority where the server will find it, and those before where their snapshots are verified. Return what became of it, for the log.

    Raise FwrError: USAGE if it is no key, REFUSED if it is another world's.
    """
    known = list(dict.fromkeys([*succession.former, *succession.trusted]))
    former = keys / "authorities-former.pub"
    if succession.is_peer:
        (keys / "authorities.pub").write_text("".join(f"{key}\n" for key in succession.trusted))
        former.write_text("".join(f"{key}\n" for key in known if key not in succession.trusted))
        return "the server's"
    if not succession.authority:
        former.write_text("".join(f"{key}\n" for key in known))
        return "a new one"
    place = keys / "authority"
    write_private(place, succession.authority if succession.authority.endswith("\n") else succession.authority + "\n")
    try:
        public = public_key(place)
    except FwrError as error:
        place.unlink()
        raise FwrError(ExitCode.USAGE, "This is not the private key of an authority.", "Give the key itself, decrypted.") from error
    if public not in succession.trusted:
        place.unlink()
        text = f"This is not the authority of '{succession.world_name}' ({fingerprint(public)})."
        raise FwrError(ExitCode.REFUSED, text, "Use the one that the lost server had.")
    place.with_suffix(".pub").write_text(public + "\n")
    former.write_text("".join(f"{key}\n" for key in known if key != public))
    return "kept"


def is_sealed(text: str) -> bool:
    """Say whether a text is encrypted by age: what ``fwrkit handover`` gives."""
    return text.startswith("-----BEGIN AGE ENCRYPTED FILE-----")


def opened(text: str, key: Path) -> str:
    """Return what an authority's key says that was encrypted for a node's key. Raise FwrError (REFUSED) if it was for another."""
    done = run(Command(["age", "--decrypt", "-i", str(key)], stdin=text.encode()), timeout=30)
    if not done.is_ok:
        text = "The authority's key was not handed over to this node."
        raise FwrError(ExitCode.REFUSED, text, "Promote the node of whom it was handed over to: fwrkit handover SERVER CITIZEN")
    return done.stdout.decode()


def take_over_roll(source: Path, store: Store, register: Register, operator: str, is_peer: bool = False) -> int:
    """Given the world as it was copied, admit everybody who was in its roll, with roles, keys and bans. Return how many. In a transaction.

    Keys that open nothing any more stay so; peers go on. ``is_peer``: the operator is one, and may be in the roll from an earlier attempt.
    Raise FwrError: FAILED if the roll can not be read (nobody would be let in), TAKEN if the operator's name is a citizen's.
    """
    rows = read_roll(source)
    if not is_peer and any(row.name == operator and (row.key or row.ban is not None) for row in rows):
        text = f"There is a citizen '{operator}' already: the server's own account has to be another."
        raise FwrError(ExitCode.TAKEN, text, "Choose one with --citizen.")
    for key in revoked_keys(source):
        store.revoke_key(key, 0)
    for number, row in enumerate(row for row in rows if row.name != operator):
        citizen = store.add_citizen(row.name, FIRST_UID + number, row.role, row.since)
        store.update_citizen(citizen.id, public_key=row.key, is_banned=int(row.ban is not None))
        if row.ban is not None:
            register.ban(Ban(citizen.id, row.ban.reason, row.ban.since, row.ban.until, row.ban.by))
    take_over_peers(source, store, register)
    return len(rows)


def take_over_peers(source: Path, store: Store, register: Register) -> None:
    """Given the world as it was copied, have its peers, and no others, serve: they go on where the server has moved.

    A list of them that can not be read is no reason to let nobody in: their officials repeat their word. In a transaction.
    """
    try:
        peers = public_records.peers_of(public_records.read(source, ROLL))
    except (OSError, NotRegular, ValueError, KeyError, TypeError, AttributeError) as error:
        log.warning("the peers in the roll can not be read: %s", error)
        return
    put_peers(peers, store, register)


def put_peers(peers: Iterable[PeerRecord], store: Store, register: Register) -> None:
    """Have those, and no others, serve whom the roll names with an official whom it knows; host keys stay known. In a transaction."""
    keys = {peer.citizen: peer.host_key for peer in register.peers()}
    for number in keys:
        register.drop_peer(number)
    for each in peers:
        citizen, official = store.citizen(name=each.name), store.citizen(name=each.by)
        if citizen is not None and official is not None:
            register.put_peer(Peer(citizen.id, each.host, each.port, official.id, each.since, keys.get(citizen.id, "")))


def revoked_keys(source: Path) -> list[str]:
    """Return the keys (type and base64) that a world's roll says open nothing any more."""
    return public_records.revoked_of(public_records.read(source, ROLL))


def rows_of(text: bytes) -> list[Row]:
    """Given a roll's text, return what it says. Raise ValueError, KeyError or TypeError if it is none, FwrError for a name that is none."""
    return [_row(item) for item in tomllib.loads(text.decode()).get("citizen", [])]


def read_roll(source: Path) -> list[Row]:
    """Return a world's roll. Raise FwrError (FAILED) if it can not be read."""
    try:
        return rows_of(public_records.read(source, ROLL))
    except (OSError, NotRegular, ValueError, KeyError, TypeError, AttributeError) as error:
        text = f"The roll of citizens in this copy of the world can not be read ({error})."
        raise FwrError(
            ExitCode.FAILED, text, "Promote another node, or take an older version of it: fwrkit log .fwr/citizens.toml"
        ) from error


def _row(item: dict[str, object]) -> Row:
    name, role, key = check_citizen_name(str(item["name"])), str(item["role"]), str(item.get("key", ""))
    if role not in (*ROLES, FORMER) or (key and not is_public_key(key)):
        raise ValueError(f"of {name}")
    banned = item.get("banned")
    ban = None
    if isinstance(banned, dict):
        ban = Ban(0, str(banned.get("reason", "")), _seconds(banned.get("since")), _seconds(banned.get("until")), str(banned.get("by", "")))
    return Row(name, role, _seconds(item["since"]), key, ban)


def _seconds(moment: object) -> int:
    return int(moment.timestamp()) if isinstance(moment, datetime.datetime) else 0


def take_over_audit(source: Path, register: Register) -> str:
    """Given the world as it was copied, go on with its audit log. Return what is wrong with it: then the log begins anew. In a transaction."""
    chain = public_records.read_audit(source)
    if chain.fault:
        return chain.fault
    register.take_over(chain.entries)
    return ""
