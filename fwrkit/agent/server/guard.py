"""The deletion guard: a citizen who deletes much of the world within a short time is held until somebody decides.

An unmounted disk, a script gone wrong or a vandal look alike from here. Nothing of such a burst reaches the canon: what came before it
was seen for one is put back. Runs in the hub's thread, inside its transaction.
"""

from __future__ import annotations

import time
from collections import Counter, deque
from collections.abc import Callable, Collection, Container, Iterable, Mapping
from dataclasses import dataclass, field

from fwrkit.agent import paths
from fwrkit.agent.server.fold import Fold
from fwrkit.agent.server.session import APPROVE
from fwrkit.agent.server.store import Citizen, Hold, Store
from fwrkit.agent.settings import Settings
from fwrkit.agent.states import ABSENT, Base, State, is_file
from fwrkit.core.errors import ExitCode, FwrError

Claim = tuple[bytes, State, Base]
"""What an edit says: path, new state, the base that it claims."""


@dataclass
class _Burst:
    """What a citizen has put and deleted lately: (monotonic time, path, state of the file that was put or was there).

    ``new`` counts the names of files that were put where nothing was: a renamed file keeps its name, also if it was edited in the same go.
    """

    deleted: deque[tuple[float, bytes, bytes]] = field(default_factory=deque)
    put: deque[tuple[float, bytes, bytes]] = field(default_factory=deque)
    new: deque[tuple[float, bytes, bytes]] = field(default_factory=deque)
    copies: deque[tuple[float, bytes, bytes]] = field(default_factory=deque)  # conflict copies that were deleted: they count for nothing

    def forget(self, before: float) -> None:
        """Drop what is older."""
        for events in (self.deleted, self.put, self.new, self.copies):
            while events and events[0][0] < before:
                events.popleft()

    def gone(self, is_there: Callable[[bytes, bytes], bool]) -> dict[bytes, bytes]:
        """Return what was deleted and not put elsewhere (path to state): a rename deletes nothing.

        ``is_there`` says whether a path has a state still: of what was put and is nowhere any more, the last deletion was none of a rename.
        A file of the same name that is new elsewhere is a rename, too, with an edit.
        """
        deleted = Counter(state for _, _, state in self.deleted)
        moved = Counter(state for _, _, state in self.put if state in deleted)
        there = {state for _, path, state in self.put if state in deleted and is_there(path, state)}
        for state in moved.keys() - there:
            moved[state] = min(moved[state], deleted[state] - 1)
        gone = {}
        names = Counter(paths.name_of(path) for _, path, state in self.new if state not in deleted and is_there(path, state))
        for _, path, state in self.deleted:
            if moved[state] > 0:
                moved[state] -= 1
            elif names[paths.name_of(path)] > 0:
                names[paths.name_of(path)] -= 1
            else:
                gone[path] = state
        return gone


class Guard:
    """Looks at everything that a citizen brings before it is folded."""

    def __init__(self, store: Store, fold: Fold, settings: Settings, clock: Callable[[], float] = time.monotonic) -> None:
        self._store = store
        self._fold = fold
        self._settings = settings
        self._clock = clock
        self._bursts: dict[int, _Burst] = {}

    def stops(self, citizen: Citizen, claims: Iterable[Claim]) -> Hold | None:
        """Given what a citizen is about to have folded, return their hold if it is too much; nothing of it may be folded then.

        A citizen who is held already is judged by all that their node lacks now: what is there again was not deleted.
        """
        now = self._clock()
        undone = dict(self._store.undone(citizen.id))
        burst = self._bursts.setdefault(citizen.id, _Burst())
        burst.forget(now - self._settings.guard_window)
        for path, before in undone.items():
            if self._store.head(path) == before:
                (burst.deleted if paths.parse_conflict(path) is None else burst.copies).append((now, path, before))
        claimed: dict[bytes, State] = {}
        for path, state, base in claims:
            claimed[path] = state
            head = self._store.head(path)
            if state is ABSENT and base == head and isinstance(head, bytes) and is_file(head):
                # of fwrkit's own copies one is meant to delete as many as there are
                (burst.deleted if paths.parse_conflict(path) is None else burst.copies).append((now, path, head))
            elif isinstance(state, bytes) and is_file(state) and state != head:
                burst.put.append((now, path, state))
                if head is ABSENT:
                    burst.new.append((now, path, state))
        brings = bool(burst.put) and burst.put[-1][0] == now  # then the world is not empty afterwards
        everything = not brings and self._is_everything({path for _, path, _ in (*burst.deleted, *burst.copies)})
        if len(burst.deleted) <= self._settings.guard_files and not everything:
            return None
        gone = burst.gone(lambda path, state: (claimed[path] if path in claimed else self._store.head(path)) == state)
        for path in [path for path in gone if self._is_back(path, claimed, undone)]:
            del gone[path]
        copies = {path: state for _, path, state in burst.copies if not is_file(claimed.get(path))}
        done = sum(self._store.head(path) is ABSENT for path in gone)
        if not self._is_much(len(gone), done) and not (everything and self._is_everything(gone | copies)):
            return None
        del self._bursts[citizen.id]
        return self._hold(citizen, gone, copies)

    def _is_back(self, path: bytes, claimed: Mapping[bytes, State], undone: Container[bytes]) -> bool:
        """Say whether a file is at a path again that was deleted: whoever rebuilds a site deletes it first."""
        if path in claimed:
            return is_file(claimed[path])
        return path not in undone and is_file(self._store.head(path))

    def end(self, citizen: Citizen) -> None:
        """A citizen who was held has brought back what they had deleted, but for what anybody may delete: let the rest come true."""
        for path, state in self._store.undone(citizen.id):
            self._fold.delete_again(citizen, path, state, time.time_ns())
        self._store.rule(citizen.id, APPROVE)
        self._store.release(citizen.id)

    def _is_much(self, count: int, done: int) -> bool:
        if count <= self._settings.guard_files:
            return False
        return count > self._settings.guard_share * (self._store.count_files() + done)

    def _is_everything(self, gone: Collection[bytes]) -> bool:
        if len(gone) < self._settings.guard_emptied:
            return False
        return all(path in gone or paths.is_beneath(path, paths.RECORDS) for path in self._store.files())

    def _hold(self, citizen: Citizen, gone: dict[bytes, bytes], copies: dict[bytes, bytes]) -> Hold:
        """Hold a citizen; ``copies`` went with what is gone, and are put back with it."""
        done = {path: state for path, state in (gone | copies).items() if self._store.head(path) is ABSENT}
        files = self._store.count_files() + len(done)
        undone: list[tuple[bytes, bytes]] = []
        for path, state in done.items():
            undone += self._fold.undo_deletion(path, state, f"deletion by {citizen.name} held", time.time_ns())
        return self._store.hold(citizen.id, int(time.time()), len(gone), files, undone)

    def decide(self, name: str, ruling: str) -> Hold:
        """A person decides on a citizen's hold: ``approve`` or ``reject``; it takes effect when the citizen connects. Return the hold.

        Raise FwrError: NOT_FOUND if there is no such citizen, or nothing of theirs is held.
        """
        citizen = self._store.citizen(name=name)
        hold = self._store.held(citizen.id) if citizen is not None else None
        if citizen is None or hold is None or hold.ruling:
            message = f"There is no citizen '{name}'." if citizen is None else f"Nothing of {name} is held."
            raise FwrError(ExitCode.NOT_FOUND, message, "See who is held: fwrkit status SERVER")
        if ruling == APPROVE:
            for path, state in self._store.undone(citizen.id):
                self._fold.delete_again(citizen, path, state, time.time_ns())
        self._store.rule(citizen.id, ruling)
        return hold

    def take_ruling(self, citizen: Citizen) -> str:
        """A citizen connects: return what was decided on what they bring now, empty if nothing was. It is asked for once."""
        hold = self._store.held(citizen.id)
        if hold is None or not hold.ruling:
            return ""
        self._store.release(citizen.id)
        return hold.ruling
