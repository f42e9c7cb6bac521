"""`fwrkit open NODE`: the address to open."""

from __future__ import annotations

from dataclasses import dataclass

from fwrkit.host.adapters.machine import Machine
from fwrkit.host.verbs import addresses


@dataclass(frozen=True)
class Opened:
    """What to open in a browser."""

    node: str
    url: str


def address(machine: Machine, name: str, *, tourist: bool) -> Opened:
    """Given a running node, return its citizens' site, else (a server without a password, or ``tourist``) the tourist site.

    Raise FwrError: NOT_FOUND if there is no node, UNREACHABLE if it does not run.
    """
    links = addresses.urls(machine.running(name))
    return Opened(name, links["tourist"] if tourist else links.get("citizens", links["tourist"]))
