"""Connections in memory: frames in order, delivered one at a time, held, or lost at a cut, which each end notices when it does."""

from __future__ import annotations

import io
from collections import deque
from collections.abc import Callable
from typing import Any

from fwrkit.agent.wire import frames, messages
from fwrkit.agent.wire.channel import Channel


class End(Channel):
    """One end of a connection. What it sends waits at the other one until :meth:`take` is called there."""

    def __init__(self, allowed: tuple[type[Any], ...]) -> None:  # a channel without its streams and threads
        self._accepts = allowed
        self._closed = False
        self.peer: End | None = None
        self.incoming: deque[bytes | None] = deque()  # None: the connection has ended
        self.on_message: Callable[[Any], None] = lambda _: None
        self.on_end: Callable[[str], None] = lambda _: None

    @property
    def is_closed(self) -> bool:
        return self._closed

    def send(self, message: Any) -> None:
        if not self._closed and self.peer is not None:
            self.peer.incoming.append(frames.pack(messages.to_value(message)))

    def finish(self) -> None:
        self.close("finished")

    def close(self, reason: str = "closed") -> None:
        if self._closed:
            return
        self._closed = True
        self.incoming.clear()
        if self.peer is not None and not self.peer.is_closed:
            self.peer.incoming.append(None)
        self.on_end(reason)

    def take(self) -> bool:
        """Have the next frame delivered to this end. Return False if there is none."""
        if self._closed or not self.incoming:
            return False
        frame = self.incoming.popleft()
        if frame is None:
            self.close("the connection ended")
        else:
            self.on_message(messages.from_value(frames.read(io.BytesIO(frame).read), self._accepts))
        return True


class Connection:
    """A client's end and the server's."""

    def __init__(self) -> None:
        self.client, self.server = End(messages.FROM_SERVER), End(messages.FROM_CLIENT)
        self.client.peer, self.server.peer = self.server, self.client

    def cut(self, up: int, down: int) -> None:
        """Lose all but the first frames of each direction, and everything that is sent from now on. Nobody notices yet."""
        for end, count in ((self.server, up), (self.client, down)):
            end.incoming = deque(list(end.incoming)[:count])
            end.peer = None

    def notice(self, *ends: End) -> None:
        """Have ends notice that the connection was cut, behind what has arrived there."""
        for end in ends:
            if not end.is_closed:
                end.incoming.append(None)

    @property
    def is_alive(self) -> bool:
        """Whether both ends still hold it for a connection."""
        return not (self.client.is_closed or self.server.is_closed)
