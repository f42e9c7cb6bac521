"""Scenario 7: a real world, the HTML of Debian's python3-doc (thousands of files), joined by two clients while edits go on. Then idle is idle."""

from __future__ import annotations

import hashlib
import io
import json
import re
import subprocess
import tarfile
import threading
import time
import urllib.error
import urllib.request

import pytest

from tests.integration import invariants
from tests.integration.beside import HOMES
from tests.integration.republic import Node, Republic, digest, wait_until

_FETCH = """
set -e
apt-get update -qq >&2
cd /tmp && apt-get download -qq python3.13-doc >&2
dpkg-deb --fsys-tarfile python3.13-doc*.deb
"""


@pytest.fixture(scope="module")
def pages(republic: Republic) -> dict[str, bytes]:
    """The pages, path below ``www`` to content; fetched once for a checkout."""
    kept = HOMES / "python3-doc.tar"
    if not kept.exists():
        image = republic.json("images", "build")["client"]
        done = subprocess.run(
            ["docker", "run", "--rm", "--entrypoint", "sh", image, "-c", _FETCH], capture_output=True, timeout=300, check=True
        )
        kept.write_bytes(done.stdout)
    result = {}
    with tarfile.open(kept) as archive:
        for member in archive:
            if member.isfile() and "/html/" in member.name:
                body = archive.extractfile(member)
                assert body is not None
                result["docs/" + member.name.partition("/html/")[2]] = body.read()
    assert len(result) > 400
    return result


def unpack(node: Node, pages: dict[str, bytes]) -> None:
    """Put all pages into a node's world at once, as an unpacked archive does."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for path, content in pages.items():
            entry = tarfile.TarInfo(path)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    node.docker("exec", "-i", "-u", "2011", f"{node.project}-sync", "tar", "-C", "/srv/fwr/world/www", "-xf", "-", stdin=buffer.getvalue())
    for path, content in pages.items():
        node.republic.written.setdefault(hashlib.sha256(content).hexdigest(), path)


class Reader(threading.Thread):
    """Reads one page over and over, as a visitor would, and keeps the hashes of what it got."""

    def __init__(self, address: str) -> None:
        super().__init__(daemon=True)
        self.address = address
        self.seen: set[str] = set()
        self.stopping = threading.Event()

    def run(self) -> None:
        while not self.stopping.is_set():
            try:
                with urllib.request.urlopen(self.address, timeout=5) as answer:
                    # without the frame that the web server adds for the footer
                    text = re.sub(rb"<iframe src=/fwr-footer/ [^>]*></iframe>", b"", answer.read())
                    self.seen.add(hashlib.sha256(text).hexdigest())
            except (urllib.error.URLError, OSError):
                continue


def test_a_real_world_is_joined_while_edits_go_on(republic: Republic, pages: dict[str, bytes]) -> None:
    server = republic.up_server("--template", "static")
    alice = republic.join("alice")
    republic.settle()
    unpack(alice, pages)
    stop = threading.Event()
    rounds = 0

    def edit() -> None:
        nonlocal rounds
        while not stop.is_set() and rounds < 2000:  # more than there are while the others join, on a slow machine, too
            rounds += 1
            body = f"<html><body>round {rounds} {'x' * (rounds * 700 % 90_000)}</body></html>"
            alice.do({"path": "www/docs/live.html", "text": body}, {"path": f"www/docs/live/{rounds % 7}.html", "text": body})
            # what an author replaces before her agent has seen it was no version: the next round comes when this one is one
            wait_until(lambda body=body: server.has("www/docs/live.html", body), f"round {rounds} is at the server", 60)  # type: ignore[misc]

    editor = threading.Thread(target=edit, daemon=True)
    editor.start()
    bob, carol = republic.join("bob"), republic.join("carol")
    wait_until(lambda: "www/docs/live.html" in bob.tree(), "bob has the page that is being edited", 90)
    reader = Reader(bob.url("/fwr/docs/live.html"))
    reader.start()
    wait_until(lambda: len(reader.seen) >= 3, "the page is read while it changes", 60)
    stop.set()
    editor.join(60)
    last = f"<html><body>round {rounds} {'x' * (rounds * 700 % 90_000)}</body></html>"
    for node in (bob, carol, server):
        wait_until(lambda node=node: node.has("www/docs/live.html", last), f"{node.name} has the last round", 60)  # type: ignore[misc]
    reader.stopping.set()
    reader.join(10)
    invariants.never_torn(reader.seen, republic.written)
    republic.check_invariants()
    assert digest(pages["docs/index.html"].decode("latin-1").encode("latin-1")) == bob.tree()["www/docs/index.html"]


_USAGE = """
import json, os
cpu = 0
for name in os.listdir("/proc"):
    if name.isdigit():
        try:  # a process may end while it is looked at: a health check does, every few seconds
            cpu += sum(map(int, open(f"/proc/{name}/stat").read().rpartition(")")[2].split()[11:15]))
        except (FileNotFoundError, ProcessLookupError):
            pass
sent = sum(int(line.split()[9]) for line in open("/proc/net/dev").readlines()[2:] if "lo:" not in line)
print(json.dumps([cpu / 100, sent]))
"""


def usage(node: Node) -> tuple[float, int]:
    """Return (CPU seconds of sync since its start, bytes that it sent)."""
    cpu, sent = json.loads(node.python(_USAGE, user="0" if node.name == "server" else "2011"))
    return cpu, sent


def is_calm(nodes: list[Node]) -> bool:
    """Say whether no node is in the middle of something; that it is idle is for the scenario to say."""
    before = [usage(node)[0] for node in nodes]
    time.sleep(2)
    return all(usage(node)[0] - early < 0.4 for node, early in zip(nodes, before, strict=True))


@pytest.mark.alone
def test_idle_is_idle(republic: Republic) -> None:
    republic.settle()
    time.sleep(20)  # what the last scenario set in motion (the history and its being fetched, the observer's last events) ends
    nodes = list(republic.nodes.values())
    wait_until(lambda: is_calm(nodes), "it has ended on a busy machine, too", 60)
    seconds = 10.0
    before = {node.name: usage(node) for node in nodes}
    time.sleep(seconds)
    after = {node.name: usage(node) for node in nodes}
    own = usage(nodes[0])[0] - after[nodes[0].name][0]  # what one look itself costs: it runs inside the container
    for node in nodes:
        cpu, sent = (late - early for late, early in zip(after[node.name], before[node.name], strict=True))
        invariants.idle(max(0.0, cpu - own), seconds, int(sent))
