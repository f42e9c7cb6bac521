"""Citizens as Unix accounts, by libnss-extrausers: three files that are written from the roll and never read back."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from fwrkit.agent.server.store import Citizen
from fwrkit.core.names import FIRST_UID, account_of


def write_accounts(directory: Path, homes: Path, citizens: Iterable[Citizen]) -> None:
    """Given the roll, write passwd, group and shadow for everybody who comes over the network, each in one step."""
    rows = [(account_of(citizen.name), citizen.uid, homes / citizen.name) for citizen in citizens if citizen.uid >= FIRST_UID]
    directory.mkdir(parents=True, exist_ok=True, mode=0o755)
    _replace(directory / "passwd", "".join(f"{name}:x:{uid}:{uid}::{home}:/bin/sh\n" for name, uid, home in rows), 0o644)
    _replace(directory / "group", "".join(f"{name}:x:{uid}:\n" for name, uid, _ in rows), 0o644)
    # "*" is no password that could be typed, and, unlike "!", does not lock the account for sshd
    _replace(directory / "shadow", "".join(f"{name}:*:20000:0:99999:7:::\n" for name, _, _ in rows), 0o640)


def _replace(path: Path, text: str, mode: int) -> None:
    temporary = path.with_name(path.name + ".new")
    temporary.write_text(text)
    temporary.chmod(mode)
    os.replace(temporary, path)
