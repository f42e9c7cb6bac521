"""Reading the history: by whatever people call a version, whatever citizens wrote into names, messages and settings files."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from fwrkit.agent import history_reading as reading
from fwrkit.agent.history_reading import Filter
from fwrkit.agent.repository import Repository
from fwrkit.agent.states import file_state
from fwrkit.core.errors import ExitCode, FwrError
from tests.unit.agent.past import BEGIN, DAY, Past


@pytest.fixture
def past(tmp_path: Path) -> Past:
    return Past(tmp_path)


def log(past: Past, **wanted: object) -> list[str]:
    return [entry.version for entry in reading.log(past.repository, Filter(**wanted))]  # type: ignore[arg-type]


def test_a_log_says_who_did_what_when(past: Past) -> None:
    first = past.put(www_a=b"one\n", www_b=b"two\n")
    second = past.put("bob", www_a=b"one and more\n", www_b=None)
    entries = reading.log(past.repository, Filter())
    assert [(entry.version, entry.author, entry.time) for entry in entries] == [(second, "bob", BEGIN + DAY), (first, "alice", BEGIN)]
    assert [(item.path, item.kind, item.size) for item in entries[0].changes] == [("www/a", "changed", 13), ("www/b", "deleted", 0)]
    assert [(item.path, item.kind) for item in entries[1].changes] == [("www/a", "added"), ("www/b", "added")]
    assert entries[0].message.startswith("2 changes: www/a")
    assert entries[0].count == 2


def test_a_log_is_narrowed(past: Past) -> None:
    first, second, third = past.put(a=b"1"), past.put("bob", b=b"2"), past.put("malice", a=b"3")
    assert log(past) == [third, second, first]
    assert log(past, path=b"a") == [third, first]
    assert log(past, by="alice") == [first]
    assert log(past, by="bob", path=b"a") == []
    assert log(past, limit=1) == [third]
    assert log(past, since="2023-11-15") == [third, second]
    assert log(past, until="2023-11-15") == [second, first]
    assert log(past, since="2023-11-15T00:00", until="2023-11-15T23:59:59Z") == [second]
    assert log(past, since="1 hour ago") == []
    for wrong in ({"by": "a.*"}, {"by": "-x"}, {"since": "--all"}, {"until": "soon"}, {"path": b"../x"}, {"path": b"/etc"}):
        with pytest.raises(FwrError) as error:
            log(past, **wrong)
        assert error.value.code is ExitCode.USAGE


def test_names_and_messages_of_any_bytes_stay_what_they_are(past: Past) -> None:
    names = [b"line\nbreak", b"\xff\xfe", b"\x01\x1b[31m", b"--all", b":(glob)*", b"*", b"a@b", b"sp ace"]
    versions = [past.write("alice", {name: b"x"}) for name in names]
    assert [os.fsencode(entry.changes[0].path) for entry in reading.log(past.repository, Filter())] == names[::-1]
    for name, version in zip(names, versions, strict=True):
        assert log(past, path=name) == [version]
        assert reading.find(past.repository, name, "").size == 1
        assert reading.blame(past.repository, name)[1][0].version == version


def test_a_forged_message_is_no_version(past: Past) -> None:
    forged = b"\x01" + b"a" * 40 + b"\x01" + b"1\x01root\x01words\n:100644 100644 " + b"0" * 40 + b" " + b"1" * 40 + b" A"
    past.write("alice", {forged: b"x"})
    assert [(entry.author, entry.count) for entry in reading.log(past.repository, Filter())] == [("alice", 1)]


def test_what_citizens_wrote_configures_nothing(past: Past) -> None:
    past.write(
        "alice", {b".mailmap": b"root <root@world> alice <alice@world>\n", b".gitattributes": b"* -diff diff=evil\n", b"a": b"one\n"}
    )
    second = past.put("alice", a=b"two\n")
    assert {entry.author for entry in reading.log(past.repository, Filter())} == {"alice"}
    assert [line.author for line in reading.blame(past.repository, b"a")[1]] == ["alice"]
    assert "+two" in reading.show(past.repository, second).patch


def test_a_version_has_many_names(past: Past) -> None:
    first, second = past.put(a=b"1"), past.put(a=b"2")

    def resolve(text: str) -> str:
        return reading.resolve(past.repository, text, BEGIN + 3 * DAY)

    assert resolve("") == second
    assert resolve(first) == resolve(first[:8]) == resolve(first[:12].upper()) == first
    assert resolve("2023-11-14") == first
    assert resolve("2023-11-15T22:13:19") == first
    assert resolve("2023-11-15T22:13:20") == resolve("2 days ago") == resolve("1 hour ago") == second
    assert resolve("2023-11-16T00:13:20+02:00") == second
    for wrong in (
        "2023-11-13",
        "nothing",
        "HEAD",
        "main",
        "refs/heads/main",
        "--all",
        "-1",
        "abc",
        "deadbeef",
        f"{first}^",
        "@{0}",
        "10 years ago",
    ):
        with pytest.raises(FwrError) as error:
            resolve(wrong)
        assert error.value.code is ExitCode.NOT_FOUND


def test_an_ambiguous_beginning_is_refused(past: Past, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = past.put(a=b"1"), past.put(a=b"2")
    monkeypatch.setattr(Repository, "kinds", lambda *_: {first: ("commit", 1), second: ("commit", 1)})
    with pytest.raises(FwrError) as error:
        reading.resolve(past.repository, first[:4])
    assert error.value.code is ExitCode.USAGE


def test_show_and_diff_say_what_changed(past: Past) -> None:
    first = past.put(a=b"one\n", b=b"same\n")
    second = past.put("bob", a=b"two\n", c=b"new\n")
    shown = reading.show(past.repository, second)
    assert ("-one\n+two\n" in shown.patch, shown.entry.author, shown.is_cut, shown.snapshot) == (True, "bob", False, "")
    assert "+one" in reading.show(past.repository, first).patch
    between = reading.diff(past.repository, first, "", b"")
    assert (between.before, between.after) == (first, second)
    assert [(item.path, item.kind, item.size) for item in between.changes] == [("a", "changed", 4), ("c", "added", 4)]
    back = reading.diff(past.repository, second, first, b"c")
    assert [(item.path, item.kind) for item in back.changes] == [("c", "deleted")]
    assert "a/a" not in back.patch


def test_a_second_word_that_is_no_version_is_a_path(past: Past) -> None:
    first, second = past.put(a=b"1"), past.put(a=b"2")
    assert reading.split_diff(past.repository, first, second, "") == (first, second, b"")
    assert reading.split_diff(past.repository, first, "www/a/", "") == (first, "", b"www/a")
    assert reading.split_diff(past.repository, first, second, "a") == (first, second, b"a")


def test_a_long_text_of_a_difference_is_cut_and_says_so(past: Past) -> None:
    version = past.put(a=b"line\n" * 400_000)
    shown = reading.show(past.repository, version)
    assert shown.is_cut
    assert len(shown.patch) <= 1024 * 1024


def test_blame_names_the_version_of_each_line(past: Past) -> None:
    first = past.put(a=b"one\ntwo\n")
    second = past.put("bob", a=b"one\nTWO\nno line end \xff")
    version, lines = reading.blame(past.repository, b"a")
    assert version == second
    assert [(line.number, line.version, line.author, line.time) for line in lines] == [
        (1, first, "alice", BEGIN), (2, second, "bob", BEGIN + DAY), (3, second, "bob", BEGIN + DAY),
    ]  # fmt: skip
    assert [os.fsencode(line.text) for line in lines] == [b"one", b"TWO", b"no line end \xff"]
    past.put(b=b"\0")
    for path, code in ((b"b", ExitCode.USAGE), (b"c", ExitCode.NOT_FOUND)):
        with pytest.raises(FwrError) as error:
            reading.blame(past.repository, path)
        assert error.value.code is code


def test_a_file_of_a_version(past: Past) -> None:
    first = past.put(www_a=b"one\n")
    past.put(www_a=None)
    assert reading.find(past.repository, b"www/a", first).size == 4
    for path, version, code in ((b"www/a", "", ExitCode.NOT_FOUND), (b"www", first, ExitCode.USAGE), (b"", first, ExitCode.NOT_FOUND)):
        with pytest.raises(FwrError) as error:
            reading.find(past.repository, path, version)
        assert error.value.code is code
    large = past.put_large(b"film", b"x" * 5000)
    found = reading.find(past.repository, b"film", large)
    assert (found.size, found.large) == (5000, file_state(b"x" * 5000))
    assert reading.log(past.repository, Filter(path=b"film"))[0].changes[0].size == 5000


@pytest.mark.parametrize(
    ("text", "target"),
    [
        ("www/a@abcd", (b"www/a", "abcd")), ("./www/a", (b"www/a", "")), ("a@b@2026-11-20", (b"a@b", "2026-11-20")),
        ("\udcff@x", (b"\xff", "x")), ("a@", (b"a", "")),
    ],
)  # fmt: skip
def test_a_target_is_a_path_and_a_version(text: str, target: tuple[bytes, str]) -> None:
    assert reading.split_target(text) == target


def test_a_node_without_a_history_says_so(tmp_path: Path) -> None:
    for text in ("", "abcdef", "2026-11-20", "name"):
        with pytest.raises(FwrError) as error:
            reading.resolve(Repository(tmp_path / "history.git"), text)
        assert error.value.code is ExitCode.NOT_FOUND
