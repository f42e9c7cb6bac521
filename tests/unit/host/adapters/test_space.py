"""A full disk is told by looking."""

from __future__ import annotations

from pathlib import Path

import pytest

from fwrkit.core.errors import ExitCode, FwrError
from fwrkit.host.adapters import space

FAILURE = FwrError(ExitCode.FAILED, "Compose failed: something about a device.", "")


def test_this_disk_is_not_full_and_any_disk_may_be(tmp_path: Path) -> None:
    assert not space.is_full(str(tmp_path), 1)
    assert space.is_full(str(tmp_path), 1 << 62)
    assert not space.is_full("/there/is/no/such/place", 1 << 62)


@pytest.mark.parametrize(
    ("is_full", "error", "code"),
    [
        (True, FAILURE, ExitCode.NO_SPACE),
        (False, FAILURE, ExitCode.FAILED),
        (True, FwrError(ExitCode.TAKEN, "In use.", ""), ExitCode.TAKEN),
    ],
)
def test_a_failure_is_explained_by_a_full_disk_only(
    is_full: bool, error: FwrError, code: ExitCode, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(space, "is_full", lambda place: is_full and place == "/home")
    with pytest.raises(FwrError) as raised, space.told("/home"):
        raise error
    assert raised.value.code == code
