"""Bringing the canon to a connected citizen: what is due, in which order, within which window, and what their answers mean.

Runs in the hub's thread, inside its transaction.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice

from fwrkit.agent.order import in_safe_order
from fwrkit.agent.paths import ancestors, is_beneath
from fwrkit.agent.server.canon import Canon
from fwrkit.agent.server.reviews import Reviews
from fwrkit.agent.server.session import DownwardRun, Session
from fwrkit.agent.server.store import Citizen, Store
from fwrkit.agent.settings import Settings
from fwrkit.agent.states import State, is_directory, is_file
from fwrkit.agent.wire.messages import Delivery, Passed, PutBack, Rejected

_TRAIL = 64  # states in between of which a peer hears
_AT_ONCE = 128  # deliveries to one citizen in a turn: others do not wait while somebody gets much


class Deliveries:
    """Fills and empties the windows of sessions."""

    def __init__(self, store: Store, canon: Canon, settings: Settings, reviews: Reviews) -> None:
        self._store = store
        self._reviews = reviews
        self._canon = canon
        self._settings = settings

    def begin(self, session: Session, citizen: Citizen) -> None:
        """A session has said all that it had to say: everything at which its citizen lags is due."""
        session.is_ready = True
        behind = (item for item in self._store.lagging(citizen.id) if not self._is_unwanted(session, item[0]))
        session.due.update(dict.fromkeys(in_safe_order(behind)))
        for path in session.doubtful:  # a power cut may have taken from the client what it had; a delivery of the head brings it out
            if self._store.lag(citizen.id, path) is None:
                session.lacking.add(path)
                session.due[path] = None
        session.doubtful = []

    def _is_unwanted(self, session: Session, path: bytes) -> bool:
        """Say whether a path is left out, by the citizen's own filters or since a change of theirs waits: then they go on lagging there.

        Directories come, whoever made them.
        """
        if self._is_left_out(session, path):
            return True
        if self._is_in_the_way_of(session, path) or self._holds_what_is_left_out(session, path):
            session.withheld.add(path)
            return True
        return False

    def _is_in_the_way_of(self, session: Session, path: bytes) -> bool:
        """Say whether the citizen has a file, which waits for an official, where a directory above a path is for the others."""
        if not self._reviews.has_any(session.citizen.id):
            return False
        waiting = (self._reviews.of(session.citizen.id, above) for above in ancestors(path))
        return any(review is not None and is_file(review.state) for review in waiting)

    def _holds_what_is_left_out(self, session: Session, path: bytes) -> bool:
        """Say whether a path is a directory that is to go, or to become a file, in which the citizen holds something that stays there for now."""
        if not session.filters and not self._reviews.has_any(session.citizen.id):
            return False
        lag = self._store.lag(session.citizen.id, path)
        if lag is None or not is_directory(lag.base) or is_directory(self._store.head(path)):
            return False
        return any(self._is_left_out(session, held) for held in self._store.held_beneath(session.citizen.id, path))

    def _is_left_out(self, session: Session, path: bytes) -> bool:
        if self._reviews.of(session.citizen.id, path) is not None:
            return True  # on their own disk it stays while it waits for an official
        if not session.filters:
            return False
        if session.filters.ignores(path):
            return True
        if not session.filters.muted:
            return False
        entry = self._store.entry(path)
        if entry is not None:
            return is_file(entry.state) and entry.author in session.filters.muted
        return self._store.versions.last_author(path) in session.filters.muted

    def add(self, session: Session, moved: Iterable[bytes]) -> None:
        """These paths have moved: they are due, unless the citizen holds them already, as their author does."""
        moved = [*moved]
        moved += self._take_withheld(session, moved)
        self._withdraw(session, moved)
        for path in moved:
            if path in session.outstanding_paths and self._store.lag(session.citizen.id, path) is None:
                # a directory that a change of the citizen's brought back: what was sent for it is void, and they may wait with it
                session.void(path)
                session.lacking.add(path)
                session.due[path] = None
            elif session.outstanding_paths.get(path) in session.waiting:
                session.void(path)  # it may never be possible to apply; what comes now takes its place there
                if self._is_unwanted(session, path):
                    session.lacking.add(path)  # or nothing, if that is left out
                    session.due[path] = None
        lagging = (path for path in moved if self._store.lag(session.citizen.id, path) is not None or path in session.staged)
        behind = (path for path in lagging if not self._is_unwanted(session, path))
        for path in in_safe_order((path, self._store.head(path)) for path in behind):
            session.due.pop(path, None)
            session.due[path] = None

    def _withdraw(self, session: Session, changed: list[bytes]) -> None:
        """What was sent, and can not be applied since a change that waits for an official is in its way, is told to be as it is."""
        if not session.outstanding or not self._reviews.has_any(session.citizen.id):
            return
        for path in changed:
            near = [other for other in session.outstanding_paths if is_beneath(other, path) or is_beneath(path, other)]
            for other in near:
                if self._is_unwanted(session, other):
                    session.void(other)
                    session.lacking.add(other)
                    session.due[other] = None

    @staticmethod
    def _take_withheld(session: Session, changed: Iterable[bytes]) -> list[bytes]:
        """Return what was withheld above and beneath what has changed: it may be due now."""
        if not session.withheld:
            return []
        changed = {*changed}
        above = {directory for path in changed for directory in ancestors(path)}
        taken = [path for path in session.withheld if path in above or not changed.isdisjoint(ancestors(path))]
        session.withheld.difference_update(taken)
        return taken

    def pump(self, session: Session, citizen: Citizen) -> tuple[DownwardRun | None, bool]:
        """Send what is due as far as the window allows, a bounded number at once.

        Return a run to prepare if there is too much for the stream, and whether there is more to send before anything is answered.
        """
        if not session.is_ready or session.channel.is_closed:
            return None, False
        run = self._plan_run(session)
        waiting = session.downward.files if session.downward is not None else {}
        left = _AT_ONCE
        # of many that are due, as many as are surely enough: what is under way is passed over
        for path in list(islice(session.due, _AT_ONCE + len(waiting) + len(session.outstanding_paths))):
            if not session.has_room or left == 0:
                break
            if path in waiting or path in session.outstanding_paths:
                continue
            del session.due[path]
            left -= 1
            if not self._send(session, citizen, path):
                session.due[path] = None
                run = run or self._plan_run(session, only=path)
                if run is not None:
                    waiting = run.files
        self._pass_barriers(session, citizen)
        return run, left == 0

    def _pass_barriers(self, session: Session, citizen: Citizen) -> None:
        if session.barriers and session.is_quiet:
            for number in session.barriers:
                session.say(Passed(number))
            session.barriers.clear()

    def _send(self, session: Session, citizen: Citizen, path: bytes) -> bool:
        """Send the delivery of one path if it is needed at all. Return False if its content has to come by a run."""
        lag = self._store.lag(citizen.id, path)
        entry = self._store.entry(path)
        head: State = entry.state if entry is not None else None
        if lag is None or (lag.base == head and not lag.sent):
            self._store.drop_lag(citizen.id, path)
            if path in session.staged or path in session.lacking:  # nothing to do but to stop waiting: a delivery of what is there says so
                session.sent(Delivery(session.next_number(), path, head, head, 0, "", None, 0))
            return True
        if self._is_unwanted(session, path):
            if (
                path in session.staged or path in session.lacking
            ):  # they wait for it: a delivery of what they have says that it does not come
                session.sent(Delivery(session.next_number(), path, lag.base, lag.base, 0, "", None, 0))
            return True
        rejected = self._reviews.rejected(citizen.id, path)
        if rejected is not None and session.heard.get(path, "") != rejected.state:
            session.heard[path] = rejected.state
            session.say(Rejected(path, rejected.state, rejected.rejected))
        staged_state, run = session.staged.get(path, (None, 0))
        content = None
        if entry is not None and is_file(head):
            if run == 0 or staged_state != head:
                run = 0
                if entry.size > self._settings.inline_limit:
                    return False
                content = self._canon.read(entry.state)
        else:
            run = 0
        self._store.set_lag(citizen.id, path, lag.base, [*[state for state in lag.sent if state != head], head])
        time, author = (entry.time, entry.author) if entry is not None else (0, self._store.versions.last_author(path))
        trail = self._store.versions.states_between(path, lag.base, head, _TRAIL) if session.is_peer else []
        session.sent(Delivery(session.next_number(), path, lag.base, head, time, author, content, run, trail))
        return True

    def _plan_run(self, session: Session, only: bytes | None = None) -> DownwardRun | None:
        """Plan a run if there are too many deliveries, or for one that is too large and what is due besides."""
        if session.downward is not None or (only is None and len(session.due) <= self._settings.run_count):
            return None
        due = [path for path in session.due if path not in session.staged and path not in session.outstanding_paths]
        if only is None and len(due) <= self._settings.run_count:
            return None
        # the stream goes on with the first ones meanwhile: it takes less for each, and what it has brought can be placed at once
        candidates = reversed(due) if only is None else [only, *(path for path in due if path != only and self._is_large(path))]
        files: dict[bytes, State] = {}
        for path in candidates:
            head = self._store.head(path)
            if is_file(head):
                files[path] = head
            if len(files) >= self._settings.run_count:
                break
        if not files:
            return None
        session.downward = DownwardRun(session.next_number(), files)
        return session.downward

    def _is_large(self, path: bytes) -> bool:
        entry = self._store.entry(path)
        return entry is not None and entry.size > self._settings.inline_limit

    def fetched(self, session: Session, run: int) -> None:
        """A run downwards has ended: its files are in the client's staging, or will be found missing one by one."""
        if session.downward is None or session.downward.number != run:
            return
        for path, state in session.downward.files.items():
            session.staged[path] = (state, run)
            session.due[path] = None
        session.downward = None

    def acknowledge(self, session: Session, citizen: Citizen, number: int) -> None:
        """A delivery is durable at the citizen's machine: the base moves."""
        delivery = session.answered(number)
        if delivery is None:
            return
        session.staged.pop(delivery.path, None)
        self._reviews.forget_rejected(citizen.id, delivery.path)
        self._hold(citizen, delivery.path, delivery.state)
        if self._store.lag(citizen.id, delivery.path) is not None:
            session.due[delivery.path] = None
        session.due.update(dict.fromkeys(self._take_withheld(session, [delivery.path])))

    def put_back(self, session: Session, citizen: Citizen, message: PutBack) -> None:
        """A delivery was not applied."""
        if message.reason == "waits":
            kept = session.outstanding.get(message.number)
            if kept is not None and kept.path in session.due:
                session.void(kept.path)  # something newer is due already, and takes its place
            elif kept is not None and kept.state != self._store.head(kept.path) and self._is_unwanted(session, kept.path):
                session.void(kept.path)  # something newer is left out
                session.lacking.add(kept.path)
                session.due[kept.path] = None
            else:
                session.waits(message.number)
            return
        delivery = session.answered(message.number)
        if delivery is None:
            return
        lag = self._store.lag(citizen.id, delivery.path)
        if lag is not None:
            self._store.set_lag(citizen.id, delivery.path, lag.base, [state for state in lag.sent if state != delivery.state])
        if message.reason == "base":
            self._hold(citizen, delivery.path, message.state)
        if message.reason == "content":
            session.lacking.add(delivery.path)
        session.staged.pop(delivery.path, None)
        session.due[delivery.path] = None

    def _hold(self, citizen: Citizen, path: bytes, state: State) -> None:
        if self._store.head(path) == state:
            self._store.drop_lag(citizen.id, path)
        else:
            self._store.set_lag(citizen.id, path, state, [])
