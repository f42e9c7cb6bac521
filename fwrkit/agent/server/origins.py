"""The copy that a world is founded from: what lies there, what it says that it is, and which of its versions is wanted."""

from __future__ import annotations

import json
import tomllib
from dataclasses import dataclass
from pathlib import Path

from fwrkit.agent import public_records
from fwrkit.agent.files.ignore import IgnoreList
from fwrkit.agent.files.tree import NotRegular
from fwrkit.agent.repository import Repository
from fwrkit.agent.server.past import Past
from fwrkit.agent.server.store import FORMER
from fwrkit.core.errors import ExitCode, FwrError

_WORLD = b".fwr/world.toml"
_LISTS = ("ignore", "union_logs", "texts")


@dataclass(frozen=True)
class Origin:
    """Where a copy lies: the volume with the world, the state volume or None, and which version is wanted (as people name it; empty: as it is)."""

    volume: Path
    state: Path | None = None
    version: str = ""


@dataclass(frozen=True)
class Kind:
    """What the copy says that it is."""

    id: str
    name: str
    template: str
    lists: dict[str, list[str]]
    forked_from: str


def world_in(volume: Path) -> Path:
    """Return where the world lies in a volume, or in a copy of one. Raise FwrError (NOT_FOUND)."""
    for place in (volume / "world", volume):
        if (place / ".fwr" / "world.toml").is_file():
            return place
    hint = "Name the volume of a node that has joined (docker volume ls), or a copy of one."
    raise FwrError(ExitCode.NOT_FOUND, "There is no world in that volume.", hint)


def read_kind(source: Path, templates: Path, past: Past | None = None) -> Kind:
    """Return what a world says that it is, in a version if one is given.

    Raise FwrError: FAILED if it can not be read, NOT_FOUND if its template is not known here.
    """
    try:
        content = past.read(_WORLD) if past is not None else public_records.read(source, _WORLD)
        data = tomllib.loads(content.decode())
        lists = {name: [str(each) for each in data.get(name, [])] for name in _LISTS}
        ancestor = data.get("forked_from")
        forked_from = json.dumps({name: str(value) for name, value in ancestor.items()}) if isinstance(ancestor, dict) else ""
        kind = Kind(str(data["id"]), str(data["name"]), str(data["template"]), lists, forked_from)
        IgnoreList([*lists["ignore"], *lists["union_logs"], *lists["texts"]])
    except (OSError, NotRegular, ValueError, KeyError, TypeError) as error:
        text = f"What .fwr/world.toml says of the world there can not be read ({error})."
        raise FwrError(ExitCode.FAILED, text, "Take another copy, or an older version of this one: --at VERSION.") from error
    if "/" in kind.template or not (templates / kind.template).is_dir():
        raise FwrError(ExitCode.NOT_FOUND, f"This version of fwrkit does not know the template '{kind.template}'.", "Use a newer fwrkit.")
    return kind


def past_of(origin: Origin, source: Path) -> Past | None:
    """Return the history that comes with a copy, None without one. Raise FwrError: NOT_FOUND, USAGE (an earlier version, and no history)."""
    if origin.state is None:
        if origin.version:
            raise FwrError(ExitCode.USAGE, "Without a history there are no earlier versions.", "Give --history STATE too.")
        return None
    place = next((path for path in (origin.state / "history.git", origin.state) if (path / "HEAD").exists()), None)
    if place is None:
        raise FwrError(ExitCode.NOT_FOUND, "There is no history in that volume.", "Name a node's state volume, or leave --history out.")
    repository = Repository(place)
    if not origin.version and not repository.head():
        return None  # of a node that has only just joined: nothing was fetched yet
    return Past(repository, source, origin.version)


def citizens_of(source: Path, operator: str) -> list[str]:
    """Return who belonged to the other world, without the banned and the operator."""
    try:
        roll = public_records.read_roll(source)
    except FwrError:
        return []
    return sorted(each.name for each in roll if each.role != FORMER and not each.banned_since and each.name != operator)
