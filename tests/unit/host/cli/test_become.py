"""`exec` and `logs` hand the process over: the status is the command's own."""

from __future__ import annotations

import subprocess
import sys


def run(words: list[str]) -> subprocess.CompletedProcess[str]:
    code = f"from fwrkit.host.cli.become import become; from fwrkit.core.commands import Command; become(Command({words!r}))"
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, input="fed")


def test_status_and_streams_are_the_commands_own() -> None:
    done = run(["sh", "-c", "cat; echo err >&2; exit 7"])
    assert (done.returncode, done.stdout, done.stderr) == (7, "fed", "err\n")


def test_a_program_that_is_not_there() -> None:
    assert "FwrError: The program 'no-such-program' was not found." in run(["no-such-program"]).stderr
