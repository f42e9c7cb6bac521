"""Telling a machine that lost power from an agent that was ended, and files that the power cut emptied from edits.

A file that a program wrote and did not sync may be empty, full of zeros or short afterwards, although the server has its content
already. Sent as it is, it would empty the page everywhere.
"""

from __future__ import annotations

from pathlib import Path

from fwrkit.agent.citizen.record import Record
from fwrkit.agent.citizen.scan import Found
from fwrkit.agent.states import file_state, is_file

_BOOT = Path("/proc/sys/kernel/random/boot_id")
_EMPTY = file_state(b"")


def begin(record: Record) -> bool:
    """Remember under which boot of the machine this agent runs. Say whether an earlier boot ended without it being stopped."""
    try:
        boot = _BOOT.read_text().strip()
    except OSError:
        return False
    last = record.meta("boot")
    record.set_meta("boot", boot)
    record.sync()
    return bool(last) and last != boot


def end(record: Record) -> None:
    """The agent is stopped: what it knew is on disk."""
    record.set_meta("boot", "")
    record.sync()


def is_damage(found: Found, record: Record) -> bool:
    """Say of a file found after a power cut whether it is what remained of one: empty, zeros, or shorter with the time it had."""
    if found.is_large or not is_file(found.state):
        return False
    entry = record.get(found.path)
    if entry is None:
        return False
    had = {state for state in (entry.state, entry.sent if entry.has_sent else None) if is_file(state)} - {_EMPTY, found.state}
    if not had:
        return False
    is_blank = found.content is not None and not found.content.strip(b"\0")
    is_cut = 0 <= found.stamp.size < entry.stamp.size and found.stamp.time == entry.stamp.time
    return is_blank or is_cut
