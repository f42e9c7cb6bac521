"""The life of a citizen so far: invited, admitted, moved to another machine. Runs in the hub's thread, inside its transaction."""

from __future__ import annotations

import os
import secrets
import tempfile
import time
from pathlib import Path
from typing import Any

from fwrkit import __version__
from fwrkit.agent.keys import is_public_key, pem_of_seed, public_key, write_private
from fwrkit.agent.server.accounts import write_accounts
from fwrkit.agent.server.authority import Authority
from fwrkit.agent.server.landing import Landing
from fwrkit.agent.server.store import Citizen, Store
from fwrkit.core.errors import ExitCode, FwrError
from fwrkit.core.invites import Invite
from fwrkit.core.names import FIRST_UID, account_of, check_citizen_name

GATE = "/usr/lib/fwrkit/gate"
DEFAULT_EXPIRY = 7 * 86400  # seconds
_REMEMBERED = 30 * 86400  # seconds for which an expired invite is still told from one that never was


class Enrolment:
    """Invites and admissions of one world. ``extrausers`` is where the accounts' files are, ``state`` the server's state directory."""

    def __init__(self, store: Store, authority: Authority, state: Path, extrausers: Path) -> None:
        self._store = store
        self._authority = authority
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
        _replace(directory / "authorized_keys", "".join(lines))
        _replace(directory / "revoked_keys", "".join(f"{key}\n" for key in self._store.revoked_keys()))

    def invite(self, citizen: str, host: str, port: int, expires_in: int) -> Invite:
        """Make an invite for a citizen, new or moving to another machine. Raise FwrError if the name is no name or the operator's."""
        check_citizen_name(citizen)
        known = self._store.citizen(name=citizen)
        if known is not None and known.uid < FIRST_UID:
            raise FwrError(ExitCode.TAKEN, f"'{citizen}' is the operator of this server.", "Choose another name for the citizen.")
        if known is not None and known.is_banned:
            raise FwrError(ExitCode.REFUSED, f"'{citizen}' is banned from this world.", "Choose another name for the citizen.")
        seed = secrets.token_bytes(32)
        expires = int(time.time()) + expires_in
        self._store.add_invite(_public_of(seed), citizen, expires)
        self.write_files()
        world = self._store.meta
        return Invite(host, port, world("world_id"), world("world_name"), self._authority.public, seed, citizen, expires)

    def enrol(self, invite_key: str, request: dict[str, Any]) -> dict[str, Any]:
        """Given the key of an invite and what a node says of itself, admit its citizen and return the certificate and the world.

        Raise FwrError: REFUSED (unknown, expired, other version), TAKEN (used by another key), USAGE (malformed).
        """
        key, node_id = str(request.get("public_key", "")), str(request.get("node_id", ""))
        if not is_public_key(key) or not node_id.isalnum() or len(node_id) > 64:
            raise FwrError(ExitCode.USAGE, "The enrolment is malformed.", "Update the node's fwrkit, then join again.")
        version = str(request.get("version", ""))
        if version.split(".")[:2] != __version__.split(".")[:2]:
            text = f"The server runs fwrkit {__version__}, this node {version[:20]}."
            raise FwrError(ExitCode.REFUSED, text, "Update the older of the two, then join again.")
        found = self._store.invite(f"ssh-ed25519 {invite_key}")
        if found is None:
            raise FwrError(ExitCode.REFUSED, "The server does not know this invite.", "Ask for a new one (fwrkit invite NAME).")
        citizen_name, expires, used_by = found
        if used_by and used_by != key:
            raise FwrError(
                ExitCode.TAKEN, "This invite was used already, on another machine.", f"Ask for a new one (fwrkit invite {citizen_name})."
            )
        if not used_by and expires < time.time():
            raise FwrError(ExitCode.REFUSED, "This invite has expired.", f"Ask for a new one (fwrkit invite {citizen_name}).")
        known = self._store.citizen(name=citizen_name)
        if known is not None and known.is_banned:
            raise FwrError(ExitCode.REFUSED, f"'{citizen_name}' is banned from this world.", "Ask an official.")
        if used_by and (known is None or known.public_key != key):
            text = f"{citizen_name} has moved to another machine since this invite was used."
            raise FwrError(ExitCode.TAKEN, text, f"Ask for a new one (fwrkit invite {citizen_name}).")
        citizen = self._admit(citizen_name, key, node_id, is_new=not used_by)
        self._store.use_invite(f"ssh-ed25519 {invite_key}", key)
        self.write_files()
        certificate = self._authority.citizen_certificate(key, citizen.name, account_of(citizen.name), citizen.id)
        return {
            "citizen": citizen.name,
            "certificate": certificate,
            "world": self._store.meta("world_id"),
            "world_name": self._store.meta("world_name"),
        }

    def _admit(self, name: str, key: str, node_id: str, is_new: bool) -> Citizen:
        citizen = self._store.citizen(name=name)
        if citizen is None:
            uid = max(FIRST_UID - 1, self._store.highest_uid()) + 1
            citizen = self._store.add_citizen(name, uid, "citizen", int(time.time()))
        elif not is_new and citizen.public_key == key:
            return citizen
        elif citizen.public_key and citizen.public_key != key:
            self._store.revoke_key(citizen.public_key, int(time.time()))
        self._store.unrevoke_key(key)
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
