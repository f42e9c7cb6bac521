"""What officials and filters add to a sequence: policies, roles, bans, reviews, reverts, mutes. And what must hold of that at the end.

Operations, beside those of ``play.py``:

    ("policy", number)                           another policy is in force, made of a number (0: none)
    ("role", who, which)  ("ban", who)  ("unban", who)
    ("accept" | "reject", which)                 of the changes that wait
    ("put-back", path, how far)                  an official makes a path what it was
    ("mute" | "unmute", who, whom)  ("ignore" | "unignore", who, which pattern)

What the server does by itself or for an official, it does at its next turn, in the order of arrival, as it does everything; a log of that
is in its tables, so that it is undone with a turn that fails.

At the end, when everything has come to rest (phase one): whatever differs anywhere waits for an official, or is muted or ignored there;
what waits is at its author's and nowhere else; and of all versions that ever were, no policy of its time had refused one (I8). Then all
filters are taken out, all reviews are decided, and the promises of ``oracle.py`` are kept (phase two).
"""

from __future__ import annotations

import json
import random
import sqlite3
from collections.abc import Callable
from typing import Any

from fwrkit.agent import policy
from fwrkit.agent.filters import Filters
from fwrkit.agent.paths import POLICY, ancestors, is_beneath
from fwrkit.agent.policy import Attempt, Policy
from fwrkit.agent.server.reviews import Review
from fwrkit.agent.server.roll import CITIZEN, OFFICIAL, READER
from fwrkit.agent.server.store import Store
from fwrkit.agent.states import ABSENT, State, file_state, is_directory, is_file
from fwrkit.core.errors import ExitCode, FwrError
from tests.model.ledger import marks
from tests.model.stage import Stage

PATHS = (b"a", b"b", b"d", b"d/x", b"d/y", b"d/e/z", b"l.changes", b"d/m.changes", b".fwr/note")
"""Those of plain sequences, and one that is for officials whatever the policy says."""
IGNORABLE = ("a", "d/x", "d/**", "*.changes")
ACTS = frozenset({"policy", "role", "ban", "unban", "accept", "reject", "put-back", "mute", "unmute", "ignore", "unignore"})
_ROLES = (CITIZEN, READER, OFFICIAL)
_OLGA = "olga"  # an official without a node
_LOG = "model_log"


def policy_text(number: int) -> str:
    """Return the policy of a number: some paths refused, some that wait, some limited in size."""
    chance = random.Random(number)
    rules = []
    for index, path in enumerate(PATHS[:8] if number else ()):
        then = chance.choice(("", "", "refuse", "review", "limit"))
        if not then:
            continue
        larger = 'larger = 100\nthen = "refuse"' if then == "limit" else f'then = "{then}"'
        roles = 'roles = ["citizen"]\n' if chance.random() < 0.7 else ""
        operations = f"operations = {json.dumps(chance.choice((['add', 'edit'], ['edit'], ['delete'])))}\n" if chance.random() < 0.4 else ""
        rules.append(f'[[rule]]\nname = "{index}"\npaths = ["{path.decode()}"]\n{roles}{operations}{larger}\n')
    chance.shuffle(rules)
    return f"# {number}\n" + "\n".join(rules)


class Republic:
    """Performs what officials and filters do, and judges it. ``is_used``: something of this was in the sequence."""

    def __init__(self, on: Stage) -> None:
        self.stage = on
        self.is_used = False
        self.is_union = False
        self._ignored: set[str] = set()  # patterns that were ignored at some time

    # acts

    def perform(self, act: tuple[Any, ...]) -> None:
        """Have something done, at the server's next turn or at a member's."""
        kind, *rest = act
        self.is_used = True
        if kind in ("mute", "unmute", "ignore", "unignore"):
            words = (rest[1],) if kind.endswith("mute") else (IGNORABLE[rest[1] % len(IGNORABLE)],)
            self._filter(rest[0], "muted" if kind.endswith("mute") else "ignored", words[0], not kind.startswith("un"))
            return
        acts: dict[str, Callable[..., None]] = {
            "policy": self._policy, "role": self._role, "ban": self._ban, "unban": self._unban, "put-back": self._put_back,
            "accept": lambda which: self._decide(which, True), "reject": lambda which: self._decide(which, False),
        }  # fmt: skip
        self.stage.server.hub.later(lambda: acts[kind](*rest))

    def _filter(self, who: str, kind: str, word: str, is_on: bool) -> None:
        engine = self.stage.members[who].engine
        if kind == "ignored" and is_on:
            self._ignored.add(word)

        def call(function: Callable[[], Any]) -> None:
            def work() -> None:
                try:
                    function()
                except FwrError as error:
                    assert error.code is ExitCode.NOT_FOUND, error
                except sqlite3.OperationalError as error:  # whoever asked for it hears that
                    assert "full" in str(error), error

            engine._queue.put(work)

        engine._call = call  # type: ignore[method-assign, assignment]
        engine.change_filters(kind, word, is_on)

    @property
    def _store(self) -> Store:
        return self.stage.server.store

    def _note(self, kind: str, *details: Any) -> None:
        """Write into a log that is undone with the turn: what was done, and behind which version."""
        log = json.loads(self._store.meta(_LOG) or "[]")
        self._store.set_meta(_LOG, json.dumps([*log, [self._store.last_version(), kind, *details]]))

    def _record(self, path: bytes, content: bytes) -> None:
        """As the server's publisher writes."""
        self.stage.ledger.written.add(content)
        self.stage.ledger.directories.update(ancestors(path))
        before = self._store.last_version()
        self.stage.server.fold.write_record(path, content, "fwrkit", 0)
        self._note("own", before)

    def _policy(self, number: int) -> None:
        self._record(POLICY, policy_text(number).encode())
        self._record(b".fwr/audit/now.jsonl", f"a line {self._store.last_version()}\n".encode())

    def _role(self, who: str, which: int) -> None:
        citizen = self._store.citizen(name=who)
        assert citizen is not None
        role = _ROLES[which % len(_ROLES)]
        self._note("role", who, role)
        self._store.update_citizen(citizen.id, role=role)
        self.stage.server.hub.refresh(citizen.id)
        self._record(b".fwr/citizens.toml", f"{who} is {role} after {self._store.last_version()}\n".encode())

    def _ban(self, who: str) -> None:
        citizen = self._store.citizen(name=who)
        assert citizen is not None
        self._store.update_citizen(citizen.id, is_banned=1)
        self.stage.server.hub.expel(citizen, FwrError(ExitCode.REFUSED, "You are banned.", ""))

    def _unban(self, who: str) -> None:
        citizen = self._store.citizen(name=who)
        assert citizen is not None
        self._store.update_citizen(citizen.id, is_banned=0)

    def _waiting(self) -> list[Review]:
        return self.stage.server.fold.reviews.waiting()

    def _decide(self, which: int, is_accepted: bool) -> None:
        waiting = self._waiting()
        if not waiting:
            return
        review, before = waiting[which % len(waiting)], self._store.last_version()
        if is_accepted:
            self.stage.server.fold.accept_review(review, _OLGA, 0)
            self._note("own", before)
        else:
            self.stage.server.fold.reject_review(review, "no")
            self._note("undone", review.path.decode())

    def _put_back(self, path: int, back: int) -> None:
        place = PATHS[path % len(PATHS)]
        versions = [row[0] for row in self._store.db.execute("SELECT state FROM versions WHERE path = ? ORDER BY id DESC", (place,))]
        olga = self._store.citizen(name=_OLGA) or self._store.add_citizen(_OLGA, 31999, OFFICIAL, 0)
        head = self._store.head(place)
        state = versions[back % len(versions)] if versions else ABSENT
        if not versions or state == head:
            return
        content = self.stage.server.canon.read(head) if isinstance(head, bytes) and is_file(head) else None
        if self.stage.server.fold.put_version(olga, place, state, "put back", 0) is None:
            self._note("undone", place.decode())
            for mark in marks(content or b""):
                self.stage.ledger.replaced.setdefault(mark, set()).add((_OLGA, place))

    # at the end

    def may_be_undone(self, path: bytes) -> bool:
        """Say whether somebody, or the policy, has undone what a citizen did at a path, or it may have gone away unseen while it was ignored."""
        undone = {details[2].encode() for details in self._log() if details[1] == "undone"} | self.stage.refused
        return path in undone or Filters((), tuple(self._ignored)).ignores(path)

    def _log(self) -> list[list[Any]]:
        return list(json.loads(self._store.meta(_LOG) or "[]"))

    def kept(self) -> set[bytes]:
        """Return the marks of what was refused and is kept by its authors, and of what waits."""
        found = {mark for member in self.stage.members.values() for mark in member.kept_marks()}
        for review in self._waiting():
            found |= marks(self.stage.server.fold.reviews.read(review, 1 << 20) or b"")
        return found

    def judge_phase_one(self) -> None:
        """Everything has come to rest; filters and what waits are as they are."""
        waiting = self._waiting()
        for review in waiting:
            self._at_its_authors_only(review, waiting)
        for name, member in self.stage.members.items():
            own = Filters.from_text(member._record.meta("filters"))
            citizen = self._store.citizen(name=name)
            assert citizen is not None
            theirs = {review.path for review in waiting if review.citizen == citizen.id}
            tree, canon = member.world.tree(), self.stage.canon_tree()
            nothing = "nothing"
            differing = [path for path in {*tree, *canon} if tree.get(path, nothing) != canon.get(path, nothing)]
            excused = {path for path in {*tree, *canon} if path in theirs or self._is_filtered(own, path)}
            for path in () if citizen.is_banned else differing:
                around = (
                    path in excused,
                    any(above in excused for above in ancestors(path)),
                    any(is_beneath(each, path) for each in excused),
                )
                is_held = member.engine._refusals.is_held(path)
                assert any(around) or is_held, f"{name} has {tree.get(path, nothing)!r} at {path!r}, not {canon.get(path, nothing)!r}"
        self._nothing_refused_was_a_version()

    def _is_filtered(self, own: Filters, path: bytes) -> bool:
        return own.ignores(path) or self._store.versions.last_author(path) in own.muted

    def _at_its_authors_only(self, review: Review, waiting: list[Review]) -> None:
        author = self._store.known_citizen(review.citizen)
        where = f"what waits of {author.name} at {review.path!r}"
        state: Any = ABSENT
        content = self.stage.members[author.name].world.tree().get(review.path, "nothing")
        if content != "nothing":
            state = b"" if content is None else file_state(content)  # type: ignore[arg-type]
        is_ignored = Filters.from_text(self.stage.members[author.name]._record.meta("filters")).ignores(review.path)
        if not (self.is_union or author.is_banned or is_ignored):
            assert state == review.state, f"{where} is not at its author's: {content!r}"
        if not isinstance(review.state, bytes) or not is_file(review.state):
            return
        text = self.stage.server.fold.reviews.read(review, 1 << 20)
        assert text is not None, f"{where} is not kept"
        assert file_state(text) == review.state, f"{where} is kept as something else"
        if sum(count for (_, put), count in self.stage.ledger.puts.items() if put == text) > 1:
            return
        assert not self._store.versions.had(review.path, review.state), f"{where} was a version"
        for name, member in self.stage.members.items():
            if name != author.name:
                assert text not in member.world.tree().values(), f"{where} is at {name}'s"

    def _nothing_refused_was_a_version(self) -> None:
        """I8, by the policies and roles of each version's time."""
        log, roles, rules = self._log(), {_OLGA: OFFICIAL}, Policy()
        heads: dict[bytes, State] = {}
        free = {number for entry in log if entry[1] == "own" for number in range(entry[2] + 1, entry[0] + 1)}
        changes = [entry for entry in log if entry[1] == "role"]
        query = "SELECT id, path, state, size, author, note FROM versions ORDER BY id"
        versions = list(self._store.db.execute(query))
        for position, (number, path, state, size, author, note) in enumerate(versions):
            while changes and changes[0][0] < number:
                _, _, who, role = changes.pop(0)
                roles[who] = role
            head = heads.get(path)
            heads[path] = state
            if path == POLICY:
                rules = policy.parse(self.stage.server.canon.read(state).decode())
            if number in free:
                continue
            if is_directory(state) and position + 1 < len(versions) and is_beneath(versions[position + 1][1], path):
                continue  # made for what is beneath it
            operations: tuple[str, ...] = ("delete",) if state is ABSENT else ("add",) if head is ABSENT else ("edit",)
            if note.startswith("conflict"):
                operations = ("add", "edit")  # judged as what it was where it lost
            is_a_directory = is_directory(head if state is ABSENT else state)
            counted = 0 if note.startswith("merged") else size
            role = roles.get(author, CITIZEN)
            attempts = [Attempt(path, role, author, each, is_a_directory, counted) for each in operations]  # type: ignore[arg-type]
            actions = {policy.decide(rules, attempt).action for attempt in attempts}
            is_fine = "allow" in actions or ((role == OFFICIAL or is_a_directory) and "review" in actions)
            assert is_fine, f"{path!r} became {state!r} by {author} ({role}, {note}), although the policy says {actions}"

    def end(self) -> list[str]:
        """Take all filters out, decide everything; return what does not come to rest then."""
        for name, member in self.stage.members.items():
            own = Filters.from_text(member._record.meta("filters"))
            for kind in ("muted", "ignored"):
                for word in getattr(own, kind):
                    self._filter(name, kind, word, False)
            self.perform(("unban", name))
        for number in range(8):
            unsettled = self.stage.settle()
            if unsettled:
                return unsettled
            waiting = self._waiting()
            if not waiting:
                return []
            for review in waiting:
                self.perform(("accept" if (review.number + number) % 2 else "reject", 0))
        return ["what waits never ends"]
