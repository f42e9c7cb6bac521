"""A fold on real tables and a real canon, and citizens who bring their edits to it."""

from __future__ import annotations

import itertools
import os
from pathlib import Path

from fwrkit.agent.files.ignore import ALWAYS, IgnoreList
from fwrkit.agent.server.canon import Canon
from fwrkit.agent.server.fold import Content, Edit, Fold, Verdict
from fwrkit.agent.server.history import History
from fwrkit.agent.server.store import Citizen, Store
from fwrkit.agent.states import ABSENT, State, file_state, is_file

NOON = 1_795_608_000 * 10**9  # 2026-11-25 12:00:00


class Court:
    """A fold with its tables, its canon on disk, and citizens who are known and hold what the canon has."""

    def __init__(self, root: Path, names: tuple[str, ...] = ("alice", "bob"), role: str = "citizen") -> None:
        self.root = root
        self.store = Store(":memory:")
        self.canon = Canon(root, self.store, History(root / "history.git", "w"))
        self.fold = Fold(self.store, self.canon, IgnoreList((*ALWAYS, "**/cache")), IgnoreList(("**/*.changes",)), IgnoreList(("**/*.md",)))
        for number, name in enumerate(names):
            citizen = self.store.add_citizen(name, 20000 + number, role, 0)
            self.store.update_citizen(citizen.id, is_known=1)
        self.now = itertools.count(NOON, 10**9)

    def citizen(self, name: str) -> Citizen:
        found = self.store.citizen(name=name)
        assert found is not None
        return found

    def edit(self, name: str, edit: Edit) -> Verdict:
        """Fold one edit and settle the canon, as a turn of the hub does."""
        with self.store.transaction():
            verdict = self.fold.fold(self.citizen(name), edit, next(self.now))
        for path in self.fold.take_moved():
            self.canon.settle(path)
        return verdict

    def put(self, name: str, path: bytes, text: bytes, base: State = ABSENT, is_unknown: bool = False, is_orphan: bool = False) -> Verdict:
        edit = Edit(path, file_state(text), base, ABSENT, False, is_unknown, is_orphan, NOON, len(text), Content(text))
        return self.edit(name, edit)

    def tree(self) -> dict[bytes, bytes | None]:
        """Return the canon: path to content, None for a directory."""
        return {entry.path: self.canon.read(entry.state) if is_file(entry.state) else None for entry in self.store.entries()}

    def on_disk(self) -> dict[bytes, bytes | None]:
        found: dict[bytes, bytes | None] = {}
        for path, _ in self.canon.tree.walk():
            place = Path(os.fsdecode(self.canon.path_of(path)))
            found[path] = None if place.is_dir() else place.read_bytes()
        return found
