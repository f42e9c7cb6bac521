"""`volume copy`: new volumes, or none."""

from __future__ import annotations

import pytest

from fwrkit.core.errors import ExitCode, FwrError
from fwrkit.host.adapters import one_shot
from fwrkit.host.verbs import up, volume
from fwrkit.host.verbs.up import ServerWish
from tests.unit.host.simulated import SimulatedMachine


@pytest.fixture
def copies(machine: SimulatedMachine, monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str, str]]:
    made: list[tuple[str, str, str]] = []

    def copy(image: str, what: str, source: str, target: str, told: object) -> dict[str, object]:
        assert image.startswith("fwrkit-server:")
        if target == "full-history":
            raise FwrError(ExitCode.NO_SPACE, "The disk is full.", "Make room.")
        made.append((what, source, target))
        return {"files": 3, "bytes": 5, "is_still": True} if what == "world" else {"versions": 7}

    monkeypatch.setattr(one_shot, "copy", copy)
    up.up_server(machine, ServerWish())
    return made


def test_world_and_history_go_into_volumes_of_their_own(machine: SimulatedMachine, copies: list[tuple[str, str, str]]) -> None:
    alone = volume.copy(machine, "server", "spare", with_history=False)
    assert (alone.world, alone.files, alone.history) == ("spare", 3, "")
    both = volume.copy(machine, "server", "both", with_history=True)
    assert (both.history, both.versions) == ("both-history", 7)
    name = machine.home.volume
    assert copies == [
        ("world", name("server", "world"), "spare"), ("world", name("server", "world"), "both"),
        ("history", name("server", "state"), "both-history"),
    ]  # fmt: skip
    assert machine.docker.others == {"spare", "both", "both-history"}


@pytest.mark.parametrize(
    ("node", "target", "code"),
    [
        ("nobody", "x", ExitCode.NOT_FOUND), ("server", "-x", ExitCode.USAGE), ("server", "a/b", ExitCode.USAGE),
        ("server", "there", ExitCode.TAKEN), ("server", "full", ExitCode.NO_SPACE),
    ],
)  # fmt: skip
def test_what_fails_leaves_no_volume(
    machine: SimulatedMachine, copies: list[tuple[str, str, str]], node: str, target: str, code: ExitCode
) -> None:
    machine.docker.others = {"there-history", "there"}
    with pytest.raises(FwrError) as raised:
        volume.copy(machine, node, target, with_history=True)
    assert (raised.value.code, bool(raised.value.hint)) == (code, True)
    assert machine.docker.others == {"there-history", "there"}
