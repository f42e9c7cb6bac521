"""The fold: what a citizen's change does to the canon, to bases and to versions. The only writer of the canon's index.

Every function here works inside the caller's transaction; nothing on disk is touched before it has committed.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from fwrkit.agent import paths
from fwrkit.agent.files.ignore import IgnoreList
from fwrkit.agent.policy import Decision
from fwrkit.agent.server.canon import Canon
from fwrkit.agent.server.claims import base_of
from fwrkit.agent.server.decide import Question, Result, decide
from fwrkit.agent.server.elsewhere import Elsewhere
from fwrkit.agent.server.merge import merge_texts, union_of_logs
from fwrkit.agent.server.policing import SIZE_LIMIT as POLICY_LIMIT
from fwrkit.agent.server.policing import Policing
from fwrkit.agent.server.reviews import Review, Reviews
from fwrkit.agent.server.store import Citizen, Store
from fwrkit.agent.states import ABSENT, DIRECTORY, UNKNOWN, Base, State, file_state, is_directory, is_file
from fwrkit.core.errors import ExitCode, FwrError

_MOVING = (Result.ACCEPTED, Result.CONFLICT, Result.MERGED)
MERGE_LIMIT = 8 * 1024 * 1024  # bytes; larger logs are not merged in memory
TEXT_LIMIT = 1024 * 1024  # bytes; a larger text was hardly written by a person, and comparing it would hold up everybody
COPIES_LIMIT = 10  # conflict copies of one path and author that lie beside it
_SECOND = 10**9  # nanoseconds
_FARTHEST = (
    9 * 10**18
)  # nanoseconds before and after 1970: less than a table's integers hold, for a merge is later than what it is made from
_ANCESTRY = 16  # states that an edit was made from, and are remembered
_CLAIMS = 32  # of what was agreed on elsewhere that is looked up, for each path: more than any client remembers


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
    trail: tuple[State, ...] = ()
    forbidden: Decision | None = None  # with what it came together: a rename of which the other half is refused
    writer: Citizen | None = None  # whose edit it is, where another citizen's node passes it on
    is_settled: bool = False  # the world's server has accepted it already: no policy is asked here
    between: tuple[Edit, ...] = ()  # versions that a peer had of it in the meantime, the oldest first
    seen: tuple[State, ...] = ()  # one or none: what the program had read that made the edit, where that is older than its base


@dataclass(frozen=True)
class Verdict:
    """What came of an edit. ``detail`` is a reason for people; ``copy`` the path of the conflict copy."""

    result: Result
    detail: str = ""
    copy: bytes | None = None


class Fold:
    """Folds edits, one at a time. ``moved`` collects the paths whose head moved, in order, until :meth:`take_moved`."""

    def __init__(self, store: Store, canon: Canon, ignored: IgnoreList, union_logs: IgnoreList, texts: IgnoreList) -> None:
        self._store = store
        self._canon = canon
        self.ignored = ignored
        self._union_logs = union_logs
        self._texts = texts
        self.policing = Policing(store, canon)
        self.reviews = Reviews(store, canon, canon.incoming.parent / "reviews")
        self._elsewhere = Elsewhere(store.db)
        self._moved: dict[bytes, None] = {}
        self.losing: dict[bytes, str] = {}  # paths that lose again and again, and against whom: since this start

    def take_moved(self) -> list[bytes]:
        """Return the paths that moved since the last call."""
        moved, self._moved = list(self._moved), {}
        return moved

    def fold(self, citizen: Citizen, edit: Edit, received: int) -> Verdict:
        """Given a citizen's edit, fold it and return what came of it. ``received`` is now in Unix nanoseconds."""
        reason = self._why_not(edit)
        if reason:
            return Verdict(Result.REFUSED, reason)
        edit = _in_time(edit)
        base, head = self._base(citizen, edit), self._store.head(edit.path)
        if edit.writer is not None and not (edit.is_settled or edit.is_unknown or edit.is_orphan):
            base = self._passed_base(edit, base, head)
        base = self._seen_base(edit, base)
        waiting, is_unknown = None, edit.is_unknown or base is UNKNOWN
        if not edit.is_orphan:
            waiting = self.reviews.of(citizen.id, edit.path)
            refused = self.reviews.rejected(citizen.id, edit.path) if waiting is None else None
            if waiting is not None:
                base = waiting.made_of  # what waits was made of that, and so is what takes its place
            elif refused is not None and base == refused.state:
                base = refused.made_of
        question = self._question(edit, base, head)
        merged = None if edit.is_orphan and question.was_version else self._merged(edit, base, head)
        result = decide(replace(question, is_mergeable=merged is not None))
        if result in _MOVING:
            decision = self.judge(citizen, edit)
            if decision.action == "review":
                decision, verdict = self._review(citizen, edit, base, decision, received)
                if verdict is not None:
                    return verdict
            if decision.action == "refuse":
                return self._forbid(citizen, edit, base, decision, received)
            if not self._secure(edit):
                return Verdict(Result.MISSING)
        # what an author has lost or got back from a backup waits still; what they have taken back themselves does not
        is_lost = waiting is not None and is_unknown and result not in _MOVING
        if not edit.is_orphan and not is_lost:
            self.reviews.drop(citizen.id, edit.path)
        if (edit.is_unknown or edit.writer is not None) and edit.trail and self._may_say_what_it_made(citizen, edit, result):
            self._made_from(edit)
        return self._apply(citizen, edit, question, result, merged, received)

    def _review(self, citizen: Citizen, edit: Edit, base: Base, decision: Decision, received: int) -> tuple[Decision, Verdict | None]:
        """Have an edit wait for an official. Return what came of it, or (too much waits already) another decision."""
        if edit.is_orphan:
            return replace(decision, action="refuse"), None  # what was displaced waits nowhere; its author keeps it
        if isinstance(edit.state, bytes) and is_file(edit.state) and edit.content == Content() and not self._canon.has(edit.state):
            return decision, Verdict(Result.MISSING)
        size = self._size(edit)
        why_not = self.reviews.put(
            citizen, edit.path, base, edit.state, size, edit.time, received, edit.content.data, edit.content.incoming
        )
        if why_not:
            return replace(decision, action="refuse", reason=why_not), None
        self._hold(citizen, edit.path, edit.state)
        return decision, Verdict(Result.REVIEW, decision.reason)

    def accept_review(self, review: Review, official: str, received: int) -> Verdict:
        """Fold what waited, as its author's, on what they had made it of. ``received`` as in :meth:`fold`."""
        author = self._store.known_citizen(review.citizen)
        content = Content(*self.reviews.content(review))
        edit = Edit(review.path, review.state, review.base, time=review.time, size=review.size, content=content)
        head, base = self._store.head(review.path), review.made_of
        question, merged = self._question(edit, base, head), self._merged(edit, base, head)
        result = decide(replace(question, is_mergeable=merged is not None))
        if result in _MOVING and not self._secure(edit):
            raise FwrError(
                ExitCode.NOT_FOUND, "The content of this change is not there any more.", "Reject it: fwrkit review reject NUMBER"
            )
        self.reviews.drop(review.citizen, review.path)
        verdict = self._apply(author, edit, question, result, merged, received, f"accepted by {official}", is_held=False)
        self.reviews.let_go_of(content.incoming)
        self._moved.setdefault(review.path)
        return verdict

    def reject_review(self, review: Review, reason: str) -> None:
        """Turn down what waited: the head is delivered to its author."""
        self.reviews.reject(review, reason)
        self._moved.setdefault(review.path)

    def _apply(
        self,
        citizen: Citizen,
        edit: Edit,
        question: Question,
        result: Result,
        merged: bytes | None,
        received: int,
        note: str = "",
        is_held: bool = True,
    ) -> Verdict:
        """Do what was decided. Without ``is_held`` the citizen's machine may hold something else by now than what was decided on."""
        head = question.head
        edit = replace(edit, size=self._size(edit))  # what the citizen says of it decides nothing
        copy, detail = None, ""
        if result is Result.MERGED and merged is not None:
            result = self._merge(citizen, edit, head, merged, received)
        elif result is Result.ACCEPTED:
            self._accept(citizen, edit, received, note)
        elif result is Result.CONFLICT:
            copy = self._keep_beside(citizen, edit, question, received)
            detail = self._bound_copies(edit.writer or citizen, edit.path, copy, received)
        if is_held and not edit.is_orphan:
            self._hold(citizen, edit.path, edit.state)
        return Verdict(result, detail, copy)

    def _why_not(self, edit: Edit) -> str:
        reason = paths.why_not(edit.path) or ("the template says that this path does not travel" if self.ignored.matches(edit.path) else "")
        if not reason and edit.state is not ABSENT and self._store.head(edit.path) is ABSENT:
            reason = paths.why_too_deep(edit.path) or ""
        return reason

    def judge(self, citizen: Citizen, edit: Edit) -> Decision:
        """Return what the policy says to an edit that would move the canon."""
        if edit.is_settled:
            return Decision("allow", "(settled)", "", None)
        if edit.forbidden is not None:
            return edit.forbidden
        decision = self.policing.judge(edit.writer or citizen, edit.path, edit.state, self._size(edit) or edit.size)
        if decision.action != "refuse" and edit.path == paths.POLICY and isinstance(edit.state, bytes) and is_file(edit.state):
            content = self._policy_text(edit)
            fault = Policing.why_not(content) if content is not None else ""
            if fault:
                return Decision("refuse", "(policy)", f"This policy is not taken, the one before stays in force. {fault}", None)
        return decision

    def _policy_text(self, edit: Edit) -> bytes | None:
        """Return the content of a policy that somebody brings, None if it has to be asked for first."""
        assert isinstance(edit.state, bytes)
        if edit.content.data is not None:
            return edit.content.data
        if edit.content.incoming is not None:
            with (self._canon.incoming / edit.content.incoming).open("rb") as file:
                return file.read(POLICY_LIMIT + 1)
        return self._canon.read(edit.state) if self._canon.has(edit.state) else None

    def forbidden_moves(self, edits: Iterable[tuple[bytes, State, int, Citizen]]) -> dict[bytes, Decision]:
        """Given what comes together, (path, new state, size, whose), return the deletions that belong to a put that is refused or waits, and why.

        Of a file that is moved to where it may not be, nothing may be left: not the new place, and not the old one gone.
        """
        puts, deleted = [], {}
        for path, state, size, citizen in edits:
            if state is ABSENT:
                head = self._store.head(path)
                if isinstance(head, bytes) and is_file(head):
                    deleted[path] = head
            elif isinstance(state, bytes) and is_file(state):
                puts.append((path, state, size, citizen))
        moved = set(deleted.values())
        bound: dict[bytes, Decision] = {}
        for path, state, size, citizen in puts:
            if state in moved and state not in bound and self._store.head(path) != state:
                decision = self.policing.judge(citizen, path, state, size)
                if decision.action != "allow":
                    bound[state] = decision
        return {path: bound[head] for path, head in deleted.items() if head in bound}

    def _forbid(self, citizen: Citizen, edit: Edit, base: Base, decision: Decision, received: int) -> Verdict:
        """Refuse an edit: the head is delivered, so that it is undone at its author's, who hears before that why."""
        self.policing.refused(edit.writer or citizen, edit.path, decision)
        if not edit.is_orphan:
            self.reviews.refuse(citizen.id, edit.path, base, edit.state, received, decision.reason)
            self._hold(citizen, edit.path, edit.state)
        return Verdict(Result.FORBIDDEN, decision.reason)

    def _question(self, edit: Edit, base: Base, head: State) -> Question:
        return Question(
            base=base,
            head=head,
            new=edit.state,
            was_version=self._was_version(edit),
            is_blocked=self._blocking_ancestor(edit.path) is not None,
            has_descendants=is_directory(head) and self._store.has_descendants(edit.path),
            is_orphan=edit.is_orphan,
        )

    def _was_version(self, edit: Edit) -> bool:
        """Say whether the state was the canon's at this path at some time; of a displaced file, whether its content was anywhere."""
        if edit.is_orphan and isinstance(edit.state, bytes) and is_file(edit.state):
            return self._store.place_of(edit.state) is not None
        return self._store.versions.had(edit.path, edit.state)

    def _base(self, citizen: Citizen, edit: Edit) -> Base:
        """Return the base that the edit was made on: the claimed one if it is the table's or was sent since, else unknown.

        At first contact there is no table.
        """
        if edit.is_unknown:
            return UNKNOWN if edit.is_orphan else self.claimed_base(edit.path, (edit.base, *edit.trail))
        lag = self._store.lag(citizen.id, edit.path)
        if lag is None and not citizen.is_known:
            return UNKNOWN
        known: list[State] = [lag.base, *lag.sent] if lag is not None else [self._store.head(edit.path)]
        if edit.has_prior and known[0] in (edit.prior, *edit.older):
            # the earlier change was folded, unless its state is just what they held before a delivery that they have now
            is_coincidence = edit.base in known[1:] and not self._store.versions.had(edit.path, known[0], citizen.name)
            return edit.base if is_coincidence else known[0]
        head = self._store.head(edit.path)
        if edit.has_prior and edit.base == known[0] and head in known[1:] and head in (edit.prior, *edit.older):
            return head  # what is being delivered to them is what they have sent themselves, and written over since
        return edit.base if edit.base in known else UNKNOWN

    def _seen_base(self, edit: Edit, base: Base) -> Base:
        """Return what an edit was made of. A program may have written over what its citizen's machine held without having read it.

        That concerns edits of files alone: a deletion is meant for whatever is there.
        """
        if len(edit.seen) != 1 or not is_file(edit.state) or not (isinstance(base, bytes) and is_file(base)):
            return base
        if base == edit.state or (edit.has_prior and base in (edit.prior, *edit.older)):
            return base  # the server has what was made of it already
        (seen,) = edit.seen
        is_known = seen is ABSENT or (isinstance(seen, bytes) and is_file(seen) and self._canon.has(seen))
        return seen if is_known else base

    def claimed_base(self, path: bytes, claims: Sequence[State]) -> Base:
        """Return what an edit at first contact was made on, by what the node had agreed on with other servers of this world, the newest first.

        So a deletion that was agreed on elsewhere counts as one where it is news, and not where something was put there again since.
        """
        if not claims or claims == (ABSENT,):
            return UNKNOWN
        head = self._store.head(path)
        if claims[0] == head:
            return head
        versions = self._store.versions.last_states(path, _CLAIMS)
        if versions[:1] != [head]:  # a directory may be there from the founding, without a version
            versions.insert(0, head)
        return base_of(claims[:_CLAIMS], versions, lambda claim: self._is_known(path, claim, head))

    def _passed_base(self, edit: Edit, base: Base, head: State) -> Base:
        """Return what an edit was made on that a peer passes on: others may have brought of it before what the peer had in between."""
        between = [version.state for version in edit.between]
        if (
            head != base
            and is_file(head)
            and (head in between or (head in edit.trail and not self._store.versions.was_before(edit.path, head, base)))
        ):
            return head  # that the head was there before the base, and is there again, the peer may not have heard
        is_nothing_new = all(self._is_known(edit.path, state, head) for state in (edit.state, *between))
        # where nothing is here and the peer never had anything else, it may not have heard that this was deleted
        if is_nothing_new and (head != base or (head is ABSENT and ABSENT not in edit.trail)):
            return edit.state  # and made something else of it since
        return base

    def _is_known(self, path: bytes, state: State, head: State) -> bool:
        return state == head or self._store.versions.had(path, state) or self._elsewhere.has(path, state)

    def heard_of(self, path: bytes, states: Iterable[State]) -> None:
        """What the world's server had at a path, between what this peer got of it, is nothing new here."""
        self._elsewhere.remember(path, (state for state in states if not self._store.versions.had(path, state)))

    def _may_say_what_it_made(self, citizen: Citizen, edit: Edit, result: Result) -> bool:
        """Say whether somebody's word counts about what the head was made from: others' work is left behind by it, so they have to be allowed to write."""
        if result is Result.SAME:
            return self.judge(citizen, edit).action == "allow"
        return result in _MOVING  # the policy has been asked

    def _made_from(self, edit: Edit) -> None:
        """Remember from what an edit of another server's was made: who brings something in between brings nothing new."""
        before = (state for state in (edit.base, *edit.trail[:_ANCESTRY]) if state != edit.state)
        self._elsewhere.remember(edit.path, (state for state in before if not self._store.versions.had(edit.path, state)))

    def _merged(self, edit: Edit, base: Base, head: State) -> bytes | None:
        """Return the merge of an edit with the head where both are new and the template says how to merge them, None if it can not be had."""
        if not (isinstance(edit.state, bytes) and is_file(edit.state) and isinstance(head, bytes) and is_file(head)):
            return None
        ancestor = edit.base if edit.is_orphan else base  # a displaced file's agreed state was seen in it before it was written on
        if edit.state in (head, ancestor) or head == ancestor or paths.is_beneath(edit.path, paths.RECORDS):
            return None  # of the world's records, each version was meant as it is
        if self._union_logs.matches(edit.path):
            contents = self._contents(edit, [head], MERGE_LIMIT)
            return union_of_logs(*contents) if contents is not None else None
        if isinstance(ancestor, bytes) and is_file(ancestor) and self._texts.matches(edit.path):
            contents = self._contents(edit, [ancestor, head], TEXT_LIMIT)
            return merge_texts(*contents) if contents is not None else None
        return None

    def _contents(self, edit: Edit, states: list[bytes], limit: int) -> list[bytes] | None:
        """Return the contents of some states and, last, of an edit; None if one is not to be had or larger than ``limit`` bytes."""
        if edit.size > limit or any(not self._canon.has(state) or self._canon.size(state) > limit for state in states):
            return None
        if not self._secure(edit) or self._size(edit) > limit:
            return None
        assert isinstance(edit.state, bytes)
        return [self._canon.read(state) for state in (*states, edit.state)]

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
        if edit.content.incoming is not None and self._store.pending(edit.state) is None:
            return (self._canon.incoming / edit.content.incoming).stat().st_size
        return self._canon.size(edit.state)

    def _accept(self, citizen: Citizen, edit: Edit, received: int, note: str = "") -> None:
        head = self._store.head(edit.path)
        states = [version.state for version in edit.between]
        for version in edit.between[states.index(head) + 1 if head in states else 0 :]:
            if self._secure(version):
                name = (version.writer or citizen).name
                self._move(name, edit.path, version.state, version.size, version.time, received, note)
        author = (edit.writer or citizen).name
        self._move(author, edit.path, edit.state, edit.size, edit.time, received, note, holder=None if edit.is_orphan else citizen)

    def _merge(self, citizen: Citizen, edit: Edit, head: State, merged: bytes, received: int) -> Result:
        """Make a merge the head. The edit itself becomes a version before it: who wrote what can be read, and brought back."""
        assert isinstance(edit.state, bytes)
        state = file_state(merged)
        if state == head:
            self._store.drop_pending([edit.state])
            return Result.UNTOUCHED
        entry = self._store.entry(edit.path)
        note = f"merged with {entry.author}" if entry else ""
        time = max(edit.time, entry.time if entry else 0)
        if not self._union_logs.matches(edit.path):
            time = (time // _SECOND + 1) * _SECOND  # nobody saved this: a wiki's changelog must not take it for the page of its last line
        if state != edit.state:
            self._accept(citizen, edit, received)
        self._secure(Edit(edit.path, state, content=Content(merged)))
        self._move((edit.writer or citizen).name, edit.path, state, len(merged), time, received, note)
        return Result.MERGED

    def _keep_beside(self, citizen: Citizen, edit: Edit, question: Question, received: int) -> bytes:
        """Keep an edit under a conflict name, and return that. Below a file that should be a directory, the directory gets the name."""
        author = edit.writer or citizen
        blocker = self._blocking_ancestor(edit.path)
        lost_at = blocker if blocker is not None else edit.path
        lost_to = self._store.head(lost_at) if blocker is not None else question.head
        wants_directory = blocker is not None or is_directory(edit.state)
        place = self._conflict_place(author, lost_at, lost_to, wants_directory, edit, question.base)
        target = place + edit.path[len(lost_at) :]  # who edited holds nothing of it yet: it is delivered to them as to everybody
        if self._store.head(target) != edit.state:
            self._move(
                author.name, target, edit.state, edit.size, edit.time, received, f"conflict at {paths.kept(edit.path)}".replace("\n", " ")
            )
        self._store.set_conflict(lost_at, author.name, lost_to, place)
        return target

    def _bound_copies(self, author: Citizen, path: bytes, newest: bytes, received: int) -> str:
        """Keep a bounded number of one author's copies of a path. Return what to tell them if there were more, empty if not.

        Two programs that rewrite one file lose to each other for ever. The older copies stay in the history.
        """
        found = self._store.files_beginning_with(paths.conflict_prefix(path, author.name))
        marks = ((copy, paths.parse_conflict(copy)) for copy in found if copy != newest)
        copies = [copy for copy, mark in marks if mark is not None and mark.path == path]
        for copy in copies[: max(0, len(copies) - COPIES_LIMIT + 1)]:
            self._move(author.name, copy, ABSENT, 0, received, received, f"more than {COPIES_LIMIT} copies")
        if len(copies) < COPIES_LIMIT:
            return ""
        self.losing[path] = author.name
        return (
            f"{paths.kept(path)!r} loses again and again: two programs write it at once. The {COPIES_LIMIT} newest copies are beside it, older ones in the "
            f"history. Have one program write it, or leave it out: fwrkit ignore PATTERN"
        )

    def _conflict_place(self, citizen: Citizen, path: bytes, lost_to: State, wants_directory: bool, edit: Edit, base: Base) -> bytes:
        same = [copy for copy in self._store.copies_of(path) if self._store.head(copy) == edit.state]
        if same and not wants_directory:
            return same[0]  # perhaps somebody else's: once is enough
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

    def read_head(self, path: bytes, limit: int) -> bytes | None:
        """Return the content that the canon has at a path, None if there is no file, or a larger one than ``limit`` bytes."""
        head = self._store.head(path)
        if not isinstance(head, bytes) or not is_file(head) or self._canon.size(head) > limit:
            return None
        return self._canon.read(head)

    def write_record(self, path: bytes, content: bytes, author: str, received: int) -> None:
        """Make a content the head of one of the world's own records, as the server itself writes them. ``received`` as in :meth:`fold`."""
        state = file_state(content)
        if self._store.head(path) == state:
            return
        self._secure(Edit(path, state, content=Content(content)))
        self._move(author, path, state, len(content), received, received)

    def put_version(self, citizen: Citizen, path: bytes, state: State, note: str, received: int, is_rehearsal: bool = False) -> str | None:
        """Make what was once the canon's its head again, as a new version of a citizen's. ``received`` as in :meth:`fold`.

        Return None, or why it can not be; with ``is_rehearsal`` only that.
        """
        size = self._canon.size(state) if isinstance(state, bytes) and is_file(state) else 0
        decision = self.judge(citizen, Edit(path, state, size=size))
        if decision.action != "allow":
            return decision.reason
        if isinstance(state, bytes) and is_file(state) and not self._canon.has(state):
            return "its content is not kept any more"
        if (
            state is ABSENT and not is_rehearsal and self._store.has_descendants(path)
        ):  # a rehearsal leaves there what would be gone by then
            return "others have put something into it"
        if not is_directory(state) and state is not ABSENT and self._store.has_descendants(path):
            return "there is a directory with something in it"
        if self._blocking_ancestor(path) is not None:
            return "a file is where its directory was"
        if not is_rehearsal:
            self._move(citizen.name, path, state, size, received, received, note)
        return None

    def undo_deletion(self, path: bytes, state: bytes, note: str, received: int) -> list[tuple[bytes, bytes]]:
        """Put back what was deleted, as it was and as whose it was; everybody is left behind, who deleted it too.

        ``received`` as in :meth:`fold`. Return what was put back, (path, state), with directories above.
        """
        version = self._store.versions.of_state(path, state)
        if version is None or self._store.head(path) is not ABSENT or self._blocking_ancestor(path) is not None:
            return []
        missing = [(above, b"") for above in paths.ancestors(path) if self._store.head(above) is ABSENT]
        self._move(version.author, path, state, version.size, version.time, received, note)
        return [*missing, (path, state)]

    def delete_again(self, citizen: Citizen, path: bytes, state: bytes, received: int) -> None:
        """Let a deletion that was put back come true, unless somebody has changed the path since, or put something below it."""
        if self._store.head(path) == state and not self._store.has_descendants(path):
            self._move(citizen.name, path, ABSENT, 0, received, received)

    def _move(
        self, author: str, path: bytes, state: State, size: int, time: int, received: int, note: str = "", holder: Citizen | None = None
    ) -> None:
        """Move the head of a path, with the directories above it, leaving everybody behind; ``holder`` has those directories already."""
        if state is not ABSENT:
            for above in paths.ancestors(path):
                if self._store.head(above) is ABSENT:
                    # who has not heard of its deletion holds it still; who has may have removed it since they sent this
                    holds_it = holder is not None and self._store.base(holder, above) == DIRECTORY
                    self._move_one(author, above, DIRECTORY, 0, time, received, "")
                    if holder is not None and holds_it:
                        self._hold(holder, above, DIRECTORY)
        self._move_one(author, path, state, size, time, received, note)
        if state is ABSENT:
            self._store.drop_conflicts_of(path)

    def _move_one(self, author: str, path: bytes, state: State, size: int, time: int, received: int, note: str) -> None:
        self._store.leave_behind(path, self._store.head(path))
        self._store.set_head(path, state, size, time, author, received, note)
        self._moved[path] = None
        self.policing.moved(path, author)

    def _hold(self, citizen: Citizen, path: bytes, state: State) -> None:
        """Say that the citizen's machine holds a state at a path; what was sent before is void."""
        if self._store.head(path) != state:
            self._store.set_lag(citizen.id, path, state, [])
            self._moved.setdefault(path)
        elif citizen.is_known:
            self._store.drop_lag(citizen.id, path)
        else:
            self._store.set_lag(citizen.id, path, state, [])  # at the end of first contact, who has no row is taken to hold nothing


def _in_time(edit: Edit) -> Edit:
    """Return an edit with times that can be kept: a program may give a file any."""
    between = tuple(_in_time(version) for version in edit.between)
    return replace(edit, time=min(max(edit.time, -_FARTHEST), _FARTHEST), between=between)
