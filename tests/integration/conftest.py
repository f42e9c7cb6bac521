"""Homes for the scenarios of a process: what an earlier run left is removed first, artifacts are kept on failure."""

from __future__ import annotations

import ipaddress
import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.integration.beside import HOMES, Floor, Homes, claimed, left_behind, preferred_ports_kept
from tests.integration.republic import CHECKOUT, Republic

ARTIFACTS = CHECKOUT / "artifacts"
# What takes minutes comes first, so that nobody waits for it in the end. What is alone for long comes last, when nothing long is under way that it
# has to wait for. A file runs in one process, as its tests share nodes.
FIRST = (
    "test_19_scale",
    "test_9_faults",
    "test_8_command_line",
    "test_10_fuzz",
    "test_9_attacks",
    "test_18_peers",
    "test_12_citizens",
    "test_16_succession",
    "test_14_fork",
    "test_15_backup",
    "test_5_losses",
)
LAST = ("test_11_hostile", "test_7_real_world")
_floor = Floor(HOMES)


@pytest.fixture(scope="session", autouse=True)
def _compose(docker_compose_command: str) -> None:
    """The command that nodes are started with is the one that pytest-docker found."""
    assert docker_compose_command == "docker compose"


@pytest.fixture(scope="session")
def homes() -> Iterator[Homes]:
    """Homes that are this process's alone; nothing runs in those that nobody has."""
    with claimed(HOMES) as mine, preferred_ports_kept():
        with left_behind(HOMES) as others:
            for each in (mine, *others):
                for path in each.kept():
                    Republic(path).clear()
        yield mine


def _made(homes: Homes, machine: str) -> Iterator[Republic]:
    made = Republic(homes.path(machine))
    made.clear()
    yield made
    if not os.environ.get("FWRKIT_TEST_KEEP"):
        made.clear()


@pytest.fixture(scope="module")
def republic(homes: Homes) -> Iterator[Republic]:
    """No nodes yet; none afterwards."""
    yield from _made(homes, "here")


@pytest.fixture(scope="module")
def elsewhere(homes: Homes) -> Iterator[Republic]:
    """Another machine: a home of its own, on which nothing is known of the first."""
    yield from _made(homes, "elsewhere")


@pytest.fixture(scope="module")
def host() -> str:
    """An address of this machine that containers reach, too: nodes meet there as those of different machines do."""
    listed = ["docker", "network", "inspect", "bridge", "--format", "{{json (index .IPAM.Config 0)}}"]
    found = json.loads(subprocess.run(listed, capture_output=True, check=True).stdout)
    return str(found.get("Gateway") or next(ipaddress.ip_network(found["Subnet"]).hosts()))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put files in an order in which two processes end at about the same time."""
    ranks = {name: rank for rank, name in enumerate((*FIRST, "", *LAST))}
    items.sort(key=lambda item: ranks.get(item.path.stem, ranks[""]))


@pytest.hookimpl(hookwrapper=True, tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item, nextitem: pytest.Item | None) -> Iterator[None]:
    """Tests of several processes run beside one another, but for those that are marked `alone`."""
    _floor.enter(is_alone=_is_alone(item))
    yield
    _floor.leave(stays_alone=nextitem is not None and _is_alone(nextitem))


def _is_alone(item: pytest.Item) -> bool:
    return item.get_closest_marker("alone") is not None


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: Any, call: Any) -> Iterator[None]:
    """Keep what failed, with logs, status and listings of the scenario's nodes."""
    outcome: Any = yield
    report = outcome.get_result()
    if not report.failed or not hasattr(item, "funcargs"):
        return
    directory = ARTIFACTS / item.name.replace("/", "_")[:80] / Path(report.when)
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "failure.txt").write_text(report.longreprtext)
    for name in ("republic", "elsewhere"):
        made = item.funcargs.get(name)
        if isinstance(made, Republic):
            made.keep_artifacts(directory if name == "republic" else directory / name)
