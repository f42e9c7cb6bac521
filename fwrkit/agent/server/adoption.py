"""A server that was put back to an older copy goes on from the newest history that a client had, which the authority has signed.

Done at a start, before anybody is served: objects first, then the tables in one transaction, then the reference, then the canon's files. Whatever cuts it off,
the next start does it again from what lies beside the state (:mod:`fwrkit.agent.server.taking`), and what was done already makes no difference.
"""

from __future__ import annotations

import logging
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

from fwrkit.agent import history_reading, paths, public_records
from fwrkit.agent.heads import REFERENCE
from fwrkit.agent.packing import bring_pack
from fwrkit.agent.repository import BRANCH, SNAPSHOTS, Pointer, Repository, pointer_oid, pointer_text
from fwrkit.agent.server import taking
from fwrkit.agent.server.canon import Canon
from fwrkit.agent.server.history import CommittedFile, History
from fwrkit.agent.server.past import last_moment, page_of
from fwrkit.agent.server.publishing import SERVER
from fwrkit.agent.server.register import Ban, Register
from fwrkit.agent.server.reviews import Reviews
from fwrkit.agent.server.store import Citizen, Store
from fwrkit.agent.server.succession import Row, read_roll, revoked_keys, take_over_peers
from fwrkit.agent.server.taking import Taken
from fwrkit.agent.states import ABSENT, DIRECTORY, State, file_state, is_file
from fwrkit.core.errors import ExitCode, FwrError
from fwrkit.core.names import FIRST_UID

log = logging.getLogger("fwrkit.adoption")

_DONE = "caught_up_to"  # of the meta table: the version (hex) that was taken over last
_LISTED = 3

_Version = tuple[bytes, State, int, int, str, bytes | None]  # as Store.add_past takes it


def take_over(state: Path, store: Store, history: History, canon: Canon, operator: Citizen, large_limit: int) -> str:
    """If something was brought and examined, go on from it. Return a sentence on what became of that, empty if nothing was.

    ``large_limit``: bytes up to which a file is no large one.
    """
    taken = taking.taken_before(state)
    if taken is None:
        taking.let_go(state)
        return ""
    try:
        said = _Adoption(state, store, history, canon, operator, large_limit, taken).run()
    except FwrError as error:
        log.warning("the history that was brought is not taken over: %s", error.message)
        said = f"The newest history that a client brought could not be taken over: {error.message}"
    taking.let_go(state)
    return said


@dataclass
class _Changes:
    """What the versions that were brought do: each of them, and what every path has at last (None: nothing)."""

    versions: list[_Version] = field(default_factory=list)
    last: dict[bytes, tuple[CommittedFile, str, int] | None] = field(default_factory=dict)
    large: set[bytes] = field(default_factory=set)


class _Adoption:
    def __init__(
        self, state: Path, store: Store, history: History, canon: Canon, operator: Citizen, large_limit: int, taken: Taken
    ) -> None:
        self._state = state
        self._store = store
        self._history = history
        self._canon = canon
        self._operator = operator
        self._large_limit = large_limit
        self._taken = taken
        self._head = taken.head
        self._repository = Repository(history.path)
        self._register = Register(store.db)  # before any transaction, which making tables would end
        self._reviews = Reviews(store, canon, canon.incoming.parent / "reviews")

    def run(self) -> str:
        if self._history.head() not in (self._taken.since, self._head.version):
            raise FwrError(ExitCode.HELD, "this server has gone on by itself meanwhile.", "")
        if self._history.head() != self._head.version:
            objects = [self._head.version, *self._taken.snapshots.values()]
            bring_pack(taking.brought(self._state), self._history.path, objects, self._taken.since)
            self._history.reopen()
            self._history.sync()
        changes = self._read()
        lost = sorted(path for path, last in changes.last.items() if last is not None and self._is_lost(last[0], changes))
        if self._store.meta(_DONE) != self._head.version:
            with self._store.transaction():
                self._fill_tables(changes, lost)
                self._store.set_meta(_DONE, self._head.version)
        known = self._repository.references(SNAPSHOTS)
        snapshots = {SNAPSHOTS + name: oid for name, oid in self._taken.snapshots.items() if name not in known}
        self._history.point_at({**snapshots, BRANCH: self._head.version})
        self._history.move_tag(REFERENCE, self._head.data)
        self._settle(changes)
        return self._summary(changes, lost)

    def _summary(self, changes: _Changes, lost: list[bytes]) -> str:
        said = (
            f"This server was behind, and has taken over what was newer ({len(changes.versions)} changes, up to version "
            f"{self._head.version[:10]}) from {self._taken.by}; the world's authority had signed it."
        )
        if lost:
            names = ", ".join(paths.shown(path) for path in lost[:_LISTED])
            said += f" The contents of {len(lost)} large files are not here until a node brings them: {names}."
        log.warning("%s", said)
        return said

    # what was brought

    def _read(self) -> _Changes:
        changes, known = _Changes(), dict[str, CommittedFile]()
        for step in history_reading.steps(self._repository, taking.span(self._taken)):
            moment = step.time * 10**9
            for path, oid in step.changes:
                if not oid:
                    changes.versions.append((path, ABSENT, 0, moment, step.author, None))
                    changes.last[path] = None
                    continue
                file = known.setdefault(oid, self._file(oid, changes))
                changes.versions.append((path, file.state, file.size, moment, step.author, file.oid))
                changes.last[path] = (file, step.author, moment)
        return changes

    def _file(self, oid: str, changes: _Changes) -> CommittedFile:
        """Return what a blob stands for. A small text that looks like a pointer, with nothing behind it, is what somebody wrote."""
        file = self._history.committed(bytes.fromhex(oid))
        pointer = Pointer(file.state, file.size)
        if pointer_oid(pointer) != file.oid:
            return file
        if file.size <= self._large_limit and self._history.large_object(file.state) is None:
            text = pointer_text(pointer)
            return CommittedFile(file_state(text), len(text), file.oid)
        changes.large.add(file.state)
        return file

    def _is_lost(self, file: CommittedFile, changes: _Changes) -> bool:
        return file.state in changes.large and self._history.large_object(file.state) is None

    # tables

    def _fill_tables(self, changes: _Changes, lost: list[bytes]) -> None:
        self._merge_unwritten(changes)
        # of a large file whose content is not here, its version is not known either: who brings it is asked for it, and not told that it is old
        unknown = {(path, last[0].state) for path in lost if (last := changes.last[path]) is not None}
        self._store.add_past(version for version in changes.versions if (version[0], version[1]) not in unknown)
        times = self._page_times(changes)
        for path, last in sorted(changes.last.items()):
            if last is None or path in lost:
                self._store.drop_entry(path)
                self._store.drop_conflicts_of(path)
                continue
            file, author, moment = last
            self._make_room(path, author, moment)
            self._store.set_entry(path, file.state, file.size, times.get(path, moment), author)
        self._drop_emptied(changes)
        for state in changes.large:
            if self._history.large_object(state) is None:
                self._store.drop_content(state)
        self._store.have_contents(state for state in changes.large if self._history.large_object(state) is not None)
        self._store.go_on_from(self._head.number)
        self._forget_machines()
        self._take_over_people()

    def _merge_unwritten(self, changes: _Changes) -> None:
        """What these tables know and the history that they were copied with had not yet, is in the newer one, or goes on top of it. Raise FwrError (HELD) if
        neither is so: the two have gone on apart.
        """
        brought = {(path, state) for path, state, *_ in changes.versions}
        undone = set()
        for number, path, state, _, _, author, _, _ in self._store.uncommitted(1 << 40):
            is_own_record = author == SERVER and paths.is_beneath(path, paths.RECORDS)
            if is_own_record or (path, state) in brought:
                self._store.drop_version(number)
                undone.add((path, state))
            elif path in changes.last and state != DIRECTORY:
                raise FwrError(ExitCode.HELD, "this server has edits of its own since it was put back.", "")
        for path in {path for path, _ in undone if path not in changes.last}:  # a record of the server's own: as it was before
            before = self._store.versions.newest(path)
            if before is None:
                self._store.drop_entry(path)
            else:
                self._store.set_entry(path, before.state, before.size, before.time, before.author)
        self._store.drop_pending(state for _, state in undone if isinstance(state, bytes) and is_file(state))

    def _make_room(self, path: bytes, author: str, moment: int) -> None:
        for above in paths.ancestors(path):
            if self._store.head(above) != DIRECTORY:
                self._store.set_entry(above, DIRECTORY, 0, moment, author)
                self._store.add_past([(above, DIRECTORY, 0, moment, author, None)])
        for beneath in self._store.beneath(path):
            self._store.drop_entry(beneath)

    def _drop_emptied(self, changes: _Changes) -> None:
        """A directory all of whose files were deleted counts as deleted: the history does not have directories."""
        emptied = {above for path, last in changes.last.items() if last is None for above in paths.ancestors(path)}
        for path in sorted(emptied, key=len, reverse=True):
            if self._store.head(path) == DIRECTORY and not self._store.has_descendants(path):
                self._store.drop_entry(path)
                moment = self._head.time * 10**9  # known as what it was: a machine that has it still, has an old one
                self._store.add_past([(path, state, 0, moment, SERVER, None) for state in (DIRECTORY, ABSENT)])

    def _page_times(self, changes: _Changes) -> dict[bytes, int]:
        """Return the times of a wiki's pages as their changelogs say them: a version's time may be some seconds later."""
        found = {}
        for path, last in changes.last.items():
            page = page_of(path)
            if page and last is not None and last[0].state not in changes.large:
                moment = last_moment(self._history.read(last[0].oid, last[0].state)[-8192:])
                if moment:
                    found[page] = moment
        return found

    def _forget_machines(self) -> None:
        """What each machine holds was of another time: everything is compared. So were invites, which may have been used since, and holds."""
        for citizen in self._store.citizens():
            self._store.drop_lags(citizen.id)
            self._store.update_citizen(citizen.id, is_known=0, generation="", proposed="")
        self._store.forget_invites()
        self._store.release_all()
        self._reviews.drop_settled()

    # who belongs to the world

    def _take_over_people(self) -> None:
        register = self._register
        register.forget_invites()
        with tempfile.TemporaryDirectory(prefix="records-") as work:
            self._lay_records(Path(work))
            self._take_over_roll(Path(work))
            chain = public_records.read_audit(Path(work))
        details = {"version": self._head.version[:10], "from": self._taken.by}
        if chain.fault:
            details["log before"] = chain.fault
        else:
            register.forget_entries()
            register.take_over(chain.entries)
        self._store.set_meta("audit_month", "")
        register.add_entry(int(time.time()), self._operator.name, "catch-up", self._store.meta("world_name"), details)

    def _lay_records(self, target: Path) -> None:
        """Write the world's own records of the newest version into a directory."""
        listed, _ = self._repository.read("ls-tree", "-r", "-z", "--full-tree", self._head.version, "--", paths.RECORDS + b"/")
        for row in filter(None, listed.split(b"\0")):
            meta, _, path = row.partition(b"\t")
            place = target / path.decode("utf-8", "surrogateescape")
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(self._history.read(bytes.fromhex(meta.split()[2].decode())))

    def _take_over_roll(self, source: Path) -> None:
        rows = read_roll(source)
        revoked = revoked_keys(source)
        for key in self._store.revoked_keys():
            self._store.unrevoke_key(key)
        for number, key in enumerate(revoked):  # in their order: the roll is the same then
            self._store.revoke_key(key, number)
        for row in rows:
            citizen = self._store.citizen(name=row.name)
            if citizen is None:
                uid = max(FIRST_UID - 1, self._store.highest_uid()) + 1
                citizen = self._store.add_citizen(row.name, uid, row.role, row.since)
            self._update(citizen, row)
        take_over_peers(source, self._store, self._register)
        keys = {row.key for row in rows if row.key}
        for petition in self._register.petitions():
            if petition.public_key in keys:
                self._register.drop_petition(petition.public_key)

    def _update(self, citizen: Citizen, row: Row) -> None:
        if citizen.id != self._operator.id and citizen.public_key != row.key:  # another machine, perhaps
            self._store.update_citizen(citizen.id, public_key=row.key, node_id="")
        self._store.update_citizen(citizen.id, role=row.role, admitted=row.since, is_banned=int(row.ban is not None))
        self._register.unban(citizen.id)
        if row.ban is not None:
            self._register.ban(Ban(citizen.id, row.ban.reason, row.ban.since, row.ban.until, row.ban.by))

    # the canon

    def _settle(self, changes: _Changes) -> None:
        """Make the canon's files what the tables say, what is above first."""
        above = {directory for path in changes.last for directory in paths.ancestors(path)}
        for path in sorted({*changes.last, *above}):
            if path in above and path not in changes.last and self._store.has_descendants(path):
                continue
            try:
                self._canon.settle(path)
            except KeyError:
                log.warning("%r has no content", path)
        self._canon.tree.sync_all()
