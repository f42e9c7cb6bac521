"""A hand on a node's machine: a long-lived program in one of its containers (``inside.py``) that works on the world at our word."""

from __future__ import annotations

import json
import select
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tests.integration.republic import Node

_SOURCE = Path(__file__).with_name("inside.py")
_PATIENCE = 300.0  # seconds after which a hand is taken for dead


class Hand:
    """Works in ``web`` of a client, as PHP does, so that nothing that happens to ``sync`` disturbs it. A server's ``web`` only reads: there in ``sync``."""

    def __init__(self, node: Node) -> None:
        self._node = node
        container = f"{node.project}-{'sync' if node.name == 'server' else 'web'}"
        command = ["docker", "exec", "-i", "-u", "2011", container, "python3", "-u", "-c", _SOURCE.read_text()]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def begin(self, verb: str, **arguments: Any) -> None:
        """Ask for something; :meth:`finish` waits for the answer."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps({"verb": verb, **arguments}).encode() + b"\n")
        self._process.stdin.flush()

    def finish(self, seconds: float = _PATIENCE) -> Any:
        """Return the answer to what was begun; the ledger learns of acts. Raise AssertionError if there is none."""
        assert self._process.stdout is not None
        assert select.select([self._process.stdout], [], [], seconds)[0], f"no answer from {self._node.name} within {seconds:.0f} s"
        line = self._process.stdout.readline()
        assert line, f"the program at {self._node.name} ended"
        answer = json.loads(line)["answer"]
        acts = answer if isinstance(answer, list) else [answer]
        self._node.republic.note(self._node.name, [act for act in acts if isinstance(act, dict) and "op" in act])
        return answer

    @property
    def is_alive(self) -> bool:
        """Whether the program runs still."""
        return self._process.poll() is None

    def is_finished(self) -> bool:
        """Say whether the answer to what was begun is there."""
        assert self._process.stdout is not None
        return bool(select.select([self._process.stdout], [], [], 0)[0])

    def ask(self, verb: str, **arguments: Any) -> Any:
        """Ask for something and return the answer."""
        self.begin(verb, **arguments)
        return self.finish()

    def do(self, how: str, path: str, **arguments: Any) -> dict[str, Any]:
        """Do one act and return it."""
        acts = self.ask("many", acts=[{"do": how, "path": path, **arguments}])
        assert acts or how in ("make_directory", "remove_tree"), f"{how} {path} was obstructed at {self._node.name}"
        return dict(acts[-1]) if acts else {}

    def see(self, path: str, state: str | None, seconds: float = 20, size: int | None = None) -> float:
        """Wait until a path is in a state, which is looked at every millisecond; return when, on the clock that all containers share."""
        when = self.ask("wait", path=path, state=state, seconds=seconds, size=size)
        assert when is not None, f"not within {seconds:.0f} s: {path} at {self._node.name} is {state and state[:12]}"
        return float(when)

    def close(self) -> None:
        """End the program."""
        self._process.kill()
        self._process.communicate()
