"""The program `fwrkit`: its verbs, and what becomes of errors."""

from __future__ import annotations

import errno
import os
import sys
from typing import Annotated

import typer

import fwrkit
from fwrkit.core.errors import ExitCode, FwrError
from fwrkit.host.cli import (
    admit,
    approve,
    audit,
    backup,
    ban,
    blame,
    cat,
    citizens,
    conflicts,
    context,
    diff,
    doctor,
    down,
    drill,
    filters,
    follow,
    fork,
    handover,
    history,
    ignore,
    images,
    invite,
    join,
    leave,
    log,
    logs,
    ls,
    move,
    mute,
    policy,
    promote,
    refused,
    reject,
    rekey,
    render,
    request,
    requests,
    restore,
    revert,
    review,
    rm,
    role,
    shares,
    show,
    snapshot,
    snapshots,
    status,
    sync,
    unban,
    unignore,
    unmute,
    up,
    volume,
)
from fwrkit.host.cli import exec as exec_
from fwrkit.host.cli import open as open_
from fwrkit.host.cli.output import Output

_INTERRUPTED = FwrError(ExitCode.INTERRUPTED, "Interrupted.", "Nothing is lost: repeat the command to finish what it began.")

app = typer.Typer(
    name="fwrkit",
    help="A web site that no single person owns: a world that lives in full on every citizen's machine.",
    epilog="Begin with: fwrkit up server · then: fwrkit join server --name alice",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for _name, _function, _epilog in (
    ("up", up.up, up.EPILOG),
    ("join", join.join, join.EPILOG),
    ("down", down.down, down.EPILOG),
    ("rm", rm.rm, rm.EPILOG),
    ("ls", ls.ls, ls.EPILOG),
    ("status", status.status, status.EPILOG),
    ("logs", logs.logs, logs.EPILOG),
    ("open", open_.open_, open_.EPILOG),
    ("sync", sync.sync, sync.EPILOG),
    ("exec", exec_.execute, exec_.EPILOG),
    ("render", render.render, render.EPILOG),
    ("invite", invite.invite, invite.EPILOG),
    ("fork", fork.fork, fork.EPILOG),
    ("promote", promote.promote, promote.EPILOG),
    ("shares", shares.shares, shares.EPILOG),
    ("handover", handover.handover, handover.EPILOG),
    ("follow", follow.follow, follow.EPILOG),
    ("move", move.move, move.EPILOG),
    ("revert", revert.revert, revert.EPILOG),
    ("restore", restore.restore, restore.EPILOG),
    ("backup", backup.backup, backup.EPILOG),
    ("mute", mute.mute, mute.EPILOG),
    ("unmute", unmute.unmute, unmute.EPILOG),
    ("ignore", ignore.ignore, ignore.EPILOG),
    ("unignore", unignore.unignore, unignore.EPILOG),
    ("filters", filters.filters, filters.EPILOG),
    ("request", request.request, request.EPILOG),
    ("admit", admit.admit, admit.EPILOG),
    ("citizens", citizens.citizens, citizens.EPILOG),
    ("role", role.role, role.EPILOG),
    ("ban", ban.ban, ban.EPILOG),
    ("unban", unban.unban, unban.EPILOG),
    ("leave", leave.leave, leave.EPILOG),
    ("rekey", rekey.rekey, rekey.EPILOG),
    ("audit", audit.audit, audit.EPILOG),
    ("approve", approve.approve, approve.EPILOG),
    ("reject", reject.reject, reject.EPILOG),
    ("log", log.log, log.EPILOG),
    ("show", show.show, show.EPILOG),
    ("diff", diff.diff, diff.EPILOG),
    ("blame", blame.blame, blame.EPILOG),
    ("cat", cat.cat, cat.EPILOG),
    ("snapshot", snapshot.snapshot, snapshot.EPILOG),
    ("snapshots", snapshots.snapshots, snapshots.EPILOG),
    ("doctor", doctor.doctor, doctor.EPILOG),
):
    app.command(_name, epilog=_epilog)(_function)
app.add_typer(conflicts.app, name="conflicts")
app.add_typer(policy.app, name="policy")
app.add_typer(refused.app, name="refused")
app.add_typer(review.app, name="review")
app.add_typer(requests.app, name="requests")
app.add_typer(history.app, name="history")
app.add_typer(volume.app, name="volume")
app.add_typer(drill.app, name="drill")
app.add_typer(images.app, name="images")


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
        return _failed(_INTERRUPTED)
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
        return _failed(_INTERRUPTED)
    return status if isinstance(status, int) else 0


def _misused(error: typer.TyperException) -> FwrError:
    """Return for people what is wrong with a command line, and where it is explained."""
    path = str(getattr(getattr(error, "ctx", None), "command_path", ""))
    words = path.split("fwrkit", 1)[-1].split()  # whatever the program was started as
    return FwrError(ExitCode.USAGE, error.format_message(), f"See: {' '.join(['fwrkit', *words, '--help'])}")


def _failed(error: FwrError) -> int:
    out = context.output_in_use[-1] if context.output_in_use else Output("--json" in sys.argv)
    out.error(error)
    return int(error.code)
