"""A whole chain that is another one than before is found, too."""

from __future__ import annotations

from pathlib import Path

from fwrkit.agent.audit import GENESIS, Chain, Entry
from fwrkit.agent.audit_memory import compare, remember


def chain(*subjects: str) -> Chain:
    entries: list[Entry] = []
    for number, subject in enumerate(subjects, start=1):
        entries.append(Entry(number, number, "ada", "ban", subject, {}, entries[-1].hash if entries else GENESIS))
    return Chain(entries)


def test_a_log_only_grows(tmp_path: Path) -> None:
    seen = tmp_path / "seen"
    assert compare(chain("a"), seen) == ""
    remember(chain("a", "b"), seen)
    assert compare(chain("a", "b", "c"), seen) == ""
    assert "has 1 lines" in compare(chain("a"), seen)
    assert "rewritten" in compare(chain("a", "x", "c"), seen)
    assert "rewritten" in compare(chain("x", "b", "c"), seen)
    remember(chain(), seen)
    assert compare(chain(), seen) == ""
    seen.write_text("nonsense")
    assert compare(chain(), seen) == ""
