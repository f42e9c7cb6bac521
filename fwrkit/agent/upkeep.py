"""Keeping a repository small: its objects are brought together in packs, and nothing is ever let go that nobody refers to.

Safe beside a process that writes: what it has written but not referred to yet is packed like all else, never pruned.
"""

from __future__ import annotations

import contextlib
import os
import re
import time
from collections.abc import Iterator
from pathlib import Path

from fwrkit.agent.repository import Repository
from fwrkit.core.errors import ExitCode, FwrError

_TIMEOUT = 3600.0  # seconds
_SAMPLE = "17"  # one of the 256 directories of loose objects: ids are evenly spread
_LOOSE_IN_SAMPLE = 20  # some 5,000 in all
_LOOSE_BYTES = 32 * 1024**2  # compressed
_PACKS = 40
_STATE = re.compile(r"[0-9a-f]{64}\Z")
_LEFTOVER = 86400.0  # seconds after which an unfinished pack is nobody's any more


def is_due(path: Path) -> bool:
    """Say whether a repository has so much that is not packed well that reading it becomes slow, or keeping it costs much more than what was changed.

    A directory of 20,000 files has a tree of half a megabyte: each edit in it writes a whole one, of which a pack keeps the difference.
    """
    return (
        _count(path / "objects" / _SAMPLE, "") > _LOOSE_IN_SAMPLE or _count(path / "objects" / "pack", ".pack") > _PACKS or is_swollen(path)
    )


def is_swollen(path: Path) -> bool:
    """Say whether what came since the last packing takes much room."""
    found = 0
    for directory in _loose_directories(path):
        with contextlib.suppress(OSError), os.scandir(directory) as entries:
            for entry in entries:
                with contextlib.suppress(FileNotFoundError):
                    found += entry.stat(follow_symlinks=False).st_size
        if found > _LOOSE_BYTES:
            return True
    return False


def _loose_directories(path: Path) -> Iterator[str]:
    with contextlib.suppress(FileNotFoundError), os.scandir(path / "objects") as entries:
        yield from (entry.path for entry in entries if len(entry.name) == 2)


def _count(directory: Path, ending: str) -> int:
    try:
        return sum(1 for name in os.listdir(directory) if name.endswith(ending))
    except FileNotFoundError:
        return 0


def roll_up(repository: Repository) -> None:
    """Bring loose objects and small packs together; large packs stay as they are, so that it costs what was added. Raise FwrError (FAILED)."""
    _repack(repository, "--geometric=2")


def pack_all(repository: Repository) -> None:
    """Bring everything together in one pack, as small as it gets. Raise FwrError (FAILED)."""
    _repack(repository, "-a", "-k")  # -k: what nothing refers to (yet) is packed too


def _repack(repository: Repository, *how: str) -> None:
    done = repository.run("repack", "-d", "-q", *how, timeout=_TIMEOUT, settings=["core.fsync=all"])
    if not done.is_ok:
        raise FwrError(ExitCode.FAILED, f"The history could not be repacked: {done.last_words().rstrip('.')}.", "See: fwrkit doctor")
    for leftover in (repository.path / "objects" / "pack").glob("*tmp_*"):
        with contextlib.suppress(FileNotFoundError):
            if time.time() - leftover.stat().st_mtime > _LEFTOVER:
                leftover.unlink()


def remove_locks(path: Path) -> None:
    """Remove what a killed process left of its locks. Only before anybody works with the repository: nobody could write a reference any more."""
    for lock in (*path.glob("*.lock"), *(path / "refs").rglob("*.lock"), *(path / "objects").glob("*/*.lock")):
        lock.unlink(missing_ok=True)


def large_objects(path: Path) -> Iterator[Path]:
    """Yield the files of the large contents that a repository has; each is named by its content's SHA-256."""
    for directory, _, names in os.walk(path / "lfs" / "objects"):
        yield from (Path(directory, name) for name in names if _STATE.match(name))


def drop_fetched(path: Path, until: float) -> tuple[int, int]:
    """Remove large contents that were fetched before a time (Unix seconds): the server has them. Return how many, and how many bytes."""
    count = freed = 0
    for file in list(large_objects(path)):
        status = file.stat()
        if status.st_mtime < until:
            file.unlink()
            count, freed = count + 1, freed + status.st_size
    return count, freed


def size(path: Path) -> int:
    """Return how much room a repository takes on its disk, in bytes, with large objects."""
    total = 0
    for directory, _, names in os.walk(path):
        for name in names:
            with contextlib.suppress(FileNotFoundError):
                total += os.lstat(os.path.join(directory, name)).st_blocks * 512
    return total
