"""After the power cut: a server and clients start from what is left, and everything that was announced has to be there.

python -m tests.power.check SERVER CLIENTS < what was said
"""

from __future__ import annotations

import contextlib
import itertools
import json
import sqlite3
import sys
import tempfile
from pathlib import Path
from typing import Any

from fwrkit.agent.citizen import power
from fwrkit.agent.server import tables
from fwrkit.agent.states import file_state
from tests.power.work import SETTINGS
from tests.unit.agent.house import House, tree_of, wait_until

_BLANK = {file_state(bytes(size)) for size in range(20000)}  # nothing, or zeros


def check(server: Path, clients: Path, said: list[dict[str, Any]]) -> None:
    """Start a server and clients from what is left, and look for everything that was announced."""
    house = House(server, SETTINGS, clients)
    try:
        for name in ("alice", "bob"):
            house.member(name)
        for member in house.members:
            wait_until(lambda member=member: member.engine.view.is_ready, f"{member.name} is back", 30)  # type: ignore[misc]
        house.settled(60)
        versions = {(path.decode(), state.hex() if state is not None else None, author) for path, state, author in all_versions(house)}
        contents = {state for _, state, _ in versions if state}
        for item in said:
            if item["kind"] == "accepted":
                assert (item["path"], item["state"], item["author"]) in versions, "its author was told that it is accepted"
            elif item["kind"] == "held":
                assert item["state"] in contents, "somebody else has it already"
        for state in contents:
            assert file_state(house.hub.call(lambda state=state: house.canon.read(bytes.fromhex(state)))).hex() == state  # type: ignore[misc]
        alice, bob = (member.tree() for member in house.members)
        assert alice == bob
        wait_until(lambda: tree_of(house.state / "canon") == alice, "the canon is the same")
        written = {item["state"] for item in said if item["kind"] == "wrote"}
        for path, content in alice.items():
            if content is None or path.endswith(".changes") or file_state(content.encode()).hex() in written:
                continue
            # What a program had not synced, the power cut may have emptied. It is no content of ours, if there was nothing else at its path:
            # what the server had there (perhaps a deletion that it had told nobody of) is in its versions.
            before = _versions(house, path)
            assert not content.strip("\0"), f"{path} is torn: {content[:50]!r}"
            assert not before or before[-1][1] is None, f"{path} was emptied: {before}"
    finally:
        house.stop()


def all_versions(house: House) -> list[tuple[bytes, bytes | None, str]]:
    """Return (path, state, author) of every version, the oldest first."""
    with contextlib.closing(sqlite3.connect(house.state / tables.NAME)) as connection:
        return list(connection.execute("SELECT path, state, author FROM versions ORDER BY id"))


def _versions(house: House, path: str) -> list[tuple[str, bytes | None]]:
    """Return (author, state) of the versions of a path before it was emptied."""
    of_path = [(author, state) for found, state, author in all_versions(house) if found == path.encode()]
    return list(itertools.takewhile(lambda version: version[1] not in _BLANK, of_path))


if __name__ == "__main__":
    with tempfile.NamedTemporaryFile("w") as boot:
        boot.write("the boot after the cut")
        boot.flush()
        power._BOOT = Path(boot.name)
        check(Path(sys.argv[1]), Path(sys.argv[2]), json.load(sys.stdin))
