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
_TIMEOUTS = {"ask": 100.0, "change-key": 100.0, "tidy": 3600.0}  # seconds, for what takes longer


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
    ask = verbs.add_parser("ask", help="ask the server for something; its arguments come as a JSON object on standard input")
    ask.add_argument("what")
    enrol = verbs.add_parser("enrol", help="client: read an invite from standard input and use it")
    enrol.add_argument("--citizen", default="", help="the name to come under, where the invite is for several")
    request = verbs.add_parser("request", help="client: ask a server to be let in, or see what became of that")
    request.add_argument("--host", required=True)
    request.add_argument("--port", required=True, type=int)
    request.add_argument("--citizen", required=True)
    verbs.add_parser("change-key", help="client: give the node a new key")
    verbs.add_parser("key", help="client: print the public key")
    sync = verbs.add_parser("sync", help="wait until node and upstream agree")
    sync.add_argument("--timeout", type=float, default=60.0, help="seconds")
    verbs.add_parser("world", help="identity of the world")
    verbs.add_parser("conflicts", help="what two changed at once")
    resolve = verbs.add_parser("resolve", help="end a conflict")
    resolve.add_argument("path")
    resolve.add_argument("--keep", required=True, help="mine, theirs, both, or a citizen")
    verbs.add_parser("roll", help="the citizens, as this copy of the world has them")
    verbs.add_parser("audit", help="the audit log, as this copy of the world has it")
    history_verbs.add_parsers(verbs)
    verbs.add_parser("tidy", help="make the history small")
    verbs.add_parser("doctor", help="checks inside the container")
    return parser


def _do(arguments: argparse.Namespace, places: Places) -> dict[str, Any] | None:
    verb = arguments.verb
    if verb == "key":
        return {"public_key": joining.node_key(places.keys, _node().node_id)}
    if verb == "enrol":
        return joining.enrol(sys.stdin.readline(), places.keys, _node().node_id, arguments.citizen)
    if verb == "request":
        return joining.request(places.keys, _node().node_id, arguments.host, arguments.port, arguments.citizen)
    if verb in history_verbs.VERBS:
        return history_verbs.do(arguments, places)
    values = {name: value for name, value in vars(arguments).items() if name != "verb"}
    if verb == "ask":
        values["arguments"] = json.loads(sys.stdin.read() or "{}")
    return ask(places.control, verb, values, values.get("timeout", 0.0) + _TIMEOUTS.get(verb, _ASK_TIMEOUT))


def _node() -> Node:
    return from_environment()
