"""Bringing a repository's objects to another place as one pack, without writing anything where they come from."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from fwrkit.agent.repository import Repository
from fwrkit.core.commands import Completed, stream
from fwrkit.core.errors import ExitCode, FwrError

_TIMEOUT = 7200.0  # seconds for a whole repository


def bring_pack(source: Repository, target: Path, versions: Iterable[str], without: str = "") -> None:
    """Given a repository and another's directory, bring there what some ids (hex) name, with all that they refer to.

    ``without``: a version that is there already, with all before it.

    The source may be in use, and repacked meanwhile. Raise FwrError (FAILED) if it can not be read as a whole.
    """
    wanted = sorted(set(versions))
    pack = target / "objects" / "pack" / f"pack-{wanted[0]}.pack"
    done = write_pack(source, pack, wanted, without)
    if done.is_ok:
        done = Repository(target).run("index-pack", "-o", str(pack.with_suffix(".idx")), str(pack), timeout=_TIMEOUT)
    if not done.is_ok:
        text = f"The history there can not be read as a whole: {done.last_words().rstrip('.')}."
        raise FwrError(ExitCode.FAILED, text, "See what is damaged: fwrkit doctor. Without it: leave --history out.")


def write_pack(source: Repository, pack: Path, versions: Iterable[str], without: str = "") -> Completed:
    """Write one pack of what some ids (hex) name, with all that they refer to but what ``without`` has, into a file; return how that ended."""
    lines = [*versions, *([f"^{without}"] if without else [])]
    command = source.command("pack-objects", "--revs", "-q", "--stdout", stdin="".join(f"{line}\n" for line in lines).encode())
    with pack.open("wb") as file:  # not by pack-objects itself, which would need to write to the source
        return stream(command, lambda piece: file.write(piece) > 0, _TIMEOUT)
