"""Commands as values, and the one place that starts processes and waits for them."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from fwrkit.core.errors import ExitCode, FwrError


@dataclass(frozen=True)
class Command:
    """A program to run: nothing happens until :func:`run`.

    ``argv`` is never given to a shell. ``stdin`` are bytes to feed, None means an empty input. ``env`` is added to the
    environment, or is the whole of it if ``clean``. ``secrets`` are strings that never appear in what :meth:`shown` returns.
    """

    argv: Sequence[str | bytes]
    stdin: bytes | None = None
    env: Mapping[str, str] = field(default_factory=dict)
    clean: bool = False
    cwd: str | None = None
    user: int | None = None
    group: int | None = None
    secrets: Sequence[str] = ()

    def shown(self) -> str:
        """Return the command as a person may read it, with secrets masked."""
        text = " ".join(os.fsdecode(word) for word in self.argv)
        for secret in self.secrets:
            text = text.replace(secret, "…")
        return text

    def environment(self) -> dict[str, str]:
        """Return the environment that the process gets."""
        return {**({} if self.clean else os.environ), **self.env}


@dataclass(frozen=True)
class Completed:
    """How a command ended: exit status (negative: ended by that signal), and what it printed."""

    command: Command
    status: int
    stdout: bytes
    stderr: bytes

    @property
    def is_ok(self) -> bool:
        """Whether it exited with status 0."""
        return self.status == 0

    def last_words(self) -> str:
        """Return the last line of the error output (else of the output) for a message: never to decide anything by."""
        lines = (self.stderr.strip() or self.stdout.strip()).decode(errors="replace").splitlines()
        return lines[-1].strip() if lines else f"exit status {self.status}"


def run(command: Command, timeout: float | None = None) -> Completed:
    """Given a command, run it to its end and return how it ended, whatever its status.

    ``timeout`` is in seconds. Raise FwrError: NOT_FOUND if the program does not exist, TIMED_OUT if it took longer (it is killed then).
    """
    try:
        done = subprocess.run(
            list(command.argv),
            input=command.stdin if command.stdin is not None else b"",
            capture_output=True,
            env=command.environment(),
            cwd=command.cwd,
            user=command.user,
            group=command.group,
            extra_groups=[] if command.user is not None and os.geteuid() == 0 else None,
            timeout=timeout,
            check=False,
        )
    except FileNotFoundError as error:
        program = os.fsdecode(command.argv[0])
        raise FwrError(ExitCode.NOT_FOUND, f"The program '{program}' was not found.", "Install it, then try again.") from error
    except subprocess.TimeoutExpired as error:
        raise FwrError(ExitCode.TIMED_OUT, f"'{command.shown()}' took longer than {timeout:.0f} s.", "Try again.") from error
    return Completed(command, done.returncode, done.stdout, done.stderr)


def check(command: Command, timeout: float | None = None) -> Completed:
    """Like :func:`run`, but raise FwrError (FAILED) with the program's last words if the status is not 0."""
    done = run(command, timeout)
    if not done.is_ok:
        raise FwrError(ExitCode.FAILED, f"'{command.shown()}' failed: {done.last_words()}", "Run it by hand to see more.")
    return done


def start(command: Command, *, stdin: int | None = None, stdout: int | None = None, stderr: int | None = None) -> subprocess.Popen[bytes]:
    """Given a command, start it and return the running process, for those who own children over a longer time.

    The three streams are as in :class:`subprocess.Popen`. Raise OSError if it cannot be started.
    """
    return subprocess.Popen(
        list(command.argv),
        stdin=subprocess.DEVNULL if stdin is None else stdin,
        stdout=stdout,
        stderr=stderr,
        env=command.environment(),
        cwd=command.cwd,
        user=command.user,
        group=command.group,
        extra_groups=[] if command.user is not None and os.geteuid() == 0 else None,
        start_new_session=True,
    )
