"""What many of the server's tests begin with."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from fwrkit.agent.server.store import Store


@pytest.fixture
def store() -> Iterator[Store]:
    """A server's tables, in memory."""
    store = Store(":memory:")
    yield store
    store.close()
