"""A run upwards, seen from the citizen: hash, tell (manifest), send what is needed, hear what came of it.

The engine's thread owns the state; hashing, linking and the carrier work in a worker that comes back through the engine's queue.
"""

from __future__ import annotations

import errno
import logging
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from fwrkit.agent.citizen.carriers import Carrier
from fwrkit.agent.citizen.record import Record
from fwrkit.agent.citizen.relay import ALONE, Relay
from fwrkit.agent.citizen.rest import Rest
from fwrkit.agent.citizen.scan import Found
from fwrkit.agent.citizen.sending import MadeOf, manifest_entry
from fwrkit.agent.files import reasons
from fwrkit.agent.files.flat import empty, place_name
from fwrkit.agent.files.tree import Busy, NotRegular, Tree, copy_all
from fwrkit.agent.states import State, is_file
from fwrkit.agent.wire.messages import Folded, Forbidden, Landed, Manifest, Need

log = logging.getLogger("fwrkit.uploads")

_PART_BYTES = 1024 * 1024  # of manifest entries in one message
_PART_COUNT = 5000
_ENTRY_BYTES = 480  # what an entry takes besides its path, at most


@dataclass(frozen=True)
class Ended:
    """The outcome of a slice of a run: ``settled`` is agreed on; ``again`` (path to reason) has to be looked at and sent again."""

    run: Upload
    settled: list[Found]
    again: dict[bytes, str]
    is_last: bool


@dataclass
class Upload:
    """A run that is under way."""

    number: int
    is_first: bool
    items: list[Found]
    needed: list[int] = field(default_factory=list)
    failed: dict[int, str] = field(default_factory=dict)  # what could not be sent, by index: why
    claims: Mapping[bytes, Sequence[State]] = field(default_factory=dict)

    @property
    def paths(self) -> set[bytes]:
        """The paths that wait for this run's end."""
        return {item.path for item in self.items}


class Uploader:
    """At most one run at a time. ``work`` runs a function in a worker and its result's continuation in the engine's thread."""

    def __init__(
        self,
        tree: Tree,
        record: Record,
        citizen: str,
        outgoing: Path,
        say: Callable[[Any], None],
        work: Callable[[Callable[[], Callable[[], None]]], None],
        relay: Relay = ALONE,
        made_of: MadeOf = lambda _: [],
        rest: Rest | None = None,
    ) -> None:
        self._rest = rest or Rest(tree)
        self._made_of = made_of
        self._tree = tree
        self._record = record
        self._citizen = citizen
        self._outgoing = outgoing
        self._say = say
        self._work = work
        self._relay = relay
        self._number = 0
        self.current: Upload | None = None
        self.covered: set[bytes] = set()
        self.next: set[bytes] = set()  # what goes by a run as well, and waits for the end of this one
        self.carrier: Carrier | None = None
        self.on_busy: Callable[[dict[bytes, str]], None] = lambda _: None
        self.on_refused: Callable[[dict[bytes, str]], None] = lambda _: None
        self.on_untouched: Callable[[list[bytes]], None] = lambda _: None
        self.on_empty: Callable[[], None] = lambda: None  # nothing was left of a run when its files were hashed

    def reset(self) -> None:
        """The connection ended: what is under way is void."""
        self.current = None
        self.covered = set()
        self.next = set()

    def clear(self) -> None:
        """Remove what an interrupted run left in outgoing."""
        empty(self._outgoing)

    def begin(self, items: Iterable[Found], is_first: bool, claims: Mapping[bytes, Sequence[State]] | None = None) -> None:
        """Begin a run with what was found. Files that are too large for a look to read are hashed first. ``claims`` as in :func:`manifest_entry`."""
        self._number += 1
        run = Upload(self._number, is_first, list(items), claims=claims or {})
        self.current = run
        self.covered = run.paths

        def hash_large() -> Callable[[], None]:
            hashed: list[Found] = []
            busy: dict[bytes, str] = {}
            refused: dict[bytes, str] = {}
            for item in run.items:
                if not item.is_large:
                    hashed.append(replace(item, content=None))
                    continue
                try:
                    taken = self._rest.take(item.path, 0)
                    hashed.append(Found(item.path, taken.state, taken.stamp))
                except Busy:
                    busy[item.path] = reasons.BEING_WRITTEN
                except NotRegular:
                    busy[item.path] = reasons.NOT_REGULAR
                except FileNotFoundError:
                    busy[item.path] = reasons.CHANGED
                except OSError as error:
                    refused[item.path] = reasons.why_unread(self._tree, item.path, error)
            return lambda: self._tell(run, hashed, busy, refused)

        self._work(hash_large)

    def _tell(self, run: Upload, hashed: list[Found], busy: dict[bytes, str], refused: dict[bytes, str]) -> None:
        if self.current is not run:
            return
        self.on_refused(refused)
        run.items, untouched = [], []
        for item in hashed:
            if self._is_only_touched(item):
                untouched.append(item.path)
            else:
                run.items.append(item)
        self.on_untouched(untouched)
        self.covered = run.paths
        self.on_busy(busy)
        if not run.items and not run.is_first:
            self.reset()
            self.on_empty()
            return
        part: list[list[Any]] = []
        size = 0
        for item in run.items:
            author = self._relay.author_of(item.path, item.state)
            ancestors = self._relay.ancestors(item.path) if author else ()
            claims, seen = run.claims.get(item.path, ()), self._made_of(item.path)
            part.append(manifest_entry(self._record, item, run.is_first, claims, author, ancestors, seen).to_value())
            size += len(item.path) + _ENTRY_BYTES
            if size > _PART_BYTES or len(part) >= _PART_COUNT:
                self._say(Manifest(run.number, run.is_first, part, False))
                part, size = [], 0
        self._say(Manifest(run.number, run.is_first, part, True))

    def _is_only_touched(self, item: Found) -> bool:
        """Say whether a hashed file turned out to be what was agreed on, and remember its stamp."""
        entry = self._record.get(item.path)
        if entry is None or entry.has_sent or entry.state != item.state or not is_file(item.state):
            return False
        self._record.touch(item.path, item.stamp)
        return True

    def need(self, message: Need) -> None:
        """The server says what it wants to have in the replica next."""
        run = self.current
        if run is None or run.number != message.run:
            return
        run.needed.extend(index for index in message.indexes if 0 <= index < len(run.items))
        if not message.last or not run.needed:
            return
        carrier = self.carrier
        needed, run.needed = run.needed, []

        def carry() -> Callable[[], None]:
            failed: dict[int, str] = {}
            trouble = ""
            try:
                empty(self._outgoing)
                for index in needed:
                    reason = self._lay_out(run.items[index].path)
                    if reason:
                        failed[index] = reason
                if carrier is not None and len(failed) < len(needed):
                    carrier.send(self._outgoing)
            except Exception as error:
                log.warning("a run upwards failed, its contents are sent again: %s", error)
                trouble = f"it could not be sent: {error}"
            finally:
                empty(self._outgoing)
            # what arrived before a carrier failed counts: the server looks
            return lambda: self._landed(run, failed, dict.fromkeys(needed, trouble) if trouble else {})

        self._work(carry)

    def _lay_out(self, path: bytes) -> str:
        """Link a file of the world into the outgoing directory, or copy it where there can be no link. Return why neither is possible, or nothing.

        No link can be made to another owner's file (protected_hardlinks) and to another filesystem's. Whoever writes on meanwhile is found out
        by the hash at the server.
        """
        directory, _, name = path.rpartition(b"/")
        target = os.fsencode(self._outgoing / place_name(path))
        try:
            with self._tree.directory(directory) as fd:
                os.link(name, target, src_dir_fd=fd, follow_symlinks=False)
        except FileNotFoundError:
            return reasons.CHANGED
        except OSError as error:
            if error.errno not in (errno.EPERM, errno.EACCES, errno.EXDEV, errno.EMLINK):
                return reasons.why_unread(self._tree, path, error)
            return self._copy(path, target)
        return ""

    def _copy(self, path: bytes, target: bytes) -> str:
        try:
            source = self._tree.open_file(path)
        except NotRegular:
            return reasons.NOT_REGULAR
        except OSError as error:
            return reasons.why_unread(self._tree, path, error)
        try:
            fd = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
            try:
                copy_all(source, fd)
            finally:
                os.close(fd)
        finally:
            os.close(source)
        return ""

    def _landed(self, run: Upload, failed: dict[int, str], doubtful: dict[int, str]) -> None:
        if self.current is run:
            run.failed |= doubtful | failed
            self._say(Landed(run.number, sorted(failed)))

    def forbidden(self, message: Forbidden) -> list[tuple[Found, str]]:
        """The policy refuses some of a run: return these, and why."""
        run = self.current
        if run is None or run.number != message.run:
            return []
        pairs = zip(message.indexes, message.reasons, strict=False)
        return [(run.items[index], reason) for index, reason in pairs if 0 <= index < len(run.items)]

    def folded(self, message: Folded) -> Ended | None:
        """A slice of a run is durable at the server: agree on it and return what came of it; None if it is of no run of ours."""
        run = self.current
        if run is None or run.number != message.run:
            return None
        settled = [run.items[index] for index in message.settled if 0 <= index < len(run.items)]
        for item in settled:
            self._record.agree(item.path, item.state, item.stamp, "" if run.is_first else self._citizen)
        again = {
            run.items[index].path: run.failed.get(index) or message.reason or reasons.CHANGED
            for index in message.missing
            if 0 <= index < len(run.items)
        }
        if message.last:
            self.reset()
        else:
            self.covered.difference_update(item.path for item in settled)
            self.covered.difference_update(again)
        return Ended(run, settled, again, message.last)


def needs_run(found: list[Found], batch_count: int, batch_bytes: int) -> tuple[list[Found], list[Found]]:
    """Given what was found, return (what streams, what goes by a run): everything by a run if it is much, else only what is large."""
    small = [item for item in found if not item.is_large and not (is_file(item.state) and item.content is None)]
    size = sum(len(item.content or b"") for item in small)
    if len(found) > batch_count or size > batch_bytes:
        return [], found
    streaming = {item.path for item in small}
    return small, [item for item in found if item.path not in streaming]
