"""``fwrkit-agent log``, ``show``, ``diff``, ``blame``, ``cat``, ``snapshots``: they read by themselves, whether the agent runs or not.

Only to know what was saved a moment ago they ask it, and do not wait for long.
"""

from __future__ import annotations

import argparse
import contextlib
import sys
from typing import Any

from fwrkit.agent import contents, history_reading
from fwrkit.agent.citizen.ssh import BULK
from fwrkit.agent.control import ask
from fwrkit.agent.history_reading import Filter
from fwrkit.agent.repository import Repository
from fwrkit.agent.settings import Places
from fwrkit.agent.snapshots import known_authorities, snapshots
from fwrkit.core.errors import FwrError

VERBS = ("log", "show", "diff", "blame", "cat", "snapshots")
PATIENCE = 3.0  # seconds for what was saved a moment ago
_MARGIN = 2.0  # seconds more for the answer itself


def add_parsers(verbs: Any) -> None:
    """Add these verbs to the command line's."""
    log = verbs.add_parser("log", help="versions, the newest first")
    log.add_argument("path", nargs="?", default="")
    for name in ("by", "since", "until"):
        log.add_argument(f"--{name}", default="")
    log.add_argument("--limit", type=int, default=Filter.limit)
    show = verbs.add_parser("show", help="one version, and what it changed")
    show.add_argument("version")
    diff = verbs.add_parser("diff", help="what lies between two versions")
    diff.add_argument("before")
    diff.add_argument("after", nargs="?", default="")
    diff.add_argument("path", nargs="?", default="")
    blame = verbs.add_parser("blame", help="which version each line of a file comes from")
    blame.add_argument("target")
    cat = verbs.add_parser("cat", help="a file of a version, byte for byte; an error is JSON on standard error")
    cat.add_argument("target")
    verbs.add_parser("snapshots", help="versions that have a name")


def do(arguments: argparse.Namespace, places: Places) -> dict[str, Any] | None:
    """Do one of these verbs; return what it prints, None if it has written its output already. Raise FwrError."""
    with contextlib.suppress(FwrError):  # no agent, or no upstream: what is there is read
        ask(places.control, "freshen", {"patience": PATIENCE}, PATIENCE + _MARGIN)
    repository, verb = Repository(places.state / "history.git"), arguments.verb
    if verb == "log":
        path = history_reading.path_bytes(arguments.path)
        wanted = Filter(path, arguments.by, arguments.since, arguments.until, arguments.limit)
        return {"entries": [entry.to_json() for entry in history_reading.log(repository, wanted)]}
    if verb == "show":
        return history_reading.show(repository, arguments.version).to_json()
    if verb == "diff":
        words = history_reading.split_diff(repository, arguments.before, arguments.after, arguments.path)
        return history_reading.diff(repository, *words).to_json()
    if verb == "blame":
        path, version = history_reading.split_target(arguments.target)
        version, lines = history_reading.blame(repository, path, version)
        return {"version": version, "lines": [line.to_json() for line in lines]}
    if verb == "cat":
        _cat(arguments.target, repository, places)
        return None
    found = snapshots(repository, known_authorities(places.keys)) if repository.exists else []
    return {"snapshots": [item.to_json() for item in found]}


def _cat(target: str, repository: Repository, places: Places) -> None:
    content = history_reading.find(repository, *history_reading.split_target(target))
    ssh_config = places.run / "ssh_config"
    fetch = contents.over(["ssh", "-T", "-F", str(ssh_config), BULK]) if ssh_config.exists() else None
    contents.write_content(repository, content, places.world, fetch, sys.stdout.buffer.write)
    sys.stdout.buffer.flush()
