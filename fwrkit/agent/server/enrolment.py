"""The life of a citizen so far: invited, admitted, moved to another machine. Runs in the hub's thread, inside its transaction."""

from __future__ import annotations

import os
import secrets
import tempfile
import time
from pathlib import Path
from typing import Any

from fwrkit import __version__
from fwrkit.agent.keys import fingerprint, is_public_key, pem_of_seed, public_key, write_private
from fwrkit.agent.server.accounts import write_accounts
from fwrkit.agent.server.authority import Authority
from fwrkit.agent.server.landing import Landing
from fwrkit.agent.server.open_invites import OpenInvites
from fwrkit.agent.server.publishing import Publisher
from fwrkit.agent.server.register import Petition, Register
from fwrkit.agent.server.store import FORMER, Citizen, Store
from fwrkit.agent.settings import Settings
from fwrkit.core.errors import ExitCode, FwrError
from fwrkit.core.invites import Invite
from fwrkit.core.names import FIRST_UID, account_of, check_citizen_name

GATE = "/usr/lib/fwrkit/gate"
DEFAULT_EXPIRY = 7 * 86400  # seconds
_EXPIRY_LIMIT = 366 * 86400  # seconds
_USES = 1000  # that an invite for several has at most
_NEW_KEYS, _A_DAY = 10, 86400  # that one citizen's machine takes within so many seconds: each one before stays in everybody's roll for good
_PETITIONS = 100  # that wait at the same time
_PETITION_LIFE = 30 * 86400  # seconds for which a request waits
_REMEMBERED = 30 * 86400  # seconds for which an expired invite is still told from one that never was


class Enrolment:
    """Invites and admissions of one world. ``extrausers`` is where the accounts' files are, ``state`` the server's state directory."""

    def __init__(
        self,
        store: Store,
        register: Register,
        authority: Authority,
        state: Path,
        extrausers: Path,
        publisher: Publisher,
        settings: Settings,
    ) -> None:
        self._store = store
        self._register = register
        self._authority = authority
        self._publisher = publisher
        self._settings = settings
        self.elsewhere: FwrError | None = None  # why nobody is admitted here, at a peer
        self.up_to_date: set[int] = set()  # who has renewed their certificate since the authority was changed last, or this server started
        self.invites = OpenInvites(store, register)
        self._state = state
        self._extrausers = extrausers

    def write_files(self) -> None:
        """Write everything that sshd reads and that follows from the tables: accounts, enrolment keys, revoked keys."""
        write_accounts(self._extrausers, self._state / "accounts", self._store.citizens())
        for citizen in self._store.citizens():
            Landing(self._state, citizen.name, citizen.uid).create()
        directory = self._state / "enrol"
        directory.mkdir(exist_ok=True, mode=0o755)
        now = time.time()
        lines = [
            f'restrict,command="{GATE} enrol {key.split()[1]}" {key}\n'
            for key, expires in self._store.invites()
            if expires + _REMEMBERED > now
        ]
        # a machine whose certificate has expired while it was away gets a new one by its key alone
        lines += [
            f'restrict,command="{GATE} renew {citizen.public_key.split()[1]}" {citizen.public_key}\n'
            for citizen in self._store.citizens()
            if citizen.public_key and not citizen.is_banned
        ]
        _replace(directory / "authorized_keys", "".join(lines))
        _replace(directory / "banned", "".join(f"{citizen.name}\n" for citizen in self._store.citizens() if citizen.is_banned))
        _replace(directory / "revoked_keys", "".join(f"{key}\n" for key in self._store.revoked_keys()))

    def invite(self, by: str, citizen: str, host: str, port: int, expires_in: int, uses: int = 1) -> Invite:
        """Make an invite for a citizen, new or moving to another machine; with ``uses`` for several, each under a name of their own.

        Raise FwrError: USAGE (no name, or a number that makes no sense), TAKEN (the operator's name, or that of another official's peer), REFUSED (banned).
        """
        check_citizen_name(citizen)
        if not 1 <= uses <= _USES or not 0 < expires_in <= _EXPIRY_LIMIT:
            raise FwrError(ExitCode.USAGE, f"An invite serves 1 to {_USES} times, and for a year at most.", "Give other numbers.")
        known = self._store.citizen(name=citizen)
        if known is not None and known.uid < FIRST_UID:
            raise FwrError(ExitCode.TAKEN, f"'{citizen}' is the operator of this server.", "Choose another name for the citizen.")
        if known is not None and known.is_banned:
            raise FwrError(ExitCode.REFUSED, f"'{citizen}' is banned from this world.", f"To let them in again: fwrkit unban {citizen}")
        self._check_no_other_s_peer(known, by)
        seed = secrets.token_bytes(32)
        expires = int(time.time()) + expires_in
        public = _public_of(seed)
        self._store.add_invite(public, citizen, expires)
        self._register.made_invite(public, by)
        if uses > 1:
            self._register.open_invite(public, uses)
        self.write_files()
        self._publisher.audit(by, "invite", citizen, **({"uses": str(uses)} if uses > 1 else {}))
        world = self._store.meta
        return Invite(host, port, world("world_id"), world("world_name"), self._authority.public, seed, citizen, expires, uses)

    def withdraw(self, by: str, name: str) -> dict[str, Any]:
        """End the invites that were made for a name; return how many. Raise FwrError (NOT_FOUND)."""
        meant = [each for each in self.invites.all() if each.name == name]
        if not meant:
            raise FwrError(
                ExitCode.NOT_FOUND, f"There is no invite for '{name}' that is good still.", "See which there are: fwrkit invites"
            )
        for invite in meant:
            self.invites.end(invite)
        self.write_files()
        self._publisher.audit(by, "withdraw", name)
        return {"name": name, "count": len(meant)}

    def _check_no_other_s_peer(self, citizen: Citizen | None, by: str) -> None:
        """Raise FwrError (TAKEN) if a citizen is a node that serves for another official: who came in its place would be believed about whose edits are."""
        peer = self._register.peer_of(citizen.id) if citizen is not None and citizen.role != FORMER else None
        official = self._store.known_citizen(peer.by).name if peer is not None else by
        if citizen is not None and official != by:
            text = f"'{citizen.name}' is a node of {official} that serves others."
            raise FwrError(ExitCode.TAKEN, text, f"To end it: fwrkit ban {citizen.name} --reason …")

    def enrol(self, invite_key: str, request: dict[str, Any]) -> dict[str, Any]:
        """Given the key of an invite and what a node says of itself, admit its citizen and return the certificate and the world.

        Return ``{"revoked": True}`` if it has to come with another key. Raise FwrError: REFUSED (unknown, expired, other version), TAKEN (used
        by another key, or the key is somebody else's), USAGE (malformed).
        """
        key, node_id = str(request.get("public_key", "")), str(request.get("node_id", ""))
        if not is_public_key(key) or not node_id.isalnum() or len(node_id) > 64:
            raise FwrError(ExitCode.USAGE, "The enrolment is malformed.", "Update the node's fwrkit, then join again.")
        self._check_not_ours(key)
        version = str(request.get("version", ""))
        if version.split(".")[:2] != __version__.split(".")[:2]:
            text = f"The server runs fwrkit {__version__}, this node {version[:20]}."
            raise FwrError(ExitCode.REFUSED, text, "Update the older of the two, then join again.")
        invite = f"ssh-ed25519 {invite_key}"
        found = self._store.invite(invite)
        if found is None:
            raise FwrError(ExitCode.REFUSED, "The server does not know this invite.", "Ask for a new one (fwrkit invite NAME).")
        citizen_name, expires, used_by = found
        uses = self._register.uses_of(invite)
        if uses:
            name, is_new = self._name_of_one_of_several(invite, uses, str(request.get("name", "")), key, expires)
        else:
            name, is_new = citizen_name, self._is_first_use(citizen_name, used_by, key, expires)
        if key in self._store.revoked_keys():
            return {"revoked": True}
        citizen = self._admit(name, key, node_id, is_new=is_new)
        if uses:
            self._register.use(invite, key, name)
        else:
            self._store.use_invite(invite, key)
        self.write_files()
        if is_new:
            self._publisher.audit(name, "join", name)
        return self.answer(citizen)

    @property
    def authority(self) -> str:
        """The fingerprint of the authority by which servers of this world are known: what a request shows, to be compared."""
        return fingerprint(self._authority.public)

    @property
    def authority_key(self) -> str:
        """The authority itself: its public key (type and base64)."""
        return self._authority.public

    @property
    def authority_keys(self) -> list[str]:
        """The public keys that are valid now: two while the authority is being changed."""
        return self._authority.all_public

    def renewed(self, citizen: Citizen) -> dict[str, Any]:
        """Return a new certificate for a citizen who is connected, as :meth:`answer` does, and remember that they know the authority now."""
        self.up_to_date.add(citizen.id)
        return self.answer(citizen)

    def answer(self, citizen: Citizen) -> dict[str, Any]:
        """Return what a node gets whose citizen is admitted: certificate, world, and the authorities that it is to trust."""
        certificate = self._authority.citizen_certificate(
            citizen.public_key, citizen.name, account_of(citizen.name), citizen.id, self._settings.certificate_life
        )
        return {
            "citizen": citizen.name,
            "certificate": certificate,
            "world": self._store.meta("world_id"),
            "world_name": self._store.meta("world_name"),
            "authorities": self._authority.all_public,
            "former": self._authority.former,
        }

    def _is_first_use(self, name: str, used_by: str, key: str, expires: int) -> bool:
        """Say of an ordinary invite whether it is used for the first time. Raise FwrError (TAKEN, REFUSED) if it can not be used."""
        ask = f"Ask for a new one (fwrkit invite {name})."
        if used_by and used_by != key:
            raise FwrError(ExitCode.TAKEN, "This invite was used already, on another machine.", ask)
        if not used_by and expires < time.time():
            raise FwrError(ExitCode.REFUSED, "This invite has expired.", ask)
        self._check_not_banned(name)
        if used_by:
            self._check_not_moved(name, key)
        return not used_by

    def _name_of_one_of_several(self, invite: str, uses: int, wish: str, key: str, expires: int) -> tuple[str, bool]:
        """Given an invite for several and the name that somebody wishes, return their name and whether they are new. Raise FwrError."""
        used = self._register.used_by(invite)
        if key in used:
            self._check_not_banned(used[key])
            self._check_not_moved(used[key], key)
            return used[key], False
        if expires < time.time() or len(used) >= uses:
            why = "has expired" if expires < time.time() else f"was used {uses} times"
            raise FwrError(ExitCode.REFUSED, f"This invite {why}.", "Ask for a new one (fwrkit invite NAME).")
        check_citizen_name(wish)
        if self._store.citizen(name=wish) is not None:
            raise FwrError(ExitCode.TAKEN, f"There is a citizen '{wish}' already.", "Choose another name with --name.")
        return wish, True

    def _holder_of(self, key: str) -> Citizen | None:
        """Return whose machine has a key, None if nobody's of this world."""
        return next((each for each in self._store.citizens() if each.public_key == key), None)

    def _check_not_ours(self, key: str) -> None:
        """Raise FwrError (TAKEN) if a machine says that an authority's key is its own.

        Once revoked as that of a citizen who has another one by now, it would take every certificate with it.
        """
        if self._authority.is_own(key):
            raise FwrError(ExitCode.TAKEN, "This key is the world's own.", "Make a new one.")

    def _check_not_moved(self, name: str, key: str) -> None:
        """Raise FwrError (TAKEN) if a citizen has another key by now: the machine that comes with what it used once may have been stolen."""
        known = self._store.citizen(name=name)
        if known is None or known.public_key != key:
            text = f"{name} has moved to another machine since this invite was used."
            raise FwrError(ExitCode.TAKEN, text, f"Ask for a new one (fwrkit invite {name}).")

    def _check_may_be_had(self, key: str, name: str) -> None:
        """Raise FwrError if a citizen can not have a key: TAKEN (somebody else's: it would be revoked when this citizen gets another one),
        REFUSED (one that opens nothing any more: whatever was signed for it would count again)."""
        holder = self._holder_of(key)
        if holder is not None and holder.name != name:
            raise FwrError(ExitCode.TAKEN, "This key is another citizen's.", "Make a new one.")
        if any(peer.host_key == key for peer in self._register.peers()) or self._store.invite(key) is not None:
            raise FwrError(ExitCode.TAKEN, "This key is a peer's, or an invite's.", "Make a new one.")
        if key in self._store.revoked_keys():
            raise FwrError(ExitCode.REFUSED, "This key opens nothing any more.", "Make a new one.")

    def _check_not_banned(self, name: str) -> None:
        known = self._store.citizen(name=name)
        if known is not None and known.is_banned:
            raise FwrError(ExitCode.REFUSED, f"'{name}' is banned from this world.", "Ask an official.")

    def request(self, request: dict[str, Any]) -> dict[str, Any]:
        """Somebody without an invite asks to be let in, or comes to see what became of that.

        Return what :meth:`answer` does once they are admitted, until then ``{"waiting": True, …}``, and ``{"revoked": True}`` as
        :meth:`enrol` does. Raise FwrError: USAGE, TAKEN (the name), REFUSED (nobody may ask, or too many do, or they are banned).
        """
        key, node_id, name = (str(request.get(each, "")) for each in ("public_key", "node_id", "name"))
        if not is_public_key(key) or not node_id.isalnum() or len(node_id) > 64:
            raise FwrError(ExitCode.USAGE, "The request is malformed.", "Update the node's fwrkit, then ask again.")
        self._check_not_ours(key)
        check_citizen_name(name)
        known = self._holder_of(key)
        if known is not None:
            self._check_not_banned(known.name)
            return self.answer(known)
        if key in self._store.revoked_keys():
            return {"revoked": True}
        if self._store.meta("requests") == "closed":
            raise FwrError(ExitCode.REFUSED, "This world takes no requests.", "Ask an official for an invite (fwrkit invite NAME).")
        if self._store.citizen(name=name) is not None:
            raise FwrError(ExitCode.TAKEN, f"There is a citizen '{name}' already.", "Choose another name with --name.")
        now = int(time.time())
        petitions = self._register.petitions()
        for old in petitions:
            if old.since + _PETITION_LIFE < now:
                self._register.drop_petition(old.public_key)
        if len(petitions) >= _PETITIONS and all(each.public_key != key for each in petitions):
            raise FwrError(ExitCode.REFUSED, "Too many ask to be let in just now.", "Ask an official for an invite (fwrkit invite NAME).")
        self._register.petition(Petition(key, name, node_id, now))
        return {"waiting": True, "world_name": self._store.meta("world_name"), "authorities": [self._authority.public]}

    def requests(self) -> list[dict[str, Any]]:
        """Return who asks to be let in: name, since when (Unix seconds), and the fingerprint of their key."""
        return [
            {"name": each.name, "since": each.since, "fingerprint": fingerprint(each.public_key)} for each in self._register.petitions()
        ]

    def admit(self, by: str, name: str, key: str = "") -> dict[str, Any]:
        """Let in somebody who asked; ``key`` (the beginning of its fingerprint) says whom where several chose one name.

        Raise FwrError: NOT_FOUND, USAGE if several are meant, TAKEN or REFUSED if the name or the key can not be had any more.
        """
        meant = [each for each in self._register.petitions() if each.name == name and fingerprint(each.public_key).startswith(key)]
        if not meant:
            raise FwrError(ExitCode.NOT_FOUND, f"Nobody asks to be let in as '{name}'.", "See who does: fwrkit requests")
        if len(meant) > 1:
            keys = ", ".join(fingerprint(each.public_key) for each in meant)
            raise FwrError(
                ExitCode.USAGE, f"Several ask as '{name}': {keys}.", "Say whom you mean: --key and the beginning of the fingerprint."
            )
        self._check_not_banned(name)
        if self._store.citizen(name=name) is not None:
            raise FwrError(ExitCode.TAKEN, f"There is a citizen '{name}' already.", "They have to ask under another name.")
        self._admit(name, meant[0].public_key, meant[0].node_id, is_new=True)
        for each in self._register.petitions():
            if each.name == name:
                self._register.drop_petition(each.public_key)
        self.write_files()
        self._publisher.audit(by, "admit", name, key=fingerprint(meant[0].public_key))
        return {"name": name, "fingerprint": fingerprint(meant[0].public_key)}

    def dismiss(self, by: str, name: str) -> dict[str, Any]:
        """Turn down whoever asks under a name. Raise FwrError (NOT_FOUND)."""
        meant = [each for each in self._register.petitions() if each.name == name]
        if not meant:
            raise FwrError(ExitCode.NOT_FOUND, f"Nobody asks to be let in as '{name}'.", "See who does: fwrkit requests")
        for each in meant:
            self._register.drop_petition(each.public_key)
        self._publisher.audit(by, "dismiss", name)
        return {"name": name}

    def renew(self, key: str) -> dict[str, Any]:
        """Given a citizen's public key, return a new certificate for it, and what goes with it. Raise FwrError (REFUSED)."""
        known = self._holder_of(key)
        if known is None:
            raise FwrError(ExitCode.REFUSED, "The server does not know this key.", "Ask an official for an invite (fwrkit invite NAME).")
        self._check_not_banned(known.name)
        return self.answer(known)

    def change_key(self, citizen: Citizen, key: str) -> dict[str, Any]:
        """A citizen's machine has a new key: the old one opens nothing any more. Return what :meth:`answer` does.

        Raise FwrError: USAGE, TAKEN (somebody else's), REFUSED (one that opens nothing any more, or too many within a day).
        """
        if not is_public_key(key):
            raise FwrError(ExitCode.USAGE, "This is no public key.", "Update the node's fwrkit.")
        self._check_not_ours(key)
        self._check_may_be_had(key, citizen.name)
        if citizen.public_key != key:
            self._check_not_too_often(citizen)
            self._store.revoke_key(citizen.public_key, int(time.time()))
            self._store.update_citizen(citizen.id, public_key=key)
            self.write_files()
            self._publisher.audit(citizen.name, "rekey", citizen.name, key=fingerprint(key))
        return self.answer(self._store.known_citizen(citizen.id))

    def _check_not_too_often(self, citizen: Citizen) -> None:
        """Raise FwrError (REFUSED) if a citizen has had many new keys lately."""
        entries = self._register.entries(int(time.time()) - _A_DAY)
        if sum((entry.actor, entry.event, entry.subject) == (citizen.name, "rekey", citizen.name) for entry in entries) >= _NEW_KEYS:
            raise FwrError(ExitCode.REFUSED, f"{citizen.name} has had {_NEW_KEYS} new keys within a day.", "Try again tomorrow.")

    def _admit(self, name: str, key: str, node_id: str, is_new: bool) -> Citizen:
        self._check_may_be_had(key, name)
        citizen = self._store.citizen(name=name)
        if citizen is None:
            uid = max(FIRST_UID - 1, self._store.highest_uid()) + 1
            citizen = self._store.add_citizen(name, uid, "citizen", int(time.time()))
        elif citizen.role == FORMER:
            self._store.update_citizen(citizen.id, role="citizen")
        elif not is_new and citizen.public_key == key:
            return citizen
        elif citizen.public_key and citizen.public_key != key:
            self._store.revoke_key(citizen.public_key, int(time.time()))
        self._store.update_citizen(citizen.id, public_key=key, node_id=node_id)
        updated = self._store.citizen(number=citizen.id)
        assert updated is not None
        return updated


def _public_of(seed: bytes) -> str:
    with tempfile.TemporaryDirectory(prefix="invite-") as work:
        path = Path(work) / "key"
        write_private(path, pem_of_seed(seed))
        return public_key(path)


def _replace(path: Path, text: str) -> None:
    temporary = path.with_name(path.name + ".new")
    temporary.write_text(text)
    temporary.chmod(0o644)
    os.replace(temporary, path)
