"""What containers consume, from the engine's own counters."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any, cast

import docker


class Meter:
    """CPU seconds and memory of some containers."""

    def __init__(self, names: Iterable[str]) -> None:
        client = docker.from_env()
        self._containers = [client.containers.get(name) for name in names]

    def _all(self) -> list[dict[str, Any]]:
        return [cast("dict[str, Any]", item.stats(stream=False)) for item in self._containers]

    def cpu(self) -> float:
        """Return the CPU seconds that the containers have used since they were started."""
        used = [float(seen["cpu_stats"]["cpu_usage"]["total_usage"]) for seen in self._all()]
        return sum(used) / 1e9

    def memory(self) -> float:
        """Return the MiB that the containers' processes hold, without what the kernel caches for them (its files and names)."""
        held = [seen["memory_stats"].get("stats", {}) for seen in self._all()]
        return sum(float(inner.get("anon", inner.get("total_rss", 0))) for inner in held) / (1 << 20)


class Share:
    """How much of one core was used, between 0 and the number of cores; known when the block has ended."""

    value = 0.0


@contextmanager
def measured(meter: Meter) -> Iterator[Share]:
    """Measure the share of one core that is used during a block."""
    share, before, began = Share(), meter.cpu(), time.perf_counter()
    yield share
    after, ended = meter.cpu(), time.perf_counter()
    share.value = (after - before) / (ended - began)
