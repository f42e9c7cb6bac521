"""Commands are values; running one never raises for its status."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from fwrkit.core import commands
from fwrkit.core.commands import Command, run_told
from fwrkit.core.errors import ExitCode, FwrError


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
