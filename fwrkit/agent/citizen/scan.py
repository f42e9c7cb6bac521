"""Finding what was changed in the world: the disk against the record."""

from __future__ import annotations

import errno
import stat
import sys
from collections.abc import Iterable
from dataclasses import dataclass, field
from os import stat_result

from fwrkit.agent import paths
from fwrkit.agent.citizen.record import Entry, Record
from fwrkit.agent.citizen.rest import Rest
from fwrkit.agent.files import reasons
from fwrkit.agent.files.ignore import BESIDE_DOCUMENTS, CACHES, OWN, SQLITE_HEAD, IgnoreList, PathFilter, is_sqlite
from fwrkit.agent.files.tree import NO_STAMP, Busy, NotRegular, Stamp, Tree
from fwrkit.agent.filters import Ignored
from fwrkit.agent.states import ABSENT, DIRECTORY, State, is_directory

BY_TEMPLATE = "the world's template leaves it out (docs/web.md)"
IGNORED_HERE = "this node ignores it (fwrkit filters)"
HTACCESS = "no .htaccess travels or is read: Apache is set up by fwrkit (docs/web.md)"
LIVE_DATABASE = "a live SQLite database: what is copied while a program writes it would be torn"
ONLY_OWN = "it holds only what does not travel"
_DIRECTORIES = 100  # in a new one, that are looked into until it is clear whether it travels
_UNSAID = IgnoreList((*OWN, *BESIDE_DOCUMENTS))


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
    """What a look found. ``busy``: what can not be taken just now, path to reason. ``refused``: path to reason; left where it is.

    ``left_out``: what stays on this node by a rule, the outermost path to the reason. ``linked``: inodes of changed files that have other names as well.
    """

    found: dict[bytes, Found] = field(default_factory=dict)
    busy: dict[bytes, str] = field(default_factory=dict)
    refused: dict[bytes, str] = field(default_factory=dict)
    left_out: dict[bytes, str] = field(default_factory=dict)
    linked: set[int] = field(default_factory=set)
    looked_at: set[bytes] = field(default_factory=set)
    kept_bytes: int = 0


class Scanner:
    """Looks at paths of a world.

    ``inline_limit``: files above it are only noticed, not read. ``keep_limit``: contents beyond that many bytes in one look are hashed,
    not kept. Both in bytes.
    """

    def __init__(
        self, tree: Tree, record: Record, ignored: PathFilter, inline_limit: int, keep_limit: int, rest: Rest | None = None
    ) -> None:
        self._tree = tree
        self._rest = rest or Rest(tree)
        self._record = record
        self.ignored = ignored
        self._inline_limit = inline_limit
        self._keep_limit = keep_limit
        self.file_limit = sys.maxsize  # bytes; the server takes no larger file

    def look(self, wanted: Iterable[bytes]) -> Findings:
        """Given paths that may have changed, with everything beneath them, return what is not as recorded."""
        findings = Findings()
        for path in wanted:
            if path in findings.looked_at:
                continue
            try:
                self._look_at(path, self._tree.status(path) if path else None, findings)
            except PermissionError:  # a directory above it is closed: what can not be seen is not gone
                findings.looked_at.add(path)
                closed = reasons.closed_at(self._tree, path)
                self._refuse(closed if closed is not None else path, findings)
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
        findings.refused[path] = f"the agent may not look into it: {reasons.permissions(self._tree, path)}"

    def _is_out(self, path: bytes, findings: Findings) -> bool:
        findings.looked_at.add(path)
        if self.ignored.matches(path):
            self._leave_out(path, findings)
            return True
        if paths.why_not(path) is None:
            return self._is_too_deep(path, findings)
        # told once, of the outermost that can not travel, and only while it is there
        for above in (*paths.ancestors(path), path):
            reason = paths.why_not(above)
            if reason is not None:
                if self._tree.status(above) is not None:
                    findings.refused[above] = reason
                break
        return True

    def _leave_out(self, path: bytes, findings: Findings) -> None:
        """Name what stays on this node, once and by its outermost path; not what programs write beside a document, which comes and goes."""
        if _UNSAID.matches(path):
            return
        outermost = next(above for above in (*paths.ancestors(path), path) if self.ignored.matches(above))
        if outermost not in findings.left_out and self._tree.status(outermost) is not None:
            own = self.ignored.own if isinstance(self.ignored, Ignored) else None
            is_own = own is not None and own.ignores(outermost)
            findings.left_out[outermost] = HTACCESS if paths.name_of(outermost) == b".htaccess" else IGNORED_HERE if is_own else BY_TEMPLATE

    def _is_too_deep(self, path: bytes, findings: Findings) -> bool:
        """Say whether a path lies too deep to travel. What is agreed on already goes on to: a world may be older than the limit."""
        reason = paths.why_too_deep(path)
        if reason is None or self._record.get(path) is not None:
            return False
        outermost = paths.outermost_too_deep(path)
        if self._tree.status(outermost) is not None:
            findings.refused[outermost] = reason
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
            if not is_directory(agreed) or not is_settled:
                if agreed is ABSENT and self._holds_only_its_own(path):
                    findings.left_out[path] = ONLY_OWN
                else:
                    findings.found[path] = Found(path, DIRECTORY)
        elif not stat.S_ISREG(status.st_mode):
            findings.refused[path] = f"{reasons.kind(status.st_mode)} does not travel"
        elif entry is None or not is_settled or entry.stamp != Stamp.of(status):
            self._compare_file(path, status, entry, findings)

    def _holds_only_its_own(self, path: bytes) -> bool:
        """Say whether a directory holds something of somebody's that does not travel, and nothing else: it does not travel either."""
        left: list[bytes] = []
        closed: list[bytes] = []  # what can not be looked into may hold anything

        def skips(inner: bytes) -> bool:
            if self.ignored.matches(inner) or paths.why_not(inner) is not None:
                left.append(inner)
                return True
            return False

        directories = 0
        for inner, status in self._tree.walk(path, skips, closed.append):
            if closed or directories >= _DIRECTORIES:
                return False  # with so many directories in it, it is worth travelling for these
            if stat.S_ISDIR(status.st_mode):
                directories += 1
                continue
            if stat.S_ISREG(status.st_mode) and not self._tree.is_sqlite(inner):
                return False
            left.append(inner)
        return not closed and any(not CACHES.matches(inner) for inner in left)

    def _compare_file(self, path: bytes, status: stat_result, entry: Entry | None, findings: Findings) -> None:
        if status.st_size > self.file_limit:
            findings.refused[path] = reasons.too_large(self.file_limit)
            return
        if status.st_nlink > 1:
            findings.linked.add(status.st_ino)
        if status.st_size > self._inline_limit:
            if self._tree.is_sqlite(path):
                findings.left_out[path] = LIVE_DATABASE
            else:
                findings.found[path] = Found(path, ABSENT, Stamp.of(status), None, True)
            return
        try:
            taken = self._rest.take(path, min(self._inline_limit, self._keep_limit - findings.kept_bytes))
        except Busy:
            findings.busy[path] = reasons.BEING_WRITTEN
        except NotRegular:
            findings.busy[path] = reasons.NOT_REGULAR
        except OSError as error:
            if error.errno in (errno.ENOENT, errno.ENOTDIR):
                findings.busy[path] = reasons.CHANGED
            elif error.errno in (errno.EACCES, errno.EPERM, errno.EIO, errno.EOPNOTSUPP):
                findings.refused[path] = reasons.why_unread(self._tree, path, error)
            else:
                raise
        else:
            if entry is not None and entry.state == taken.state and not entry.has_sent:
                self._record.touch(path, taken.stamp)
            elif is_sqlite(taken.content[:SQLITE_HEAD]) if taken.content is not None else self._tree.is_sqlite(path):
                findings.left_out[path] = LIVE_DATABASE
            else:
                findings.kept_bytes += len(taken.content or b"")
                findings.found[path] = Found(path, taken.state, taken.stamp, taken.content)
