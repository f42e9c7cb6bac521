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

_PIECE = 64 * 1024  # bytes that are read and written at a time
_QUEUE_LIMIT = 4096  # frames; senders keep windows of their own, this only bounds what a broken peer can cost


class Channel:
    """Messages over a pair of byte streams. ``on_message`` and, once, ``on_end`` are called in the reading thread.

    ``patience``: seconds that :meth:`send` waits for a peer that does not read, before it gives it up.

    ``moved`` grows with each piece that has come, and with each that has gone while more waits behind it: on a slow line that may be all that there
    is to notice for minutes. The last piece does not count: it goes into some buffer even if nobody reads at the other end.
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
        self._came = self._went = 0  # pieces; one thread counts each
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
    def moved(self) -> int:
        """How many pieces have come and gone, as above."""
        return self._came + self._went

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
                self._on_message(messages.from_value(frames.read(self._receive), self._allowed))
        except EOFError:
            pass
        except (FrameError, OSError, ValueError) as error:
            reason = str(error)
        except Exception:
            log.exception("reading failed")
            reason = "internal error"
        self.close(reason)

    def _receive(self, size: int) -> bytes:
        """Return so many bytes, or fewer at the end."""
        parts = []
        while size > 0 and (part := self._reader.read(min(size, _PIECE))):
            parts.append(part)
            size -= len(part)
            self._came += 1
        return b"".join(parts)

    def _put(self, data: bytes) -> None:
        for begin in range(0, len(data), _PIECE):
            self._writer.write(data[begin : begin + _PIECE])
            if begin + _PIECE < len(data) or not self._outgoing.empty():
                self._went += 1
        self._writer.flush()

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
                        self._put(b"".join(parts))
                        self.close("finished")
                        return
                    parts.append(more)
                self._put(b"".join(parts))
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
