"""The agent's reading verbs: one JSON object, or a file's bytes and nothing else."""

from __future__ import annotations

import argparse
import json
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from fwrkit.agent import history_verbs, main
from fwrkit.agent.control import serve_control
from fwrkit.agent.settings import Places
from fwrkit.core.errors import ExitCode, FwrError
from tests.unit.agent.past import Past

PICTURE = bytes(range(256)) * 3


class Desk:
    """A node's places with a history, and whoever reads there."""

    def __init__(self, root: Path) -> None:
        for name in ("state", "volume/world", "keys", "run"):
            (root / name).mkdir(parents=True)
        self.places = Places(root / "volume", root / "state", root / "keys", root / "run")
        self.past = Past(root / "state")
        self.first = self.past.put(www_a=b"one\n", www_picture=PICTURE)
        self.second = self.past.put("bob", www_a=b"two\n")

    def read(self, *words: str) -> Any:
        parser = argparse.ArgumentParser()
        history_verbs.add_parsers(parser.add_subparsers(dest="verb", required=True))
        answer = history_verbs.do(parser.parse_args(words), self.places)
        return json.loads(json.dumps(answer)) if answer is not None else None


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


def test_each_verb_answers_without_an_agent(desk: Desk) -> None:
    assert [entry["version"] for entry in desk.read("log")["entries"]] == [desk.second, desk.first]
    assert [entry["author"] for entry in desk.read("log", "--by=alice", "--limit=3", "--", "www/a")["entries"]] == ["alice"]
    assert desk.read("show", "--", desk.second[:8])["entry"]["author"] == "bob"
    assert desk.read("diff", "--", desk.first, "", "")["after"] == desk.second
    assert desk.read("diff", "--", desk.first, "www/b")["changes"] == []
    answer = desk.read("blame", "--", f"www/a@{desk.first}")
    assert (answer["version"], answer["lines"][0]["author"]) == (desk.first, "alice")
    assert desk.read("snapshots") == {"snapshots": []}


def test_a_file_comes_byte_for_byte(desk: Desk, capsysbinary: pytest.CaptureFixture[bytes]) -> None:
    assert desk.read("cat", "--", "www/picture") is None
    assert capsysbinary.readouterr() == (PICTURE, b"")


def test_an_error_of_cat_is_no_content(desk: Desk, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(main, "Places", lambda: desk.places)
    assert main.main(["cat", "www/nothing"]) == ExitCode.NOT_FOUND
    said = capsys.readouterr()
    assert said.out == ""
    assert json.loads(said.err)["error"]["code"] == "NOT_FOUND"
    assert main.main(["show", "nothing"]) == ExitCode.NOT_FOUND
    assert json.loads(capsys.readouterr().out)["error"]["code"] == "NOT_FOUND"


@pytest.fixture
def asked(desk: Desk) -> Iterator[list[dict[str, Any]]]:
    asked: list[dict[str, Any]] = []

    def freshen(arguments: dict[str, Any]) -> dict[str, Any]:
        asked.append(arguments)
        raise FwrError(ExitCode.FAILED, "No.", "")

    listener: socket.socket = serve_control(desk.places.control, {"freshen": freshen})
    yield asked
    listener.close()


def test_what_is_new_is_asked_for_first_and_a_refusal_stops_nothing(desk: Desk, asked: list[dict[str, Any]]) -> None:
    assert desk.read("log")["entries"]
    assert asked == [{"patience": history_verbs.PATIENCE}]


def test_without_a_history_it_is_said(tmp_path: Path) -> None:
    desk = Desk(tmp_path / "one")
    desk.places = Places(tmp_path / "volume", tmp_path / "state", tmp_path / "keys", tmp_path / "run")
    assert desk.read("snapshots") == {"snapshots": []}
    with pytest.raises(FwrError) as error:
        desk.read("log")
    assert error.value.code is ExitCode.NOT_FOUND
