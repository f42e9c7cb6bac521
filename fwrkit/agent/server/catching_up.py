"""A server that may have been put back to an older copy hears its clients first, and takes what is newer from one of them, before it folds anything.

Who says of themselves that they have seen more is asked for the newest version that the authority has signed for them. If one is newer, or if this server
was restored from a backup, nobody is served until those who come have been heard; then the one with the newest is asked for the history, piece by
piece, and what came is looked at (:mod:`fwrkit.agent.server.taking`). The next start goes on from it (:mod:`fwrkit.agent.server.adoption`).
Every wait has an end: then the next client, or else everything is compared as ever. In the hub's thread, inside its transaction, but for what workers do.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pygit2

from fwrkit.agent import heads
from fwrkit.agent.backups.restoring import BEHIND
from fwrkit.agent.heads import SignedHead
from fwrkit.agent.server import taking
from fwrkit.agent.server.authority import Authority
from fwrkit.agent.server.greeting import is_known
from fwrkit.agent.server.historian import Historian
from fwrkit.agent.server.history import History
from fwrkit.agent.server.hub import Hub
from fwrkit.agent.server.room import room
from fwrkit.agent.server.session import Session
from fwrkit.agent.server.store import FORMER, Citizen, Store
from fwrkit.agent.settings import Settings
from fwrkit.agent.wire.messages import Behind, Bring, Hello, Newest, Piece
from fwrkit.core.errors import ExitCode, FwrError
from fwrkit.core.names import FIRST_UID

log = logging.getLogger("fwrkit.catching")

MARK = BEHIND  # in the state directory, while this server waits for what is newer: `fwrkit restore` puts it there
_ANSWER = 20.0  # seconds for a client to say what it has
_PIECE = 60.0  # seconds for it to bring one piece: the first has to be packed
_WHOLE = 1800.0  # seconds for it to bring everything
_CUTS = 3  # connections that may end while it is brought
_SLOWEST = 128 * 1024  # bytes a second that it has to bring
_ROOM = 4  # of the room on the disk, what is brought may take this part: it is copied, and unfolds into tables and files


@dataclass(frozen=True)
class _Offer:
    """Who has something newer: a signed head that was verified."""

    session: Session
    hello: Hello
    head: SignedHead


@dataclass
class _Delivery:
    """What is being brought: since which version of this server's, into which file, until when the next piece, and all (monotonic)."""

    offer: _Offer
    since: str
    file: Path
    until: float
    whole_until: float
    size: int = 0
    offset: int = 0
    is_whole: bool = False  # what works now is this server's, and bounded by itself


class CatchingUp:
    """Decides who is heard, and from whom is taken. ``on_taken`` is called when only a new start is left to do.

    ``clock``: seconds, monotonic.
    """

    def __init__(
        self, hub: Hub, store: Store, historian: Historian, authority: Authority, state: Path, settings: Settings,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:  # fmt: skip
        self.on_taken: Callable[[], None] = lambda: None
        self.alerts: list[str] = []
        self._hub = hub
        self._store = store
        self._historian = historian
        self._authority = authority
        self._state = state
        self._settings = settings
        self._clock = clock
        self._began = clock()
        self._history = History(state / "history.git", store.meta("world_id"))
        self._asked: dict[Session, tuple[Hello, float]] = {}
        self._heard: list[tuple[Session, Hello]] = []  # who has nothing newer
        self._offers: list[_Offer] = []
        self._is_behind = False  # one had something newer
        self._known: set[int] = set()  # citizens who have nothing newer, or do not bring it
        self._failed: set[int] = set()  # of these, who did not bring what they had
        self._cuts: Counter[int] = Counter()  # how often the connection of one who was bringing something has ended
        self._due = 0.0  # when the next look is due
        self._first_heard = 0.0
        self._delivery: _Delivery | None = None
        self._is_over = False  # it was taken: only the next start goes on
        self.is_waiting = (state / MARK).exists() and bool(self._awaited())
        if self.is_waiting:
            historian.pause()
        else:
            (state / MARK).unlink(missing_ok=True)
        hub.catching_up = self

    def _awaited(self) -> set[int]:
        """Return the citizens who may come, by the roll as it is here."""
        return {
            each.id
            for each in self._store.citizens()
            if each.uid >= FIRST_UID and each.public_key and not each.is_banned and each.role != FORMER
        }

    def why_closed(self) -> FwrError | None:
        """Return what everybody hears for whom it is too early, None if this server serves."""
        if not self.is_waiting:
            return None
        minutes = max(1, round(self._settings.behind_limit / 60))
        text = "This server was put back to an older copy, and looks first whether its clients have something newer."
        return FwrError(ExitCode.HELD, text, f"It goes on by itself: when they have been heard, or after {minutes} minutes.")

    # what the hub passes on

    def meets(self, session: Session, citizen: Citizen, hello: Hello) -> bool:
        """Given who wants to be let in, say whether they have to wait: then they are heard, and let in later."""
        if session.is_heard or citizen.uid < FIRST_UID or self._is_over or self._delivery is not None:
            return False
        if not self.is_waiting and not self._is_doubtful(citizen, hello):
            return False
        self._asked[session] = (hello, self._clock() + _ANSWER)
        session.channel.send(Behind())
        self._tick_in(_ANSWER)
        return True

    def _is_doubtful(self, citizen: Citizen, hello: Hello) -> bool:
        """Say whether somebody knows of this server what it does not know itself."""
        if not hello.start or citizen.id in self._failed:
            return False
        return not is_known(citizen, hello, self._store.has_position(hello.start, hello.position))

    def hears(self, session: Session, message: Any) -> bool:
        """Take an answer. Return False if it is none that was asked for."""
        if isinstance(message, Newest) and session in self._asked:
            hello, _ = self._asked.pop(session)
            self._in_background(lambda: self._verified(message.head), lambda head: self._answered(session, hello, head))
            return True
        if isinstance(message, Piece) and self._delivery is not None and session is self._delivery.offer.session:
            self._take(self._delivery, message)
            return True
        return False

    def tick(self) -> None:
        """Look what is over: called every few seconds, and when something is due."""
        now = self._clock()
        for session in [each for each, (_, until) in self._asked.items() if each.channel.is_closed or now >= until]:
            hello, _ = self._asked.pop(session)
            self._note(session, hello)
        delivery = self._delivery
        if delivery is not None and not delivery.is_whole and (now >= delivery.until or delivery.offer.session.channel.is_closed):
            self._fail(delivery, "it did not come in time" if now >= delivery.until else "the connection ended")
        self._decide()
        waits = [until for _, until in self._asked.values()]
        if self._delivery is not None and not self._delivery.is_whole:
            waits.append(self._delivery.until)
        if waits:
            self._tick_in(min(waits) - now)

    # who has what

    def _verified(self, data: bytes) -> SignedHead | None:
        """Return the head that somebody says is signed, if it is, by an authority that is valid now: those before count for nothing newer."""
        head = heads.parse_head(data)
        try:
            return head if head is not None and heads.is_signed(head, self._authority.all_public) else None
        except (FwrError, OSError) as error:
            log.warning("a signature can not be looked at: %s", error)
            return None

    def _answered(self, session: Session, hello: Hello, head: SignedHead | None) -> None:
        is_newer = head is not None and head.world == self._store.meta("world_id") and head.number > self._number()
        if head is None or not is_newer or session.citizen.id in self._failed:
            self._note(session, hello)
        else:
            log.warning("%s has a newer history than this server, signed up to %d", session.citizen.name, head.number)
            self._wait()
            self._is_behind = True
            self._offers.append(_Offer(session, hello, head))
            self._first_heard = self._first_heard or self._clock()
        self._decide()

    def _number(self) -> int:
        """Return up to which version this server's history goes, 0 if it does not say."""
        try:
            return self._history.number()
        except (KeyError, ValueError, pygit2.GitError):
            return 0

    def _note(self, session: Session, hello: Hello) -> None:
        self._heard.append((session, hello))
        if not session.channel.is_closed:
            self._known.add(session.citizen.id)
            self._first_heard = self._first_heard or self._clock()

    def _wait(self) -> None:
        """This server is behind: from now on nobody is served until it has what is newer, or nobody brings it."""
        if self.is_waiting:
            return
        (self._state / MARK).touch(mode=0o600)
        self.is_waiting, self._began = True, self._clock()
        self._known, self._first_heard = set(), 0.0
        self._historian.pause()
        reason = self.why_closed()
        assert reason is not None
        for number in self._hub.sessions():  # not of the one who has it: all processes of an account end with this
            self._hub.expel(self._store.known_citizen(number), reason)

    def _decide(self) -> None:
        if self._delivery is not None or self._is_over:
            return
        self._offers = [offer for offer in self._offers if not offer.session.channel.is_closed]
        if not self.is_waiting:
            if self._heard:
                self._let_in()
            return
        now, limit = self._clock(), self._began + self._settings.behind_limit
        if now < limit and not self._is_heard_out(now):
            self._tick_in(self._settings.behind_quiet)
        elif self._offers:
            self._begin(max(self._offers, key=lambda offer: offer.head.number))
        elif now >= limit or self._known >= self._awaited() or not self._is_behind:
            self._go_on()
        else:  # somebody had it and did not bring it: they may come back, or others
            self._tick_in(limit - now)

    def _is_heard_out(self, now: float) -> bool:
        """Say whether everybody was heard who can be waited for. Who only ever connects and never answers holds up nobody."""
        if not self._first_heard:
            return False
        settings = self._settings
        is_everybody = self._known | {offer.session.citizen.id for offer in self._offers} >= self._awaited()
        until = self._first_heard + (settings.behind_quiet if self._offers else settings.behind_patience)
        return now >= until + _ANSWER or (not self._asked and (is_everybody or now >= until))

    def _go_on(self) -> None:
        """Nobody has something newer, or nobody brings it."""
        if self._is_behind:
            sentence = (
                "This server was put back to an older copy, and could not take over what its clients have newer: everything is compared. "
                "Nothing is lost; what was deleted meanwhile may be there again (fwrkit conflicts, fwrkit log)."
            )
            self.alerts = [sentence]
            log.warning("%s", sentence)
        (self._state / MARK).unlink(missing_ok=True)
        self.is_waiting = self._is_behind = False
        self._historian.go_on()
        self._let_in()

    def _let_in(self) -> None:
        for session, hello in self._heard:
            session.is_heard = True
            self._hub.put(session, hello)
        self._heard.clear()

    # taking it

    def _begin(self, offer: _Offer) -> None:
        now = self._clock()
        self._offers.remove(offer)
        self._delivery = delivery = _Delivery(offer, "", taking.begin(self._state), now + _PIECE, now + _WHOLE)

        def ask(since: str | None) -> None:
            if self._delivery is not delivery:
                return
            if since is None:
                self._fail(delivery, "this server's own history is busy")
                return
            log.info("%s is asked for what is newer than %s", offer.session.citizen.name, since[:12] or "nothing")
            delivery.since = since
            self._ask(delivery)

        self._in_background(self._last_commit, ask)

    def _last_commit(self) -> str | None:
        """Return the newest commit (hex; empty: there is none) once none is under way, None if that takes too long."""
        try:
            return self._historian.call(self._history.head, _PIECE / 2)
        except (FwrError, pygit2.GitError):
            return None

    def _ask(self, delivery: _Delivery) -> None:
        delivery.until = min(self._clock() + _PIECE, delivery.whole_until)
        delivery.offer.session.channel.send(Bring(delivery.offer.head.version, delivery.since, delivery.offset))
        self._tick_in(delivery.until - self._clock())

    def _take(self, delivery: _Delivery, piece: Piece) -> None:
        if not delivery.offset:
            delivery.size = piece.size
            delivery.whole_until = min(delivery.whole_until, self._clock() + _PIECE + piece.size / _SLOWEST)
        end = piece.offset + len(piece.data)
        if not piece.size:
            self._fail(delivery, "they do not have it, or not on top of what is here")
        elif (piece.offset, piece.size) != (delivery.offset, delivery.size) or not piece.data or end > piece.size:
            self._fail(delivery, "what came is not what was asked for")
        elif piece.size > min(self._settings.behind_bytes, room(self._state) // _ROOM):
            self._fail(delivery, f"it has {piece.size} bytes: too many")
        else:
            with delivery.file.open("ab") as file:
                file.write(piece.data)
            delivery.offset = end
            if end < delivery.size:
                self._ask(delivery)
            else:
                self._examine(delivery)

    def _examine(self, delivery: _Delivery) -> None:
        delivery.is_whole = True
        offer, authorities = delivery.offer, [*self._authority.all_public, *self._authority.former]
        taken = taking.Taken(offer.head.data.hex(), delivery.since, offer.session.citizen.name)

        def work() -> str:
            try:
                taking.examine(self._state, taken, authorities)
            except Exception as error:  # whatever it is that they brought: it is not taken, and the next one is asked
                log.warning("what was brought can not be looked at", exc_info=not isinstance(error, FwrError))
                return str(error) or repr(error)
            return ""

        self._in_background(work, lambda fault: self._examined(delivery, fault))

    def _examined(self, delivery: _Delivery, fault: str) -> None:
        if self._delivery is not delivery:
            return
        if fault:
            self._fail(delivery, fault)
            return
        log.warning("what is newer is here: this server starts again, and goes on from it")
        self._delivery, self._is_over = None, True
        self.on_taken()

    def _fail(self, delivery: _Delivery, why: str) -> None:
        citizen = delivery.offer.session.citizen
        log.warning("%s did not bring what is newer: %s", citizen.name, why)
        taking.let_go(self._state)
        self._delivery = None
        self._cuts[citizen.id] += 1
        if delivery.offer.session.channel.is_closed and self._cuts[citizen.id] < _CUTS:
            self._decide()  # they come back
            return
        self._failed.add(citizen.id)
        self._known.add(citizen.id)
        self._store.go_on_from(delivery.offer.head.number)  # whatever becomes of it, no number is given twice
        self._heard.append((delivery.offer.session, delivery.offer.hello))
        self._decide()

    # threads

    def _in_background(self, work: Callable[[], Any], then: Callable[[Any], None]) -> None:
        """Have something slow done by a thread, and what comes of it taken up in the hub's."""

        def run() -> None:
            result = work()
            self._hub.later(lambda: then(result))

        threading.Thread(target=run, name="catching-up", daemon=True).start()

    def _tick_in(self, seconds: float) -> None:
        now = self._clock()
        if now < self._due <= now + seconds:
            return  # there will be a look before that
        self._due = now + seconds
        timer = threading.Timer(max(seconds, 0.0) + 0.01, lambda: self._hub.later(self.tick))
        timer.daemon = True
        timer.start()
