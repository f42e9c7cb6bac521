"""What must hold whatever the schedule was: the invariants of docs/architecture.md and of the design, said of a :class:`Stage`.

**Nothing is lost (I2).** After everything has come to rest, each mark that a program wrote is in a live file — at its path, in a merge, in
a conflict copy, in a recovered file — or a program replaced it (or deleted the file) on a disk that held it. The history does not count:
what was only there would have been taken off somebody's screen without a word. So an edit made before its author's disk had a delivery
can never pass for that delivery's successor: what was delivered must be live, whatever else is.

What is relaxed, and when:

- *No litter (I9)*: what a run had brought when its connection was cut stays in the replica (when a turn failed, in ``incoming`` or
  ``staging``) until the next run or the next start, which empties it.
- *Nothing undone (I4)*, *one copy* (I7): not where bases were unknown (first contact, a lost or older record or world, a server from a
  backup), which is a union by design; nor for what was on a machine whose agent ended in the middle of a turn, or whose disk was full:
  what it had placed may not be in its record then, and the safe direction is to bring it back.
"""

from __future__ import annotations

import os
from pathlib import Path

from fwrkit.agent.paths import SENTINEL, ancestors
from fwrkit.agent.states import file_state, is_file
from tests.model.ledger import marks
from tests.model.republic import Republic
from tests.model.stage import Stage
from tests.model.world import tree_of

Tree = dict[bytes, bytes | None]
_MARKED = (b" (conflict ", b"recovered-")


class Oracle:
    """Looks at a stage. ``is_union``, ``is_unsure``, ``was_interrupted``, ``was_cut``: what is relaxed, see above."""

    def __init__(self, stage: Stage, republic: Republic) -> None:
        self._stage = stage
        self._republic = republic
        self._seen: set[tuple[int, int, int]] = set()
        self.is_union = False
        self.is_unsure = False
        self.was_interrupted = False
        self.was_cut = False

    # after each step

    def look_at(self, who: str) -> None:
        """I5: whatever is readable at a synced path is whole."""
        stage = self._stage
        root = stage.state / "canon" if who == "server" else stage.members[who].volume / "world"
        for path, full, status in _files(root):
            key = (status.st_ino, status.st_mtime_ns, status.st_size)
            if key in self._seen:
                continue
            content = Path(os.fsdecode(full)).read_bytes()
            if content in stage.ledger.torn.get((who, path), ()):
                continue
            if self._is_torn_elsewhere(who, content):
                continue
            assert self._is_whole(content), f"torn at {who}: {path!r} is {content!r}"
            self._seen.add(key)

    def _is_torn_elsewhere(self, who: str, content: bytes) -> bool:
        """Say whether a program of the same machine is writing this, under a name that it had before."""
        return any(owner == who and content in contents for (owner, _), contents in self._stage.ledger.torn.items())

    def _is_whole(self, content: bytes) -> bool:
        ledger = self._stage.ledger
        return content in ledger.written or (content.endswith(b"\n") and all(mark in ledger.marks for mark in marks(content)))

    # at the end

    def judge(self) -> None:
        """Everything has come to rest: see whether every promise was kept."""
        self._is_converged()
        live = self._live()
        tree = next(iter(live.values()))
        self._nothing_lost(tree)
        self._nothing_invented(tree)
        self._nothing_undone(tree)
        self._one_copy(tree)
        self._no_litter()
        self._readable()

    def _live(self) -> dict[str, Tree]:
        return {name: member.world.tree() for name, member in self._stage.members.items()}

    def _is_converged(self) -> None:
        """I1: every world, the canon's files and the canon's tables say the same, and everybody is known to hold it."""
        server = self._stage.server
        tables: Tree = {entry.path: server.canon.read(entry.state) if is_file(entry.state) else None for entry in server.store.entries()}
        _same("the canon's files", tree_of(self._stage.state / "canon"), tables)
        for name, tree in self._live().items():
            _same(f"{name}'s world", tree, tables)
        for name, member in self._stage.members.items():
            recorded = {entry.path: entry.state for entry in member._record.all() if entry.state is not None}
            states = {path: b"" if content is None else file_state(content) for path, content in tables.items()}
            assert recorded == states, f"{name}'s record: {_difference(recorded, states)}"
            citizen = server.store.citizen(name=name)
            assert citizen is not None
            assert citizen.is_known, f"{name} is not known"
            lagging = server.store.lagging(citizen.id)
            assert not lagging, f"{name} lags behind: {lagging}"

    def _nothing_lost(self, tree: Tree) -> None:
        ledger = self._stage.ledger
        kept = {mark for content in tree.values() if content is not None for mark in marks(content)} | self._republic.kept()
        lost = {mark: who for mark, who in ledger.marks.items() if mark not in kept and mark not in ledger.replaced}
        assert not lost, f"lost: {lost}; live: {tree}"

    def _nothing_invented(self, tree: Tree) -> None:
        """I3: every content was written by a program, every directory made by one or needed for what is beneath it."""
        needed = {above for path in tree for above in ancestors(path)}
        for path, content in tree.items():
            if content is not None:
                assert self._is_whole(content), f"invented: {path!r} is {content!r}"
            else:
                known = path in self._stage.ledger.directories or path in needed or any(word in path for word in _MARKED)
                assert known, f"invented: directory {path!r}"

    def _nothing_undone(self, tree: Tree) -> None:
        """I4: what a program replaced or deleted at a path is not there again, unless it was put there again."""
        if self.is_union or self.is_unsure or self._republic.is_union:
            return
        ledger = self._stage.ledger
        for path, content in tree.items():
            if content is None or self._republic.may_be_undone(path) or path.endswith(b".changes"):
                continue  # logs are merged by union: a line that one removes and another keeps stays
            is_replaced = (path, content) in ledger.replaced_whole
            assert not is_replaced or ledger.puts.get((path, content), 0) > 1, f"undone: {content!r} is at {path!r} again"

    def _one_copy(self, tree: Tree) -> None:
        """I7: what lost a race is kept once."""
        if self.is_union or self.is_unsure or self._republic.is_union:
            return
        copies: dict[bytes, list[bytes]] = {}
        for path, content in tree.items():
            if content and any(word in path for word in _MARKED) and not path.endswith(b".changes"):
                copies.setdefault(content, []).append(path)
        for content, paths in copies.items():
            times = sum(count for (_, put), count in self._stage.ledger.puts.items() if put == content)
            assert len(paths) <= times, f"{content!r} is kept {len(paths)} times: {paths}"

    def _no_litter(self) -> None:
        """I9: nothing is left anywhere that nobody needs."""
        for name, member in self._stage.members.items():
            for place in ("exchange", "outgoing", "staged", *(() if self.was_interrupted else ("staging",))):
                left = os.listdir(member.volume / "private" / place)
                assert not left, f"litter at {name}: {place} has {left}"
            assert not [path for path in os.listdir(member.volume / "world") if path.endswith(".new")], f"litter in {name}'s world"
            left = os.listdir(self._stage.state / "replicas" / name)
            assert not left or self.was_interrupted or self.was_cut, f"litter in {name}'s replica: {left}"
        server = self._stage.server
        named = server.store.incoming_names() | set(server.historian._dropped)
        left = [name for name in os.listdir(self._stage.state / "incoming") if name not in named and not self.was_interrupted]
        assert not left, f"litter in incoming: {left}"
        left = [] if self.was_interrupted or not (self._stage.state / "reviews").exists() else os.listdir(self._stage.state / "reviews")
        assert not left, f"litter in reviews: {left}"

    def _readable(self) -> None:
        """I10: every version can be brought back, and the history has all of them."""
        server = self._stage.server
        server.canon._cache.clear()
        for state, *_ in server.store._db.execute("SELECT DISTINCT state FROM versions WHERE length(state) = 32"):
            assert file_state(server.canon.read(state)) == state, f"version {state.hex()} is another content"
        assert not server.store.has_uncommitted(), "the history lags behind"


def _files(root: Path) -> list[tuple[bytes, bytes, os.stat_result]]:
    found, pending = [], [(b"", os.fsencode(root))]
    while pending:
        above, place = pending.pop()
        with os.scandir(place) as items:
            for item in items:
                path = above + item.name
                if item.is_dir(follow_symlinks=False):
                    pending.append((path + b"/", item.path))
                elif not path.startswith(SENTINEL):
                    found.append((path, item.path, item.stat(follow_symlinks=False)))
    return found


def _same(what: str, found: Tree, expected: Tree) -> None:
    assert found == expected, f"{what} is not what the canon's tables say: {_difference(found, expected)}"


def _difference(found: dict[bytes, bytes | None] | dict[bytes, bytes], expected: dict[bytes, bytes | None] | dict[bytes, bytes]) -> str:
    nothing = "nothing"
    paths = sorted(path for path in {*found, *expected} if found.get(path, nothing) != expected.get(path, nothing))
    return ", ".join(f"{path!r}: {found.get(path, nothing)!r} instead of {expected.get(path, nothing)!r}" for path in paths)
