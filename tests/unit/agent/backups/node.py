"""A node's places on disk, with something in each, and backups of them through files."""

from __future__ import annotations

import dataclasses
import os
import sqlite3
from pathlib import Path
from typing import Any

from fwrkit.agent.backups import making, restoring
from fwrkit.agent.server.canon import Canon
from fwrkit.agent.server.historian import Historian
from fwrkit.agent.server.history import History
from fwrkit.agent.server.store import Store
from fwrkit.agent.settings import Node, Places, Settings
from fwrkit.agent.states import file_state
from fwrkit.core.backups import FORMAT, Checked, Header, Made

WORLD_TOML = 'id = "w1"\nname = "world"\ntemplate = "static"\nignore = ["**/cache", "**/*.sqlite", "**/*.sqlite-*", "**/*.log"]\n'
HEADER = Header(FORMAT, "0.1.0", 1_795_132_800, "server", "server", "0" * 12, "ada", "", "world", "static", "", False, {"name": "server"})
NODE = Node("server", "server", "0" * 12, "ada", "static", "world", (os.geteuid(), os.getegid()), Settings())


def places(root: Path) -> Places:
    """Empty places, as a container's volumes are at first."""
    for name in ("volume", "state", "keys", "run"):
        (root / name).mkdir(parents=True)
    return Places(root / "volume", root / "state", root / "keys", root / "run", root / "templates")


def live(root: Path) -> Places:
    """A server's places with a world, tables, a history with a large object, what waits for review, what was refused, and keys."""
    made = places(root)
    world = made.world
    for path, content in {
        ".fwr/world.toml": WORLD_TOML, ".fwr-sentinel": "{}", "www/page.html": "page", "www/cache/x": "made anew", "www/app.log": "live",
        "cache-of-mine/y": "a page", "www/.git/config": "somebody's",
    }.items():  # fmt: skip
        (world / path).parent.mkdir(parents=True, exist_ok=True)
        (world / path).write_text(content)
    (world / "www/empty").mkdir()
    (world / os.fsdecode(b"www/raw\xff\n")).write_bytes(b"\0\xff")
    (world / "www/link").symlink_to("/etc/passwd")
    os.mkfifo(world / "www/pipe")
    os.utime(world / "www/page.html", ns=(1, 1_700_000_000_123_456_789))
    (made.private / "refused").mkdir(parents=True)
    (made.private / "refused/1").write_text("refused")
    (made.private / "staging").mkdir()
    (made.private / "staging/x").write_text("comes again")
    _tables(made.state)
    (made.state / "audit.seen").write_text("seen")
    (made.state / "replicas").mkdir()
    (made.state / "replicas/x").write_text("made anew")
    (made.keys / "host").write_text("a secret")
    (made.keys / "host").chmod(0o600)
    return made


def _tables(state: Path) -> None:
    store = Store(state / "hub.sqlite")
    history = History(state / "history.git", "w1")
    canon = Canon(state, store, history)
    store.db.execute("CREATE TABLE reviews (number INTEGER PRIMARY KEY, file TEXT NOT NULL DEFAULT '')")
    (state / "reviews").mkdir()
    for name, content in (("3", b"waits"), ("unnamed", b"nobody's")):
        (state / "reviews" / name).write_bytes(content)
    store.db.execute("INSERT INTO reviews VALUES (3, '3')")
    for path, content in ((b"www/page.html", b"page"), (b"www/film", b"large" * 1000)):
        (canon.incoming / path.hex()).write_bytes(content)
        store.add_pending(file_state(content), None, path.hex())
        store.set_head(path, file_state(content), len(content), 5, "ada", 0)
    Historian(Store(state / "hub.sqlite"), history, canon, Settings(large_limit=1000)).commit_some(1 << 40)
    (canon.incoming / "late").write_bytes(b"late")
    store.add_pending(file_state(b"late"), None, "late")
    store.set_head(b"www/late", file_state(b"late"), 4, 5, "ada", 0)
    store.close()


def back_up(made: Places, file: Path, **request: Any) -> Made:
    """Write a backup of places to a file."""
    header = dataclasses.replace(HEADER, **request.pop("header", {}))
    asked = {"header": dataclasses.asdict(header), "lock": None, "is_compressed": True, "is_alone": True, **request}
    fd = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    try:
        return making.backup(asked, made, fd)
    finally:
        os.close(fd)


def check(file: Path, lock: dict[str, Any] | None = None) -> Checked:
    """Look at a backup."""
    fd = os.open(file, os.O_RDONLY)
    try:
        return restoring.check_backup({"lock": lock}, fd)
    finally:
        os.close(fd)


def restore(file: Path, target: Places, lock: dict[str, Any] | None = None, voids: tuple[int, ...] = ()) -> None:
    """Fill places from a backup."""
    fd = os.open(file, os.O_RDONLY)
    try:
        restoring.restore({"lock": lock, "voids": list(voids)}, NODE, target, fd)
    finally:
        os.close(fd)


def rows(database: Path, query: str) -> list[Any]:
    """Ask a database."""
    connection = sqlite3.connect(database)
    try:
        return connection.execute(query).fetchall()
    finally:
        connection.close()


def files(root: Path) -> dict[str, bytes]:
    """Return every regular file below a directory, and empty directories (with a slash)."""
    found = {}
    for directory, names, inner in os.walk(root):
        if not names and not inner and directory != str(root):
            found[os.path.relpath(directory, root) + "/"] = b""
        for name in inner:
            path = Path(directory, name)
            if path.is_file() and not path.is_symlink():
                found[str(path.relative_to(root))] = path.read_bytes()
    return found
