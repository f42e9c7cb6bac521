"""A container for one run is removed where the run fails, whether it was started or only made."""

from __future__ import annotations

import pytest

from fwrkit.core import commands
from fwrkit.core.commands import Command, Completed
from fwrkit.core.errors import ExitCode, FwrError
from fwrkit.host.adapters import once


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """What Docker was asked for; it does not know the container at first, as it is still making it."""
    found: list[list[str]] = []

    def run(command: Command, timeout: float) -> Completed:
        found.append([str(word) for word in command.argv])
        return Completed(command, 0, b"one\n" if len(found) > 1 else b"", b"")

    monkeypatch.setattr(commands, "run", run)
    monkeypatch.setattr(once, "_PAUSE", 0.0)
    return found


@pytest.mark.parametrize("fault", [KeyboardInterrupt(), FwrError(ExitCode.TIMED_OUT, "It took too long.")])
def test_it_is_removed_with_what_it_had_alone(asked: list[list[str]], fault: BaseException) -> None:
    with pytest.raises(type(fault)), once.removed_if_interrupted("one"):
        raise fault
    assert asked == [["docker", "container", "rm", "--force", "--volumes", "one"]] * 2


def test_what_ended_by_itself_is_left_alone(asked: list[list[str]]) -> None:
    with once.removed_if_interrupted("one"):
        pass
    with pytest.raises(KeyboardInterrupt), once.removed_if_interrupted(""):
        raise KeyboardInterrupt
    assert asked == []


def test_each_has_a_name_of_its_own() -> None:
    assert once.new_name() != once.new_name()
