"""Whether servers answer, seen from this machine: an SSH server at an address, a node's web server at its port."""

from __future__ import annotations

import http.client
import socket

from fwrkit.core.errors import ExitCode, FwrError

_TIMEOUT = 5.0  # seconds, as the agent's own


def check(host: str, port: int) -> None:
    """Given an address, return if an SSH server greets there. Raise FwrError (UNREACHABLE) if not."""
    hint = "Check the address and that the server runs, then repeat the command."
    try:
        with socket.create_connection((host, port), timeout=_TIMEOUT) as connection:
            greeting = connection.recv(4)
    except OSError as error:
        raise FwrError(ExitCode.UNREACHABLE, f"Nothing answers at {host}:{port}: {_reason(error)}.", hint) from error
    if greeting != b"SSH-":
        raise FwrError(ExitCode.UNREACHABLE, f"What answers at {host}:{port} is no fwrkit server.", hint)


def is_page_served(port: int) -> bool:
    """Given a port of this machine, say whether a web server answers there; what it answers does not matter, as a world may still be on its way."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=_TIMEOUT)
    try:
        connection.request("GET", "/fwr_tour/", headers={"Connection": "close"})
        return connection.getresponse().status > 0
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _reason(error: OSError) -> str:
    if isinstance(error, TimeoutError):
        return f"no answer within {_TIMEOUT:.0f} s"
    return (error.strerror or str(error)).lower()
