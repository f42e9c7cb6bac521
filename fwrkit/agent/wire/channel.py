"""One end of a stream: a thread that reads frames into a callback, a thread that writes what is queued."""

from __future__ import annotations

import contextlib
import io
import logging
import queue
import socket
import threading
from collections.abc import Callable
from typing import IO, Any

from fwrkit.agent.wire import frames, messages
from fwrkit.agent.wire.frames import FrameError

log = logging.getLogger("fwrkit.channel")

_QUEUE_LIMIT = 4096  # frames; senders keep windows of their own, this only bounds what a broken peer can cost


class Channel:
    """Messages over a pair of byte streams. ``on_message`` and, once, ``on_end`` are called in the reading thread.

    ``patience``: seconds that :meth:`send` waits for a peer that does not read, before it gives it up.
    """

    def __init__(
        self,
        reader: IO[bytes],
        writer: IO[bytes] | io.RawIOBase,
        allowed: tuple[type[Any], ...],
        on_message: Callable[[Any], None],
        on_end: Callable[[str], None],
        close: Callable[[], None],
        patience: float = 30.0,
    ) -> None:
        self._reader = reader
        self._writer = writer
        self._allowed = allowed
        self._on_message = on_message
        self._on_end = on_end
        self._close = close
        self._patience = patience
        self._outgoing: queue.Queue[bytes | None] = queue.Queue(_QUEUE_LIMIT)
        self._is_closed = threading.Event()
        self._threads = [
            threading.Thread(target=target, daemon=True, name=name) for target, name in ((self._read, "read"), (self._write, "write"))
        ]

    def start(self) -> None:
        """Begin to read and write."""
        for thread in self._threads:
            thread.start()

    @property
    def is_closed(self) -> bool:
        """Whether the channel has ended, from whichever side."""
        return self._is_closed.is_set()

    def send(self, message: Any) -> None:
        """Queue a message. A closed channel swallows it."""
        if self.is_closed:
            return
        frame = frames.pack(messages.to_value(message))
        try:
            self._outgoing.put(frame, timeout=self._patience)
        except queue.Full:
            self.close("the other end does not read")

    def finish(self) -> None:
        """Send what is queued, then close; at once if the other end does not read, as in :meth:`send`."""
        if self.is_closed:
            return
        try:
            self._outgoing.put(None, timeout=self._patience)
        except queue.Full:
            self.close("the other end does not read")

    def close(self, reason: str = "closed") -> None:
        """End the channel at once; harmless when repeated."""
        if self._is_closed.is_set():
            return
        self._is_closed.set()
        try:
            self._close()
        finally:
            with contextlib.suppress(queue.Full):
                self._outgoing.put_nowait(None)
            self._on_end(reason)

    def _read(self) -> None:
        reason = "the connection ended"
        try:
            while not self.is_closed:
                self._on_message(messages.from_value(frames.read(self._reader.read), self._allowed))
        except EOFError:
            pass
        except (FrameError, OSError, ValueError) as error:
            reason = str(error)
        except Exception:
            log.exception("reading failed")
            reason = "internal error"
        self.close(reason)

    def _write(self) -> None:
        try:
            while (frame := self._outgoing.get()) is not None:
                parts = [frame]
                while len(parts) < 64:
                    try:
                        more = self._outgoing.get_nowait()
                    except queue.Empty:
                        break
                    if more is None:
                        self._writer.write(b"".join(parts))
                        self._writer.flush()
                        self.close("finished")
                        return
                    parts.append(more)
                self._writer.write(b"".join(parts))
                self._writer.flush()
        except (OSError, ValueError) as error:
            self.close(str(error))
        else:
            self.close("finished")


class _Whole(io.RawIOBase):
    """Writes to a socket all that it is given: a socket's own file may stop at a part, a buffered one keeps what a broken one did not take."""

    def __init__(self, connection: socket.socket) -> None:
        super().__init__()
        self._connection = connection

    def write(self, data: Any, /) -> int:
        self._connection.sendall(data)
        return len(data)


def over_socket(
    connection: socket.socket,
    allowed: tuple[type[Any], ...],
    on_message: Callable[[Any], None],
    on_end: Callable[[str], None],
    patience: float = 30.0,
) -> Channel:
    """Given a connected socket, return a channel over it (not started)."""

    def close() -> None:
        with contextlib.suppress(OSError):
            connection.shutdown(socket.SHUT_RDWR)
        connection.close()

    return Channel(connection.makefile("rb"), _Whole(connection), allowed, on_message, on_end, close, patience)
