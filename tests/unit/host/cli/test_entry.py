"""The console script, as a process: Ctrl-C at any moment is one sentence."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import pytest


@pytest.mark.parametrize("delay", [0.05, 0.1, 0.2, 0.3])
def test_an_early_interruption_is_no_traceback(delay: float) -> None:
    code = "from fwrkit.host.cli.entry import main; import sys; sys.argv[1:] = ['ls']; print('begun', flush=True); main()"
    process = subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, env={**os.environ, "FWRKIT_HOME": "/nonexistent/home"}
    )
    assert process.stdout is not None
    process.stdout.readline()
    time.sleep(delay)  # not for anything to happen: the moment of the interruption is what varies
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=20)
    assert process.returncode in (0, 130)
    assert b"Traceback" not in err
