"""One home for all scenarios of a checkout: what an earlier run left is removed first, artifacts are kept on failure."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.integration.republic import CHECKOUT, Republic

ARTIFACTS = CHECKOUT / "artifacts"


@pytest.fixture(scope="session", autouse=True)
def _compose(docker_compose_command: str) -> None:
    """The command that nodes are started with is the one that pytest-docker found."""
    assert docker_compose_command == "docker compose"


@pytest.fixture(scope="module")
def republic() -> Iterator[Republic]:
    """No nodes yet; none afterwards."""
    made = Republic(CHECKOUT / ".test-home")
    made.clear()
    yield made
    if not os.environ.get("FWRKIT_TEST_KEEP"):
        made.clear()


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: Any, call: Any) -> Iterator[None]:
    """Keep logs, status and listings of a failed scenario."""
    outcome: Any = yield
    report = outcome.get_result()
    made = item.funcargs.get("republic") if hasattr(item, "funcargs") else None
    if report.failed and isinstance(made, Republic):
        made.keep_artifacts(ARTIFACTS / item.name.replace("/", "_")[:80] / Path(report.when))
