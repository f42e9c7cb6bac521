"""A test that failed once is tried again, alone: shown by suites that fail in every way a suite can."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).parents[2]
ONCE = "from pathlib import Path\ndef first(name):\n    path = Path(__file__).with_name(name)\n    was = path.exists()\n    path.touch()\n    return not was\n"


@dataclass(frozen=True)
class Ended:
    """How a run ended: status, what it printed, and which lines it left for the end."""

    status: int
    out: str
    flaky: list[str]


@pytest.fixture
def suite(tmp_path: Path) -> Path:
    (tmp_path / "once.py").write_text(ONCE)
    (tmp_path / "test_well.py").write_text("def test_well():\n    pass\n")
    return tmp_path


def run(suite: Path, *words: str) -> Ended:
    flaky = suite / "flaky"
    environment = {**os.environ, "PYTHONPATH": f"{CHECKOUT}:{suite}", "FLAKY": str(flaky)}
    environment.pop("FWRKIT_OUTCOMES", None)
    given = [
        sys.executable,
        "-m",
        "tests.again",
        "-p",
        "no:cacheprovider",
        f"--config-file={os.devnull}",
        f"--rootdir={suite}",
        *words,
        str(suite),
    ]
    done = subprocess.run(given, env=environment, capture_output=True, check=False, cwd=suite, timeout=120)
    return Ended(done.returncode, done.stdout.decode() + done.stderr.decode(), flaky.read_text().splitlines() if flaky.exists() else [])


@pytest.mark.parametrize("words", [(), ("--numprocesses", "2", "--dist", "loadfile")], ids=["one process", "two"])
def test_what_failed_once_is_named_and_green(suite: Path, words: tuple[str, ...]) -> None:
    (suite / "test_once.py").write_text("from once import first\ndef test_it():\n    assert not first('a')\ndef test_other():\n    pass\n")
    ended = run(suite, *words)
    assert (ended.status, ended.flaky) == (0, ["FLAKY test_once.py::test_it"]), ended.out
    assert ended.out.splitlines()[-1] == "FLAKY test_once.py::test_it"
    assert "Once more, alone: test_once.py\n" in ended.out, "and nothing of what passed"


def test_what_fails_twice_is_red(suite: Path) -> None:
    (suite / "test_once.py").write_text(
        "from once import first\ndef test_it():\n    assert not first('a')\ndef test_never():\n    assert 0\n"
    )
    ended = run(suite)
    assert (ended.status, ended.flaky) == (1, [])
    assert ended.out.splitlines()[-1] == "FAILED AGAIN test_once.py::test_never"


def test_a_suite_without_a_failure_runs_once(suite: Path) -> None:
    ended = run(suite)
    assert (ended.status, ended.flaky) == (0, [])
    assert "Once more" not in ended.out


def test_what_is_shared_by_a_file_is_made_again_for_what_failed(suite: Path) -> None:
    (suite / "test_shared.py").write_text(
        "from once import first\nmade = []\ndef test_makes():\n    made.append(1)\ndef test_needs_it():\n    assert made and not first('a')\n"
    )
    ended = run(suite)
    assert (ended.status, ended.flaky) == (0, ["FLAKY test_shared.py::test_needs_it"]), ended.out


@pytest.mark.parametrize(
    ("source", "name"),
    [
        ("import pytest\n@pytest.fixture\ndef made():\n    assert not first('a')\ndef test_it(made):\n    pass\n", "test_it"),
        ("import pytest\n@pytest.fixture\ndef made():\n    yield\n    assert not first('a')\ndef test_it(made):\n    pass\n", "test_it"),
        ("import pytest\n@pytest.mark.parametrize('word', ['a b[::]/c'])\ndef test_it(word):\n    assert not first('a')\n", "test_it[a b[::]/c]"),
    ],
    ids=["setup", "teardown", "a strange name"],
)  # fmt: skip
def test_errors_around_a_test_are_tried_again(suite: Path, source: str, name: str) -> None:
    (suite / "test_once.py").write_text(f"from once import first\n{source}")
    ended = run(suite)
    assert (ended.status, ended.flaky) == (0, [f"FLAKY test_once.py::{name}"]), ended.out


@pytest.mark.parametrize(
    "source",
    [
        "def test_it():\n    if not first('a'):\n        import pytest\n        pytest.skip()\n    assert 0\n",  # the second time it says nothing
        "if first('a'):\n    def test_it():\n        assert 0\ndef test_other():\n    pass\n",  # the second time it is not there
        "def test_it():\n    assert not first('a')\ndef test_other():\n    assert first('b')\n",  # the second time another one fails
        "def test_it(made):\n    pass\nimport pytest\n@pytest.fixture\ndef made():\n    yield\n    assert 0\n",  # it passes, and its end never does
    ],
    ids=["skipped", "gone", "another", "end"],
)
def test_a_second_run_that_shows_nothing_hides_nothing(suite: Path, source: str) -> None:
    (suite / "test_once.py").write_text(f"from once import first\n{source}")
    ended = run(suite)
    assert (ended.status, ended.flaky) == (1, []), ended.out


@pytest.mark.parametrize(
    ("source", "status"),
    [("import nothing_of_that_name\n", 2), ("import os\ndef test_it():\n    os.kill(os.getpid(), 9)\n", 137)],
    ids=["no suite", "killed"],
)
def test_a_run_that_did_not_come_to_its_end_is_red_at_once(suite: Path, source: str, status: int) -> None:
    (suite / "test_once.py").write_text(source)
    ended = run(suite)
    assert ended.status == status
    assert "Once more" not in ended.out
