"""Addresses: what a person opens, and what they may type as a host."""

from __future__ import annotations

import ipaddress
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


def check_proxy(text: str) -> str:
    """Given the addresses or networks of proxies, with commas between, return them as they are rendered; empty: there is none.

    Raise FwrError (USAGE) if one of them is none.
    """
    words = [word.strip() for word in text.split(",")] if text else []
    try:
        for word in words:
            ipaddress.ip_network(word)
    except ValueError as error:
        hint = "Give the proxy's address as the server sees it, or its network: --behind-proxy 172.17.0.1 (or 10.0.0.0/8)"
        raise FwrError(ExitCode.USAGE, f"{text!r} is not the address of a proxy.", hint) from error
    return ",".join(words)


def split_host(text: str) -> tuple[str, int]:
    """Given ``host`` or ``host:port``, return both. Raise FwrError (USAGE) if it is malformed."""
    host, colon, port = text.partition(":")
    if not colon:
        return check_host(host), PREFERRED_SSH
    if not port.isascii() or not port.isdigit() or not 0 < int(port) < 65536:
        raise FwrError(ExitCode.USAGE, f"{text!r} is not host or host:port.", "Example: fwrkit join example.org:2211")
    return check_host(host), int(port)
