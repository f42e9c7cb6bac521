"""Unix sockets that the agent listens on. The kernel says whose process is at the other end; nothing that it says itself is believed."""

from __future__ import annotations

import errno
import logging
import socket
import struct
import threading
import time
from collections.abc import Callable
from pathlib import Path

log = logging.getLogger("fwrkit.sockets")

_PAUSE = 0.1  # seconds before the next try to take a connection
_CREDENTIALS = struct.Struct("3i")  # struct ucred: pid, uid, gid (unix(7))


def listen(path: Path, mode: int, serve: Callable[[socket.socket], None]) -> socket.socket:
    """Listen on a Unix socket and call ``serve`` with each connection, in a thread of its own; return the listening socket."""
    path.unlink(missing_ok=True)
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(path))
    path.chmod(mode)
    listener.listen(128)

    def accept() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError as error:
                if listener.fileno() < 0 or error.errno in (errno.EBADF, errno.EINVAL):
                    return  # it was closed
                log.warning("a connection could not be taken: %s", error)  # no descriptors left, mostly: for a moment
                time.sleep(_PAUSE)
                continue
            try:
                threading.Thread(target=_guarded, args=(serve, connection), name=path.stem, daemon=True).start()
            except RuntimeError as error:  # no thread can be had, while somebody fills the container with processes
                log.warning("a connection could not be served: %s", error)
                connection.close()
                time.sleep(_PAUSE)

    threading.Thread(target=accept, name=f"{path.stem}-accept", daemon=True).start()
    return listener


def _guarded(serve: Callable[[socket.socket], None], connection: socket.socket) -> None:
    try:
        serve(connection)
    except Exception:
        log.exception("a connection failed")
        connection.close()


def peer_uid(connection: socket.socket) -> int:
    """Return the uid of the process that connected, as the kernel saw it then."""
    credentials = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    return int(_CREDENTIALS.unpack(credentials)[1])
