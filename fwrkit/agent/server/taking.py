"""A history that a client has brought, looked at in a repository of its own before anything of it is believed.

Nothing but its signed head is to be trusted: what that names, and all before it, is what the authority has signed. What else the client may have put into
its pack stays here. Of the place where it lies, ``taken.json`` comes last: then the next start goes on from it (:mod:`fwrkit.agent.server.adoption`).
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from fwrkit.agent import heads, history_reading, paths, snapshots
from fwrkit.agent.files import linux
from fwrkit.agent.heads import SignedHead
from fwrkit.agent.repository import Repository, split_number
from fwrkit.core.commands import Command, check
from fwrkit.core.errors import ExitCode, FwrError

PLACE = "newer"  # in the state directory
_PACK, _HISTORY, _MARK = "brought.pack", "history.git", "taken.json"
_LISTED = 256 * 1024 * 1024  # bytes of the list of all objects
_SNAPSHOTS_LIMIT = 1000
_TIMEOUT = 1800.0  # seconds for each look at what was brought
# what a pack unfolds to is not known before: its reader gets no more memory, and writes no larger file
_CONFINED = ("nice", "-n", "5", "prlimit", f"--as={2 * 1024**3}")


@dataclass(frozen=True)
class Taken:
    """What was brought: a head (``tag`` is its text, in hexadecimal), on top of ``since`` (hex, empty: of nothing), by a citizen. ``snapshots``: name to
    the id of the tag, of those that came along and that the authority has signed.
    """

    tag: str
    since: str
    by: str
    snapshots: dict[str, str] = field(default_factory=dict)

    @property
    def head(self) -> SignedHead:
        """What the tag says."""
        head = heads.parse_head(bytes.fromhex(self.tag))
        assert head is not None  # it was verified before it was written down
        return head


def begin(state: Path) -> Path:
    """Have an empty place for what a client brings; return the file into which its pack goes."""
    let_go(state)
    (state / PLACE).mkdir(mode=0o700)
    return state / PLACE / _PACK


def let_go(state: Path) -> None:
    """Remove what was brought, the mark first."""
    (state / PLACE / _MARK).unlink(missing_ok=True)
    shutil.rmtree(state / PLACE, ignore_errors=True)


def brought(state: Path) -> Repository:
    """Return the repository in which what was brought lies."""
    return Repository(state / PLACE / _HISTORY)


def examine(state: Path, taken: Taken, authorities: Sequence[str]) -> None:
    """Look at what was brought, and if it is what it should be, write down that it is to be taken over; all of it is on disk then.

    ``authorities``: the public keys by which snapshots are known, earlier ones too.

    Raise FwrError: REFUSED (it is not whole, not what was signed, or does not follow the history that there is), TIMED_OUT.
    """
    head, place = taken.head, state / PLACE / _HISTORY
    words = ["git", "init", "--quiet", "--bare", "--template=", "--initial-branch=main", "--", os.fspath(place)]
    check(Command(words, env={"PATH": "/usr/bin:/bin", "HOME": "/nonexistent"}, clean=True), timeout=60)
    (place / "objects" / "info").mkdir(exist_ok=True)
    (place / "objects" / "info" / "alternates").write_text(f"{state / _HISTORY / 'objects'}\n")
    pack = place / "objects" / "pack" / "pack-brought.pack"
    os.rename(state / PLACE / _PACK, pack)
    repository = Repository(place, _CONFINED)
    done = repository.run("index-pack", "-o", str(pack.with_suffix(".idx")), str(pack), timeout=_TIMEOUT)
    if not done.is_ok:
        raise _refused(f"its pack is damaged ({done.last_words().rstrip('.')})")
    if repository.kinds([head.version]).get(head.version, ("", 0))[0] != "commit":
        raise _refused("it does not hold the version that was signed")
    if taken.since and not repository.run("merge-base", "--is-ancestor", taken.since, head.version).is_ok:
        raise _refused("it does not follow the history that is here")
    since = [f"^{taken.since}"] if taken.since else []
    if not repository.run("rev-list", "--objects", "--quiet", head.version, *since, timeout=_TIMEOUT).is_ok:
        raise _refused("parts of it are missing")
    message = repository.read("cat-file", "commit", head.version)[0].partition(b"\n\n")[2]
    if split_number(message.decode("utf-8", "replace"))[1] != head.number:
        raise _refused("it is signed as another version than it says that it is")
    for step in history_reading.steps(repository, span(taken)):
        if not all(paths.is_well_formed(path) for path, _ in step.changes):
            raise _refused("it has what is no path in a world")
    known = set(Repository(state / _HISTORY).references("refs/").values())
    named = _snapshots(repository, head.version, known, authorities)
    _write(state / PLACE, json.dumps(asdict(replace(taken, snapshots=named))))


def _snapshots(repository: Repository, version: str, known: set[str], authorities: Sequence[str]) -> dict[str, str]:
    """Return the snapshots, name to the tag's id, that came along, name versions up to this one, and were signed; without tags that are ``known``."""
    listed, _ = repository.read("cat-file", "--batch-all-objects", "--batch-check=%(objecttype) %(objectname)", limit=_LISTED)
    tags = {line.removeprefix("tag ") for line in listed.decode().splitlines() if line.startswith("tag ")}
    found = {}
    for oid in sorted(tags - known)[:_SNAPSHOTS_LIMIT]:
        tag = snapshots.tag_of(repository, oid)
        if tag is None or not snapshots.is_snapshot_name(tag.name) or not snapshots.is_signed(tag, authorities):
            continue
        if repository.run("merge-base", "--is-ancestor", tag.version, version).is_ok:
            found[tag.name] = oid
    return found


def span(taken: Taken) -> str:
    """Return, as git names them, the versions that were brought."""
    return f"{taken.since}..{taken.head.version}" if taken.since else taken.head.version


def taken_before(state: Path) -> Taken | None:
    """Return what was examined and is to be taken over, None if nothing is."""
    try:
        return Taken(**json.loads((state / PLACE / _MARK).read_text()))
    except FileNotFoundError:
        return None


def _write(place: Path, text: str) -> None:
    temporary = place / f"{_MARK}.new"
    with temporary.open("w") as file:
        file.write(text)
    fd = os.open(place, os.O_RDONLY | os.O_DIRECTORY)
    try:
        linux.syncfs(fd)
        os.rename(temporary, place / _MARK)
        os.fsync(fd)
    finally:
        os.close(fd)


def _refused(why: str) -> FwrError:
    return FwrError(ExitCode.REFUSED, f"The history that was brought is not taken: {why}.", "")
