"""``fwrkit-agent found``, ``copy``, ``backup``, ``backup-check``, ``restore``: about whole volumes, mostly in a container that runs once.

They need much of the agent, which is imported when one of them is asked for: every other question starts without.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import sys
from pathlib import Path
from typing import Any

from fwrkit.agent.settings import Places, from_environment
from fwrkit.core.errors import ExitCode, FwrError

VERBS = ("found", "copy", "backup", "backup-check", "restore")
RAW = ("backup",)  # whose standard output is no JSON


def add_parsers(verbs: Any) -> None:
    """Add these verbs to the command line's."""
    found = verbs.add_parser("found", help="server, before it is started: make its world from a copy of another")
    found.add_argument("--world", required=True, help="where that world's volume is")
    found.add_argument("--history", default="", help="where its state volume is")
    found.add_argument("--succeed", default="", help="go on as the same world: where the keys volume of the successor's node is")
    found.add_argument("--authority", action="store_true", help="with that: the authority's private key comes on standard input")
    found.add_argument("--at", default="", help="the version that is wanted; as it is now, if none is named")
    copy = verbs.add_parser("copy", help="copy a node's world, or its history, from one volume to another")
    copy.add_argument("what", choices=["world", "history"])
    copy.add_argument("source")
    copy.add_argument("target")
    verbs.add_parser(
        "backup", help="write a backup; how, is a JSON line on standard input; what is in it, and errors, are JSON on standard error"
    )
    verbs.add_parser("backup-check", help="look whether a backup is whole: a JSON line on standard input, then the backup")
    verbs.add_parser("restore", help="fill empty volumes from a backup: a JSON line on standard input, then the backup")


def do(arguments: argparse.Namespace, places: Places) -> dict[str, Any] | None:
    """Do one of these verbs; return what it prints, None if it has written its output already. Raise FwrError."""
    return {"found": _found, "copy": _copy, "backup": _backup, "backup-check": _check, "restore": _restore}[arguments.verb](
        arguments, places
    )


def _found(arguments: argparse.Namespace, places: Places) -> dict[str, Any]:
    from fwrkit.agent.server import founding, origins

    origin = origins.Origin(Path(arguments.world), Path(arguments.history) if arguments.history else None, arguments.at)
    succession = _succession(Path(arguments.succeed), arguments.authority) if arguments.succeed else None
    return dataclasses.asdict(founding.found(from_environment(), places, origin, _report, succession))


def _succession(keys: Path, has_authority: bool) -> Any:
    from fwrkit.agent.citizen.ssh import read_upstream
    from fwrkit.agent.server.succession import Succession, is_sealed, opened

    upstream = read_upstream(keys)
    if upstream is None:
        raise FwrError(ExitCode.HELD, "This node has not joined a world yet.", "Join one: fwrkit join SERVER")
    key = sys.stdin.read() if has_authority else ""
    key = opened(key, keys / "node") if is_sealed(key) else key
    former = tuple(dict.fromkeys([*upstream.former, upstream.authority]))
    return Succession(upstream.world_id, upstream.world_name, upstream.trusted, former, key)


def _copy(arguments: argparse.Namespace, _: Places) -> dict[str, Any]:
    from fwrkit.agent import volumes

    source, target = Path(arguments.source), Path(arguments.target)
    return volumes.copy_world(source, target, _report) if arguments.what == "world" else volumes.copy_history(source, target)


def _backup(_: argparse.Namespace, places: Places) -> None:
    from fwrkit.agent.backups import making, packing

    made = making.backup(json.loads(packing.read_line(0)), places, sys.stdout.fileno(), making.end_with_input)
    _report(json.dumps({"made": made.to_json()}))


def _check(_: argparse.Namespace, __: Places) -> dict[str, Any]:
    from fwrkit.agent.backups import packing, restoring

    return dataclasses.asdict(restoring.check_backup(json.loads(packing.read_line(0)), sys.stdin.fileno()))


def _restore(_: argparse.Namespace, places: Places) -> dict[str, Any]:
    from fwrkit.agent.backups import packing, restoring

    os.umask(0o022)
    restoring.restore(json.loads(packing.read_line(0)), from_environment(), places, sys.stdin.fileno())
    return {}


def _report(line: str) -> None:
    print(line, file=sys.stderr, flush=True)  # noqa: T201
