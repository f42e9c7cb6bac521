"""What a node says of its world's policy, and how it has it changed."""

from __future__ import annotations

import hashlib
import threading
from pathlib import Path
from typing import Any

import pytest

from fwrkit.agent import policy_verbs
from fwrkit.agent.policy_verbs import PolicyVerbs
from fwrkit.core.errors import ExitCode, FwrError

RULE = {"name": "no films", "paths": ["**/*.mp4"], "then": "refuse"}
ROLL = '[[citizen]]\nname = "bob"\nrole = "citizen"\nsince = 2026-01-01T00:00:00Z\nkey = "ssh-ed25519 AAAA"\n'


class Server:
    """Takes a policy whose base is the newest one, and delivers it to the node's world a moment later."""

    def __init__(self, world: Path) -> None:
        self.place = world / ".fwr/policy.toml"
        self.place.parent.mkdir(parents=True)
        self.newest = ""
        self.delay = 0.05  # seconds
        self.verbs = PolicyVerbs(world, self.ask)

    def ask(self, verb: str, given: dict[str, Any]) -> dict[str, Any]:
        assert verb == "policy-set"
        if given["base"] != (hashlib.sha256(self.newest.encode()).hexdigest() if self.newest else ""):
            raise FwrError(ExitCode.TAKEN, "The policy is another one by now.", "Look at it.")
        self.newest = given["text"]
        timer = threading.Timer(self.delay, self.place.write_text, (self.newest,))
        timer.daemon = True
        timer.start()
        return {"rules": 1}


@pytest.fixture
def server(tmp_path: Path) -> Server:
    server = Server(tmp_path)
    (tmp_path / ".fwr/citizens.toml").write_text(ROLL)
    return server


def refused(server: Server, **arguments: Any) -> FwrError:
    with pytest.raises(FwrError) as raised:
        server.verbs.change(arguments)
    return raised.value


def test_who_changes_it_twice_goes_on_from_their_own(server: Server) -> None:
    assert server.verbs.change({"add": RULE}) == {"rules": 1}
    server.verbs.change({"add": {**RULE, "name": "no music", "paths": ["**/*.mp3"]}})
    server.verbs.change({"remove": "no films"})
    assert "no music" in server.newest and "no films" not in server.newest
    assert server.verbs.text() == server.newest


def test_it_does_not_wait_for_ever_for_what_it_has_changed(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(policy_verbs, "_ARRIVES_WITHIN", 0.1)
    server.delay = 3600.0
    assert server.verbs.change({"add": RULE}) == {"rules": 1}
    assert refused(server, add=RULE).code is ExitCode.TAKEN


def test_what_is_no_policy_is_not_even_sent(server: Server) -> None:
    assert refused(server, set="[[rule]]\nname = 'x'\nthen = 'refse'\n").code is ExitCode.USAGE
    assert refused(server, remove="never was").code is not ExitCode.TAKEN
    assert server.newest == ""


def test_a_policy_that_can_not_be_read_is_shown_with_its_line(server: Server) -> None:
    assert server.verbs.show() == {"text": "", "fault": ""}
    server.place.write_text("[[rule]]\nname = 'x'\nthen = 'refse'\n")
    assert "line 3" in server.verbs.show()["fault"]
    server.place.write_bytes(b"\xff")
    with pytest.raises(FwrError) as raised:
        server.verbs.show()
    assert raised.value.code is ExitCode.FAILED


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ({"as": "nobody", "path": "www/x"}, ExitCode.NOT_FOUND),
        ({"as": "bob", "path": "../x"}, ExitCode.USAGE),
        ({"as": "bob", "path": "www/x", "operation": "paint"}, ExitCode.USAGE),
    ],
)
def test_a_question_that_makes_no_sense(server: Server, given: dict[str, Any], code: ExitCode) -> None:
    with pytest.raises(FwrError) as raised:
        server.verbs.test(given)
    assert raised.value.code is code


def test_which_rule_would_decide(server: Server) -> None:
    server.verbs.change({"add": RULE})
    said = server.verbs.test({"as": "bob", "path": "www/film.mp4"})
    assert (said["action"], said["rule"], said["operation"], said["role"]) == ("refuse", "no films", "add", "citizen")
    assert server.verbs.test({"as": "bob", "path": "www/page"})["action"] == "allow"
