"""Finding damaged objects of the history, and making anew what the canon still has.

A disk loses a block, a file of the repository is cut short: git notices when it reads the object, perhaps years later. Contents that
are still the canon's are written again; a commit or a directory's object is replaced by the next commit, which then holds everything.
"""

from __future__ import annotations

import logging
import os
import re
import time
from dataclasses import dataclass

from fwrkit.agent.repository import Pointer, pointer_oid, pointer_text
from fwrkit.agent.server.canon import Canon
from fwrkit.agent.server.history import History
from fwrkit.agent.server.store import Store
from fwrkit.agent.states import file_state
from fwrkit.core.commands import Command, run

log = logging.getLogger("fwrkit.mending")

_TIMEOUT = 1800.0  # seconds for a whole repository
_OBJECT = re.compile(rb"\b[0-9a-f]{40}\b")
# what citizens write into files of these names is no damage, although git looks at it, and would repeat their words here
_OF_CITIZENS = (
    *(f"gitmodules{kind}" for kind in ("Missing", "Blob", "Large", "Name", "Symlink", "Url", "Path", "Parse", "Update")),
    *(f"gitattributes{kind}" for kind in ("Missing", "Large", "LineLength", "Blob")),
)
_WORDS = re.compile(
    rb"corrupt|missing|mismatch|unable to (?:read|unpack|parse)|could not (?:read|unpack|parse)|bad sha1|invalid sha1", re.IGNORECASE
)


@dataclass(frozen=True)
class Mended:
    """What became of damaged objects: how many contents were written again, and the ids (hex) of what can not be made anew."""

    contents: int
    lost: list[str]


def damaged(history: History, timeout: float = _TIMEOUT) -> list[str]:
    """Return the ids (hex) of objects that are damaged or missing, by ``git fsck``. Raise FwrError (TIMED_OUT)."""
    words = ["git", f"--git-dir={history.path}", "fsck", "--full", "--no-dangling", "--no-progress"]
    words[2:2] = [word for kind in _OF_CITIZENS for word in ("-c", f"fsck.{kind}=ignore")]
    done = run(Command(["nice", *words]), timeout)
    if done.is_ok:
        return []
    found: dict[str, None] = {}
    for line in (done.stdout + done.stderr).splitlines():
        if _WORDS.search(line):
            found.update(dict.fromkeys(match.decode() for match in _OBJECT.findall(line)[:1]))
    return list(found)


def last_whole_commit(history: History, timeout: float = _TIMEOUT) -> str:
    """Return the id (hex) of the newest commit that nothing follows, other than the branch's own damaged end; empty if there is none."""
    done = run(Command(["git", f"--git-dir={history.path}", "fsck", "--dangling", "--no-reflogs", "--no-progress"]), timeout)
    found = re.findall(rb"^dangling commit ([0-9a-f]{40})$", done.stdout, re.MULTILINE)
    return max((name.decode() for name in found), key=history.time_of, default="")


def mend(history: History, store: Store, canon: Canon, objects: list[str]) -> Mended:
    """Given the ids of damaged objects, write again what the canon has. The thread that commits calls this, and nobody else writes meanwhile."""
    count, lost = 0, []
    for name in objects:
        oid = bytes.fromhex(name)
        _set_aside(history, name)
        history.reopen()
        state = store.state_of(oid)
        content = _content(store, canon, oid, state) if state is not None else None
        if content is not None and history.write(content) == oid:
            count += 1
        else:
            lost.append(name)
    history.sync()
    if count or lost:
        log.warning(
            "the history had damaged objects: %d contents were written again, %d are lost: %s", count, len(lost), " ".join(lost[:20])
        )
    return Mended(count, lost)


def _set_aside(history: History, name: str) -> None:
    """Rename a damaged loose object: git would take it for the one that is to be written."""
    loose = history.path / "objects" / name[:2] / name[2:]
    if loose.exists():
        os.rename(loose, history.path / f"damaged-{name}-{time.time_ns()}")


def _content(store: Store, canon: Canon, oid: bytes, state: bytes) -> bytes | None:
    pointer = Pointer(state, store.size_of(state))
    if pointer_oid(pointer) == oid:
        return pointer_text(pointer)
    for path in store.paths_with(state):
        try:
            with open(canon.path_of(path), "rb") as file:
                content = file.read()
        except OSError:
            continue
        if file_state(content) == state:
            return content
    return None
