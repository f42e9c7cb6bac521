"""Asking the upstream, with an ssh that answers as a gate would."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from fwrkit.agent.citizen import asker
from fwrkit.agent.citizen.asker import Asker
from fwrkit.agent.citizen.ssh import Upstream, write_upstream
from fwrkit.core.errors import ExitCode, FwrError

UPSTREAM = Upstream("example.org", 2222, "0123456789abcdef", "Utopia", "alice", "ssh-ed25519 AAAA")


class Server:
    def __init__(self, root: Path) -> None:
        self.root = root
        self.asker = Asker(root, root)
        write_upstream(root, UPSTREAM)

    def answers(self, text: str, words: str = "", status: int = 0) -> None:
        (self.root / "answer").write_text(text)
        (self.root / "words").write_text(words)
        (self.root / "status").write_text(str(status))

    def refused(self) -> FwrError:
        with pytest.raises(FwrError) as raised:
            self.asker.ask("ban", {"name": "bob"})
        assert raised.value.message.endswith(".")
        return raised.value


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Server:
    program = tmp_path / "bin/ssh"
    program.parent.mkdir()
    program.write_text(
        '#!/bin/sh\necho "$@" > "$A/arguments"\ncat > "$A/request"\ncat "$A/answer"\ncat "$A/words" >&2\nexit "$(cat "$A/status")"\n'
    )
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")
    monkeypatch.setenv("A", str(tmp_path))
    return Server(tmp_path)


def test_one_line_each_way_on_a_connection_of_its_own(server: Server) -> None:
    server.answers('{"name": "bob"}')
    assert server.asker.ask("ban", {"name": "bob"}) == {"name": "bob"}
    assert json.loads((server.root / "request").read_text()) == {"verb": "ban", "arguments": {"name": "bob"}}
    assert (server.root / "arguments").read_text().split()[-2:] == ["ask", "ask"]
    assert "ControlPath none" in (server.root / "ssh_config").read_text()


@pytest.mark.parametrize(
    ("answer", "words", "status", "code"),
    [
        ('{"error": {"code": "REFUSED", "message": "No.", "hint": ""}}', "", 0, ExitCode.REFUSED),
        ("", "ssh: connect to host example.org port 2222: Connection refused", 255, ExitCode.UNREACHABLE),
        ("", "", 255, ExitCode.UNREACHABLE),
        ("", "c-alice@example.org: Permission denied (publickey).", 255, ExitCode.REFUSED),
        ("", "fwrkit: the gate does not know 'ask'", 97, ExitCode.UNREACHABLE),
        ("", "Host key verification failed.", 255, ExitCode.UNREACHABLE),
        ("nonsense", "", 0, ExitCode.FAILED),
        ("[]", "", 1, ExitCode.FAILED),
    ],
)
def test_what_goes_wrong_is_said(server: Server, answer: str, words: str, status: int, code: ExitCode) -> None:
    server.answers(answer, words, status)
    assert server.refused().code is code


@pytest.mark.parametrize(
    ("answer", "words", "status", "is_answered"),
    [
        ('{"peers": []}', "", 0, True),
        ('{"error": {"code": "HELD", "message": "Not now.", "hint": ""}}', "", 0, True),
        ("", "c-alice@example.org: Permission denied (publickey).", 255, True),
        ("", "ssh: connect to host example.org port 2222: Connection refused", 255, False),
        ("", "socat: E connect: Connection refused", 1, False),
        ("", "Host key verification failed.", 255, False),
    ],
)
def test_whether_anything_behind_the_sshd_answers(server: Server, answer: str, words: str, status: int, is_answered: bool) -> None:
    server.answers(answer, words, status)
    assert server.asker.is_answered() is is_answered


def test_who_says_nothing_does_not_answer(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asker, "_AT_ONCE", 0.2)
    (server.root / "bin/ssh").write_text("#!/bin/sh\nexec sleep 60\n")
    assert not server.asker.is_answered()


def test_who_has_not_joined_asks_nobody(server: Server) -> None:
    (server.root / "upstream.json").unlink()
    assert server.refused().code is ExitCode.HELD
    assert not (server.root / "request").exists()
