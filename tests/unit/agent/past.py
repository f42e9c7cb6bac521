"""A history as the server writes it, a day between two versions."""

from __future__ import annotations

from pathlib import Path

from fwrkit.agent.repository import Repository
from fwrkit.agent.server.history import History, Version
from fwrkit.agent.states import file_state

DAY = 86400
BEGIN = 1_700_000_000  # 2023-11-14 22:13:20 UTC


class Past:
    """One repository, and how it is written to: as alice unless somebody else is named."""

    def __init__(self, path: Path) -> None:
        self.history = History(path / "history.git", "world")
        self.repository = Repository(path / "history.git")
        self.count = 0
        self.path = path

    def put(self, author: str = "alice", **contents: bytes | None) -> str:
        return self.write(author, {name.replace("_", "/").encode(): content for name, content in contents.items()})

    def write(self, author: str, contents: dict[bytes, bytes | None]) -> str:
        when = (BEGIN + self.count * DAY) * 10**9
        self.count += 1
        states = {path: file_state(content) if content is not None else None for path, content in contents.items()}
        versions = [Version(0, path, state, author, when, "") for path, state in states.items()]
        return self.history.commit(versions, lambda version: self.history.write(contents[version.path] or b""), self.count)

    def put_large(self, path: bytes, content: bytes) -> str:
        source = self.path / "source"
        source.write_bytes(content)
        version = Version(0, path, file_state(content), "alice", (BEGIN + self.count * DAY) * 10**9, "")
        self.count += 1
        oid = self.history.write_large(file_state(content), len(content), source)
        source.unlink()  # the store has a link to it
        return self.history.commit([version], lambda _: oid)
