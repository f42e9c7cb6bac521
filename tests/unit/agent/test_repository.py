"""A repository as it is read: bounded, by nobody's configuration."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from fwrkit.agent.repository import Pointer, Repository, parse_pointer, pointer_oid, pointer_text, split_number, with_number
from fwrkit.agent.states import file_state
from fwrkit.core.errors import ExitCode, FwrError
from tests.unit.agent.past import Past


def test_output_is_bounded_and_says_so(tmp_path: Path) -> None:
    past = Past(tmp_path)
    past.put(a=b"x" * 100_000)
    oid = past.repository.read("rev-parse", "main:a")[0].decode().strip()
    assert past.repository.read("cat-file", "blob", oid, limit=1000) == (b"x" * 1000, True)
    assert past.repository.read("cat-file", "blob", oid, limit=100_000) == (b"x" * 100_000, False)
    with pytest.raises(FwrError) as error:
        past.repository.blob(oid, limit=10)
    assert error.value.code is ExitCode.FAILED


def test_a_failure_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(FwrError) as error:
        Repository(tmp_path / "none").read("rev-parse", "main")
    assert "\n" not in error.value.message


def test_nothing_of_the_machine_s_configuration_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "config").write_text("[core]\n\tpager = false\n[alias]\n\trev-list = !false\n[diff]\n\texternal = false\n")
    for name, value in (
        ("GIT_CONFIG_GLOBAL", tmp_path / "config"),
        ("HOME", tmp_path),
        ("GIT_DIR", tmp_path),
        ("GIT_EXTERNAL_DIFF", "false"),
    ):
        monkeypatch.setenv(name, os.fspath(value))
    past = Past(tmp_path)
    past.put(a=b"1")
    command = past.repository.command("status")
    assert command.clean
    assert not {"GIT_DIR", "GIT_EXTERNAL_DIFF"} & set(command.environment())
    assert past.repository.head() == past.history.head()


def test_references_below_a_prefix(tmp_path: Path) -> None:
    past = Past(tmp_path)
    first = past.put(a=b"1")
    past.repository.run("update-ref", "refs/tags/v1", first)
    assert past.repository.references("refs/tags/") == {"v1": first}
    assert past.repository.references("refs/") == {"heads/main": first, "tags/v1": first}
    assert past.repository.references("refs/kept/") == {}


def test_sizes_are_those_of_the_files(tmp_path: Path) -> None:
    past = Past(tmp_path)
    past.put(a=b"12345", b=b"version https://git-lfs.github.com/spec/v1\n")
    past.put_large(b"c", b"x" * 5000)
    oids = [past.repository.read("rev-parse", f"main:{name}")[0].decode().strip() for name in "abc"]
    assert past.repository.sizes([*oids, "0" * 40]) == dict(zip(oids, [5, 43, 5000], strict=True))
    assert past.repository.pointers(oids) == {oids[2]: Pointer(file_state(b"x" * 5000), 5000)}
    assert past.repository.sizes([]) == {}
    assert pointer_oid(Pointer(file_state(b"x" * 5000), 5000)).hex() == oids[2]


def test_a_history_says_up_to_which_version_it_goes(tmp_path: Path) -> None:
    past = Past(tmp_path)
    assert past.repository.number() == 0
    past.put(a=b"1")
    past.put(a=b"2")
    assert past.repository.number() == 2
    past.put_large(b"b", b"x")
    assert past.repository.number() == 0, "it is not known"


@pytest.mark.parametrize("message", ["edit a\n", "", "a\n\nnote: b\n", "Fwrkit-Version: 7\n"])
def test_a_number_in_a_message(message: str) -> None:
    assert split_number(with_number(message, 12)) == (message.rstrip("\n"), 12)
    assert split_number(message) == (message, 0)


@pytest.mark.parametrize("text", [b"", b"version https://git-lfs.github.com/spec/v1\n", b"x" * 1000])
def test_what_is_no_pointer(text: bytes) -> None:
    pointer = Pointer(b"\1" * 32, 7)
    assert parse_pointer(pointer_text(pointer)) == pointer
    assert parse_pointer(text) is None
    assert parse_pointer(pointer_text(pointer) + b" ") is None
