"""Groups of commands."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from fwrkit.host.cli.main import Verbs
from tests.unit.host.cli.conftest import Fwrkit

_LOADED = """
import json, sys
from fwrkit.host.cli.entry import main
sys.argv = ["fwrkit", *sys.argv[1:]]
try:
    main()
except SystemExit:
    print(json.dumps([name.rpartition(".")[2] for name in sys.modules if name.startswith("fwrkit.host.cli.")]))
"""


def test_a_command_starts_without_the_others() -> None:
    done = subprocess.run([sys.executable, "-c", _LOADED, "sync", "--help"], capture_output=True, check=True)
    loaded = json.loads(done.stdout.splitlines()[-1])
    assert set(Verbs.names) & set(loaded) == {"sync"}


@pytest.mark.parametrize("name", Verbs.names)
def test_every_command_is_there_and_explained(fwrkit: Fwrkit, name: str) -> None:
    said = fwrkit(name, "--help")
    assert (said.status, said.err) == (0, "")
    assert f"fwrkit {name} " in said.out.splitlines()[0]


def test_all_are_listed_with_what_they_do(fwrkit: Fwrkit) -> None:
    listed = fwrkit("--help").out.partition("Commands:\n")[2].partition("\n\n")[0].splitlines()
    named = [line.split(maxsplit=1) for line in listed if line.startswith("  ") and not line.startswith("   ")]
    assert [words[0] for words in named] == list(Verbs.names)
    assert all(len(words) == 2 for words in named)


@pytest.mark.parametrize(("word", "meant"), [("statu", "'status'"), ("conflict", "'conflicts'")])
def test_a_word_that_is_nearly_one_is_answered_with_it(fwrkit: Fwrkit, word: str, meant: str) -> None:
    said = fwrkit(word)
    assert said.status == 2
    assert f"Did you mean {meant}" in said.err
