"""The fold: what a citizen's change does to the canon, to bases and to versions. The only writer of the canon's index.

Every function here works inside the caller's transaction; nothing on disk is touched before it has committed.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from fwrkit.agent import paths
from fwrkit.agent.files.ignore import IgnoreList
from fwrkit.agent.server.canon import Canon
from fwrkit.agent.server.decide import Question, Result, decide
from fwrkit.agent.server.merge import union_of_logs
from fwrkit.agent.server.store import Citizen, Store
from fwrkit.agent.states import ABSENT, DIRECTORY, UNKNOWN, Base, State, file_state, is_directory, is_file

MERGE_LIMIT = 8 * 1024 * 1024  # bytes; larger texts are not merged in memory


@dataclass(frozen=True)
class Content:
    """Where a change's content is: in memory, or in a file of ``incoming/`` that is synced already. Neither: the server may have it."""

    data: bytes | None = None
    incoming: str | None = None


@dataclass(frozen=True)
class Edit:
    """A change as the fold takes it: a claim about a path, and its content. ``time`` in Unix nanoseconds, ``size`` in bytes."""

    path: bytes
    state: State
    base: State = ABSENT
    prior: State = ABSENT
    has_prior: bool = False
    is_unknown: bool = False
    is_orphan: bool = False
    time: int = 0
    size: int = 0
    content: Content = Content()
    older: tuple[State, ...] = ()


@dataclass(frozen=True)
class Verdict:
    """What came of an edit. ``detail`` is a reason for people; ``copy`` the path of the conflict copy."""

    result: Result
    detail: str = ""
    copy: bytes | None = None


class Fold:
    """Folds edits, one at a time. ``moved`` collects the paths whose head moved, in order, until :meth:`take_moved`."""

    def __init__(self, store: Store, canon: Canon, ignored: IgnoreList, union_logs: IgnoreList) -> None:
        self._store = store
        self._canon = canon
        self.ignored = ignored
        self.union_logs = union_logs
        self._moved: dict[bytes, None] = {}

    def take_moved(self) -> list[bytes]:
        """Return the paths that moved since the last call."""
        moved, self._moved = list(self._moved), {}
        return moved

    def fold(self, citizen: Citizen, edit: Edit, received: int) -> Verdict:
        """Given a citizen's edit, fold it and return what came of it. ``received`` is now in Unix nanoseconds."""
        reason = self._why_refused(citizen, edit)
        if reason and paths.why_not(edit.path) is None and not self.ignored.matches(edit.path):
            self._hold(citizen, edit.path, edit.state)  # the head is delivered: the change is undone at its author's
            return Verdict(Result.REFUSED, reason)
        if reason:
            return Verdict(Result.REFUSED, reason)
        question = self._question(citizen, edit)
        result = decide(question)
        if result in (Result.ACCEPTED, Result.CONFLICT, Result.MERGED) and not self._secure(edit):
            return Verdict(Result.MISSING)
        edit = replace(edit, size=self._size(edit))  # what the citizen says of it decides nothing
        copy = None
        if result is Result.MERGED:
            result = self._merge(citizen, edit, question.head, received)
        elif result is Result.ACCEPTED:
            self._accept(citizen, edit, received)
        elif result is Result.CONFLICT:
            copy = self._keep_beside(citizen, edit, question, received)
        if not edit.is_orphan:
            self._hold(citizen, edit.path, edit.state)
        return Verdict(result, "", copy)

    def _why_refused(self, citizen: Citizen, edit: Edit) -> str:
        path = edit.path
        reason = paths.why_not(path)
        if reason:
            return reason
        if self.ignored.matches(path):
            return "the template says that this path does not travel"
        is_record = path == paths.RECORDS or paths.is_beneath(path, paths.RECORDS)
        if is_record and citizen.role != "official" and edit.state != self._store.head(path):
            return "only officials change the world's own records"
        return ""

    def _question(self, citizen: Citizen, edit: Edit) -> Question:
        head = self._store.head(edit.path)
        return Question(
            base=self._base(citizen, edit),
            head=head,
            new=edit.state,
            was_version=self._was_version(edit),
            is_mergeable=self._is_mergeable(edit, head),
            is_blocked=self._blocking_ancestor(edit.path) is not None,
            has_descendants=is_directory(head) and self._store.has_descendants(edit.path),
            is_orphan=edit.is_orphan,
        )

    def _was_version(self, edit: Edit) -> bool:
        """Say whether the state was the canon's at this path at some time; of a displaced file, whether its content was anywhere."""
        if edit.is_orphan and isinstance(edit.state, bytes) and is_file(edit.state):
            return self._store.place_of(edit.state) is not None
        return self._store.was_version(edit.path, edit.state)

    def _base(self, citizen: Citizen, edit: Edit) -> Base:
        """Return the base that the edit was made on: the claimed one if it is the table's or was sent since, else unknown."""
        if edit.is_unknown:
            return UNKNOWN
        lag = self._store.lag(citizen.id, edit.path)
        if lag is None and not citizen.is_known:
            return UNKNOWN
        known: list[State] = [lag.base, *lag.sent] if lag is not None else [self._store.head(edit.path)]
        if edit.has_prior and known[0] in (edit.prior, *edit.older):
            # the earlier change was folded, unless its state is just what they held before a delivery that they have now
            is_coincidence = edit.base in known[1:] and not self._store.was_version(edit.path, known[0], citizen.name)
            return edit.base if is_coincidence else known[0]
        return edit.base if edit.base in known else UNKNOWN

    def _is_mergeable(self, edit: Edit, head: State) -> bool:
        if not (is_file(edit.state) and is_file(head) and self.union_logs.matches(edit.path)):
            return False
        entry = self._store.entry(edit.path)
        return entry is not None and max(entry.size, edit.size) <= MERGE_LIMIT

    def _blocking_ancestor(self, path: bytes) -> bytes | None:
        return next((above for above in paths.ancestors(path) if is_file(self._store.head(above))), None)

    def _secure(self, edit: Edit) -> bool:
        """See to it that the content of an edit outlives this transaction. Return False if nobody has it."""
        if not isinstance(edit.state, bytes) or not is_file(edit.state):
            return True
        if edit.content.data is not None:
            self._canon.remember(edit.state, edit.content.data)
        if self._store.place_of(edit.state) is not None:
            return True
        if edit.content.data is None and edit.content.incoming is None:
            return False
        self._store.add_pending(edit.state, edit.content.data, edit.content.incoming)
        return True

    def _size(self, edit: Edit) -> int:
        """Return how large a content is that the server has."""
        if not isinstance(edit.state, bytes) or not is_file(edit.state):
            return 0
        if edit.content.data is not None:
            return len(edit.content.data)
        return self._canon.size(edit.state)

    def _accept(self, citizen: Citizen, edit: Edit, received: int) -> None:
        self._move(citizen, edit.path, edit.state, edit.size, edit.time, received, holds_above=not edit.is_orphan)

    def _merge(self, citizen: Citizen, edit: Edit, head: State, received: int) -> Result:
        """Make the union of head and edit the head. The edit itself becomes a version before it: who wrote what can be read, and brought back."""
        assert isinstance(head, bytes) and isinstance(edit.state, bytes)
        merged = union_of_logs(self._canon.read(head), self._canon.read(edit.state))
        state = file_state(merged)
        if state == head:
            self._store.drop_pending([edit.state])
            return Result.UNTOUCHED
        entry = self._store.entry(edit.path)
        note = f"merged with {entry.author}" if entry else ""
        time = max(edit.time, entry.time if entry else 0)
        if state != edit.state:
            self._accept(citizen, edit, received)
        self._secure(Edit(edit.path, state, content=Content(merged)))
        self._move(citizen, edit.path, state, len(merged), time, received, note)
        return Result.MERGED

    def _keep_beside(self, citizen: Citizen, edit: Edit, question: Question, received: int) -> bytes:
        """Keep an edit under a conflict name, and return that. Below a file that should be a directory, the directory gets the name."""
        blocker = self._blocking_ancestor(edit.path)
        lost_at = blocker if blocker is not None else edit.path
        lost_to = self._store.head(lost_at) if blocker is not None else question.head
        wants_directory = blocker is not None or is_directory(edit.state)
        place = self._conflict_place(citizen, lost_at, lost_to, wants_directory, edit, question.base)
        target = place + edit.path[len(lost_at) :]  # who edited holds nothing of it yet: it is delivered to them as to everybody
        if self._store.head(target) != edit.state:
            self._move(
                citizen, target, edit.state, edit.size, edit.time, received, f"conflict at {paths.shown(edit.path)}".replace("\n", " ")
            )
        self._store.set_conflict(lost_at, citizen.name, lost_to, place)
        return target

    def _conflict_place(self, citizen: Citizen, path: bytes, lost_to: State, wants_directory: bool, edit: Edit, base: Base) -> bytes:
        live = self._store.conflict(path, citizen.name)
        if live is not None and live[0] == lost_to and not edit.is_orphan:
            kept = self._store.head(live[1])
            if (
                kept is not ABSENT
                and is_directory(kept) == wants_directory
                and self._has_room(live[1], live[1] + edit.path[len(path) :], edit.state, base)
            ):
                return live[1]
        attempt = 0
        while True:
            name = paths.conflict_name(path, citizen.name, edit.time, attempt)
            taken = self._store.head(name)
            if taken is ABSENT or (taken == edit.state and not wants_directory):
                return name
            attempt += 1

    def _has_room(self, place: bytes, target: bytes, state: State, base: Base) -> bool:
        """Say whether a target in an earlier conflict copy can become a state without anything else having to go.

        What is kept there goes only to its successor: the edit was made on it, at the path where both lost.
        """
        if self._store.head(target) not in (ABSENT, state, base):
            return False
        if any(is_file(self._store.head(above)) for above in paths.ancestors(target) if paths.is_beneath(above, place)):
            return False
        return is_directory(state) or not self._store.has_descendants(target)

    def _move(
        self, citizen: Citizen, path: bytes, state: State, size: int, time: int, received: int, note: str = "", holds_above: bool = False
    ) -> None:
        """Move the head of a path, with the directories above it, leaving everybody else behind."""
        if state is not ABSENT:
            for above in paths.ancestors(path):
                if self._store.head(above) is ABSENT:
                    # who has not heard of its deletion holds it still; who has may have removed it since they sent this
                    holds_it = holds_above and self._store.base(citizen, above) == DIRECTORY
                    self._move_one(citizen, above, DIRECTORY, 0, time, received, "")
                    if holds_it:
                        self._hold(citizen, above, DIRECTORY)
        self._move_one(citizen, path, state, size, time, received, note)
        if state is ABSENT:
            self._store.drop_conflicts_of(path)

    def _move_one(self, citizen: Citizen, path: bytes, state: State, size: int, time: int, received: int, note: str) -> None:
        self._store.leave_behind(path, self._store.head(path))
        self._store.set_head(path, state, size, time, citizen.name, received, note)
        self._moved[path] = None

    def _hold(self, citizen: Citizen, path: bytes, state: State) -> None:
        """Say that the citizen's machine holds a state at a path; what was sent before is void."""
        if self._store.head(path) != state:
            self._store.set_lag(citizen.id, path, state, [])
            self._moved.setdefault(path)
        elif citizen.is_known:
            self._store.drop_lag(citizen.id, path)
        else:
            self._store.set_lag(citizen.id, path, state, [])  # at the end of first contact, who has no row is taken to hold nothing
