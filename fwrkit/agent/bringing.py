"""The authority's key as somebody brings it: in shares, or in a backup of a server. It is known to be the world's before anything is made."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from fwrkit.agent import shares
from fwrkit.agent.backups import restoring
from fwrkit.agent.keys import fingerprint, private_text, public_of, seed_of
from fwrkit.core.errors import ExitCode, FwrError

_NAMES = ("authority", "authority-before")  # of a server that was just changing it, both may be valid


def from_shares(request: dict[str, Any]) -> str:
    """Given a request (``shares``; ``trusted``: public keys of the world's authorities; ``world``: its name), return the authority's private key.

    Raise FwrError: as :func:`shares.combine`, REFUSED if they are another world's, or an authority's that is valid no more.
    """
    return _trusted([shares.combine([str(line) for line in request["shares"]])], request, "These are shares of")


def from_backup(request: dict[str, Any], source: int) -> str:
    """Given a request (``lock``: by what its keys are opened; ``trusted``, ``world`` as before) and a backup, return the authority's private key.

    Raise FwrError: as :func:`restoring.read_keys`, REFUSED as before.
    """
    keys = restoring.read_keys(request, source)
    found = [keys[name].decode("ascii", "replace") for name in _NAMES if name in keys]
    return _trusted([seed_of(text) for text in found], request, "This backup holds")


def _trusted(seeds: Iterable[bytes], request: dict[str, Any], what: str) -> str:
    trusted: Sequence[str] = [str(key) for key in request["trusted"]]
    public = ""
    for seed in seeds:
        public = public_of(seed)
        if public in trusted:
            return private_text(seed, public, "fwrkit world authority")
    if not public:
        raise FwrError(ExitCode.REFUSED, "There is no authority's key in this backup.", "Give one of a server, with its keys.")
    text = f"{what} another authority than that of '{request['world']}' ({fingerprint(public)})."
    raise FwrError(ExitCode.REFUSED, text, "It is another world's, or was changed since (fwrkit rekey).")
