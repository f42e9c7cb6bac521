"""The password of the citizens' site: asked for, never on the command line; only its hash is kept."""

from __future__ import annotations

import sys

import bcrypt
import typer

from fwrkit.core.errors import ExitCode, FwrError

USER = "citizen"
_SHORTEST = 8


def citizen_site_hash() -> str:
    """Ask for a password (or read a line of standard input where there is no terminal); return ``user:hash``. Raise FwrError (USAGE)."""
    if sys.stdin.isatty():
        password = typer.prompt(f"Password for the user '{USER}'", hide_input=True, confirmation_prompt=True)
    else:
        password = sys.stdin.readline().rstrip("\n")
    if not _SHORTEST <= len(password.encode()) <= 72:
        raise FwrError(ExitCode.USAGE, "This password is too short or too long.", f"Use {_SHORTEST} to 72 bytes.")
    # Apache knows bcrypt by the mark of PHP's variant; the algorithm is the same
    return f"{USER}:{bcrypt.hashpw(password.encode(), bcrypt.gensalt(10)).decode().replace('$2b$', '$2y$', 1)}"
