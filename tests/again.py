"""Run pytest, and what failed once more, alone: ``python -m tests.again ARGUMENTS``, for CI (the setting AGAIN=1 of the Makefile).

The files of what failed are run again whole and one after another, since the tests of a file share their nodes. If all of that passes, the run has
passed: each test that failed at first is printed as a line ``FLAKY name``, which is also added to the file $FLAKY if there is one. If
anything of it fails, is skipped, or is not even found, the run is red. So is one that never came to its end, and nothing is tried again then.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

_SEEN = "FWRKIT_OUTCOMES"  # the file into which a run writes how each test ended
_TESTS_FAILED = 1  # pytest's status where all went its way, but for tests that failed
_FAILED, _PASSED = ("failed", "error"), "passed"
Outcomes = Mapping[str, Sequence[str]]


def main(arguments: Sequence[str]) -> int:
    """Given pytest's arguments, return pytest's status: of the only run, or of the second where that settles it."""
    with tempfile.TemporaryDirectory() as work:
        status, seen = _run(arguments, Path(work, "first"))
        broken = names(seen, *_FAILED)
        if status != _TESTS_FAILED or not broken:
            return status
        print(f"\nOnce more, alone: {', '.join(sorted(files_of(broken)))}\n", flush=True)
        status, again = _run([*without_paths(arguments), "--numprocesses", "0", *sorted(files_of(broken))], Path(work, "second"))
    left = broken - names(again, _PASSED) | names(again, *_FAILED)
    if status == 0 and not left:
        _tell(sorted(broken))
        return 0
    for name in sorted(left):
        print(f"FAILED AGAIN {name}", flush=True)
    return status or _TESTS_FAILED


def names(seen: Outcomes, *kinds: str) -> set[str]:
    """Given how the tests of a run ended, return those that ended in one of these ways. A test that passed and whose end failed has failed."""
    found = {name for kind in kinds for name in seen.get(kind, ())}
    return found - {name for kind in _FAILED for name in seen.get(kind, ())} if kinds == (_PASSED,) else found


def files_of(tests: Collection[str]) -> set[str]:
    """Given names of tests, return the files that they are in."""
    return {name.partition("::")[0] for name in tests}


def without_paths(arguments: Sequence[str]) -> list[str]:
    """Given pytest's arguments, return them without what says which tests to run: files and directories.

    An option's own path has to be one word with it: ``--rootdir=DIRECTORY``.
    """
    return [word for word in arguments if not Path(word.partition("::")[0]).exists()]


def _run(arguments: Sequence[str], outcomes: Path) -> tuple[int, dict[str, list[str]]]:
    command = [sys.executable, "-m", "pytest", "-p", "tests.again", *arguments]
    status = subprocess.run(command, env={**os.environ, _SEEN: str(outcomes)}, check=False).returncode
    status = status if status >= 0 else 128 - status  # as a shell says that a signal has ended it
    return status, json.loads(outcomes.read_text()) if outcomes.exists() else {}


def _tell(tests: Sequence[str]) -> None:
    lines = "".join(f"FLAKY {name}\n" for name in tests)
    print(f"\n{lines}", end="", flush=True)
    if place := os.environ.get("FLAKY"):
        with Path(place).open("a") as file:
            file.write(lines)


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Write down how the tests of this run ended: pytest calls it in the process that heard of all of them."""
    if place := os.environ.get(_SEEN):
        kinds = (_PASSED, *_FAILED)
        found = {kind: [each.nodeid for each in terminalreporter.stats.get(kind, [])] for kind in kinds}
        Path(place).write_text(json.dumps(found))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
