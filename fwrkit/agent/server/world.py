"""Making a world from a template, once, and what the server remembers of it."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import time
import tomllib
from collections.abc import Iterable
from pathlib import Path

from fwrkit.agent.files.ignore import ALWAYS, IgnoreList
from fwrkit.agent.policy import default_text
from fwrkit.agent.server.store import Citizen, Store
from fwrkit.agent.settings import Node
from fwrkit.agent.toml_text import toml_string
from fwrkit.core.errors import ExitCode, FwrError

_SITES = ("www", "www_tourist")


def create_world(node: Node, world: Path, templates: Path, store: Store) -> None:
    """Given a server's node, see to it that its world exists. Harmless when repeated; what is there already is left as it is.

    Raise FwrError (NOT_FOUND) if the template does not exist.
    """
    if not store.meta("world_id"):
        _remember(node, templates / node.template, store)
    if not store.meta("world_laid"):
        _lay(node, world, templates / store.meta("template"), store)
        store.set_meta("world_laid", "yes")


def remember(store: Store, values: dict[str, str]) -> None:
    """Have the tables know what a world is that was not made from a template here. In a transaction."""
    for name, value in {**values, "world_laid": "yes"}.items():
        store.set_meta(name, value)


def operator(node: Node, store: Store) -> Citizen:
    """Return the operator, first official of the world, whose edits those in the server's own world are."""
    citizen = store.citizen(uid=os.geteuid())
    if citizen is None:
        citizen = store.add_citizen(node.citizen, os.geteuid(), "official", int(time.time()))
    return citizen


def ignored(store: Store) -> IgnoreList:
    """Return what never travels in this world."""
    return IgnoreList((*ALWAYS, *json.loads(store.meta("ignore"))))


def union_logs(store: Store) -> IgnoreList:
    """Return which files are append-only logs, merged by union."""
    return IgnoreList(json.loads(store.meta("union_logs")))


def texts(store: Store) -> IgnoreList:
    """Return which files are texts, merged line by line."""
    return IgnoreList(json.loads(store.meta("texts") or "[]"))


def _remember(node: Node, template: Path, store: Store) -> None:
    try:
        rules = tomllib.loads((template / "template.toml").read_text())
    except FileNotFoundError as error:
        raise FwrError(ExitCode.NOT_FOUND, f"There is no template '{node.template}'.", "Use dokuwiki, static or php.") from error
    with store.transaction():
        store.set_meta("world_name", node.world_name)
        store.set_meta("template", node.template)
        store.set_meta("ignore", json.dumps(list(rules.get("ignore", []))))
        store.set_meta("union_logs", json.dumps(list(rules.get("union_logs", []))))
        store.set_meta("texts", json.dumps(list(rules.get("texts", []))))
        store.set_meta("world_id", secrets.token_hex(8))


def _lay(node: Node, world: Path, template: Path, store: Store) -> None:
    own(world, node.owner)
    for site in _SITES:
        if not (world / site).exists():
            shutil.copytree(template / site, world / site)
            _own_all(world / site, node.owner)
    records = world / ".fwr"
    records.mkdir(exist_ok=True)
    (records / "world.toml").write_text(world_text(store))
    if not (records / "policy.toml").exists():
        (records / "policy.toml").write_text(default_text(store.meta("template")))
    _own_all(records, node.owner)


def world_text(store: Store) -> str:
    """Return the text of ``.fwr/world.toml``: what the tables say that this world is."""

    def strings(values: Iterable[str]) -> str:
        return "[\n" + "".join(f"    {toml_string(value)},\n" for value in values) + "]"

    return (
        "# What this world is. Officials change it, through the server; everybody else only reads it.\n"
        f"id = {toml_string(store.meta('world_id'))}\n"
        f"name = {toml_string(store.meta('world_name'))}\n"
        f"template = {toml_string(store.meta('template'))}\n\n"
        "# paths that never travel\n"
        f"ignore = {strings(json.loads(store.meta('ignore')))}\n\n"
        "# append-only logs that are merged by union, in time order\n"
        f"union_logs = {strings(json.loads(store.meta('union_logs')))}\n"
        "# texts that are merged line by line where two changed different places\n"
        f"texts = {strings(json.loads(store.meta('texts') or '[]'))}\n" + _ancestor(store.meta("forked_from"))
    )


def _ancestor(text: str) -> str:
    """Given what the tables say of the world that this one was forked from (JSON, empty: of none), return its lines."""
    if not text:
        return ""
    lines = "".join(f"{name} = {toml_string(value)}\n" for name, value in json.loads(text).items())
    return f"\n# the world that this one was forked from, and the newest version that they share\n[forked_from]\n{lines}"


def own(path: Path, owner: tuple[int, int]) -> None:
    """Give a path (not what a link names) to the world's owner, if this process may."""
    if os.geteuid() == 0:
        os.chown(path, *owner, follow_symlinks=False)


def _own_all(root: Path, owner: tuple[int, int]) -> None:
    own(root, owner)
    for directory, names, files in os.walk(root):
        for name in (*names, *files):
            own(Path(directory) / name, owner)
