"""Commands are values; running one never raises for its status."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from fwrkit.core import commands, interrupts
from fwrkit.core.commands import Command, run_told
from fwrkit.core.errors import ExitCode, FwrError

ROOT = Path(__file__).parents[3]


def python(code: str, *words: str | bytes, **fields: object) -> Command:
    return Command([sys.executable, "-c", code, *words], **fields)  # type: ignore[arg-type]


def test_status_and_output_come_back() -> None:
    done = commands.run(python("import sys; print('out'); print('err', file=sys.stderr); sys.exit(3)"))
    assert (done.status, done.is_ok, done.stdout, done.last_words()) == (3, False, b"out\n", "err")


def test_nothing_is_given_to_a_shell() -> None:
    done = commands.run(python("import sys; print(sys.argv[1:])", "$HOME; ls", b"\xff"))
    assert done.stdout.decode() == "['$HOME; ls', '\\udcff']\n"


def test_standard_input_is_what_was_given_or_empty() -> None:
    assert commands.run(python("import sys; print(sys.stdin.read())", stdin=b"fed")).stdout == b"fed\n"
    assert commands.run(python("import sys; print(repr(sys.stdin.read()))")).stdout == b"''\n"


def test_the_environment_is_added_to_or_replaced() -> None:
    show = "import os; print('HOME' in os.environ, os.environ.get('X'))"
    assert commands.run(python(show, env={"X": "1"})).stdout.split() == [b"True" if "HOME" in os.environ else b"False", b"1"]
    assert commands.run(python(show, env={"X": "1"}, clean=True)).stdout.split() == [b"False", b"1"]


def test_a_signal_is_a_negative_status() -> None:
    done = commands.run(python("import os, signal; os.kill(os.getpid(), signal.SIGKILL)"))
    assert (done.status, done.last_words()) == (-9, "exit status -9")


def test_a_program_that_is_not_there() -> None:
    with pytest.raises(FwrError) as raised:
        commands.run(Command(["no-such-program-anywhere"]))
    assert raised.value.code == ExitCode.NOT_FOUND


def test_what_takes_too_long_is_ended() -> None:
    with pytest.raises(FwrError) as raised:
        commands.run(python("import time; time.sleep(60)"), timeout=0.2)
    assert raised.value.code == ExitCode.TIMED_OUT


def test_check_raises_with_the_last_words() -> None:
    with pytest.raises(FwrError) as raised:
        commands.check(python("import sys; sys.exit('it broke')"))
    assert (raised.value.code, "it broke" in raised.value.message) == (ExitCode.FAILED, True)


def test_secrets_are_not_shown() -> None:
    command = Command(["login", "--password=hunter2", "hunter2"], secrets=["hunter2"])
    assert command.shown() == "login --password=… …"
    with pytest.raises(FwrError) as raised:
        commands.check(python("import sys; sys.exit(1)", "hunter2", secrets=["hunter2"]))
    assert "hunter2" not in raised.value.message


def test_started_children_are_their_own_session() -> None:
    process = commands.start(python("import os; print(os.getsid(0) == os.getpid())"), stdout=-1)
    out, _ = process.communicate(timeout=10)
    assert out == b"True\n"


def keep(pieces: list[bytes], piece: bytes) -> bool:
    pieces.append(piece)
    return True


def test_output_comes_piece_by_piece_and_all_of_it() -> None:
    pieces: list[bytes] = []
    done = commands.stream(
        python("import sys; sys.stdout.write('x' * 300000); sys.stderr.write('err'); sys.exit(3)"), lambda piece: keep(pieces, piece), 30
    )
    assert (b"".join(pieces), done.status, done.last_words(), done.stdout) == (b"x" * 300000, 3, "err", b"")
    assert len(pieces) > 1


def test_who_has_enough_ends_it() -> None:
    done = commands.stream(python("while True: print('x' * 1000)"), lambda _: False, 30)
    assert done.is_ok


def test_what_streams_too_long_is_ended_with_its_children() -> None:
    with pytest.raises(FwrError) as raised:
        commands.stream(
            python("import subprocess, sys; subprocess.run([sys.executable, '-c', 'import time; time.sleep(60)'])"), lambda _: True, 0.5
        )
    assert raised.value.code is ExitCode.TIMED_OUT
    with pytest.raises(FwrError) as raised:
        commands.stream(Command(["no-such-program"]), lambda _: True, 1)
    assert raised.value.code is ExitCode.NOT_FOUND


def test_a_stream_reads_what_it_is_given() -> None:
    pieces: list[bytes] = []
    commands.stream(python("import sys; print(sys.stdin.read())", stdin=b"fed"), lambda piece: keep(pieces, piece), 30)
    assert b"".join(pieces) == b"fed\n"


def test_what_a_program_says_is_told_as_it_comes() -> None:
    said: list[str] = []
    done = run_told(Command(["sh", "-c", "cat; echo one >&2; echo two >&2; exit 3"], stdin=b"given"), said.append, 10)
    assert (done.status, done.stdout, done.stderr, said) == (3, b"given", b"one\ntwo\n", ["one", "two"])
    with pytest.raises(FwrError) as raised:
        run_told(Command(["sleep", "5"]), said.append, 0.1)
    assert raised.value.code == ExitCode.TIMED_OUT
    with pytest.raises(FwrError) as raised:
        run_told(Command(["no-such-program-at-all"]), said.append, 1)
    assert raised.value.code == ExitCode.NOT_FOUND


def test_a_program_that_is_told_of_ends_with_who_listens() -> None:
    def enough(_: str) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_told(Command(["sh", "-c", "echo begun >&2; exec sleep 60"]), enough, 10)


def test_what_is_fed_arrives_and_the_output_comes_back() -> None:
    echo = "import sys; data = sys.stdin.buffer.read(); print(len(data), data[:3].decode(), data[-3:].decode())"
    done = commands.feed(python(echo, stdin=b"one"), (b"x" * 100_000 for _ in range(30)), 30)
    assert (done.is_ok, done.stdout) == (True, b"3000003 one xxx\n")


def test_a_program_may_end_before_it_has_read_everything() -> None:
    done = commands.feed(python("import sys; print('enough'); sys.exit(4)"), (b"x" * 100_000 for _ in range(100)), 30)
    assert (done.status, done.stdout) == (4, b"enough\n")


def test_feeding_ends_the_program_when_the_pieces_fail() -> None:
    def pieces() -> Iterator[bytes]:
        yield b"one"
        raise KeyError

    with pytest.raises(KeyError):
        commands.feed(python("import time; time.sleep(60)"), pieces(), 30)


def test_an_input_that_is_held_does_not_end() -> None:
    look = "import os, select; first = os.read(0, 9); print(first, select.select([0], [], [], 0.3)[0])"
    said: list[bytes] = []

    def take(piece: bytes) -> bool:
        said.append(piece)
        return True

    done = commands.stream(python(look, stdin=b"hello"), take, 30, is_held=True)
    assert (done.is_ok, b"".join(said)) == (True, b"b'hello' []\n")


def test_a_sink_takes_pieces_and_knows_the_end(tmp_path: Path) -> None:
    save = "import sys; open(sys.argv[1], 'wb').write(sys.stdin.buffer.read())"
    with commands.Sink(python(save, str(tmp_path / "saved"))) as sink:
        sink.write(b"one")
        sink.write(b"two")
        assert sink.close().is_ok
    assert (tmp_path / "saved").read_bytes() == b"onetwo"


def test_a_sink_that_is_left_early_never_sees_an_end(tmp_path: Path) -> None:
    save = "import sys; sys.stdin.buffer.read(); open(sys.argv[1], 'w')"
    with pytest.raises(KeyError), commands.Sink(python(save, str(tmp_path / "saved"))) as sink:
        sink.write(b"one")
        raise KeyError
    assert not (tmp_path / "saved").exists()


def test_who_asks_on_a_terminal_is_answered_there() -> None:
    ask = "import getpass, sys; sys.exit(3 * (getpass.getpass('Passphrase: ') != getpass.getpass('Again, passphrase: ')))"
    assert commands.converse(python(ask), b"assphrase", b"a secret", 30).status == 0
    none = commands.converse(python("import sys; sys.exit('no')"), b"assphrase", b"a secret", 30)
    assert (none.status, none.last_words()) == (1, "no")


# what becomes of Ctrl-C

_WAITS = """
import sys
from fwrkit.core import commands, interrupts
from fwrkit.core.commands import Command

interrupts.listen()
child = Command(["python3", "-c", sys.argv[2]])
ways = {
    "run": lambda: commands.run(child),
    "told": lambda: commands.run_told(child, lambda line: None, 60),
    "stream": lambda: commands.stream(child, lambda piece: True, 60),
    "held": lambda: commands.stream(child, lambda piece: True, 60, is_held=True),
    "feed": lambda: commands.feed(child, iter([b"x"]), 60),
    "converse": lambda: commands.converse(child, b"?", b"!", 60),
}
try:
    print("begun", flush=True)
    while True:
        done = ways[sys.argv[1]]()
        if done.status != 3:
            print("a failure was taken for the answer", done, flush=True)
            break
except KeyboardInterrupt:
    print("interrupted", flush=True)
interrupts.ignore()
commands.interrupt_all()
"""
_TELLS = """
import sys
from fwrkit.core import commands, interrupts

interrupts.listen()
try:
    commands.stream(commands.Command(["python3", "-c", sys.argv[1]]), lambda piece: print(piece.decode(), end="", flush=True) is None, 60)
except KeyboardInterrupt:
    print("interrupted")
"""
# a program that ends by Ctrl-C, well and without a word, as `docker exec` does, and leaves a trace where it runs
_ENDS_QUIETLY = (
    "import os, signal, sys, time; signal.signal(signal.SIGINT, lambda *_: os._exit(0)); "
    "open(f'TRACE/{os.getpid()}', 'w').close(); time.sleep(0.02); os._exit(3)"
)


@pytest.mark.parametrize(
    ("way", "is_group"),
    [*((way, True) for way in ("run", "told", "stream", "held", "feed", "converse")), ("run", False)],
    ids=lambda value: value if isinstance(value, str) else "the whole group" if value else "this process alone",
)
def test_at_whatever_moment_ctrl_c_comes_it_is_an_interruption(tmp_path: Path, way: str, is_group: bool) -> None:
    """Twenty moments: the program that is waited for never ends before its parent knows why, and does not go on after it."""
    for moment in range(20):
        words = [sys.executable, "-c", _WAITS, way, _ENDS_QUIETLY.replace("TRACE", str(tmp_path))]
        process = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True, cwd=ROOT)
        assert process.stdout is not None and process.stdout.readline() == b"begun\n"
        time.sleep(0.007 * moment)  # not for anything to happen: the moment is what varies
        (os.killpg if is_group else os.kill)(process.pid, signal.SIGINT)
        out, err = process.communicate(timeout=30)
        assert (out, err, process.returncode) == (b"interrupted\n", b"", 0), f"moment {moment}"
    for trace in tmp_path.iterdir():
        with contextlib.suppress(FileNotFoundError):
            assert os.fsencode(tmp_path) not in Path(f"/proc/{trace.name}/cmdline").read_bytes(), "nobody's, and it goes on"


def test_a_program_that_hears_no_ctrl_c_is_killed_by_a_second_one() -> None:
    deaf = "import signal, time; signal.signal(signal.SIGINT, signal.SIG_IGN); print('deaf', flush=True); time.sleep(60)"
    process = subprocess.Popen([sys.executable, "-c", _TELLS, deaf], stdout=subprocess.PIPE, cwd=ROOT)
    assert process.stdout is not None and process.stdout.readline() == b"deaf\n"
    began = time.monotonic()
    process.send_signal(signal.SIGINT)
    time.sleep(0.5)
    process.send_signal(signal.SIGINT)
    assert process.communicate(timeout=9)[0] == b"interrupted\n"
    assert time.monotonic() - began < 9


@pytest.mark.parametrize(("ends", "is_interrupted"), [(0, False), (1, True)], ids=["the editor goes on", "it ends by it"])
def test_ctrl_c_in_an_editor_is_the_editors_own(ends: int, is_interrupted: bool) -> None:
    press = f"import os, signal, sys; signal.signal(signal.SIGINT, lambda *_: None); os.kill(os.getppid(), signal.SIGINT); sys.exit({ends})"
    with interrupts.listening(), pytest.raises(KeyboardInterrupt) if is_interrupted else contextlib.nullcontext():
        assert commands.interact(python(press)) == ends
    assert not interrupts.was_heard()
