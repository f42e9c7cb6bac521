"""The gate: exactly the requests of the table, for exactly the account that asks."""

from __future__ import annotations

import io
import json
import os
import pwd
import socket
import subprocess
import sys
import tempfile
import threading
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from fwrkit.agent import gate
from fwrkit.agent.settings import Places

REFUSED = 97
UNISON = ["unison-2.53 -server __new-rpc-mode", "unison -server __new-rpc-mode"]
OBJECT = f"object {'ab' * 32}"
ALLOWED = ["stream", "ask", *UNISON, "history", OBJECT]


class Became(BaseException):
    """The gate's process would be another program now."""

    def __init__(self, path: str, argv: list[str], environment: dict[str, str]) -> None:
        super().__init__(argv)
        self.path = path
        self.argv = argv
        self.environment = environment


def ask(request: str | None, account: str = "c-alice", argv: tuple[str, ...] = ()) -> Became | int:
    """Ask the gate as sshd does, up to the very last step; return what it would become, or its exit status."""

    def become(path: str, words: list[str], environment: dict[str, str]) -> None:
        raise Became(path, words, environment)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "execve", become)
        patch.setattr(os, "chdir", lambda _: None)
        patch.setattr(gate, "is_banned", lambda citizen, _: citizen == "mallory")
        patch.setattr(gate, "limit", lambda *_: None)  # it would be this process's
        patch.setattr(pwd, "getpwuid", lambda _: SimpleNamespace(pw_name=account))
        patch.setattr(sys, "argv", ["/usr/lib/fwrkit/gate", *argv])
        patch.setattr(sys, "stderr", io.StringIO())
        patch.setattr(
            os, "environ", {"SECRET": "x", "LD_PRELOAD": "x", **({"SSH_ORIGINAL_COMMAND": request} if request is not None else {})}
        )
        try:
            return gate.main()
        except Became as became:
            return became


def test_the_stream_is_joined_to_the_agent_s_socket() -> None:
    became = ask("stream")
    assert isinstance(became, Became)
    assert became.argv == ["/usr/bin/socat", "-t", "2", "-b", "65536", "STDIO", "UNIX-CONNECT:/run/fwrkit/stream.sock"]
    assert became.path == "/usr/bin/socat"


@pytest.mark.parametrize("request_", UNISON)
def test_unison_is_confined_to_what_is_the_citizen_s(request_: str) -> None:
    became = ask(request_, "c-bob")
    assert isinstance(became, Became)
    assert became.path == "/usr/bin/setpriv"
    assert became.argv[-3:] == ["/usr/bin/unison-2.53", "-server", "__new-rpc-mode"]
    assert became.argv[:4] == ["/usr/bin/setpriv", "--no-new-privs", "--landlock-access", "fs"]
    rules = [word for before, word in zip(became.argv, became.argv[1:], strict=False) if before == "--landlock-rule"]
    writable = {rule.rsplit(":", 1)[1] for rule in rules if "write-file" in rule}
    assert writable == {"/var/lib/fwrkit/replicas/bob", "/var/lib/fwrkit/accounts/bob", "/dev/null"}
    readable = {rule.rsplit(":", 1)[1] for rule in rules} - writable
    assert readable <= {"/usr", "/etc", "/var/lib/fwrkit/outboxes/bob"}
    assert became.environment["UNISON"] == became.environment["HOME"] == "/var/lib/fwrkit/accounts/bob"


def test_what_a_citizen_asks_for_is_joined_to_a_socket_of_its_own() -> None:
    became = ask("ask")
    assert isinstance(became, Became)
    assert became.argv[-1] == "UNIX-CONNECT:/run/fwrkit/asking.sock"


@pytest.mark.parametrize("request_", ALLOWED)
def test_a_banned_citizen_only_hears_why(request_: str) -> None:
    outcome = ask(request_, "c-mallory")
    assert isinstance(outcome, Became) if request_ in ("stream", "ask") else outcome == REFUSED


def test_who_is_banned_is_read_each_time(tmp_path: Path) -> None:
    places = Places(state=tmp_path)
    assert gate.is_banned("alice", places)  # a list that can not be read lets nobody in
    (tmp_path / "enrol").mkdir()
    (tmp_path / "enrol/banned").write_text("mallory\n")
    assert gate.is_banned("mallory", places)
    assert not gate.is_banned("mall", places)


def rules_of(became: Became) -> list[str]:
    return [word for before, word in zip(became.argv, became.argv[1:], strict=False) if before == "--landlock-rule"]


def test_the_history_is_read_and_nothing_else() -> None:
    became = ask("history")
    assert isinstance(became, Became)
    assert became.path == "/usr/bin/setpriv"
    assert became.argv[-4:] == ["upload-pack", "--strict", "--timeout=60", "/var/lib/fwrkit/history.git"]
    assert "safe.directory=/var/lib/fwrkit/history.git" in became.argv
    hidden = [word.removeprefix("transfer.hideRefs=") for word in became.argv if word.startswith("transfer.hideRefs=")]
    assert hidden == ["refs", "!refs/heads/main", "!refs/tags", "!refs/signed/head"]
    assert [rule for rule in rules_of(became) if "write-file" in rule] == ["path-beneath:read-file,write-file:/dev/null"]
    assert {rule.rsplit(":", 1)[1] for rule in rules_of(became)} <= {"/usr", "/etc", "/var/lib/fwrkit/history.git", "/dev/null"}
    assert (became.environment["GIT_CONFIG_GLOBAL"], became.environment["GIT_CONFIG_NOSYSTEM"]) == ("/dev/null", "1")


def test_one_large_object_by_its_hash() -> None:
    became = ask(OBJECT)
    assert isinstance(became, Became)
    assert became.argv[-3:] == ["/usr/bin/cat", "--", f"/var/lib/fwrkit/history.git/lfs/objects/ab/ab/{'ab' * 32}"]
    assert [rule for rule in rules_of(became) if "write-file" in rule] == ["path-beneath:read-file,write-file:/dev/null"]


def test_nothing_of_a_stranger_s_environment_is_passed_on() -> None:
    for request in ALLOWED:
        became = ask(request)
        assert isinstance(became, Became)
        assert not {"SECRET", "LD_PRELOAD", "SSH_ORIGINAL_COMMAND"} & set(became.environment)
        assert became.environment["PATH"] == "/usr/bin:/bin"


@pytest.mark.parametrize(
    "request_",
    [
        None, "", " ", "stream ", " stream", "STREAM", "stream\n", "stream;id", "stream\0", "sh", "bash -i", "id", "scp -t /", "sftp-server",
        "unison", "unison -server", "unison -server __new-rpc-mode ", "unison  -server __new-rpc-mode", "unison -server __new-rpc-mode -version",
        "unison-2.53 -server __new-rpc-mode; id", "/usr/bin/unison-2.53 -server __new-rpc-mode", "unison-2.52 -server __new-rpc-mode",
        "history ", "history\n", "history.git", "object", "object ", f"object {'ab' * 31}", f"object {'AB' * 32}", f"object {'ab' * 32}\n",
        f"object  {'ab' * 32}", f"object {'ab' * 32} {'cd' * 32}", "object ../../../etc/passwd", f"object {'٣' * 64}",
        "git upload-pack 'history.git'", "git-upload-pack '/'", "rsync --server", "enrol", "enrol AAAA", "$(id)", "`id`",
    ],
)  # fmt: skip
def test_everything_else_is_refused(request_: str | None) -> None:
    assert ask(request_) == REFUSED


@given(
    st.one_of(
        st.text(max_size=60), st.sampled_from(ALLOWED).flatmap(lambda text: st.text(min_size=1, max_size=3).map(lambda more: text + more))
    )
)
@example("stream\n")
def test_no_other_text_opens_anything(request: str) -> None:
    outcome = ask(request)
    assert (outcome == REFUSED) is (request not in ALLOWED)


@pytest.mark.parametrize(
    ("request_", "said", "size"),
    [
        ("stream", "5", 0),
        ("ask", "5", 0),
        ("history", "5", 0),
        (UNISON[0], "5000", 5000),
        (UNISON[0], "", 64 << 30),
        (UNISON[0], "-1", 64 << 30),
    ],
)
def test_a_program_gets_its_limits_before_it_is_started(request_: str, said: str, size: int) -> None:
    """In a process of its own: what is given up cannot be taken back."""
    code = (
        "import json, os, resource, sys; from fwrkit.agent import gate; before = os.nice(0); gate.limit(*sys.argv[1:]); "
        "kinds = ('FSIZE', 'CORE', 'NPROC', 'NOFILE', 'AS'); "
        "limits = {kind: resource.getrlimit(getattr(resource, 'RLIMIT_' + kind)) for kind in kinds}; "
        "print(json.dumps([limits, os.nice(0) - before, int(open('/proc/self/oom_score_adj').read())]))"
    )
    done = subprocess.run([sys.executable, "-c", code, said, request_], capture_output=True, check=True, cwd=Path(gate.__file__).parents[2])
    limits, niceness, badness = json.loads(done.stdout)
    assert limits["FSIZE"] == [size, size]
    assert limits["CORE"] == [0, 0]
    assert all(0 < hard < 1 << 32 and soft == hard for soft, hard in (limits["NPROC"], limits["NOFILE"]))
    assert (0 < limits["AS"][1] < 1 << 32) is (request_ in UNISON)
    assert niceness == (0 if request_ in ("stream", "ask") else 5)
    assert badness == 800


@pytest.mark.parametrize("account", ["root", "enrol", "authority", "alice", "c", "", "www-data", "xc-alice"])
def test_only_accounts_of_citizens_come_further(account: str) -> None:
    for request in ALLOWED:
        assert ask(request, account) == REFUSED


@pytest.mark.parametrize("argv", [("x",), ("enrol",), ("enrol", "a", "b"), ("renew",), ("request",), ("stream",), ("-h",)])
def test_no_argument_is_understood(argv: tuple[str, ...]) -> None:
    assert ask("stream", argv=argv) == REFUSED


def test_a_refusal_repeats_few_words_and_none_of_them_raw(monkeypatch: pytest.MonkeyPatch) -> None:
    said = io.StringIO()
    monkeypatch.setattr(sys, "stderr", said)
    assert gate.refuse("\x1b[31m" + "x" * 1000 + "\n") == REFUSED
    assert "\x1b" not in said.getvalue()
    assert len(said.getvalue()) < 120
    assert said.getvalue().count("\n") == 1


class Agent:
    """Somebody who listens where the agent would, answers once, and keeps what was asked."""

    def __init__(self, path: Path, answer: bytes) -> None:
        self.asked = b""
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(path))
        self._listener.listen()
        self._answer = answer
        self.thread = threading.Thread(target=self._serve, daemon=True)
        self.thread.start()

    def _serve(self) -> None:
        connection, _ = self._listener.accept()
        with connection:
            while chunk := connection.recv(65536):
                self.asked += chunk
            connection.sendall(self._answer)
        self._listener.close()


def enrol(line: bytes, places: Places, kind: str = "enrol") -> tuple[int, bytes]:
    out = io.BytesIO()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(line)))
        patch.setattr(sys, "stdout", io.TextIOWrapper(out))
        patch.setattr(sys, "stderr", io.StringIO())
        status = gate.enrol(kind, "KEY", places)
        sys.stdout.flush()
        return status, out.getvalue()


def test_an_enrolment_is_passed_on_with_the_key_that_sshd_knows() -> None:
    with tempfile.TemporaryDirectory() as short:
        places = Places(run=Path(short))
        agent = Agent(places.enrol, b'{"citizen": "alice"}\n')
        line = b'{"public_key": "k", "key": "of somebody else"}\n'
        assert enrol(line, places, "renew") == (0, b'{"citizen": "alice"}\n')
        agent.thread.join(10)
        assert json.loads(agent.asked) == {
            "kind": "renew", "key": "KEY", "request": {"public_key": "k", "key": "of somebody else"}
        }  # fmt: skip


@pytest.mark.parametrize("line", [b"", b"\n", b"x", b"[]", b"null", b'"x"', b"{", b"\xff\xff", b'{"a": "' + b"x" * 10_000 + b'"}\n'])
def test_what_is_no_enrolment_does_not_reach_the_agent(line: bytes, tmp_path: Path) -> None:
    assert enrol(line, Places(run=tmp_path)) == (REFUSED, b"")
