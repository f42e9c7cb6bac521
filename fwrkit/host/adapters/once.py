"""Containers for one run: each has a name, by which it is removed where the run is interrupted. Docker's `--rm` is for those that were started."""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager

from fwrkit.core import commands, interrupts
from fwrkit.core.commands import Command

_TIMEOUT = 60.0  # seconds
_TRIES, _PAUSE = 3, 0.3  # the engine may still be making it when the program that asked for it has ended


def new_name() -> str:
    """Return a name for a container that nobody else has."""
    return f"fwrkit-once-{secrets.token_hex(6)}"


@contextmanager
def removed_if_interrupted(name: str) -> Iterator[None]:
    """If the block fails, remove the container of this name (empty: there is none), whether it was started or only made, and what it had alone."""
    try:
        yield
    except BaseException:
        with interrupts.held():
            for number in range(_TRIES if name else 0):
                if commands.run(Command(["docker", "container", "rm", "--force", "--volumes", name]), _TIMEOUT).stdout.strip():
                    break
                time.sleep(_PAUSE if number + 1 < _TRIES else 0)
        raise
