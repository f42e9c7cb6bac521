"""Ctrl-C and its relatives: one process hears them for itself and its children, and is interrupted once, whenever they come.

A process that listens starts its children apart (``core/commands.py``), where no terminal's signal reaches them. So none can end before its parent
knows why, and each is ended by its parent. The state is the process's own, as signals are.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class _Ear:
    """What this process has heard: ``is_open`` while it listens, ``holds`` how often it was asked to wait with the interruption."""

    def __init__(self) -> None:
        self.is_open = False
        self.was_heard = False
        self.is_due = False
        self.holds = 0

    def hear(self, _signal: int, _frame: FrameType | None) -> None:
        self.was_heard = True
        if self.holds and not self.is_due:
            self.is_due = True
            return
        raise KeyboardInterrupt


_ear = _Ear()


def listen() -> None:
    """From now on SIGINT, SIGTERM and SIGHUP raise KeyboardInterrupt in the main thread. A signal that was ignored before stays ignored (nohup)."""
    _ear.is_open, _ear.was_heard, _ear.is_due, _ear.holds = True, False, False, 0
    for each in SIGNALS:
        if signal.getsignal(each) is not signal.SIG_IGN:
            signal.signal(each, _ear.hear)


def ignore() -> None:
    """From now on such a signal does nothing: all is over, and only the status has to be said."""
    for each in SIGNALS:
        signal.signal(each, signal.SIG_IGN)


@contextmanager
def listening() -> Iterator[None]:
    """Listen within the block, and leave the signals behind as they were."""
    before: dict[signal.Signals, Any] = {each: signal.getsignal(each) for each in SIGNALS}
    listen()
    try:
        yield
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)
        _ear.is_open = False


def is_listening() -> bool:
    """Return whether this process hears the signals for its children."""
    return _ear.is_open


def was_heard() -> bool:
    """Return whether an interruption came since this process listens. A failure after it is the interruption's own."""
    return _ear.was_heard


@contextmanager
def held() -> Iterator[None]:
    """Let the block end before an interruption is raised: what it does is done whole. A second interruption insists, and is raised at once.

    An exception of the block itself goes before.
    """
    if not _ear.is_open or threading.current_thread() is not threading.main_thread():
        yield
        return
    _ear.holds += 1
    try:
        yield
    finally:
        _ear.holds -= 1
    if _ear.is_due and not _ear.holds:
        _ear.is_due = False
        raise KeyboardInterrupt


@contextmanager
def left_to_child() -> Iterator[list[int]]:
    """Give a list in which each SIGINT of the block is noted and nothing else happens: a child that has the terminal answers it."""
    noted: list[int] = []
    before = signal.signal(signal.SIGINT, lambda number, _: noted.append(number))
    try:
        yield noted
    finally:
        signal.signal(signal.SIGINT, before)
