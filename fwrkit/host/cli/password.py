"""Passwords and what else is secret: asked for, never on the command line. Of that of the citizens' site only the hash is kept."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import bcrypt
import typer

from fwrkit.core.errors import ExitCode, FwrError

USER = "citizen"
VARIABLE = "FWRKIT_CITIZEN_SITE_PASSWORD"
_SHORTEST = 8
_LONGEST_PASSPHRASE = 1024
_LONGEST_SHARES = 65536


def citizen_site_hash() -> str:
    """Return ``user:hash`` of the password: from the environment, else asked for, else a line of standard input. Raise FwrError (USAGE)."""
    if VARIABLE in os.environ:
        password = os.environ[VARIABLE]
    elif sys.stdin.isatty():
        password = typer.prompt(f"Password for the user '{USER}'", hide_input=True, confirmation_prompt=True)
    else:
        password = sys.stdin.readline().rstrip("\n")
    if not _SHORTEST <= len(password.encode()) <= 72:
        raise FwrError(ExitCode.USAGE, "This password is too short or too long.", f"Use {_SHORTEST} to 72 bytes.")
    # Apache knows bcrypt by the mark of PHP's variant; the algorithm is the same
    return f"{USER}:{bcrypt.hashpw(password.encode(), bcrypt.gensalt(10)).decode().replace('$2b$', '$2y$', 1)}"


def passphrase(*, is_new: bool) -> str:
    """Return the passphrase of a backup's keys: asked for on the terminal (twice where it is new), else a line of standard input.

    Raise FwrError (USAGE).
    """
    if sys.stdin.isatty():
        text = str(typer.prompt("Passphrase of the backup", hide_input=True, confirmation_prompt=is_new, err=True))
    else:
        text = sys.stdin.readline().rstrip("\n")
    if not text.isprintable() or not _SHORTEST <= len(text.encode()) <= _LONGEST_PASSPHRASE:
        hint = f"Use {_SHORTEST} to {_LONGEST_PASSPHRASE} bytes; where nobody is asked: --recipient, or a line of standard input."
        raise FwrError(ExitCode.USAGE, "This passphrase is too short, too long, or cannot be typed.", hint)
    return text


def lock(identity: Path | None) -> dict[str, Any]:
    """Return by what the keys of a backup are opened: an identity's file, else the passphrase. Raise FwrError: NOT_FOUND, USAGE."""
    if identity is None:
        return {"passphrase": passphrase(is_new=False)}
    try:
        return {"identity": identity.expanduser().read_text()}
    except (FileNotFoundError, IsADirectoryError, UnicodeDecodeError) as error:
        raise FwrError(
            ExitCode.NOT_FOUND, f"There is no identity {identity}.", "Give a file that age-keygen or ssh-keygen made."
        ) from error


def shares() -> list[str]:
    """Return the shares of an authority: asked for one by one on the terminal, until an empty line, else the lines of standard input.

    They are seen while they are typed: 33 words that nobody sees are not typed right, and one alone tells nothing.
    """
    if not sys.stdin.isatty():
        return sys.stdin.read(_LONGEST_SHARES).splitlines()
    found: list[str] = []
    while line := str(typer.prompt(f"Share {len(found) + 1} (nothing: that was all)", default="", show_default=False, err=True)).strip():
        found.append(line)
    return found
