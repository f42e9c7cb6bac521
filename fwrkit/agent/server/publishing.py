"""The world's own records as the server writes them into ``.fwr/``: the roll of citizens and the audit log, for every citizen to read.

They go through the fold like anything else, so they are delivered, kept in the history, and can not be missed by anybody. Runs in the
hub's thread, inside its transaction.
"""

from __future__ import annotations

import calendar
import logging
import time
from collections.abc import Callable

from fwrkit.agent.audit import file_of
from fwrkit.agent.paths import ROLL
from fwrkit.agent.server.fold import Fold
from fwrkit.agent.server.register import Register
from fwrkit.agent.server.store import Store
from fwrkit.agent.toml_text import toml_string, toml_time
from fwrkit.core.records import PeerRecord

log = logging.getLogger("fwrkit.publishing")

SERVER = "fwrkit"  # the author of what no citizen did
_HEAD = "# Who belongs to this world. The server writes this file; `fwrkit citizens` shows it.\n"


class Publisher:
    """Collects what is to be written and writes it once a turn. ``clock`` gives Unix seconds; ``peers`` who serves besides, in order."""

    def __init__(self, store: Store, register: Register, fold: Fold, clock: Callable[[], float] = time.time) -> None:
        self._store = store
        self._register = register
        self._fold = fold
        self._clock = clock
        self.peers: Callable[[], list[PeerRecord]] = list
        self.is_mute = False  # at a peer: the world's records are the server's
        self._has_news = True  # at the start: what an earlier run of the server could not publish any more

    def audit(self, actor: str, event: str, subject: str, **details: str) -> None:
        """Write a line of the audit log; it is published at the end of the turn. Of a path that is no UTF-8, what is."""
        subject = subject.encode("utf-8", "replace").decode()
        entry = self._register.add_entry(int(self._clock()), actor, event, subject, details)
        log.info("%s: %s %s", actor, event, entry.subject)
        self._has_news = True

    def roll_changed(self) -> None:
        """Have the roll published at the end of the turn."""
        self._has_news = True

    def flush(self) -> None:
        """Publish what is new, if anything is."""
        if not self._has_news or self.is_mute:
            return
        self._has_news = False
        now = int(self._clock())
        self._fold.write_record(ROLL, self.roll().encode(), SERVER, now * 10**9)
        months = self._months()
        for month, lines in months.items():
            self._fold.write_record(file_of(month), "".join(lines).encode(), SERVER, now * 10**9)

    def roll(self) -> str:
        """Return the text of the roll."""
        revoked = self._store.revoked_keys()
        listed = "".join(f"    {toml_string(key)},\n" for key in revoked)
        parts = [
            _HEAD,
            *([f"\n# keys that open nothing any more, whatever was signed for them\nrevoked = [\n{listed}]\n"] if revoked else []),
        ]
        for citizen in self._store.citizens():
            lines = [
                f"name = {toml_string(citizen.name)}",
                f"role = {toml_string(citizen.role)}",
                f"since = {toml_time(citizen.admitted)}",
                *([f"key = {toml_string(citizen.public_key)}"] if citizen.public_key else []),
            ]
            ban = self._register.ban_of(citizen.id)
            if ban is not None:
                until = [f"until = {toml_time(ban.until)}"] if ban.until else []
                words = [f"since = {toml_time(ban.since)}", *until, f"by = {toml_string(ban.by)}", f"reason = {toml_string(ban.reason)}"]
                lines.append("banned = { " + ", ".join(words) + " }")
            parts.append("\n[[citizen]]\n" + "".join(f"{line}\n" for line in lines))
        for peer in self.peers():
            lines = [
                f"name = {toml_string(peer.name)}",
                f"host = {toml_string(peer.host)}",
                f"port = {peer.port}",
                f"by = {toml_string(peer.by)}",
                f"since = {toml_time(peer.since)}",
            ]
            parts.append("\n[[peer]]\n" + "".join(f"{line}\n" for line in lines))
        return "".join(parts)

    def _months(self) -> dict[str, list[str]]:
        """Return the lines of the months that are not published as they are, the newest at least: ``2026-11`` to lines."""
        published = self._store.meta("audit_month")
        first = calendar.timegm(time.strptime(f"{published}-01", "%Y-%m-%d")) if published else 1
        found: dict[str, list[str]] = {}
        for entry in self._register.entries(first):
            found.setdefault(time.strftime("%Y-%m", time.gmtime(entry.time)), []).append(entry.to_line() + "\n")
        if found:
            self._store.set_meta("audit_month", max(found))
        return found
