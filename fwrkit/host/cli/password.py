"""The password of the citizens' site: asked for, never on the command line; only its hash is kept."""

from __future__ import annotations

import os
import sys

import bcrypt
import typer

from fwrkit.core.errors import ExitCode, FwrError

USER = "citizen"
VARIABLE = "FWRKIT_CITIZEN_SITE_PASSWORD"
_SHORTEST = 8


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
