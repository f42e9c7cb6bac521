"""Whom a node follows: the server, or while that stays out of reach, the next peer in the world's order. It returns when the server is back.

Who is a peer, the server says in the roll; who answers there has to have a host certificate of the world's authority besides. A peer itself follows
only those before it in the order, so nobody ever waits for anybody who waits for them.
"""

from __future__ import annotations

import enum
import logging
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from fwrkit.agent.citizen.ssh import Upstream, configuration, read_upstream
from fwrkit.core.errors import FwrError
from fwrkit.core.records import PeerRecord

log = logging.getLogger("fwrkit.upstreams")

_PROBE_EVERY = 5.0  # seconds between two looks whether the server can be reached again
_ASK_EVERY = 20.0  # seconds, of one whose sshd is there and nothing else
_PROBE_TIMEOUT = 3.0  # seconds


class Ending(enum.Enum):
    """How a connection, or the try at one, was answered."""

    LET_IN = enum.auto()
    TURNED_AWAY = enum.auto()
    UNANSWERED = enum.auto()


@dataclass(frozen=True)
class Choice:
    """Where to connect to. ``peer`` is the name of the peer there, empty if it is the server; ``revoked`` are keys that are not to be believed there."""

    upstream: Upstream
    peer: str = ""
    revoked: tuple[str, ...] = ()


@dataclass(frozen=True)
class Order:
    """Which peers a node may follow, in the world's order, and which host keys open nothing any more."""

    peers: list[PeerRecord]
    revoked: tuple[str, ...] = ()


def is_reachable(host: str, port: int) -> bool:
    """Say whether an sshd answers at a place."""
    try:
        with socket.create_connection((host, port), _PROBE_TIMEOUT) as connection:
            connection.settimeout(_PROBE_TIMEOUT)
            return connection.recv(4) == b"SSH-"
    except (OSError, UnicodeError):  # a name that can not be one is not even asked for
        return False


class Upstreams:
    """Chooses. ``order`` returns which peers this node may follow; ``patience`` (seconds) is how long the server has to be out of reach before.

    ``probe`` says whether an sshd answers at a place, ``answers`` whether the world's server itself does, behind that. Used by the link's
    thread, and by the one that tends.
    """

    def __init__(
        self,
        keys: Path,
        order: Callable[[], Order],
        patience: float,
        answers: Callable[[], bool],
        probe: Callable[[str, int], bool] = is_reachable,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._keys = keys
        self._order = order
        self._patience = patience
        self._answers = answers
        self._probe = probe
        self._clock = clock
        self._lock = threading.Lock()
        self._turn = 0  # 0: the server; else the number of a peer in the order
        self._choice: Choice | None = None
        self._failing_since: float | None = None
        self._seen_since: float | None = None
        self._was_back = False  # the peer's last word about the server
        self._probe_at = 0.0

    @property
    def peer(self) -> str:
        """The name of the peer that is followed, empty if it is the server."""
        choice = self._choice
        return choice.peer if choice is not None else ""

    def choose(self) -> Choice | None:
        """Return where to connect to next, None before this node has joined. Raise FwrError if what it knows of its server is damaged."""
        home = read_upstream(self._keys)
        if home is None:
            return None
        with self._lock:
            self._choice = self._chosen(home)
            if self._choice.peer:
                log.info(
                    "the server is out of reach: trying %s at %s:%d",
                    self._choice.peer,
                    self._choice.upstream.host,
                    self._choice.upstream.port,
                )
            return self._choice

    def _chosen(self, home: Upstream) -> Choice:
        order = self._order() if self._turn else Order([])
        while 0 < self._turn <= len(order.peers):
            peer = order.peers[self._turn - 1]
            there = replace(home, host=peer.host, port=peer.port)
            try:
                configuration(there, self._keys, self._keys, self._keys, peer.name)  # raises if one of these could not stand in it
            except FwrError:
                self._turn += 1
            else:
                return Choice(there, peer.name, order.revoked)
        self._turn = 0
        return Choice(home)

    def ended(self, how: Ending) -> None:
        """A connection, or the try at one, has ended: choose accordingly next time.

        Whom the server itself turns away stays with it: no peer would want them. An sshd that answers is not enough for that, as there may be
        nobody behind it.
        """
        with self._lock:
            choice, now = self._choice, self._clock()
            if choice is None:
                return
            if choice.peer:
                # who hung up to return does so, even if the peer had not let them in yet
                self._turn = self._turn + 1 if self._turn and how is not Ending.LET_IN else 0
                return
            if how is Ending.TURNED_AWAY:
                self._failing_since = None
                return
            self._failing_since = now if how is Ending.LET_IN or self._failing_since is None else self._failing_since
            if now - self._failing_since >= self._patience:
                self._turn = 1

    def is_time_to_return(self, is_server_back: bool) -> bool:
        """Say, while a peer is followed, whether to hang up and go back to the server, given whether the peer says that it has brought it everything.

        Without that word, the server has to have been there for as long as it had to be away before.
        """
        home = read_upstream(self._keys)
        now = self._clock()
        if not self.peer or home is None:
            self._seen_since, self._was_back = None, False
            return False
        if now < self._probe_at and not (is_server_back and not self._was_back):
            return False
        self._was_back = is_server_back
        is_there = self._probe(home.host, home.port)
        does_answer = is_there and self._answers()
        self._probe_at = now + (_ASK_EVERY if is_there and not does_answer else _PROBE_EVERY)
        if not does_answer:
            self._seen_since = None
            return False
        self._seen_since = now if self._seen_since is None else self._seen_since
        if not is_server_back and now - self._seen_since < self._patience:
            return False
        with self._lock:
            self._turn = 0
            self._failing_since = None
        return True
