"""The invites that let somebody in still: who had them made, and their end before their time. Runs in the hub's thread, inside its transaction."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass

from fwrkit.agent.server.register import Register
from fwrkit.agent.server.store import Store


@dataclass(frozen=True)
class OpenInvite:
    """For whom it is, who had it made (empty: before this was remembered), until when (Unix seconds), and of how many uses how many are left."""

    public_key: str
    name: str
    by: str
    expires: int
    uses: int
    left: int

    def to_json(self) -> dict[str, str | int]:
        """Return what people may know of it: not the key, by which a request is told from another."""
        return {"name": self.name, "by": self.by, "expires": self.expires, "uses": self.uses, "left": self.left}


class OpenInvites:
    """Reads them from the tables, and ends them; the caller writes what sshd reads."""

    def __init__(self, store: Store, register: Register) -> None:
        self._store = store
        self._register = register

    def all(self) -> list[OpenInvite]:
        """Return every invite that is good now, the first to expire first."""
        return sorted(self._find(), key=lambda each: (each.expires, each.name, each.public_key))

    def _find(self) -> Iterator[OpenInvite]:
        makers = self._register.makers_of_invites()
        for key, expires in self._store.invites():
            name, _, used_by = self._store.invite(key) or ("", 0, "")
            uses = self._register.uses_of(key)
            left = uses - len(self._register.used_by(key)) if uses else int(not used_by)
            if left > 0 and expires > time.time():
                yield OpenInvite(key, name, makers.get(key, ""), expires, uses or 1, left)

    def end(self, invite: OpenInvite) -> None:
        """An invite lets in nobody else; who came by one for several may repeat it still."""
        if invite.left == invite.uses:
            self._store.drop_invite(invite.public_key)
        else:
            self._register.close_invite(invite.public_key)

    def end_of(self, official: str) -> None:
        """What an official has had made lets in nobody else: the right ends with the office."""
        for invite in self.all():
            if invite.by == official:
                self.end(invite)
