"""Handing the terminal over: the command replaces this process, so that its signals, terminal and exit status are its own."""

from __future__ import annotations

import os
from typing import NoReturn

from fwrkit.core.commands import Command
from fwrkit.core.errors import ExitCode, FwrError


def become(command: Command) -> NoReturn:
    """Replace this process by a command. Raise FwrError (NOT_FOUND) if the program does not exist."""
    words = [os.fsencode(word) for word in command.argv]
    try:
        os.execvpe(words[0], words, command.environment())  # noqa: S606 - no shell
    except FileNotFoundError as error:
        raise FwrError(ExitCode.NOT_FOUND, f"The program '{os.fsdecode(words[0])}' was not found.", "Install it: make setup") from error
