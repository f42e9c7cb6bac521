"""A client's side of enrolment, with an ssh that answers as a server would."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from fwrkit.agent import joining
from fwrkit.agent.citizen.ssh import read_upstream
from fwrkit.agent.joining import account_for_ssh, enrol, node_key
from fwrkit.agent.keys import fingerprint, is_public_key
from fwrkit.core.errors import ExitCode, FwrError
from fwrkit.core.invites import Invite

AUTHORITY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGTgZ368tA4r92YUWxcePMSQZ5mn9atXHpH2Kddeif/N"
INVITE = Invite("example.org", 2222, "0123456789abcdef", "Utopia", AUTHORITY, b"\1" * 32, "alice", 2_000_000_000)
ANSWER = {
    "citizen": "alice", "certificate": "ssh-ed25519-cert-v01@openssh.com AAAA\n", "world": "0123456789abcdef", "world_name": "Utopia",
    "authorities": [AUTHORITY],
}  # fmt: skip

_SSH = """\
#!/bin/sh
for word in "$@"; do printf '%s\\n' "$word"; done > "$ASKED/arguments"
cat > "$ASKED/request"
cat "$ASKED/request" >> "$ASKED/requests"
if grep -qsF "$(cut -d'"' -f4 "$ASKED/request")" "$ASKED/revoked"; then echo '{"revoked": true}'; exit 0; fi
cat "$ASKED/answer"
cat "$ASKED/words" >&2
exit "$(cat "$ASKED/status")"
"""


class Server:
    """What the ssh of these tests answers, and what it was asked."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.keys = root / "keys"
        self.keys.mkdir()
        self.answers(json.dumps(ANSWER))

    def answers(self, answer: str, words: str = "", status: int = 0) -> None:
        (self.root / "answer").write_text(answer)
        (self.root / "words").write_text(words)
        (self.root / "status").write_text(str(status))

    @property
    def request(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads((self.root / "request").read_text())
        return found

    @property
    def arguments(self) -> list[str]:
        return (self.root / "arguments").read_text().splitlines()


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Server:
    program = tmp_path / "bin/ssh"
    program.parent.mkdir()
    program.write_text(_SSH)
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")
    monkeypatch.setenv("ASKED", str(tmp_path))
    return Server(tmp_path)


def refused(server: Server) -> FwrError:
    with pytest.raises(FwrError) as raised:
        enrol(INVITE.encode(), server.keys, "0123456789ab")
    assert raised.value.message.endswith(".")
    assert "\n" not in raised.value.message
    return raised.value


def test_an_invite_gets_a_certificate_and_an_upstream(server: Server) -> None:
    result = enrol(INVITE.encode() + "\n", server.keys, "0123456789ab")
    assert result == {"citizen": "alice", "world": INVITE.world_id, "world_name": "Utopia"}
    assert (server.keys / "node-cert.pub").read_text() == ANSWER["certificate"]
    upstream = read_upstream(server.keys)
    assert upstream is not None
    assert (upstream.host, upstream.port, upstream.citizen, upstream.authority) == ("example.org", 2222, "alice", AUTHORITY)
    assert server.request["public_key"] == node_key(server.keys, "x")
    assert is_public_key(server.request["public_key"])
    assert server.request["node_id"] == "0123456789ab"
    assert server.arguments[-3:] == ["--", "example.org", "enrol"]
    for option in ("StrictHostKeyChecking=yes", f"HostKeyAlias={INVITE.world_id}", "User=enrol", "Port=2222", "IdentityAgent=none"):
        assert option in server.arguments, option
    assert [item for item in Path("/tmp").glob("enrol-*") if item.stat().st_mtime > (server.root / "answer").stat().st_mtime] == []


def test_repeating_it_uses_the_same_key(server: Server) -> None:
    enrol(INVITE.encode(), server.keys, "0123456789ab")
    first = server.request["public_key"]
    enrol(INVITE.encode(), server.keys, "0123456789ab")
    assert server.request["public_key"] == first


def test_a_node_whose_key_opens_nothing_any_more_comes_with_a_new_one(server: Server) -> None:
    enrol(INVITE.encode(), server.keys, "0123456789ab")
    old = server.request["public_key"]
    (server.root / "revoked").write_text(f"{old}\n")
    (server.root / "requests").unlink()
    assert enrol(INVITE.encode(), server.keys, "0123456789ab")["citizen"] == "alice"
    came = [json.loads(line)["public_key"] for line in (server.root / "requests").read_text().splitlines()]
    assert came == [old, node_key(server.keys, "x")] and is_public_key(came[1]) and came[1] != old


def test_who_has_proved_nothing_does_not_make_a_node_give_up_its_key(server: Server) -> None:
    enrol(INVITE.encode(), server.keys, "0123456789ab")
    key = node_key(server.keys, "x")
    server.answers('{"revoked": true}')
    with pytest.raises(FwrError) as raised:
        ask_to_be_let_in(server)
    assert raised.value.code == ExitCode.REFUSED and raised.value.hint
    assert node_key(server.keys, "x") == key and (server.keys / "node-cert.pub").exists()


@pytest.mark.parametrize("line", ["", "x", "fwr1", INVITE.encode()[:-5], INVITE.encode()[:40] + "A" + INVITE.encode()[41:]])
def test_a_malformed_invite_asks_nobody(server: Server, line: str) -> None:
    with pytest.raises(FwrError) as raised:
        enrol(line, server.keys, "0123456789ab")
    assert raised.value.code == ExitCode.USAGE
    assert not (server.root / "request").exists()


def test_a_node_of_another_world_stays_there(server: Server) -> None:
    enrol(INVITE.encode(), server.keys, "0123456789ab")
    (server.root / "request").unlink()
    other = Invite("h", 1, "another world", "Other", AUTHORITY, b"\2" * 32, "alice", 0)
    with pytest.raises(FwrError) as raised:
        enrol(other.encode(), server.keys, "0123456789ab")
    assert raised.value.code == ExitCode.TAKEN
    assert "Utopia" in raised.value.message
    assert not (server.root / "request").exists()


def test_the_server_s_own_refusal_is_passed_on(server: Server) -> None:
    server.answers(FwrErrorText("TAKEN", "Used already.", "Ask for a new one."))
    error = refused(server)
    assert (error.code, error.message, error.hint) == (ExitCode.TAKEN, "Used already.", "Ask for a new one.")
    assert read_upstream(server.keys) is None


def FwrErrorText(code: str, message: str, hint: str) -> str:
    return json.dumps({"error": {"code": code, "message": message, "hint": hint}})


@pytest.mark.parametrize(
    ("words", "code", "part"),
    [
        ("enrol@example.org: Permission denied (publickey).", "REFUSED", "does not know this invite"),
        ("Host key verification failed.", "REFUSED", "is no server of the world 'Utopia'"),
        ("No ED25519-CERT host key is known for w and you have requested strict checking.", "REFUSED", "is no server of the world"),
        ("ssh: connect to host example.org port 2222: Connection refused", "UNREACHABLE", "Connection refused"),
        ("ssh: Could not resolve hostname example.org: Name or service not known.", "UNREACHABLE", "not known)."),
        ("debug\nConnection timed out during banner exchange", "UNREACHABLE", "(Connection timed out during banner exchange)"),
        ("", "UNREACHABLE", "(no answer)"),
        ("  \n\n", "UNREACHABLE", "(no answer)"),
    ],
)
def test_what_ssh_says_chooses_the_sentence(server: Server, words: str, code: str, part: str) -> None:
    server.answers("", words, 255)
    error = refused(server)
    assert error.code.name == code
    assert "example.org:2222" in error.message
    assert part in error.message
    door = joining.Door("example.org", 2222, "enrol", INVITE.world_id, "Utopia", (AUTHORITY,))
    assert joining._why(door, "enrol", words).message == error.message


@pytest.mark.parametrize("answer", ["", "nonsense", "[]", "7", "null", "{}", '{"citizen": "alice"}'])
def test_nonsense_is_said_and_nothing_is_remembered(server: Server, answer: str) -> None:
    server.answers(answer)
    error = refused(server)
    assert error.code == ExitCode.FAILED
    assert read_upstream(server.keys) is None
    assert not (server.keys / "node-cert.pub").exists()


@pytest.mark.parametrize("citizen", ["", "../x", "a b", "x\n    ProxyCommand touch /tmp/x", "Alice", 7])
def test_a_citizen_s_name_that_is_none_is_not_remembered(server: Server, citizen: Any) -> None:
    """It becomes a line of the configuration by which ssh runs beside the node's key."""
    server.answers(json.dumps({**ANSWER, "citizen": citizen}))
    refused(server)
    assert read_upstream(server.keys) is None


def test_ssh_s_user_has_a_name(tmp_path: Path) -> None:
    directory = tmp_path / "state/extrausers"
    for _ in range(2):
        account_for_ssh(directory, 1000, 1001)
    assert (directory / "passwd").read_text() == "fwrnode:x:1000:1001::/tmp:/bin/sh\n"
    assert (directory / "group").read_text() == "fwrnode:x:1001:\n"
    assert sorted(item.name for item in directory.iterdir()) == ["group", "passwd"]


def ask_to_be_let_in(server: Server) -> dict[str, Any]:
    return joining.request(server.keys, "0123456789ab", "example.org", 2222, "alice")


WAITING = {"waiting": True, "world_name": "Utopia", "authorities": [AUTHORITY]}


def test_a_request_waits_until_it_is_answered(server: Server) -> None:
    server.answers(json.dumps(WAITING))
    result = ask_to_be_let_in(server)
    assert result["waiting"] is True
    assert result["authority"] == fingerprint(AUTHORITY)
    assert result["fingerprint"] == fingerprint(node_key(server.keys, "x"))
    assert read_upstream(server.keys) is None
    assert "User=request" in server.arguments
    assert not any(item.startswith("HostKeyAlias") for item in server.arguments)
    server.answers(json.dumps(ANSWER))
    admitted = joining.ask_again(server.keys, "0123456789ab")
    assert admitted is not None and admitted["citizen"] == "alice"
    upstream = read_upstream(server.keys)
    assert upstream is not None and (upstream.world_id, upstream.trusted) == (ANSWER["world"], (AUTHORITY,))
    assert joining.ask_again(server.keys, "0123456789ab") is None


def test_whoever_answers_first_has_to_answer_again(server: Server) -> None:
    server.answers(json.dumps(WAITING))
    ask_to_be_let_in(server)
    other = node_key(server.root, "other")
    server.answers(json.dumps({**ANSWER, "authorities": [other]}))
    with pytest.raises(FwrError) as raised:
        ask_to_be_let_in(server)
    assert raised.value.code == ExitCode.REFUSED
    assert read_upstream(server.keys) is None


def test_who_has_asked_nobody_has_nothing_to_hear(server: Server) -> None:
    assert joining.ask_again(server.keys, "0123456789ab") is None
    (server.keys / "request.json").write_text("{")
    with pytest.raises(FwrError) as raised:
        joining.ask_again(server.keys, "0123456789ab")
    assert raised.value.code == ExitCode.FAILED


@pytest.mark.parametrize("authorities", [[], ["x"], "x", None, [AUTHORITY, "ssh-ed25519 AAAA"]])
def test_authorities_that_are_none_are_not_believed(server: Server, authorities: Any) -> None:
    server.answers(json.dumps({**ANSWER, "authorities": authorities}))
    assert refused(server).code == ExitCode.FAILED
    assert read_upstream(server.keys) is None


def test_what_is_renewed_brings_the_new_authority(server: Server) -> None:
    enrol(INVITE.encode(), server.keys, "0123456789ab")
    upstream = read_upstream(server.keys)
    assert upstream is not None
    new = node_key(server.root, "authority")
    server.answers(json.dumps({**ANSWER, "certificate": "ssh-ed25519-cert-v01@openssh.com BBBB\n", "authorities": [new, AUTHORITY]}))
    joining.take_certificate(joining.renew(server.keys, upstream, server.keys / "node"), server.keys, upstream)
    assert "User=enrol" in server.arguments and server.arguments[-1] == "renew"
    assert (server.keys / "node-cert.pub").read_text().endswith("BBBB\n")
    now = read_upstream(server.keys)
    assert now is not None and now.trusted == (new, AUTHORITY)
