"""`fwrkit status`."""

from __future__ import annotations

import time
from typing import Annotated

import typer

from fwrkit.core.errors import FwrError
from fwrkit.core.records import NodeStatus
from fwrkit.host.adapters.machine import Machine
from fwrkit.host.cli import moments
from fwrkit.host.cli.context import Json, NodeName, begin
from fwrkit.host.cli.output import Output
from fwrkit.host.verbs import status as verb

EPILOG = "Examples: fwrkit status alice · fwrkit status alice --watch"
_WATCH_EVERY = 1.0  # seconds
_LONGEST_PATH = 160  # characters
_LEFT_OUT = 20  # paths that are named


def status(
    node: NodeName,
    watch: Annotated[bool, typer.Option("--watch", help="Go on until Ctrl-C: a line whenever something changes.")] = False,
    json: Json = False,
) -> None:
    """Say how a node is, and what does not travel."""
    machine, out = begin(json)
    report = verb.status(machine, node, with_news=True)
    out.result("status", report, lambda: _show(out, report))
    if watch:
        _watch(machine, out, node)
        return
    verb.check_up(report)


def _watch(machine: Machine, out: Output, node: str) -> None:
    last = ""
    while True:
        try:
            report = verb.status(machine, node)
            now = _sentence(report.status) if report.status else "down"
        except FwrError as error:
            report, now = None, error.message
        if now != last:
            last = now
            if report is not None:
                seen = report
                out.result("status", seen, lambda: out.line(f"{time.strftime('%H:%M:%S')}  {now}"))  # noqa: B023 - called at once
            else:
                out.progress(now)
        time.sleep(_WATCH_EVERY)


def _sentence(status: NodeStatus) -> str:
    count = "1 change" if status.pending == 1 else f"{status.pending} changes"
    pending = f" with {count}" if status.pending and status.state == "waiting" else f", {count} waiting" if status.pending else ""
    return f"{status.state}{pending}{': ' + status.detail if status.detail else ''}"


def _show(out: Output, report: verb.NodeReport) -> None:
    rows = [["node", f"{report.node} ({'peer' if report.is_peer else report.role}), {report.containers}"]]
    said = report.status
    if said is not None:
        since = f"{moments.second(said.since)} UTC"
        rows += [["state", f"{_sentence(said)} (since {since})"], ["world", f"{said.world} {said.world_id}"], ["citizen", said.citizen]]
        rows += [["upstream", said.upstream]] if said.upstream else []
    rows += [[f"{site} site", url] for site, url in report.urls.items()]
    out.table(["", ""], rows)
    if said is None:
        return
    if said.connections:
        out.line()
        lines = [
            [each.citizen, "held" if each.held else "connected" if each.connected else "away", str(each.behind)]
            for each in said.connections
        ]
        out.table(["CITIZEN", "", "BEHIND"], lines)
    for each in said.connections:
        if each.held:
            out.line()
            out.line(f"Held: {each.citizen} {each.held}.", "bold red")
            out.line(f"Decide with: fwrkit approve {each.citizen}, or fwrkit reject {each.citizen} to give the files back.")
    for alert in said.alerts:
        out.line()
        out.line(alert, "bold yellow")
    to_do = _to_do(said, report.news or verb.News())
    for sentence in ["", *to_do] if to_do else []:
        out.line(sentence)
    if said.waiting:
        out.line()
        out.table(["WAITS", "FOR"], [[_short(each.path), each.reason] for each in said.waiting])
    if said.refused:
        out.line()
        out.table(["DOES NOT TRAVEL", "WHY"], [[_short(each.path), each.reason] for each in said.refused])
    if said.left_out:
        out.line()
        rows = [[_short(each.path), each.reason] for each in said.left_out[:_LEFT_OUT]]
        more = len(said.left_out) - _LEFT_OUT
        out.table(["STAYS ON THIS NODE", "WHY"], [*rows, *([[f"… and {more} more (--json names them)", ""]] if more > 0 else [])])


def _short(path: str) -> str:
    """Return a path without its middle if it is very long: both ends tell which it is, and ``--json`` has all of it."""
    return path if len(path) <= _LONGEST_PATH else f"{path[: _LONGEST_PATH // 2]} … {path[-_LONGEST_PATH // 2 :]}"


def _to_do(said: NodeStatus, news: verb.News) -> list[str]:
    """Return what may be looked at, and what to type for it."""
    through = f" --node {said.node}"
    found = []
    if news.requests:
        found.append(f"{_count(news.requests, 'asks', 'ask')} to be let in. See: fwrkit requests{through}")
    if news.reviews:
        found.append(f"{_count(news.reviews, 'change waits', 'changes wait')} for an official. See: fwrkit review{through}")
    elif said.reviews:
        found.append(
            f"{_count(said.reviews, 'change of yours waits', 'changes of yours wait')} for an official. See: fwrkit review{through}"
        )
    if news.refused:
        found.append(
            f"{_count(news.refused, 'edit was', 'edits were')} refused and undone here in the last day. See: fwrkit refused{through}"
        )
    if news.filters:
        found.append(f"This node leaves something out ({_count(news.filters, 'filter', 'filters')}). See: fwrkit filters{through}")
    return found


def _count(number: int, one: str, several: str) -> str:
    return f"{number} {one if number == 1 else several}"
