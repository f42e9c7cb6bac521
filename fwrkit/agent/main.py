"""``fwrkit-agent VERB``: the one program inside the containers. JSON on standard output, one object; exit codes of core.errors."""

from __future__ import annotations

import argparse
import json
import shutil
import sys
from pathlib import Path
from typing import Any

from fwrkit import __version__
from fwrkit.agent import history_verbs, joining, volume_verbs
from fwrkit.agent.citizen import refusals
from fwrkit.agent.citizen.asker import ANSWER_TIMEOUT
from fwrkit.agent.control import ask
from fwrkit.agent.settings import Node, Places, from_environment
from fwrkit.core.errors import ExitCode, FwrError

_ASK_TIMEOUT = 30.0  # seconds
_RAW = ("cat", "refused-content", *volume_verbs.RAW)  # verbs whose standard output is a file's content
_TIMEOUTS = {"ask": 100.0, "policy-change": 100.0, "change-key": 100.0, "follow": 100.0, "tidy": 3600.0}  # seconds, for what takes longer


def main(argv: list[str] | None = None) -> int:
    """Run a verb and return the exit status."""
    arguments = _parser().parse_args(argv)
    try:
        if arguments.verb == "run":
            from fwrkit.agent import ground, run  # the whole agent: what only asks it, and is started for every question, starts without

            ground.check_place(from_environment(), Places())
            return run.main(from_environment(), Places())
        answer = _do(arguments, Places())
        if answer is not None:
            print(json.dumps(answer))  # noqa: T201
    except FwrError as error:
        print(json.dumps(error.to_json()), file=sys.stderr if arguments.verb in _RAW else sys.stdout)
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
    ask.add_argument(
        "--within", type=float, default=ANSWER_TIMEOUT, metavar="SECONDS", help="how long to wait for a server that says nothing"
    )
    enrol = verbs.add_parser("enrol", help="client: read an invite from standard input and use it")
    enrol.add_argument("--citizen", default="", help="the name to come under, where the invite is for several")
    request = verbs.add_parser("request", help="client: ask a server to be let in, or see what became of that")
    request.add_argument("--host", required=True)
    request.add_argument("--port", required=True, type=int)
    request.add_argument("--citizen", required=True)
    verbs.add_parser("change-key", help="client: give the node a new key")
    follow = verbs.add_parser("follow", help="client: go to where the world's server is now; the line comes on standard input")
    follow.add_argument("--accept", action="store_true", help="take up another authority, where an official declares it")
    declare = verbs.add_parser("declare", help="client of an official: sign that the world has a new authority")
    declare.add_argument("authority", help="its public key")
    verbs.add_parser("standing", help="client: whether it could take the server's place")
    verbs.add_parser("key", help="client: print the public key")
    sync = verbs.add_parser("sync", help="wait until node and upstream agree")
    sync.add_argument("--timeout", type=float, default=60.0, help="seconds")
    verbs.add_parser("world", help="identity of the world")
    verbs.add_parser("peers", help="who serves beside the server, and whom of them this node follows now")
    verbs.add_parser("conflicts", help="what two changed at once")
    resolve = verbs.add_parser("resolve", help="end a conflict")
    resolve.add_argument("path")
    resolve.add_argument("--keep", required=True, help="mine, theirs, both, or a citizen")
    verbs.add_parser("roll", help="the citizens, as this copy of the world has them")
    verbs.add_parser("audit", help="the audit log, as this copy of the world has it")
    verbs.add_parser("policy", help="the policy, as this copy of the world has it")
    test = verbs.add_parser("policy-test", help="which rule would decide about a change")
    test.add_argument("path")
    test.add_argument("--as", required=True)
    test.add_argument("--operation", default="")
    test.add_argument("--size", type=int)
    verbs.add_parser("policy-change", help="officials: change the policy; how, comes as a JSON object on standard input")
    verbs.add_parser("filters", help="what this node does not want to have")
    change = verbs.add_parser("filter", help="leave a citizen's writing or a pattern's paths out, or no more")
    change.add_argument("kind", choices=["muted", "ignored"])
    change.add_argument("word")
    change.add_argument("--on", action="store_true")
    verbs.add_parser("refused", help="what the policy has refused of this node's edits")
    give = verbs.add_parser("refused-content", help="one of them, byte for byte; an error is JSON on standard error")
    give.add_argument("number", type=int)
    history_verbs.add_parsers(verbs)
    fresh = verbs.add_parser("freshen", help="bring the node's history up to what its world has")
    fresh.add_argument("--patience", type=float, default=10.0, help="seconds")
    verbs.add_parser("tidy", help="make the history small")
    volume_verbs.add_parsers(verbs)
    look = verbs.add_parser("ground", help="whether a world can be kept in a directory, before a node is made")
    look.add_argument("place")
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
    if verb == "ground":
        from fwrkit.agent import ground

        return {"findings": [finding.to_json() for finding in ground.look(Path(arguments.place))]}
    if verb == "refused-content":
        refused_content(arguments.number, places)
        return None
    if verb in volume_verbs.VERBS:
        return volume_verbs.do(arguments, places)
    if verb in history_verbs.VERBS:
        return history_verbs.do(arguments, places)
    values = {name: value for name, value in vars(arguments).items() if name != "verb"}
    if verb == "policy-change":
        values = json.loads(sys.stdin.read() or "{}")
    if verb == "follow":
        values["line"] = sys.stdin.readline()
    if verb == "ask":
        values["arguments"] = json.loads(sys.stdin.read() or "{}")
    return ask(places.control, verb, values, values.get("timeout", 0.0) + values.get("patience", 0.0) + _TIMEOUTS.get(verb, _ASK_TIMEOUT))


def _node() -> Node:
    return from_environment()


def refused_content(number: int, places: Places) -> None:
    """Write what was kept of a refused change to standard output. Raise FwrError (NOT_FOUND)."""
    try:
        with (places.private / refusals.DIRECTORY / str(number)).open("rb") as file:
            shutil.copyfileobj(file, sys.stdout.buffer)
    except FileNotFoundError as error:
        raise FwrError(ExitCode.NOT_FOUND, f"Nothing is kept under the number {number}.", "See what is: fwrkit refused") from error
    sys.stdout.buffer.flush()
