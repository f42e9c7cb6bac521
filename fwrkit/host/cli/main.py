"""The program `fwrkit`: its verbs, and what becomes of errors."""

from __future__ import annotations

import contextlib
import errno
import os
import sys
from typing import Annotated

import typer

import fwrkit
from fwrkit.core import commands, interrupts
from fwrkit.core.errors import ExitCode, FwrError
from fwrkit.host.cli import context
from fwrkit.host.cli.group import GroupOfModules
from fwrkit.host.cli.output import Output

_INTERRUPTED = FwrError(ExitCode.INTERRUPTED, "Interrupted.", "Nothing is lost: repeat the command to finish what it began.")


class Verbs(GroupOfModules):
    """What `fwrkit --help` lists, in that order."""

    names = (
        "up",
        "join",
        "down",
        "rm",
        "ls",
        "status",
        "logs",
        "open",
        "sync",
        "exec",
        "render",
        "invite",
        "fork",
        "promote",
        "shares",
        "handover",
        "serve",
        "peers",
        "follow",
        "move",
        "backup",
        "revert",
        "restore",
        "mute",
        "unmute",
        "ignore",
        "unignore",
        "filters",
        "request",
        "admit",
        "citizens",
        "role",
        "ban",
        "unban",
        "leave",
        "rekey",
        "audit",
        "approve",
        "reject",
        "log",
        "show",
        "diff",
        "blame",
        "cat",
        "snapshot",
        "snapshots",
        "doctor",
        "conflicts",
        "policy",
        "refused",
        "review",
        "invites",
        "requests",
        "history",
        "volume",
        "drill",
        "images",
    )


app = typer.Typer(
    name="fwrkit",
    cls=Verbs,
    help="A web site that no single person owns: a world that lives in full on every citizen's machine.",
    epilog="Begin with: fwrkit up server · then: fwrkit join server --name alice",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.callback(invoke_without_command=True)
def _root(version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False) -> None:
    if version:
        typer.echo(fwrkit.__version__)
        raise typer.Exit


def run() -> int:
    """Run the command line; return a code of :class:`fwrkit.core.errors.ExitCode`."""
    context.output_in_use.clear()
    try:
        status = app(standalone_mode=False)
    except FwrError as error:
        return _failed(error)
    except (typer.Abort, KeyboardInterrupt):
        return _interrupted()
    except typer.TyperException as error:
        return _failed(_misused(error))
    except BrokenPipeError:  # who read along has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return int(ExitCode.OK)
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            return _failed(FwrError(ExitCode.NO_SPACE, "The disk is full.", "Make room, then repeat the command."))
        return _failed(FwrError(ExitCode.FAILED, f"The machine refused: {error}.", "See: fwrkit doctor"))
    if status == ExitCode.INTERRUPTED:  # Typer's own answer to Ctrl-C, which it gives without a word
        return _interrupted()
    return status if isinstance(status, int) else 0


def _misused(error: typer.TyperException) -> FwrError:
    """Return for people what is wrong with a command line, and where it is explained."""
    path = str(getattr(getattr(error, "ctx", None), "command_path", ""))
    words = path.split("fwrkit", 1)[-1].split()  # whatever the program was started as
    return FwrError(ExitCode.USAGE, error.format_message(), f"See: {' '.join(['fwrkit', *words, '--help'])}")


def _failed(error: FwrError) -> int:
    """Say what went wrong. After an interruption, a failure is what came of it: of a program that was ended, or of tidying up."""
    return _interrupted() if interrupts.was_heard() else _said(error)


def _interrupted() -> int:
    if interrupts.is_listening():
        interrupts.ignore()  # the sentence itself is not interrupted
        commands.interrupt_all()
    return _said(_INTERRUPTED)


def _said(error: FwrError) -> int:
    out = context.output_in_use[-1] if context.output_in_use else Output("--json" in sys.argv)
    with contextlib.suppress(OSError):  # nobody is there to hear it: the terminal was closed
        out.error(error)
    return int(error.code)
