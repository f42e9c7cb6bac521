"""A container for one run: closed, and with what it needs."""

from __future__ import annotations

import pytest

from fwrkit.core import commands
from fwrkit.core.commands import Command, Completed
from fwrkit.core.errors import ExitCode, FwrError
from fwrkit.host.adapters import one_shot


def test_it_reaches_no_network_and_only_reads_the_source(monkeypatch: pytest.MonkeyPatch) -> None:
    ran: list[Command] = []

    def run(command: Command, told: object, timeout: float) -> Completed:
        ran.append(command)
        return Completed(command, 0, b'{"files": 3}', b"")

    monkeypatch.setattr(commands, "run_told", run)
    assert one_shot.copy("image", "world", "old", "new", print) == {"files": 3}
    words = [str(word) for word in ran[0].argv]
    assert words[words.index("--network") + 1] == "none"
    assert "--read-only" in words and words[words.index("--cap-drop") + 1] == "ALL"
    assert [words[place + 1] for place, word in enumerate(words) if word == "--volume"] == ["old:/from:ro", "new:/to"]
    assert words[words.index("image") :] == ["image", "fwrkit-agent", "copy", "world", "/from", "/to"]


def test_the_agents_own_words_come_through(monkeypatch: pytest.MonkeyPatch) -> None:
    error = b'{"error": {"code": "NO_SPACE", "message": "The disk is full.", "hint": "Make room."}}'
    monkeypatch.setattr(commands, "run_told", lambda command, told, timeout: Completed(command, 10, error, b""))
    with pytest.raises(FwrError) as raised:
        one_shot.copy("image", "world", "old", "new", print)
    assert raised.value.code == ExitCode.NO_SPACE


@pytest.mark.parametrize(("directory", "mount"), [("/home/ada/world", "/home/ada/world:/srv/fwr"), ("", "/srv/fwr")])
def test_the_ground_is_looked_at_as_the_worlds_owner(monkeypatch: pytest.MonkeyPatch, directory: str, mount: str) -> None:
    ran: list[Command] = []

    def run(command: Command, timeout: float) -> Completed:
        ran.append(command)
        return Completed(command, 0, b'{"findings": []}', b"")

    monkeypatch.setattr(commands, "run", run)
    one_shot.look_at_ground("image", directory, 1000, 1001)
    words = [str(word) for word in ran[0].argv]
    assert words[words.index("--user") + 1] == "1000:1001"
    assert words[words.index("--volume") + 1] == mount
    assert "--rm" in words and "--cap-add" not in words
    assert words[words.index("image") :] == ["image", "fwrkit-agent", "ground", "/srv/fwr"]


def test_bad_ground_is_refused_in_the_agents_words(monkeypatch: pytest.MonkeyPatch) -> None:
    error = b'{"error": {"code": "REFUSED", "message": "The filesystem does not.", "hint": "Use another."}}'
    monkeypatch.setattr(commands, "run", lambda command, timeout: Completed(command, 6, error, b""))
    with pytest.raises(FwrError) as raised:
        one_shot.look_at_ground("image", "/srv", 1000, 1000)
    assert raised.value.code == ExitCode.REFUSED
