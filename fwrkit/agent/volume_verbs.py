"""What is about whole volumes, mostly in a container that runs once: ``fwrkit-agent found``, ``copy``, ``backup``, ``restore``, ``drill`` and their like.

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

VERBS = ("found", "copy", "backup", "backup-check", "restore", "authority-from-shares", "authority-from-backup", "drill")
RAW = ("backup",)  # whose standard output is no JSON


def add_parsers(verbs: Any) -> None:
    """Add these verbs to the command line's."""
    found = verbs.add_parser("found", help="server, before it is started: make its world from a copy of another")
    found.add_argument("--world", required=True, help="where that world's volume is")
    found.add_argument("--history", default="", help="where its state volume is")
    found.add_argument("--succeed", default="", help="go on as the same world: where the keys volume of the successor's node is")
    found.add_argument("--authority", action="store_true", help="with that: the authority's private key comes on standard input")
    found.add_argument("--peer", action="store_true", help="with that: it serves beside the server, and has no authority")
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
    verbs.add_parser(
        "authority-from-shares", help="the authority's private key from shares, if it is the one: a JSON line on standard input"
    )
    verbs.add_parser("authority-from-backup", help="the same from a server's backup: a JSON line on standard input, then the backup")
    drill = verbs.add_parser("drill", help="server that was made on copies: whether its world goes on with it")
    drill.add_argument("--since", default="", help="the newest version of what it was made from")
    drill.add_argument("--operator", required=True, help="the server's own account")
    drill.add_argument("trusted", nargs="*", help="the public keys of the world's authorities")


def do(arguments: argparse.Namespace, places: Places) -> dict[str, Any] | None:
    """Do one of these verbs; return what it prints, None if it has written its output already. Raise FwrError."""
    verbs = {
        "found": _found, "copy": _copy, "backup": _backup, "backup-check": _check, "restore": _restore, "authority-from-shares": _from_shares,
        "authority-from-backup": _from_backup, "drill": _drill,
    }  # fmt: skip
    return verbs[arguments.verb](arguments, places)


def _found(arguments: argparse.Namespace, places: Places) -> dict[str, Any]:
    from fwrkit.agent.server import founding, origins

    origin = origins.Origin(Path(arguments.world), Path(arguments.history) if arguments.history else None, arguments.at)
    succession = _succession(arguments, places) if arguments.succeed else None
    return dataclasses.asdict(founding.found(from_environment(), places, origin, _report, succession))


def _succession(arguments: argparse.Namespace, places: Places) -> Any:
    from fwrkit.agent.citizen.ssh import read_upstream
    from fwrkit.agent.server import founding
    from fwrkit.agent.server.succession import Succession, is_sealed, opened

    keys = Path(arguments.succeed)
    if arguments.peer and arguments.authority:
        raise FwrError(ExitCode.USAGE, "A peer has no authority.", "Leave out --peer, or --authority.")
    upstream = read_upstream(keys)
    if upstream is None and not arguments.peer and (known := founding.of_server(keys, Path(arguments.world), places.templates)) is not None:
        return known
    if upstream is None:
        raise FwrError(ExitCode.HELD, "This node has not joined a world yet.", "Join one: fwrkit join SERVER")
    key = sys.stdin.read() if arguments.authority else ""
    key = opened(key, keys / "node") if is_sealed(key) else key
    former = tuple(dict.fromkeys([*upstream.former, upstream.authority]))
    return Succession(upstream.world_id, upstream.world_name, upstream.trusted, former, key, is_peer=arguments.peer)


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


def _from_shares(_: argparse.Namespace, __: Places) -> dict[str, Any]:
    from fwrkit.agent import bringing
    from fwrkit.agent.backups import packing

    return {"key": bringing.from_shares(json.loads(packing.read_line(0)))}


def _from_backup(_: argparse.Namespace, __: Places) -> dict[str, Any]:
    from fwrkit.agent import bringing
    from fwrkit.agent.backups import packing

    return {"key": bringing.from_backup(json.loads(packing.read_line(0)), sys.stdin.fileno())}


def _drill(arguments: argparse.Namespace, places: Places) -> dict[str, Any]:
    from fwrkit.agent.server import drilling

    return {"findings": [each.to_json() for each in drilling.examine(places, arguments.since, arguments.operator, arguments.trusted)]}


def _report(line: str) -> None:
    print(line, file=sys.stderr, flush=True)  # noqa: T201
