"""What programs did in the worlds, as the oracle needs it: which contents they wrote, and which they replaced with those before their eyes.

A content is looked at line by line: a *mark* is a line that is written once and never again. A file of one line has one mark; of a log,
which is merged by union, every line counts by itself.
"""

from __future__ import annotations

from dataclasses import dataclass, field


def marks(content: bytes) -> frozenset[bytes]:
    """Return what a content is known by."""
    return frozenset(line for line in content.split(b"\n") if line)


@dataclass
class Ledger:
    """The book that all programs of a sequence write into."""

    written: set[bytes] = field(default_factory=set)  # whole contents that a program closed
    marks: dict[bytes, str] = field(default_factory=dict)  # mark to a word for people: who wrote it, and where
    replaced: dict[bytes, set[tuple[str, bytes]]] = field(default_factory=dict)  # mark to (whose disk, path): by somebody who had seen it
    replaced_whole: set[tuple[bytes, bytes]] = field(default_factory=set)  # (path, content)
    puts: dict[tuple[bytes, bytes], int] = field(default_factory=dict)  # (path, content): how often a program put it there
    directories: set[bytes] = field(default_factory=set)  # that a program made
    torn: dict[tuple[str, bytes], set[bytes]] = field(default_factory=dict)  # (whose disk, path): what a program has not finished writing
    deleted: list[tuple[str, bytes]] = field(default_factory=list)

    def wrote(self, citizen: str, path: bytes, before: bytes | None, after: bytes | None, is_new: bool = True) -> None:
        """A program of a citizen's machine replaced what was at a path there. None: nothing was, nothing is."""
        old, new = marks(before or b""), marks(after or b"")
        for mark in old - new:
            self.replaced.setdefault(mark, set()).add((citizen, path))
        if before is not None and before != after:
            self.replaced_whole.add((path, before))
        if after is None:
            return
        for mark in new if is_new else ():
            self.marks.setdefault(mark, f"{citizen} at {path.decode()}")
        self.puts[(path, after)] = self.puts.get((path, after), 0) + 1
        self.written.add(after)

    def moved(self, citizen: str, source: bytes, target: bytes, content: bytes, displaced: bytes | None) -> None:
        """A program renamed a file: what was at the target is replaced, the content itself is not."""
        self.wrote(citizen, target, displaced, content, is_new=False)
