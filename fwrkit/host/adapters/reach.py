"""Whether an SSH server answers at an address, seen from this machine."""

from __future__ import annotations

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


def _reason(error: OSError) -> str:
    if isinstance(error, TimeoutError):
        return f"no answer within {_TIMEOUT:.0f} s"
    return (error.strerror or str(error)).lower()
