"""Addresses: what a person opens, and what they may type as a host."""

from __future__ import annotations

import re

from fwrkit.core.errors import ExitCode, FwrError
from fwrkit.host.adapters.nodes import Node
from fwrkit.host.adapters.ports import PREFERRED_SSH

_HOST = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9.-]{0,251}[A-Za-z0-9])?\Z")


def urls(node: Node) -> dict[str, str]:
    """Given a node, return the addresses of its sites: ``tourist`` and, on a client or behind a password, ``citizens``."""
    base = f"http://{node.address or 'localhost'}:{node.http_port}"
    tourist = {"tourist": f"{base}/fwr_tour/"}
    return tourist if node.role == "server" and not node.citizen_site_hash else {"citizens": f"{base}/fwr/", **tourist}


def check_host(text: str) -> str:
    """Given a host name or IPv4 address, return it. Raise FwrError (USAGE) if it is none."""
    if not _HOST.match(text) or ".." in text:
        raise FwrError(ExitCode.USAGE, f"{text!r} is not a host name or address.", "Give a name or an IPv4 address, without a port.")
    return text


def split_host(text: str) -> tuple[str, int]:
    """Given ``host`` or ``host:port``, return both. Raise FwrError (USAGE) if it is malformed."""
    host, colon, port = text.partition(":")
    if not colon:
        return check_host(host), PREFERRED_SSH
    if not port.isascii() or not port.isdigit() or not 0 < int(port) < 65536:
        raise FwrError(ExitCode.USAGE, f"{text!r} is not host or host:port.", "Example: fwrkit join example.org:2211")
    return check_host(host), int(port)
