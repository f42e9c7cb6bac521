"""Real nodes in real containers, driven through the command line as a person would."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import json
import os
import subprocess
import sys
import time
import urllib.parse
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from fwrkit.core.errors import ExitCode
from fwrkit.host.adapters.home import Home
from tests.integration import invariants
from tests.integration.hand import Hand
from tests.web.address import Address
from tests.web.browser import Wiki

CHECKOUT = Path(__file__).parents[2]
FWRKIT = Path(sys.executable).with_name("fwrkit")

# runs inside `sync`: prints the world as JSON, path to SHA-256 (empty: a directory)
_TREE = """
import hashlib, json, os, re, sys, tomllib
root = sys.argv[1].encode()
rules = tomllib.load(open("/srv/fwr/world/.fwr/world.toml", "rb"))["ignore"] if os.path.exists("/srv/fwr/world/.fwr/world.toml") else []
sys.path.insert(0, "/usr/lib/fwrkit/python")
from fwrkit.agent.files.ignore import ALWAYS, SQLITE_HEAD, IgnoreList, is_sqlite
from fwrkit.agent import paths
ignored, tree = IgnoreList((*ALWAYS, *rules)), {}
for directory, names, files in os.walk(root):
    for name in list(names):
        path = os.path.relpath(os.path.join(directory, name), root)
        if ignored.matches(path) or paths.why_not(path) or os.path.islink(os.path.join(directory, name)):
            names.remove(name)
        else:
            tree[os.fsdecode(path)] = ""
    for name in files:
        full = os.path.join(directory, name)
        path = os.path.relpath(full, root)
        if os.path.isfile(full) and not os.path.islink(full) and not ignored.matches(path):
            try:  # a file may go while the tree is read: then it is not there
                if not is_sqlite(open(full, "rb").read(SQLITE_HEAD)):
                    tree[os.fsdecode(path)] = hashlib.file_digest(open(full, "rb"), "sha256").hexdigest()
            except FileNotFoundError:
                pass
print(json.dumps(tree))
"""

# runs inside the server's `sync`: the SHA-256 of every content in the history, large objects by their names
_HISTORY = """
import hashlib, json, os, re, subprocess
git = ["git", "--git-dir=/var/lib/fwrkit/history.git"]
listed = subprocess.run([*git, "cat-file", "--batch-all-objects", "--batch-check"], capture_output=True, check=True).stdout.decode().split("\\n")
blobs = [line.split()[0] for line in listed if " blob " in line]
done = subprocess.run([*git, "cat-file", "--batch"], input="\\n".join(blobs).encode(), capture_output=True, check=True).stdout
found, position = [], 0
for _ in blobs:
    end = done.index(b"\\n", position)
    size = int(done[position:end].split()[2])
    found.append(hashlib.sha256(done[end + 1 : end + 1 + size]).hexdigest())
    position = end + size + 2
for directory, _, files in os.walk("/var/lib/fwrkit/history.git/lfs/objects"):
    found += [name for name in files if len(name) == 64]
import sqlite3
rows = sqlite3.connect("file:/var/lib/fwrkit/hub.sqlite?mode=ro", uri=True).execute("SELECT state, is_committed FROM versions WHERE length(state) = 32")
versions = [(state.hex(), committed) for state, committed in rows]
if not any(not committed for _, committed in versions):  # while commits are being made, what is new looks as if something were missing
    subprocess.run([*git, "fsck", "--no-dangling"], capture_output=True, check=True)
print(json.dumps({"contents": found, "versions": [state for state, _ in versions], "pending": sum(1 for _, committed in versions if not committed)}))
"""

_LITTER = """
import json, os
paths = [os.fsdecode(os.path.join(directory, name)) for root in (b"/srv/fwr", b"/var/lib/fwrkit") for directory, names, files in os.walk(root)
         for name in [*map(lambda n: n + b"/" if False else n, names), *files] if b"/canon/" not in directory and b"history.git" not in directory]
zombies = []
for entry in os.scandir("/proc"):
    if entry.name.isdigit():
        try:
            name, _, rest = open(f"/proc/{entry.name}/stat").read().rpartition(")")
        except OSError:
            continue
        if rest.split()[0] == "Z":
            zombies.append(f"{name}) {rest.split()[19]}")
print(json.dumps({"paths": paths, "zombies": zombies}))
"""

_WRITE = """
import json, os, sys
for item in json.load(sys.stdin):
    path = os.path.join(b"/srv/fwr/world", os.fsencode(item["path"]))
    if item.get("delete"):
        os.unlink(path) if not os.path.isdir(path) else os.rmdir(path)
        continue
    if "to" in item:
        target = os.path.join(b"/srv/fwr/world", os.fsencode(item["to"]))
        os.makedirs(os.path.dirname(target), exist_ok=True)
        os.rename(path, target)
        continue
    if "directory" in item:
        os.makedirs(path, exist_ok=True)
        continue
    os.makedirs(os.path.dirname(path), exist_ok=True)
    if os.path.isfile(path):  # whoever writes has seen what they replace
        open(path, "rb").read()
    content = item["text"].encode("utf-8", "surrogateescape") if "text" in item else os.urandom(1 << 20) * 0
    temporary = os.path.join(os.path.dirname(path), b".writing~")
    with open(temporary, "wb") as file:
        file.write(content)
    os.rename(temporary, path)
"""

_EDITOR = """
import sys
path = "/srv/fwr/world/" + sys.argv[1]
text = open(path).read()
print("read", flush=True)
sys.stdin.readline()
open(path, "w").write(text.replace(sys.argv[2], sys.argv[3]))
"""


def digest(content: str | bytes) -> str:
    """Return the SHA-256 of a content as hex."""
    return hashlib.sha256(content.encode("utf-8", "surrogateescape") if isinstance(content, str) else content).hexdigest()


def wait_until(condition: Callable[[], bool], what: str, seconds: float = 20) -> float:
    """Wait for a condition, with a deadline; return how long it took in seconds."""
    began = time.monotonic()
    while True:
        asked = time.monotonic()
        if condition():
            return time.monotonic() - began
        now = time.monotonic()
        if now - began > seconds:
            raise AssertionError(f"not within {seconds:.0f} s: {what}")
        time.sleep(max(0.1, min(now - asked, began + seconds - now)))  # asking takes no more of the machine than what is waited for


class Failed(AssertionError):
    """A command of fwrkit ended with another status than 0."""

    def __init__(self, words: tuple[str, ...], done: subprocess.CompletedProcess[bytes]) -> None:
        super().__init__(f"fwrkit {' '.join(words)}: status {done.returncode}\n{done.stdout.decode()}\n{done.stderr.decode()}")
        self.status = done.returncode
        self.stderr = done.stderr.decode()
        self.stdout = done.stdout.decode()


class Republic:
    """All nodes of one ``FWRKIT_HOME``, and a ledger of what was written and deleted, for the invariants."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.nodes: dict[str, Node] = {}
        self.written: dict[str, str] = {}
        self.deleted: set[str] = set()
        self.acts: list[dict[str, Any]] = []
        self.refused: dict[str, str] = {}  # contents that the policy refuses, to a name for each
        self.lost_races = 0
        self.are_races_counted = True

    def fwrkit(self, *words: str, stdin: bytes = b"", timeout: float = 300, check: bool = True) -> subprocess.CompletedProcess[bytes]:
        """Run a command of fwrkit. Raise Failed if its status is not 0 (unless ``check`` is false)."""
        done = subprocess.run([FWRKIT, *words], input=stdin, capture_output=True, timeout=timeout, env=self.environment, check=False)
        if check and done.returncode != 0:
            raise Failed(words, done)
        return done

    def json(self, *words: str, **options: Any) -> Any:
        """Run a command with ``--json`` and return the data of its envelope."""
        return json.loads(self.fwrkit(*words, "--json", **options).stdout)["data"]

    @property
    def environment(self) -> dict[str, str]:
        """The environment of its commands."""
        return {**os.environ, "FWRKIT_HOME": str(self.home)}

    @property
    def identity(self) -> str:
        """What stands for the home in names and labels of the engine."""
        return Home(self.home).identity

    def clear(self) -> None:
        """Remove every node, with volumes: also what an earlier run left."""
        listed = sorted(self.json("ls"), key=lambda node: node["role"] == "server")
        for known in self.nodes.values():
            known.close_hands()
        for node in listed:
            self.fwrkit("rm", node["node"], "--volumes", "--yes")
        listed = ["docker", "volume", "ls", "--quiet", "--filter", f"label=org.fwrkit.home={self.identity}"]
        for volume in subprocess.run(listed, capture_output=True, check=True).stdout.decode().split():
            subprocess.run(["docker", "volume", "rm", volume], capture_output=True, check=True)  # kept by an earlier `rm` without --volumes
        self.nodes.clear()

    def up_server(self, *options: str) -> Node:
        """Start the server."""
        self.json("up", "server", *options)
        node = self.nodes["server"] = Node(self, "server")
        node.wait_in_sync()
        for path, state in node.tree().items():
            if state:
                self.written.setdefault(state, f"template {path}")
        return node

    def beside(self, server: str) -> Republic:
        """Return the republic of another server of this home, which is there already: what its world holds now counts as written."""
        other = Republic(self.home)
        node = other.nodes["server"] = Node(other, server, is_server=True)
        other.witness(node)
        return other

    def join(self, name: str, *options: str) -> Node:
        """Have a client join the server of this machine."""
        self.json("join", self.nodes["server"].name, "--name", name, *options)
        node = self.nodes[name] = Node(self, name)
        return node

    def settle(self, seconds: float = 120) -> None:
        """Return when every running node agrees with the server; twice round, for what one brings the others get."""
        for _ in range(2):
            self._everywhere(lambda node: node.agree(seconds))

    def _everywhere(self, function: Callable[[Node], Any]) -> dict[str, Any]:
        """Call a function for each node that can be reached, at the same time, and return what came of it by name."""
        reachable = [node for node in self.nodes.values() if node.is_reachable]
        with ThreadPoolExecutor(len(reachable)) as pool:
            return dict(zip([node.name for node in reachable], pool.map(function, reachable), strict=True))

    def witness(self, *nodes: Node) -> None:
        """Remember everything that nodes hold now as written there: what a wiki writes for a person is known by looking only."""
        for node in nodes:
            for path, state in node.tree().items():
                if state:
                    self.written.setdefault(state, f"{node.name}: {path!r}")

    def note(self, node: str, acts: Iterable[dict[str, Any]]) -> None:
        """Remember what a hand did at a node."""
        for act in acts:
            self.acts.append({**act, "node": node})
            if act["after"]:
                self.written.setdefault(act["after"], f"{node}: {act['path']!r}")

    def check_invariants(self, seconds: float = 120) -> None:
        """Check I1 to I4, I7, I9 and I10 on what is there now."""
        self.settle(seconds)
        trees = self._trees()
        if invariants.is_servers_own(trees):  # it writes its log when it likes: who was looked at first, had not heard of that line
            self.settle(seconds)
            trees = self._trees()
        history = self.nodes["server"].written_history()
        invariants.converged(trees)
        passing = invariants.replaced_by_their_authors(self.acts)
        invariants.nothing_lost({state: name for state, name in self.written.items() if state not in passing}, trees, history["contents"])
        invariants.superseded_or_there(self.acts, trees["canon"])
        invariants.not_resurrected(self.acts, trees["canon"])
        invariants.copies_have_a_reason(self.acts, trees["canon"])
        invariants.nothing_invented(self.written, trees)
        invariants.deletions_kept(self.deleted, trees)
        invariants.refused_undone(self.refused, trees, history["contents"])
        if self.are_races_counted:
            invariants.conflict_copies(trees["canon"], self.lost_races)
        litter = self._everywhere(Node.lasting_litter)
        invariants.no_litter(
            {name: seen["paths"] for name, seen in litter.items()}, {name: len(seen["zombies"]) for name, seen in litter.items()}
        )
        invariants.versions_readable(history["versions"], history["contents"])

    def _trees(self) -> dict[str, invariants.Tree]:
        """Return what every node that can be reached has, and the canon."""
        trees: dict[str, invariants.Tree] = self._everywhere(Node.tree)
        return {**trees, "canon": self.nodes["server"].tree("/var/lib/fwrkit/canon", user="0")}

    def keep_artifacts(self, directory: Path) -> None:
        """Write logs, status and listings of every node to a directory."""
        directory.mkdir(parents=True, exist_ok=True)
        for name in self.nodes:
            for kind, words in (("log", ("logs", name)), ("status", ("status", name)), ("tree", ("exec", name, "--", "find", "."))):
                done = self.fwrkit(*words, check=False)
                (directory / f"{name}.{kind}.txt").write_bytes(done.stdout + done.stderr)


class Node:
    """One node, its files and its network."""

    def __init__(self, republic: Republic, name: str, is_server: bool | None = None) -> None:
        self.republic = republic
        self.name = name
        self.is_server = name == "server" if is_server is None else is_server
        self.is_reachable = True
        self.project = Home(republic.home).project(name)
        self._hand: Hand | None = None
        self._more_hands: list[Hand] = []

    @property
    def hand(self) -> Hand:
        """A hand on this machine. It dies with its container: then it is another one."""
        if self._hand is None or not self._hand.is_alive:
            self._hand = Hand(self)
        return self._hand

    def new_hand(self) -> Hand:
        """Return one more hand on this machine."""
        self._more_hands.append(Hand(self))
        return self._more_hands[-1]

    def close_hands(self) -> None:
        """Take all hands off the machine."""
        for hand in (self._hand, *self._more_hands):
            if hand is not None:
                hand.close()
        self._hand = None
        self._more_hands.clear()

    def docker(self, *words: str, check: bool = True, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
        """Run a docker command."""
        return subprocess.run(["docker", *words], input=stdin, capture_output=True, check=check, timeout=120)

    def python(self, code: str, *arguments: str, user: str = "2011", stdin: bytes = b"") -> bytes:
        """Run Python inside ``sync``."""
        done = self.docker("exec", "-i", "-u", user, f"{self.project}-sync", "python3", "-c", code, *arguments, check=False, stdin=stdin)
        assert done.returncode == 0, done.stderr.decode()
        return done.stdout

    def tree(self, root: str = "/srv/fwr/world", user: str = "2011") -> dict[str, str]:
        """Return what of the world is synchronised, as the invariants take it."""
        result: dict[str, str] = json.loads(self.python(_TREE, root, user=user))
        return result

    def history(self) -> Any:
        """Return what the server's history holds."""
        return json.loads(self.python(_HISTORY, user="0"))

    def written_history(self) -> Any:
        """Return the same, once nothing is pending: one look, as the next version may come right behind it."""
        history: Any = None

        def is_written() -> bool:
            nonlocal history
            history = self.history()
            return bool(history["pending"] == 0)

        wait_until(is_written, "the history is written")
        return history

    def litter(self) -> Any:
        """Return all paths of the node's volumes, and its zombies."""
        return json.loads(self.python(_LITTER, user="0" if self.is_server else "2011"))

    def lasting_litter(self, seconds: float = 10) -> Any:
        """Return the same, without what is gone soon: every process that ends is a zombie for a moment, on a busy machine for a longer one; and
        a status that is being written has another name until it is whole.
        """
        seen, began = self.litter(), time.monotonic()
        while (seen["zombies"] or invariants.litter(seen["paths"])) and time.monotonic() - began < seconds:
            time.sleep(0.1)
            again = self.litter()
            seen = {kind: sorted(set(seen[kind]) & set(again[kind])) for kind in seen}
        return seen

    def do(self, *items: dict[str, Any]) -> None:
        """Write, rename and delete files as a program on this machine would, and remember it for the invariants."""
        for item in items:
            if "text" in item:
                self.republic.written.setdefault(digest(item["text"]), f"{self.name}: {item['path']!r}")
                self.republic.deleted.discard(item["path"])
            elif item.get("delete"):
                self.republic.deleted.add(item["path"])
            elif "to" in item:
                self.republic.deleted.add(item["path"])
                self.republic.deleted.discard(item["to"])
        self.python(_WRITE, stdin=json.dumps(items).encode())

    def write(self, path: str, text: str) -> None:
        """Write one file."""
        self.do({"path": path, "text": text})

    @contextmanager
    def editing(self, path: str, old: str, new: str) -> Iterator[Callable[[], None]]:
        """Have an editor open a file; what the block is given replaces one text by another in what the editor has read, and saves it."""
        words = ["docker", "exec", "-i", "-u", "2011", f"{self.project}-sync", "python3", "-c", _EDITOR, path, old, new]
        with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as editor:
            assert editor.stdin is not None and editor.stdout is not None
            assert editor.stdout.readline() == b"read\n"

            def save() -> None:
                editor.communicate(b"\n", timeout=30)
                assert editor.returncode == 0

            yield save

    def attempt(self, *items: dict[str, Any]) -> None:
        """Do what the policy refuses: it is to end undone, its contents nowhere."""
        self.republic.refused.update({digest(item["text"]): f"{self.name}: {item['path']!r}" for item in items if "text" in item})
        self.python(_WRITE, stdin=json.dumps(items).encode())

    def refused(self) -> list[dict[str, Any]]:
        """Return what ``fwrkit refused`` lists."""
        found: list[dict[str, Any]] = self.republic.json("refused", "--node", self.name)
        return found

    def delete(self, path: str) -> None:
        """Delete one file or empty directory."""
        self.do({"path": path, "delete": True})

    def rename(self, path: str, to: str) -> None:
        """Rename one file or directory."""
        self.do({"path": path, "to": to})

    def has(self, path: str, text: str | None) -> bool:
        """Say whether a file is there with a content (None: whether nothing is there)."""
        code = "import sys, hashlib; print(hashlib.sha256(open(sys.argv[1], 'rb').read()).hexdigest())"
        done = self.docker("exec", "-u", "2011", f"{self.project}-sync", "python3", "-c", code, f"/srv/fwr/world/{path}", check=False)
        return done.returncode != 0 if text is None else done.stdout.decode().strip() == digest(text)

    def read(self, path: str) -> bytes:
        """Return a file's content."""
        return self.docker("exec", "-u", "2011", f"{self.project}-sync", "cat", f"/srv/fwr/world/{path}").stdout

    def status(self) -> Any:
        """Return what ``fwrkit status --json`` says inside."""
        return self.republic.json("status", self.name)["status"]

    def wait_in_sync(self, seconds: float = 120) -> None:
        """Wait until node and upstream agree."""
        self.republic.fwrkit("sync", self.name, "--timeout", str(seconds))

    def agree(self, seconds: float) -> None:
        """Wait until node and upstream agree: what :meth:`wait_in_sync` asks for, asked of the agent itself, as it is asked for very often.

        One that was started a moment ago may not listen yet, and one that was killed a moment ago has no container to ask in.
        """
        deadline = time.monotonic() + seconds
        answer: dict[str, Any] = {}

        def is_answered() -> bool:
            nonlocal answer
            left = max(0.1, deadline - time.monotonic())
            words = ["docker", "exec", f"{self.project}-sync", "fwrkit-agent", "sync", "--timeout", f"{left:.1f}"]
            done = subprocess.run(words, capture_output=True, timeout=left + 60, check=False)
            try:
                answer = json.loads(done.stdout)
            except ValueError:  # Docker's own words, on standard output too, where the container has just gone
                answer = {"said": (done.stdout + done.stderr).decode()}
                return False
            return bool(answer.get("error", {}).get("code") != ExitCode.FAILED.name)

        with contextlib.suppress(AssertionError):  # what it said last is told below
            wait_until(is_answered, f"the agent of {self.name} answers", seconds)
        assert answer.get("in_sync") is True, f"{self.name} is not in sync after {seconds:.0f} s: {answer}"

    @contextmanager
    def cut(self) -> Iterator[None]:
        """Cut the node's uplink for the time of a block."""
        self.disconnect()
        try:
            yield
        finally:
            self.reconnect()

    @property
    def _uplink(self) -> str:
        server = self.republic.nodes["server"]
        return f"{server.project}_uplink"

    def disconnect(self) -> None:
        """Pull the cable."""
        self.is_reachable = False
        self.docker("network", "disconnect", self._uplink, f"{self.project}-sync")

    def reconnect(self) -> None:
        """Plug it in again."""
        self.docker("network", "connect", self._uplink, f"{self.project}-sync")
        self.is_reachable = True

    def url(self, path: str = "") -> str:
        """Return the address of the node's web."""
        urls = self.republic.json("open", self.name)["url"]
        return str(urls).split("/fwr", maxsplit=1)[0] + path

    @functools.cached_property
    def address(self) -> Address:
        """Where the node's web server answers: a node keeps its port."""
        port = urllib.parse.urlsplit(self.url()).port
        assert port is not None
        return Address(port)

    def wiki(self, path: str = "/fwr/") -> Wiki:
        """Return one of the node's wikis, as a new browser sees it."""
        return Wiki(self.address, path)
