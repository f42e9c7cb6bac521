"""Scenario 10: anything at any time. Three clients do random things by a seed while cables, machines and processes fail by the same seed.

The oracle is that of "Mysteries of Dropbox" (Hughes, Pierce and others, 2016): every content that was written is there in the end, at a path
or in a conflict copy, or was replaced by somebody who had it before their eyes; and what was deleted without a competing edit stays away.
What the clients do is in `inside.py`, what fails in `weather.py`. FWRKIT_FUZZ_SEEDS=3,17 chooses seeds, FWRKIT_FUZZ_SECONDS how long each goes on.
"""

from __future__ import annotations

import os

import pytest

from tests.integration.republic import Node, Republic
from tests.integration.scale import scale
from tests.integration.weather import Weather

SEEDS = [int(word) for word in os.environ.get("FWRKIT_FUZZ_SEEDS", "").replace(",", " ").split()] or list(range(1, scale(2, 20) + 1))
SECONDS = float(os.environ.get("FWRKIT_FUZZ_SECONDS", "30"))
# of git-annex's fuzz test
WEIGHTS = {"add": 50, "delete": 50, "modify": 10, "move": 10, "remove_directory": 10, "move_directory": 10, "pause": 10}
PAUSE = 0.015  # seconds between two acts on the average, but for the longer ones
BALLAST = 3000  # files that nobody touches: what is deleted is a small part of the world
CLIENTS = ("alice", "bob", "carol")


@pytest.fixture(scope="module")
def nodes(republic: Republic) -> dict[str, Node]:
    republic.up_server("--template", "static")
    for name in CLIENTS:
        republic.join(name)
    republic.nodes["alice"].hand.ask("drop", path="www/ballast", number=BALLAST, size=100, seed=1)
    republic.are_races_counted = False  # what meets is a matter of chance
    republic.settle()
    return republic.nodes


@pytest.mark.parametrize("seed", SEEDS)
def test_anything_at_any_time(republic: Republic, nodes: dict[str, Node], seed: int) -> None:
    weather = Weather(nodes, seed, every=1.5, lasting=18)  # a cable that lies there for less than 15 s, nobody notices
    for number, name in enumerate(CLIENTS):
        nodes[name].hand.begin(
            "fuzz", seed=10 * seed + number, seconds=SECONDS, root=f"www/fuzz-{seed}", author=name, pause=PAUSE, weights=WEIGHTS, large=0.01
        )
    try:
        weather.storm(SECONDS)
    finally:
        weather.clear()
    acts = sum(len(nodes[name].hand.finish()) for name in CLIENTS)
    print(f"seed {seed}: {acts} acts, faults {dict(weather.counts)}")
    republic.check_invariants(120)
