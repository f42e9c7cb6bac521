"""``fwrkit-agent VERB``: the one program inside the containers. JSON on standard output, one object; exit codes of core.errors."""

from __future__ import annotations

import argparse
import json
import sys
from typing import Any

from fwrkit import __version__
from fwrkit.agent import history_verbs, joining, run
from fwrkit.agent.control import ask
from fwrkit.agent.settings import Node, Places, from_environment
from fwrkit.core.errors import FwrError

_ASK_TIMEOUT = 30.0  # seconds
_TIDY_TIMEOUT = 3600.0


def main(argv: list[str] | None = None) -> int:
    """Run a verb and return the exit status."""
    arguments = _parser().parse_args(argv)
    try:
        if arguments.verb == "run":
            return run.main(from_environment(), Places())
        answer = _do(arguments, Places())
        if answer is not None:
            print(json.dumps(answer))  # noqa: T201
    except FwrError as error:
        print(json.dumps(error.to_json()), file=sys.stderr if arguments.verb == "cat" else sys.stdout)
        return int(error.code)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="fwrkit-agent", description="The agent of one fwrkit node.")
    parser.add_argument("--version", action="version", version=__version__)
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB")
    verbs.add_parser("run", help="the agent itself")
    verbs.add_parser("status", help="what the node says of itself")
    invite = verbs.add_parser("invite", help="server: make an invite")
    invite.add_argument("name")
    invite.add_argument("--host", required=True)
    invite.add_argument("--port", required=True, type=int)
    invite.add_argument("--expires", type=int, default=7 * 86400, help="seconds")
    decide = verbs.add_parser("decide", help="server: let through or undo what the deletion guard holds of a citizen")
    decide.add_argument("ruling", choices=["approve", "reject"])
    decide.add_argument("name")
    verbs.add_parser("enrol", help="client: read an invite from standard input and use it")
    verbs.add_parser("key", help="client: print the public key")
    sync = verbs.add_parser("sync", help="wait until node and upstream agree")
    sync.add_argument("--timeout", type=float, default=60.0, help="seconds")
    verbs.add_parser("world", help="identity of the world")
    verbs.add_parser("conflicts", help="what two changed at once")
    resolve = verbs.add_parser("resolve", help="end a conflict")
    resolve.add_argument("path")
    resolve.add_argument("--keep", required=True, help="mine, theirs, both, or a citizen")
    history_verbs.add_parsers(verbs)
    snapshot = verbs.add_parser("snapshot", help="give a version a name, for ever")
    snapshot.add_argument("name")
    snapshot.add_argument("--at", default="", help="a version; the newest if empty")
    verbs.add_parser("tidy", help="make the history small")
    verbs.add_parser("doctor", help="checks inside the container")
    return parser


def _do(arguments: argparse.Namespace, places: Places) -> dict[str, Any] | None:
    verb = arguments.verb
    if verb == "key":
        return {"public_key": joining.node_key(places.keys, _node().node_id)}
    if verb == "enrol":
        return joining.enrol(sys.stdin.readline(), places.keys, _node().node_id)
    if verb in history_verbs.VERBS:
        return history_verbs.do(arguments, places)
    values = {name: value for name, value in vars(arguments).items() if name != "verb"}
    return ask(places.control, verb, values, _TIDY_TIMEOUT if verb == "tidy" else values.get("timeout", 0.0) + _ASK_TIMEOUT)


def _node() -> Node:
    return from_environment()
