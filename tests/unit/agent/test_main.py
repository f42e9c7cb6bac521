"""The program inside the containers."""

from __future__ import annotations

import json
import subprocess
import sys

_ASKED = """
import json, sys
from fwrkit.agent.main import main
status = main(["status"])
print(json.dumps([status, sorted(sys.modules)]))
"""


def test_who_only_asks_the_agent_does_not_start_with_all_of_it() -> None:
    done = subprocess.run([sys.executable, "-c", _ASKED], capture_output=True, check=True)
    answer, then = done.stdout.splitlines()
    assert "error" in json.loads(answer), "no agent runs here"
    status, modules = json.loads(then)
    assert status != 0
    assert not {"fwrkit.agent.run", "fwrkit.agent.server.server", "fwrkit.agent.citizen.engine", "pygit2"} & set(modules)
