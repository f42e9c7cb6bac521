"""The one place that prints: results for people or as versioned JSON, progress and errors on standard error."""

from __future__ import annotations

import dataclasses
import json
import sys
from collections.abc import Callable, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from fwrkit.core import interrupts
from fwrkit.core.errors import FwrError

ENVELOPE = 1  # version of the JSON envelope: {"fwrkit": 1, "kind": …, "data": …}


class Output:
    """How a command speaks: ``is_json`` for programs, tables and sentences for people."""

    def __init__(self, is_json: bool) -> None:
        self.is_json = is_json
        self._out = Console(highlight=False, soft_wrap=True)
        self._has_answered = False
        self._err = Console(stderr=True, highlight=False, soft_wrap=True)

    def progress(self, sentence: str) -> None:
        """Say what is going on; programs do not hear it."""
        if not self.is_json:
            self._err.print(Text(shown(sentence)), style="dim")

    def result(self, kind: str, data: Any, for_people: Callable[[], None]) -> None:
        """Print a result: as JSON of its kind, or by the function that prints it for people."""
        if self.is_json:
            self._json(kind, plain(data))
        else:
            for_people()

    def line(self, text: str = "", style: str = "") -> None:
        """Print a line for people; nothing in it is interpreted."""
        self._out.print(Text(shown(text)), style=style or None)

    def raw(self, piece: bytes) -> None:
        """Write bytes as they are: a file's content."""
        sys.stdout.buffer.write(piece)
        sys.stdout.buffer.flush()
        self._has_answered = True

    def table(self, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        """Print a table for people."""
        table = Table(box=None, pad_edge=False, header_style="bold", show_header=any(columns))
        for column in columns:
            table.add_column(column, overflow="fold")
        for row in rows:
            table.add_row(*(Text(shown(cell)) for cell in row))
        self._out.print(table)

    def error(self, error: FwrError) -> None:
        """Say what went wrong: one sentence and one hint. A program that has its one object already learns it by the exit status."""
        if self.is_json and not self._has_answered:
            self._json("error", error.to_json()["error"])
            return
        self._err.print(Text(shown(error.message)), style="bold red")
        if error.hint:
            self._err.print(Text(shown(error.hint)))

    def _json(self, kind: str, data: Any) -> None:
        with interrupts.held():  # one object, and it is known that it was said
            sys.stdout.write(json.dumps({"fwrkit": ENVELOPE, "kind": kind, "data": data}) + "\n")
            sys.stdout.flush()
            self._has_answered = True


def plain(value: Any) -> Any:
    """Given a result (a dataclass, or a list of them), return it as JSON's own types."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return dataclasses.asdict(value)
    return [plain(item) for item in value] if isinstance(value, list) else value


def shown(text: str) -> str:
    """Return a text that a terminal can show: control characters and bytes that are no UTF-8 are escaped."""
    return "".join(
        char if char.isprintable() or char in "\n\t" else char.encode("unicode_escape", "surrogatepass").decode() for char in text
    )
