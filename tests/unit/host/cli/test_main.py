"""The command line as a whole: the envelope is a contract, and no failure is a traceback."""

from __future__ import annotations

import errno
import os
import re
from pathlib import Path
from typing import Any

import pytest

from fwrkit.core.errors import ExitCode, FwrError
from fwrkit.core.records import CitizenRecord, Conflict, KeptRefusal
from fwrkit.host.adapters import one_shot
from fwrkit.host.cli import main
from tests.unit.host.cli.conftest import Fwrkit
from tests.unit.host.simulated import VERSIONS, SimulatedMachine

VERBS = (
    "up",
    "join",
    "down",
    "rm",
    "ls",
    "status",
    "logs",
    "open",
    "sync",
    "exec",
    "render",
    "invite",
    "fork",
    "promote",
    "shares",
    "handover",
    "serve",
    "peers",
    "follow",
    "move",
    "volume copy",
    "drill",
    "drill succession",
    "doctor",
    "approve",
    "reject",
    "conflicts",
    "conflicts resolve",
    "images build",
    "invites",
    "invites withdraw",
    "request",
    "requests",
    "requests open",
    "requests close",
    "requests dismiss",
    "admit",
    "citizens",
    "role",
    "ban",
    "unban",
    "leave",
    "rekey",
    "audit",
    "revert",
    "restore",
    "backup",
    "refused",
    "refused give",
    "policy",
    "policy show",
    "policy test",
    "policy add",
    "policy remove",
    "policy edit",
    "policy set",
    "mute",
    "unmute",
    "ignore",
    "unignore",
    "filters",
    "review",
    "review list",
    "review diff",
    "review accept",
    "review reject",
    "log",
    "show",
    "diff",
    "blame",
    "cat",
    "snapshot",
    "snapshots",
    "history gc",
)

# The contract with programs: what each kind's data holds. A field may be added; one that goes or changes its type needs ENVELOPE + 1.
STATUS = {
    "node": str, "role": str, "citizen": str, "world": str, "world_id": str, "state": str, "since": float, "written": float, "pending": int,
    "upstream": str, "detail": str, "version": str, "refused": list, "connections": list, "alerts": list, "reviews": int, "waiting": list, "left_out": list,
}  # fmt: skip
PATH_CHANGE = {"path": str, "kind": str, "size": int}
ENTRY = {"version": str, "time": int, "author": str, "message": str, "count": int, "changes": [PATH_CHANGE]}
SNAPSHOT = {"name": str, "version": str, "time": int, "by": str, "is_verified": bool, "note": str}
UP = {
    "node": str, "role": str, "is_new": bool, "urls": dict, "ssh_port": int, "address": str, "is_joined": bool, "status": STATUS,
    "founded": dict, "is_peer": bool,
}  # fmt: skip
CONTRACT: dict[str, dict[str, Any]] = {
    "up": UP,
    "join": {
        "node": str, "citizen": str, "world": str, "server": str, "is_new": bool, "is_joined": bool, "urls": dict, "status": STATUS,
        "public_key": str, "fingerprint": str, "authority": str,
    },
    "ls": {"node": str, "role": str, "state": str, "citizen": str, "world": str, "server": str, "url": str, "is_peer": bool},
    "status": {
        "node": str, "role": str, "containers": str, "urls": dict, "status": STATUS, "fault": dict,
        "news": {"refused": int, "filters": int, "reviews": int, "requests": int}, "is_peer": bool,
    },
    "sync": {"node": str, "in_sync": bool, "missing": list, "reasons": dict},
    "invite": {"invite": str, "citizen": str, "server": str, "expires": int, "uses": int},
    "invites": {"invites": {"name": str, "by": str, "expires": int, "uses": int, "left": int}},
    "withdrawn": {"name": str, "count": int},
    "fork": {"up": UP, "invites": {"invite": str, "citizen": str, "server": str, "expires": int, "uses": int}},
    "promote": {"up": UP, "line": str, "authority": str, "is_new_epoch": bool, "missing": int},
    "serve": {"up": UP, "beside": str, "citizen": str, "host": str, "port": int},
    "serve-stop": {"node": str, "citizen": str, "removed_volumes": list},
    "peers": {"node": str, "following": str, "peers": {"name": str, "host": str, "port": int, "by": str, "since": int}},
    "follow": {"node": str, "server": str, "world": str, "authority": str},
    "shares": {"server": str, "need": int, "of": int, "authority": str, "shares": list},
    "handover": {"server": str, "step": str, "citizen": str, "file": str, "place": str},
    "move": {"line": str, "authority": str, "is_declared": bool},
    "volume": {"node": str, "world": str, "files": int, "bytes": int, "is_still": bool, "history": str, "versions": int},
    "citizens": {
        "is_live": bool,
        "why": str,
        "citizens": {
            "name": str, "role": str, "since": int, "last_seen": int, "connected": bool, "behind": int, "held": str, "reason": str,
            "banned_since": int, "banned_until": int, "banned_by": str, "fingerprint": str,
        },
        "authority": str,
    },
    "requests": {"is_open": bool, "requests": {"name": str, "since": int, "fingerprint": str}},
    "dismissed": {"name": str},
    "reverted": {"count": int, "done": list, "left_count": int, "left": {"path": str, "reason": str}, "is_rehearsal": bool},
    "refused": {
        "number": int, "path": str, "kind": str, "size": int, "since": float, "reason": str, "has_content": bool, "is_held": bool,
    },
    "policy": {"text": str, "fault": str},
    "policy-test": {
        "path": str, "citizen": str, "role": str, "operation": str, "action": str, "rule": str, "reason": str, "line": int, "explanation": str,
    },
    "policy-changed": {"rules": int},
    "filters": {"muted": list, "ignored": list, "node": str, "is_server": bool},
    "reviews": {"count": int, "reviews": {"number": int, "by": str, "path": str, "kind": str, "size": int, "since": int}},
    "review-diff": {
        "change": {"number": int, "by": str, "path": str, "kind": str, "size": int, "since": int}, "diff": str, "is_binary": bool,
    },
    "reviewed": {"count": int, "paths": list},
    "admit": {"name": str, "fingerprint": str},
    "ban": {"name": str, "reason": str, "until": int},
    "unban": {"name": str},
    "role": {"name": str, "role": str, "before": str},
    "leave": {"node": str, "citizen": str, "world": str},
    "rekey": {"node": str, "fingerprint": str, "until": int, "were_shared": bool},
    "audit": {
        "entries": {"number": int, "time": int, "actor": str, "event": str, "subject": str, "details": dict}, "head": str, "fault": str,
    },
    "render": {"node": str, "project": str, "text": str},
    "open": {"node": str, "url": str},
    "doctor": {"check": str, "ok": bool, "message": str, "hint": str, "is_weaker": bool},
    "drill": {"check": str, "ok": bool, "message": str, "hint": str, "is_weaker": bool},
    "conflicts": {"node": str, "conflict": {"path": str, "copy": str, "author": str, "other": str}},
    "decided": {"citizen": str, "ruling": str, "deleted": int, "files": int},
    "down": {"node": str, "was_running": bool},
    "rm": {"node": str, "removed_volumes": list, "kept_volumes": list, "kept_directory": str},
    "log": ENTRY,
    "show": {"entry": ENTRY, "patch": str, "is_cut": bool, "snapshot": str},
    "diff": {"before": str, "after": str, "changes": [PATH_CHANGE], "patch": str, "is_cut": bool},
    "blame": {"number": int, "version": str, "author": str, "time": int, "text": str},
    "cat": {"target": str, "size": int, "base64": str},
    "snapshot": SNAPSHOT,
    "snapshots": SNAPSHOT,
    "tidied": {"node": str, "tidied": {"before": int, "after": int, "dropped": int, "dropped_bytes": int}},
    "backup": {
        "node": str, "file": str, "size": int, "files": int, "content": int, "has_keys": bool, "left": int, "left_first": list, "unsteady": list,
        "removed": list, "seconds": float,
    },
    "restored": {
        "node": str, "role": str, "made": int, "files": int, "content": int, "has_keys": bool, "is_joined": bool, "ssh_port": int,
        "address": str, "urls": dict, "notes": list, "status": STATUS,
    },
    "error": {"code": str, "message": str, "hint": str},
}  # fmt: skip


ANSWERS: dict[str, Any] = {
    "citizens": {"citizens": [{"name": "bob", "role": "citizen", "since": 5}]},
    "requests": {"open": True, "requests": [{"name": "eve", "since": 5, "fingerprint": "SHA256:x"}]},
    "dismiss": {"name": "eve"},
    "invites": {"invites": [{"name": "club", "by": "ada", "expires": 5, "uses": 20, "left": 7}]},
    "withdraw": {"name": "club", "count": 1},
    "reviews": {"count": 1, "reviews": [{"number": 3, "by": "bob", "path": "a", "kind": "add", "size": 1, "since": 5}]},
    "review": {"number": 3, "by": "bob", "path": "a", "kind": "add", "size": 1, "since": 5, "before": None, "after": "eA=="},
    "accept": {"count": 1, "paths": ["a"]},
    "revert": {"count": 1, "done": ["a"], "left_count": 1, "left": [{"path": "b", "reason": "bob has edited it since"}]},
    "admit": {"name": "eve", "fingerprint": "SHA256:x"},
    "ban": {"name": "bob", "reason": "spam", "until": 0},
    "unban": {"name": "bob"},
    "role": {"name": "bob", "role": "reader", "before": "citizen"},
    "leave": {"name": "alice", "world": "w"},
    "shares": {"key": "SHA256:x", "shares": ["academic acid", "academic acne"]},
    "handover": {"citizen": "alice", "sealed": "-----BEGIN AGE ENCRYPTED FILE-----"},
}


def check_shape(data: Any, shape: dict[str, Any]) -> None:
    for item in data if isinstance(data, list) else [data]:
        assert set(item) == set(shape)
        for name, kind in shape.items():
            if isinstance(kind, dict | list):
                check_shape(item[name], kind if isinstance(kind, dict) else kind[0])
            else:
                assert type(item[name]) is kind, name


def test_the_envelope_is_a_contract(fwrkit: Fwrkit, machine: SimulatedMachine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(one_shot, "copy", lambda *_: {"files": 3, "bytes": 5, "is_still": True})
    saved = str(tmp_path / "alice.fwrkit")
    lines = {
        "up": ["up", "server", "--address", "wiki.example.org"],
        "join": ["join", "server", "--name", "alice"],
        "ls": ["ls"],
        "conflicts": ["conflicts"],
        "decided": ["reject", "bob"],
        "status": ["status", "alice"],
        "sync": ["sync", "alice"],
        "serve": ["serve", "alice"],
        "peers": ["peers", "alice"],
        "serve-stop": ["serve", "alice", "--stop"],
        "invite": ["invite", "bob"],
        "invites": ["invites"],
        "withdrawn": ["invites", "withdraw", "club"],
        "volume": ["volume", "copy", "alice", "spare"],
        "citizens": ["citizens"],
        "requests": ["requests"],
        "reverted": ["revert", "a", "--to", "aaaa"],
        "refused": ["refused", "--node", "alice"],
        "policy": ["policy"],
        "policy-test": ["policy", "test", "a", "--as", "bob"],
        "policy-changed": ["policy", "add", "r", "--then", "refuse", "--path", "*.x"],
        "reviews": ["review"],
        "review-diff": ["review", "diff", "3"],
        "reviewed": ["review", "accept", "3"],
        "filters": ["mute", "bob", "--node", "alice"],
        "dismissed": ["requests", "dismiss", "eve"],
        "admit": ["admit", "eve"],
        "ban": ["ban", "bob", "--reason", "spam"],
        "unban": ["unban", "bob"],
        "role": ["role", "bob", "reader"],
        "leave": ["leave", "alice", "--yes"],
        "rekey": ["rekey", "alice"],
        "audit": ["audit"],
        "render": ["render", "alice"],
        "open": ["open", "alice"],
        "doctor": ["doctor"],
        "drill": ["drill", "succession", "alice"],
        "log": ["log"],
        "show": ["show", "bbbb", "--node", "alice"],
        "diff": ["diff", "aaaa", "bbbb"],
        "blame": ["blame", "a"],
        "cat": ["cat", "a@aaaa"],
        "snapshot": ["snapshot", "v1"],
        "snapshots": ["snapshots"],
        "tidied": ["history", "gc"],
        "follow": ["follow", "alice", "server"],
        "move": ["move", "server"],
        "shares": ["shares", "server", "--need", "2", "--of", "2"],
        "handover": ["handover", "server", "alice", "--file", str(tmp_path / "key.age")],
        "promote": ["promote", "alice", "--new-epoch", "--name", "next"],
        "fork": ["fork", "alice", "mine", "--address", "mine.example.org", "--invite-all"],
        "backup": ["backup", "alice", saved],
        "down": ["down", "alice"],
        "rm": ["rm", "alice", "--yes"],
        "restored": ["restore", saved, "--name", "again"],
        "error": ["status", "nobody"],
    }
    assert set(lines) == set(CONTRACT)
    machine.republic.answers |= ANSWERS
    machine.republic.refused = [KeptRefusal(1, "a", "file", 3, 5.0, "No.", True)]
    machine.republic.audit = {
        "entries": [{"number": 1, "time": 5, "actor": "ada", "event": "ban", "subject": "bob", "details": {}, "previous": "0"}], "head": "h",
        "fault": "",
    }  # fmt: skip
    machine.republic.log, machine.republic.contents = list(VERSIONS), {"a@aaaa": b"one"}
    machine.republic.roll = [CitizenRecord("alice", "official", 5)]
    for kind, words in lines.items():
        if kind == "serve":
            machine.republic.answers["standing"] = {"is_connected": True}
        if kind == "serve-stop":
            del machine.republic.answers["standing"]
        machine.republic.held["bob"] = (60, 100)
        machine.republic.conflicts["alice"] = [Conflict("a", "a (conflict bob 2026-11-25 12.00.00)", "bob", "alice")]
        said = fwrkit(*words, "--json")
        assert set(said.envelope) == {"fwrkit", "kind", "data"}
        assert (said.envelope["fwrkit"], said.envelope["kind"]) == (1, kind)
        check_shape(said.data, CONTRACT[kind])
        assert said.err == "", "programs hear no progress"


def test_one_object_also_where_the_status_is_not_0(fwrkit: Fwrkit) -> None:
    fwrkit("up", "server")
    fwrkit("down", "server")
    said = fwrkit("status", "server", "--json")
    assert (said.status, said.envelope["kind"], said.data["status"]) == (ExitCode.UNREACHABLE, "status", None)


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_explains_itself_with_an_example(fwrkit: Fwrkit, verb: str) -> None:
    said = fwrkit(*verb.split(), "--help")
    assert said.status == 0
    text = " ".join(said.out.split())
    assert re.search(rf"Examples?: fwrkit {verb} ?", text)


def test_the_version(fwrkit: Fwrkit) -> None:
    said = fwrkit("--version")
    assert (said.status, re.fullmatch(r"\d+\.\d+\.\d+\S*\n", said.out) is not None) == (0, True)


@pytest.mark.parametrize(
    ("words", "status"),
    [
        (["frobnicate"], ExitCode.USAGE),
        (["up", "--frob"], ExitCode.USAGE),
        (["up"], ExitCode.USAGE),
        (["up", "server", "--http-port", "many"], ExitCode.USAGE),
        (["up", "server", "--template", "joomla"], ExitCode.USAGE),
        (["up", "server", "--citizen-site", "hunter2"], ExitCode.USAGE),
        (["up", "alice", "--name", "bob"], ExitCode.USAGE),
        (["up", "nobody"], ExitCode.NOT_FOUND),
        (["join", "nobody"], ExitCode.NOT_FOUND),
        (["join", "127.0.0.1:9"], ExitCode.UNREACHABLE),
        (["join", "fwr1" + "A" * 80], ExitCode.USAGE),
        (["status", "nobody"], ExitCode.NOT_FOUND),
        (["logs", "nobody"], ExitCode.NOT_FOUND),
        (["exec", "nobody", "--", "ls"], ExitCode.NOT_FOUND),
        (["invite", "bob"], ExitCode.NOT_FOUND),
        (["sync", "nobody", "--timeout", "0"], ExitCode.USAGE),
        (["images", "build", "--base", "steal"], ExitCode.USAGE),
        (["log"], ExitCode.UNREACHABLE),
        (["cat", "a@b", "--node", "nobody"], ExitCode.NOT_FOUND),
        (["snapshot", "../x"], ExitCode.USAGE),
        (["log", "--limit", "0"], ExitCode.USAGE),
        (["invite", "bob", "--expires", "0"], ExitCode.USAGE),
        (["ban", "bob"], ExitCode.USAGE),
        (["policy", "set", "/"], ExitCode.USAGE),
        (["leave", "alice"], ExitCode.USAGE),
        (["serve", "nobody"], ExitCode.NOT_FOUND),
        (["serve", "nobody", "--stop", "--address", "x"], ExitCode.USAGE),
        (["peers"], ExitCode.NOT_FOUND),
        (["fork", "nobody", "mine"], ExitCode.NOT_FOUND),
        (["volume", "copy", "nobody", "spare"], ExitCode.NOT_FOUND),
        (["up", "server", "--history", "x"], ExitCode.USAGE),
        (["up", "server", "--from-volume", "nothing"], ExitCode.NOT_FOUND),
        (["backup", "nobody"], ExitCode.NOT_FOUND),
        (["restore", "nothing.fwrkit"], ExitCode.NOT_FOUND),
        (["restore", "x.fwrkit", "--dry-run"], ExitCode.USAGE),
    ],
)
def test_a_failure_is_one_sentence_and_one_hint(fwrkit: Fwrkit, words: list[str], status: ExitCode) -> None:
    said = fwrkit(*words)
    assert (said.status, said.out) == (status, "")
    sentence, hint = said.err.rstrip("\n").split("\n")
    assert sentence and hint


def test_a_command_that_was_misused_names_its_own_help(fwrkit: Fwrkit) -> None:
    assert fwrkit("review", "diff", "many").err.splitlines()[-1] == "See: fwrkit review diff --help"
    assert fwrkit("ban", "bob").err.splitlines()[-1] == "See: fwrkit ban --help"
    assert fwrkit("frobnicate").err.splitlines()[-1] == "See: fwrkit --help"


@pytest.mark.parametrize(
    ("error", "status", "sentence"),
    [
        (KeyboardInterrupt(), ExitCode.INTERRUPTED, "Interrupted."),
        (OSError(errno.ENOSPC, "No space left on device"), ExitCode.NO_SPACE, "The disk is full."),
        (
            PermissionError(errno.EACCES, "Permission denied", "/x"),
            ExitCode.FAILED,
            "The machine refused: [Errno 13] Permission denied: '/x'.",
        ),
        (FwrError(ExitCode.NO_ENGINE, "Docker is not running.", "Start it."), ExitCode.NO_ENGINE, "Docker is not running."),
    ],
)
def test_whatever_happens_there_is_no_traceback(
    fwrkit: Fwrkit, machine: SimulatedMachine, monkeypatch: pytest.MonkeyPatch, error: BaseException, status: ExitCode, sentence: str
) -> None:
    def fails(*_: object) -> None:
        raise error

    monkeypatch.setattr(type(machine.nodes), "all", fails)
    said = fwrkit("ls")
    assert (said.status, said.err.split("\n")[0]) == (status, sentence)
    said = fwrkit("ls", "--json")
    assert (said.status, said.data["message"]) == (status, sentence)


def test_the_readme_names_every_exit_code() -> None:
    readme = (Path(__file__).parents[4] / "README.md").read_text()
    rows = dict(re.findall(r"\| (\d+) \| ([A-Z_]+|done)", readme))
    assert {int(number) for number in rows} == {int(code) for code in ExitCode}
    assert {number: ExitCode(int(number)).name for number in rows if number != "0"} == {n: name for n, name in rows.items() if n != "0"}


def test_the_readme_names_every_command() -> None:
    readme = (Path(__file__).parents[4] / "README.md").read_text()
    table = "\n".join(line for line in readme.splitlines() if line.startswith("| `fwrkit"))
    for verb in VERBS:
        for word in verb.split():
            assert re.search(rf"\b{word}\b", table), verb


def test_nobody_reads_on(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(**_: object) -> None:
        raise BrokenPipeError

    monkeypatch.setattr(main, "app", fails)
    monkeypatch.setattr(os, "dup2", lambda *_: None)
    monkeypatch.setattr("sys.stdout.fileno", lambda: 1, raising=False)
    assert main.run() == 0
