"""Finding what was changed in the world: the disk against the record."""

from __future__ import annotations

import errno
import stat
from collections.abc import Iterable
from dataclasses import dataclass, field
from os import stat_result

from fwrkit.agent import paths
from fwrkit.agent.citizen.record import Entry, Record
from fwrkit.agent.files.ignore import PathFilter
from fwrkit.agent.files.tree import NO_STAMP, Busy, NotRegular, Stamp, Tree
from fwrkit.agent.filters import Ignored
from fwrkit.agent.states import ABSENT, DIRECTORY, State, is_directory


@dataclass(frozen=True)
class Found:
    """A path that is not as recorded. ``content`` is None for directories, deletions and ``is_large`` files, whose state is not known yet."""

    path: bytes
    state: State
    stamp: Stamp = NO_STAMP
    content: bytes | None = None
    is_large: bool = False


@dataclass
class Findings:
    """What a look found. ``busy``: being written just now. ``refused``: path to reason; left where it is."""

    found: dict[bytes, Found] = field(default_factory=dict)
    busy: list[bytes] = field(default_factory=list)
    refused: dict[bytes, str] = field(default_factory=dict)
    looked_at: set[bytes] = field(default_factory=set)
    kept_bytes: int = 0


class Scanner:
    """Looks at paths of a world.

    ``inline_limit``: files above it are only noticed, not read. ``keep_limit``: contents beyond that many bytes in one look are hashed,
    not kept. Both in bytes.
    """

    def __init__(self, tree: Tree, record: Record, ignored: PathFilter, inline_limit: int, keep_limit: int) -> None:
        self._tree = tree
        self._record = record
        self.ignored = ignored
        self._inline_limit = inline_limit
        self._keep_limit = keep_limit

    def look(self, wanted: Iterable[bytes]) -> Findings:
        """Given paths that may have changed, with everything beneath them, return what is not as recorded."""
        findings = Findings()
        for path in wanted:
            if path not in findings.looked_at:
                self._look_at(path, self._tree.status(path) if path else None, findings)
        return findings

    def walk(self) -> Findings:
        """Look at the whole world."""
        findings = Findings()
        recorded = {entry.path: entry for entry in self._record.beneath(b"")}
        self._walk(b"", recorded, findings)
        return findings

    def _look_at(self, path: bytes, status: stat_result | None, findings: Findings) -> None:
        if not path:
            self._merge_walk(b"", findings)
            return
        if self._is_out(path, findings):
            return
        if status is None and self._is_hidden(path, findings):
            return
        entry = self._record.get(path)
        if status is not None:
            self._look_above(path, findings)
        self._compare(path, status, entry, findings)
        if status is None or not stat.S_ISDIR(status.st_mode):
            if entry is None or is_directory(entry.state) or status is None:
                self._gone_beneath(path, self._record.beneath(path), findings)
        else:
            self._merge_walk(path, findings)

    def _is_hidden(self, path: bytes, findings: Findings) -> bool:
        """Say whether a link or its like stands where a directory above the path should be: what can not be seen is not gone."""
        for above in paths.ancestors(path):
            status = self._tree.status(above)
            if status is None:
                return False
            if not stat.S_ISDIR(status.st_mode):
                if not stat.S_ISREG(status.st_mode):
                    self._compare(above, status, self._record.get(above), findings)
                return above in findings.refused
        return False

    def _merge_walk(self, path: bytes, findings: Findings) -> None:
        self._walk(path, {entry.path: entry for entry in self._record.beneath(path)}, findings)

    def _look_above(self, path: bytes, findings: Findings) -> None:
        """The directories above a new path may be unrecorded still."""
        for above in paths.ancestors(path):
            if above not in findings.looked_at and not is_directory(self._record.state(above)):
                self._compare(above, self._tree.status(above), self._record.get(above), findings)

    def _walk(self, root: bytes, recorded: dict[bytes, Entry], findings: Findings) -> None:
        """Compare everything beneath a directory with the record's entries beneath it."""
        for path, status in self._tree.walk(
            root, lambda inner: self._skips(inner, findings), lambda closed: self._refuse(closed, findings)
        ):
            self._compare(path, status, recorded.pop(path, None), findings)
        self._gone_beneath(root, recorded.values(), findings)

    def _skips(self, path: bytes, findings: Findings) -> bool:
        return self._is_out(path, findings)

    def _refuse(self, path: bytes, findings: Findings) -> None:
        findings.refused[path] = "the agent may not look into it"

    def _is_out(self, path: bytes, findings: Findings) -> bool:
        findings.looked_at.add(path)
        if self.ignored.matches(path):
            return True
        if paths.why_not(path) is None:
            return False
        # told once, of the outermost that can not travel, and only while it is there
        for above in (*paths.ancestors(path), path):
            reason = paths.why_not(above)
            if reason is not None:
                if self._tree.status(above) is not None:
                    findings.refused[above] = reason
                break
        return True

    def _gone_beneath(self, root: bytes, entries: Iterable[Entry], findings: Findings) -> None:
        for entry in entries:
            if entry.path in findings.refused or any(above in findings.refused for above in paths.ancestors(entry.path)):
                continue  # what can not be seen is not gone
            if not self.ignored.matches(entry.path):
                self._compare(entry.path, self._tree.status(entry.path), entry, findings)

    def _compare(self, path: bytes, status: stat_result | None, entry: Entry | None, findings: Findings) -> None:
        findings.looked_at.add(path)
        agreed = entry.state if entry is not None else ABSENT
        is_settled = entry is None or not entry.has_sent
        if status is None:
            if agreed is not ABSENT or not is_settled:
                findings.found[path] = Found(path, ABSENT)
        elif stat.S_ISDIR(status.st_mode):
            if (not is_directory(agreed) or not is_settled) and not (entry is None and self._is_there_for_ignored(path)):
                findings.found[path] = Found(path, DIRECTORY)
        elif not stat.S_ISREG(status.st_mode):
            findings.refused[path] = f"a {_kind(status.st_mode)} does not travel"
        elif entry is None or not is_settled or entry.stamp != Stamp.of(status):
            self._compare_file(path, status, entry, findings)

    def _is_there_for_ignored(self, path: bytes) -> bool:
        """Say whether a directory holds something that this node ignores and nothing else: it does not travel either."""
        own = self.ignored.own if isinstance(self.ignored, Ignored) else None
        if not own:
            return False
        ignored: list[bytes] = []

        def skips(inner: bytes) -> bool:
            if own.ignores(inner):
                ignored.append(inner)
            return self.ignored.matches(inner)

        return all(stat.S_ISDIR(status.st_mode) for _, status in self._tree.walk(path, skips)) and bool(ignored)

    def _compare_file(self, path: bytes, status: stat_result, entry: Entry | None, findings: Findings) -> None:
        if status.st_size > self._inline_limit:
            findings.found[path] = Found(path, ABSENT, Stamp.of(status), None, True)
            return
        try:
            taken = self._tree.take(path, min(self._inline_limit, self._keep_limit - findings.kept_bytes))
        except Busy:
            findings.busy.append(path)
        except NotRegular:
            findings.busy.append(path)
        except PermissionError:
            findings.refused[path] = "the agent may not read it"
        except OSError as error:
            if error.errno not in (errno.ENOENT, errno.ENOTDIR):
                raise
            findings.busy.append(path)
        else:
            if entry is not None and entry.state == taken.state and not entry.has_sent:
                self._record.touch(path, taken.stamp)
            else:
                findings.kept_bytes += len(taken.content or b"")
                findings.found[path] = Found(path, taken.state, taken.stamp, taken.content)


def _kind(mode: int) -> str:
    kinds = ((stat.S_ISLNK, "symbolic link"), (stat.S_ISFIFO, "FIFO"), (stat.S_ISSOCK, "socket"), (stat.S_ISCHR, "device"))
    return next((name for test, name in kinds if test(mode)), "device")
