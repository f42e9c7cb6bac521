"""Ports of this machine: whether they are free, and which to take."""

from __future__ import annotations

import random
import socket
from collections.abc import Collection

from fwrkit.core.errors import ExitCode, FwrError

PREFERRED_HTTP = 8011
PREFERRED_SSH = 2211
_RANGE = range(20011, 32011)  # below the ports that Linux gives to outgoing connections


def is_free(port: int, host: str) -> bool:
    """Given a port and the address it would be published on, say whether nobody listens there now."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True


def check(port: int, host: str, option: str) -> int:
    """Given a port that somebody asked for by ``option``, return it. Raise FwrError: USAGE if it is none, TAKEN if it is in use."""
    if not 0 < port < 65536:
        raise FwrError(ExitCode.USAGE, f"{port} is not a port.", f"Give {option} a number between 1 and 65535.")
    if not is_free(port, host):
        raise FwrError(ExitCode.TAKEN, f"Port {port} is in use on this machine.", f"Give another with {option}, or see: ss -ltnp")
    return port


def choose(preferred: int, taken: Collection[int], host: str) -> int:
    """Given the port one would like, and those promised to other nodes, return one that is free.

    Beyond the preferred one it is drawn at random, so that two checkouts whose nodes are down do not choose alike.
    Raise FwrError (TAKEN) if there is none.
    """
    candidates = [preferred, *random.sample(_RANGE, 200)]
    for port in candidates:
        if port not in taken and is_free(port, host):
            return port
    raise FwrError(ExitCode.TAKEN, "No free port was found.", "Give one with --http-port or --ssh-port.")
