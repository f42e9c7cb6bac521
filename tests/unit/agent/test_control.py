"""The control socket, from both ends."""

from __future__ import annotations

import socket
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from fwrkit.agent.control import ask, serve_control
from fwrkit.core.errors import ExitCode, FwrError


def fail(arguments: dict[str, Any]) -> dict[str, Any]:
    raise FwrError(ExitCode.HELD, "Held.", "Decide.")


def late(arguments: dict[str, Any]) -> dict[str, Any]:
    raise TimeoutError


def crash(arguments: dict[str, Any]) -> dict[str, Any]:
    raise RuntimeError("a bug")


@pytest.fixture
def place() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as short:
        path = Path(short) / "control.sock"
        with serve_control(path, {"echo": lambda arguments: {"said": arguments}, "fail": fail, "late": late, "crash": crash}):
            yield path


def test_a_verb_answers(place: Path) -> None:
    assert ask(place, "echo", {"a": "ä", "n": 1}, 10) == {"said": {"a": "ä", "n": 1}}
    assert ask(place, "echo", {}, 10) == {"said": {}}


def test_only_the_agent_s_own_uid_may_ask(place: Path) -> None:
    assert stat.S_IMODE(place.stat().st_mode) == 0o600


@pytest.mark.parametrize(("verb", "code"), [("fail", "HELD"), ("late", "TIMED_OUT"), ("unheard of", "USAGE"), ("crash", "FAILED")])
def test_what_fails_is_said_with_its_code(place: Path, verb: str, code: str) -> None:
    with pytest.raises(FwrError) as raised:
        ask(place, verb, {}, 10)
    assert raised.value.code.name == code
    assert raised.value.message and raised.value.hint
    assert ask(place, "echo", {}, 10) == {"said": {}}, "and the next one is answered"


@pytest.mark.parametrize(
    "line", [b"\n", b"x\n", b"[]\n", b"null\n", b'{"verb": 1}\n', b'{"verb": "echo", "arguments": 7}\n', b"\xff\n", b"{}\n"]
)
def test_what_is_no_request_is_answered_too(place: Path, line: bytes) -> None:
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(10)
        connection.connect(str(place))
        connection.sendall(line)
        answer = connection.makefile("rb").readline()
    assert b'"USAGE"' in answer


def test_where_no_agent_listens(tmp_path: Path) -> None:
    with pytest.raises(FwrError) as raised:
        ask(tmp_path / "nobody", "status", {}, 1)
    assert raised.value.code == ExitCode.FAILED


def test_an_agent_that_does_not_answer_in_time() -> None:
    with tempfile.TemporaryDirectory() as short, socket.socket(socket.AF_UNIX) as listener:
        listener.bind(f"{short}/s")
        listener.listen()
        with pytest.raises(FwrError) as raised:
            ask(Path(short) / "s", "status", {}, 0.05)
    assert raised.value.code == ExitCode.FAILED
