"""Commands as values, and the one place that starts processes and waits for them."""

from __future__ import annotations

import contextlib
import io
import itertools
import os
import pty
import signal
import subprocess
import tempfile
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from fwrkit.core import interrupts
from fwrkit.core.errors import ExitCode, FwrError

_GRACE = 10.0  # seconds in which a program that was interrupted may put its things in order
_PIECE = 65536  # bytes
_LAST_LINES = 20
_running: list[subprocess.Popen[bytes]] = []  # of a process that listens for interruptions: what may have to be ended with it


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
    process = _popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, is_apart=interrupts.is_listening()
    )  # fmt: skip
    with _pipes_closed(process):
        try:
            output, errors = process.communicate(command.stdin if command.stdin is not None else b"", timeout)
        except subprocess.TimeoutExpired as error:
            _kill(process)
            raise FwrError(ExitCode.TIMED_OUT, f"'{command.shown()}' took longer than {timeout:.0f} s.", "Try again.") from error
        except BaseException:
            _interrupt(process)
            raise
    return Completed(command, process.returncode, output, errors)


def run_told(command: Command, told: Callable[[str], None], timeout: float) -> Completed:
    """Like :func:`run`, but hand on each line of the error output as it comes. A process that is interrupted interrupts the program, too."""
    with tempfile.TemporaryFile() as output, _given(command.stdin or b"", is_held=False) as given:
        process = _popen(command, stdin=given, stdout=output.fileno(), stderr=subprocess.PIPE, is_apart=interrupts.is_listening())
        timer, late = _ended_after(process, timeout)
        lines: list[bytes] = []
        try:
            assert process.stderr is not None
            for line in process.stderr:
                lines = [*lines[-_LAST_LINES:], line]
                told(line.decode(errors="replace").rstrip("\r\n"))
            status = process.wait()
        except BaseException:
            _interrupt(process)
            raise
        finally:
            timer.cancel()
            if process.stderr is not None:
                process.stderr.close()
        _check_in_time(command, timeout, late)
        output.seek(0)
        return Completed(command, status, output.read(), b"".join(lines))


def check(command: Command, timeout: float | None = None) -> Completed:
    """Like :func:`run`, but raise FwrError (FAILED) with the program's last words if the status is not 0."""
    done = run(command, timeout)
    if not done.is_ok:
        raise FwrError(ExitCode.FAILED, f"'{command.shown()}' failed: {done.last_words()}", "Run it by hand to see more.")
    return done


def stream(command: Command, take: Callable[[bytes], bool], timeout: float, *, is_held: bool = False) -> Completed:
    """Given a command, hand its output on piece by piece, and return how it ended, without the output.

    It is ended as soon as ``take`` returns False: enough. ``timeout`` is in seconds. With ``is_held`` its input, of 4096 bytes at most, does
    not end before it does: by that it knows that somebody is still listening. Raise FwrError as :func:`run` does.
    """
    with tempfile.TemporaryFile() as errors, _given(command.stdin or b"", is_held) as given:
        process = _started(command, stdin=given, stdout=subprocess.PIPE, stderr=errors.fileno())
        timer, late = _ended_after(process, timeout)
        assert process.stdout is not None
        try:
            pieces = iter(lambda: os.read(process.stdout.fileno(), _PIECE), b"")  # type: ignore[union-attr]
            is_whole = all(take(piece) for piece in pieces)
            status = process.wait() if is_whole else 0
        except BaseException:
            _interrupt(process)
            raise
        finally:
            timer.cancel()
            _kill(process)
            process.stdout.close()
        errors.seek(0)
        words = errors.read(_PIECE)
    _check_in_time(command, timeout, late)
    return Completed(command, status, b"", words)


def feed(command: Command, pieces: Iterable[bytes], timeout: float) -> Completed:
    """Given a command, write ``stdin`` and then pieces to its input, and return how it ended. It may end before it has read them all.

    ``timeout`` is in seconds. Raise FwrError as :func:`run` does, and what ``pieces`` raises: the program is ended then.
    """
    with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as errors:
        process = _started(command, stdin=subprocess.PIPE, stdout=output.fileno(), stderr=errors.fileno())
        timer, late = _ended_after(process, timeout)
        assert process.stdin is not None
        try:
            with contextlib.suppress(BrokenPipeError):
                for piece in itertools.chain([command.stdin or b""], pieces):
                    process.stdin.write(piece)
                process.stdin.flush()
            with contextlib.suppress(BrokenPipeError):
                process.stdin.close()
            status = process.wait()
        except BaseException:
            _interrupt(process)
            raise
        finally:
            timer.cancel()
            _kill(process)
            with contextlib.suppress(BrokenPipeError):
                process.stdin.close()
        for file in (output, errors):
            file.seek(0)
        done = Completed(command, status, output.read(), errors.read(_PIECE))
    _check_in_time(command, timeout, late)
    return done


class Sink:
    """A running program that takes pieces on its input: ``restic``, say. Leaving the block by an exception ends it before its input ends."""

    def __init__(self, command: Command) -> None:
        self._command = command
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115
        self._process = _started(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=self._errors.fileno())

    def __enter__(self) -> Sink:
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        if kind is not None:
            _interrupt(self._process)
        _kill(self._process)
        assert self._process.stdin is not None
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.close()
        self._errors.close()

    def write(self, piece: bytes) -> None:
        """Hand a piece on. Raise BrokenPipeError if the program has ended."""
        assert self._process.stdin is not None
        self._process.stdin.write(piece)

    def close(self) -> Completed:
        """Say that this was all, and return how the program ended."""
        assert self._process.stdin is not None
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.close()
        status = self._process.wait()
        self._errors.seek(0)
        return Completed(self._command, status, b"", self._errors.read(_PIECE))


def converse(command: Command, prompt: bytes, answer: bytes, timeout: float) -> Completed:
    """Given a command that asks on its terminal, give it one, and the answer as often as it prompts. Return how it ended, without output.

    For programs that read a secret from a terminal and from nothing else. ``timeout`` is in seconds. Raise FwrError as :func:`run` does.
    """
    terminal, its_end = pty.openpty()
    with tempfile.TemporaryFile() as errors, open(terminal, "r+b", buffering=0) as asking:
        asked = replace(command, argv=["setsid", "--ctty", "--wait", *command.argv])
        try:
            process = _started(asked, stdin=its_end, stdout=subprocess.DEVNULL, stderr=errors.fileno())
        finally:
            os.close(its_end)
        timer, late = _ended_after(process, timeout)
        try:
            said = b""
            while piece := _said(asking):
                said += piece
                while prompt in said:
                    said = said.partition(prompt)[2]
                    asking.write(answer + b"\n")
            status = process.wait()
        finally:
            timer.cancel()
            _kill(process)
        errors.seek(0)
        words = errors.read(_PIECE)
    _check_in_time(command, timeout, late)
    return Completed(command, status, b"", words)


def _said(terminal: io.FileIO) -> bytes:
    try:
        return terminal.read(_PIECE) or b""
    except OSError:  # EIO: nobody has the other end any more
        return b""


@contextlib.contextmanager
def _given(content: bytes, is_held: bool) -> Iterator[int]:
    """Give a descriptor from which a content can be read; held, it comes to no end within the block."""
    if is_held:
        reading, writing = os.pipe()
        try:
            os.write(writing, content)
            yield reading
        finally:
            os.close(reading)
            os.close(writing)
        return
    with tempfile.TemporaryFile() as file:
        file.write(content)
        file.seek(0)
        yield file.fileno()


def _not_found(command: Command) -> FwrError:
    program = os.fsdecode(command.argv[0])
    return FwrError(ExitCode.NOT_FOUND, f"The program '{program}' was not found.", "Install it, then try again.")


def _started(command: Command, stdin: int, stdout: int, stderr: int) -> subprocess.Popen[bytes]:
    return _popen(command, stdin=stdin, stdout=stdout, stderr=stderr, is_apart=True)


def _popen(command: Command, *, stdin: int, stdout: int, stderr: int, is_apart: bool) -> subprocess.Popen[bytes]:
    """Start a program, in a session of its own if it is to be apart. Raise FwrError (NOT_FOUND) if there is none of its name."""
    try:
        with interrupts.held():  # between its start and our knowing of it, it would be nobody's
            process = _begun(command, stdin, stdout, stderr, is_apart)
            if interrupts.is_listening():
                _running[:] = [*(each for each in _running if each.returncode is None), process]
    except FileNotFoundError as error:
        raise _not_found(command) from error
    return process


def interrupt_all() -> None:
    """Pass Ctrl-C on to each program that this process, which listens for it (``core/interrupts.py``), has started and that still runs."""
    while _running:
        _interrupt(_running.pop())


@contextlib.contextmanager
def _pipes_closed(process: subprocess.Popen[bytes]) -> Iterator[None]:
    """Close what is left of a process's pipes after the block."""
    try:
        yield
    finally:
        for pipe in (process.stdin, process.stdout, process.stderr):
            if pipe is not None:
                with contextlib.suppress(BrokenPipeError):
                    pipe.close()


def _ended_after(process: subprocess.Popen[bytes], timeout: float) -> tuple[threading.Timer, threading.Event]:
    """Kill a process after a time (seconds); return what calls that off, and what says whether it came to it."""
    late = threading.Event()

    def end_late() -> None:
        late.set()
        _kill(process)

    timer = threading.Timer(timeout, end_late)
    timer.daemon = True
    timer.start()
    return timer, late


def _check_in_time(command: Command, timeout: float, late: threading.Event) -> None:
    if late.is_set():
        raise FwrError(ExitCode.TIMED_OUT, f"'{command.shown()}' took longer than {timeout:.0f} s.", "Try again.")


def _kill(process: subprocess.Popen[bytes]) -> None:
    """End a process at once if it still runs: with its children, where it has a session of its own."""
    if process.poll() is None:
        _send(process, signal.SIGKILL)
        process.wait()


def _interrupt(process: subprocess.Popen[bytes]) -> None:
    """Pass Ctrl-C on to a process if it still runs, and kill it if it does not end by that. Who hears no Ctrl-C, kills it at once."""
    if process.poll() is not None:
        return
    if not interrupts.is_listening():
        _kill(process)
        return
    _send(process, signal.SIGINT)
    try:
        process.wait(_GRACE)
    except (subprocess.TimeoutExpired, KeyboardInterrupt):  # a second Ctrl-C: whoever types it does not want to wait
        _kill(process)


def _send(process: subprocess.Popen[bytes], number: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        if os.getpgid(process.pid) == process.pid:
            os.killpg(process.pid, number)
        else:
            process.send_signal(number)


def start(command: Command, *, stdin: int | None = None, stdout: int | None = None, stderr: int | None = None) -> subprocess.Popen[bytes]:
    """Given a command, start it and return the running process, for those who own children over a longer time.

    The three streams are as in :class:`subprocess.Popen`. Raise OSError if it cannot be started.
    """
    return _begun(command, subprocess.DEVNULL if stdin is None else stdin, stdout, stderr, is_apart=True)


def _begun(command: Command, stdin: int, stdout: int | None, stderr: int | None, is_apart: bool) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        list(command.argv),
        stdin=stdin,
        stdout=stdout,
        stderr=stderr,
        env=command.environment(),
        cwd=command.cwd,
        user=command.user,
        group=command.group,
        extra_groups=[] if command.user is not None and os.geteuid() == 0 else None,
        start_new_session=is_apart,
    )


def interact(command: Command) -> int:
    """Given a command, run it with this process's own terminal, and return its exit status. Raise OSError if it cannot be started.

    Ctrl-C is the program's own, as an editor uses it for itself. Raise KeyboardInterrupt if the program ends by it.
    """
    with interrupts.left_to_child() as heard:
        process = subprocess.Popen(list(command.argv), env=command.environment(), cwd=command.cwd)
        try:
            status = process.wait()
        except BaseException:  # SIGTERM, say, which reached us alone
            process.terminate()
            process.wait()
            raise
    if heard and status != 0:
        raise KeyboardInterrupt
    return status
