"""`make demo`: a server and two clients with a wiki; a page saved at one is read at the others. `clean` removes exactly what it made.

Through the command line and HTTP only, as a person would. Its nodes live in ``.demo`` of this checkout. The exit status is 1 if a page is not
everywhere within five seconds.
"""

from __future__ import annotations

import html.parser
import http.cookiejar
import json
import os
import shutil
import sys
import time
import urllib.parse
import urllib.request
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

from fwrkit.core import commands
from fwrkit.core.commands import Command
from fwrkit.core.errors import ExitCode, FwrError

CHECKOUT = Path(__file__).resolve().parents[1]
HOME = CHECKOUT / ".demo"
FWRKIT = Path(sys.executable).with_name("fwrkit")
WRITER, READER = "alice", "bob"
DEADLINE = 5.0  # seconds from the click on "Save" until the others show it
_PATIENCE = 120.0  # seconds until a wiki that was just started answers
_COMMAND_TIMEOUT = 900.0
_NAMES = {"citizens": "the citizens' wiki", "tourist": "the public wiki"}

T = TypeVar("T")


class Form(html.parser.HTMLParser):
    """DokuWiki's edit form in a page: its hidden fields, as a browser would send them."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.fields: dict[str, str] = {}
        self._is_inside = False
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Take up hidden inputs between the tags of the form."""
        values = dict(attrs)
        if tag == "form":
            self._is_inside = values.get("id") == "dw__editform"
        elif tag == "input" and self._is_inside and values.get("type") == "hidden":
            self.fields[str(values.get("name"))] = values.get("value") or ""

    def handle_endtag(self, tag: str) -> None:
        """The form ends."""
        if tag == "form":
            self._is_inside = False


class Browser:
    """One person's browser: it keeps cookies."""

    def __init__(self) -> None:
        jar = urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar())
        self._opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), jar)

    def get(self, url: str) -> str:
        """Return a page. Raise OSError if it cannot be had."""
        return self._read(urllib.request.Request(url))

    def post(self, url: str, fields: dict[str, str]) -> str:
        """Send a form and return what it leads to. Raise OSError if it fails."""
        return self._read(urllib.request.Request(url, data=urllib.parse.urlencode(fields).encode()))

    def _read(self, request: urllib.request.Request) -> str:
        with self._opener.open(request, timeout=10) as answer:
            return bytes(answer.read()).decode(errors="replace")


def fwrkit(*words: str) -> Any:
    """Run a command of fwrkit with ``--json`` and return its data. Raise FwrError if it fails."""
    done = commands.run(Command([str(FWRKIT), *words, "--json"], env={"FWRKIT_HOME": str(HOME)}), _COMMAND_TIMEOUT)
    try:
        answer = json.loads(done.stdout)
    except ValueError as error:
        raise FwrError(ExitCode.FAILED, f"fwrkit {' '.join(words)} said: {done.last_words()}") from error
    if answer["kind"] == "error":
        raise FwrError.from_json(answer["data"])
    return answer["data"]


def save(site: str, page: str, text: str) -> float:
    """Save a page by DokuWiki's own form at a site; return the moment at which it was sent. Raise FwrError if there is no form."""
    browser = Browser()
    address = f"{site}doku.php?id={urllib.parse.quote(page)}"

    def fields() -> dict[str, str]:
        return Form(browser.get(f"{address}&do=edit")).fields

    found = waited(fields, _PATIENCE)
    if not found:
        raise FwrError(ExitCode.FAILED, f"{address} shows no form to edit a page.", "See: FWRKIT_HOME=.demo fwrkit logs alice")
    sent = time.monotonic()
    browser.post(f"{site}doku.php", {**found, "wikitext": text, "summary": "make demo", "do[save]": "Save"})
    return sent


def waited(look: Callable[[], T], seconds: float) -> T | None:
    """Return what ``look`` returns as soon as that is something, or None after so many seconds; a server that does not answer is nothing."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            seen: T | None = look()
        except OSError:  # URLError is one
            seen = None
        if seen:
            return seen
        if time.monotonic() > deadline:
            return None
        time.sleep(0.02)


def show(kind: str, writer: dict[str, str], readers: dict[str, dict[str, str]]) -> bool:
    """Save a page of one kind of site at the writer, wait until every reader's web server shows it; say how long it took."""
    stamp = f"{time.time_ns():x}"
    page = f"demo-{stamp}"
    sent = save(writer[kind], page, f"====== Hello ======\n\nWritten by {WRITER}, mark {stamp}mark.")
    is_everywhere = True
    for name, links in readers.items():
        address = f"{links[kind]}doku.php?id={page}"
        seen = waited(lambda address=address: f"{stamp}mark" in Browser().get(address), DEADLINE - (time.monotonic() - sent))  # type: ignore[misc]
        took = time.monotonic() - sent
        print(f"  {_NAMES[kind]}, {WRITER} → {name}: " + (f"{took * 1000:.0f} ms   {address}" if seen else f"not within {DEADLINE:g} s"))
        is_everywhere = is_everywhere and bool(seen)
    return is_everywhere


def demo() -> int:
    """Start the nodes, save and read; return the exit status."""
    print("Starting a server and two clients …", flush=True)
    server = fwrkit("up", "server")["urls"]
    links = {name: fwrkit("join", "server", "--name", name)["urls"] for name in (WRITER, READER)}
    for name in links:
        fwrkit("sync", name)
    print(f"{WRITER} saves a page in the wiki's own form:", flush=True)
    is_shown = show("citizens", links[WRITER], {READER: links[READER]})
    is_shown = show("tourist", links[WRITER], {READER: links[READER], "server": server}) and is_shown
    print("Open in a browser:")
    for name, urls in {"server": server, **links}.items():
        print(f"  {name:<8}" + "   ".join(urls.values()))
    print("Look around: FWRKIT_HOME=.demo .venv/bin/fwrkit ls        Remove it all: make demo-clean")
    return 0 if is_shown else 1


def clean() -> int:
    """Remove the demo's nodes with their volumes, and ``.demo``; return the exit status."""
    if not HOME.is_dir():
        print("There is no demo here.")
        return 0
    for node in sorted(fwrkit("ls"), key=lambda node: bool(node["role"] == "server")):  # a server goes after those who follow it
        fwrkit("rm", node["node"], "--volumes", "--yes")
        print(f"{node['node']} is removed.")
    shutil.rmtree(HOME)
    return 0


def main(words: Sequence[str]) -> int:
    """Run the demo, or ``clean``; return the exit status."""
    os.chdir(CHECKOUT)
    try:
        return clean() if list(words) == ["clean"] else demo()
    except FwrError as error:
        print(error.message, error.hint, sep="\n", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
