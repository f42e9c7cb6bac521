"""The process that loses its power: a server and two clients at work. It says on standard output what it has announced to somebody.

python -m tests.power.work SERVER CLIENTS SEED
"""

from __future__ import annotations

import json
import os
import random
import sys
import time
from pathlib import Path
from typing import Any

from fwrkit.agent.citizen.engine import Engine
from fwrkit.agent.citizen.receiving import Receiver
from fwrkit.agent.settings import Settings
from fwrkit.agent.states import file_state, is_file
from fwrkit.agent.wire.messages import Delivery, Outcome
from tests.unit.agent.house import House, Member

SETTINGS = Settings(inline_limit=4000, history_quiet=0.02, history_limit=0.05)
PATHS = [f"www/{name}" for name in ("a", "b", "c", "sub/d", "sub/e", "sub/deep/f", "g.changes", "h", "i", "j")]


def say(kind: str, **words: Any) -> None:
    """Announce: one line, in one write."""
    os.write(1, json.dumps({"kind": kind, **words}).encode() + b"\n")


def listen() -> None:
    """Say of each change that its author was told, and of each delivery that it was acknowledged."""
    take, acknowledge = Engine._outcome, Receiver._acknowledge

    def told(self: Engine, outcome: Outcome) -> None:
        flight = self._sender._flights.get(outcome.number)
        if flight is not None and flight.orphan is None and outcome.result == "ACCEPTED":
            state = flight.state.hex() if flight.state is not None else None
            say("accepted", path=flight.path.decode(), state=state, author=self._citizen)
        take(self, outcome)

    def acknowledged(self: Receiver, done: list[Delivery]) -> None:
        acknowledge(self, done)
        for delivery in done:
            if isinstance(delivery.state, bytes) and is_file(delivery.state):
                say("held", path=delivery.path.decode(), state=delivery.state.hex())

    Engine._outcome, Receiver._acknowledge = told, acknowledged  # type: ignore[method-assign]


def edit(chance: random.Random, member: Member, number: int) -> None:
    """Do something to the world, as a program does that syncs nothing."""
    path = chance.choice(PATHS)
    if chance.random() < 0.12:
        (member.world / path).unlink(missing_ok=True)
        return
    content = f"{1_800_000_000 + number}\t{member.name} {number}\n" * chance.choice((1, 1, 1, 3, 300))
    say("wrote", path=path, state=file_state(content.encode()).hex(), author=member.name)
    member.write(path, content)


def main(server: Path, clients: Path, seed: int) -> None:
    """Work until the end."""
    listen()
    house = House(server, SETTINGS, clients)
    members = [house.member("alice"), house.member("bob")]
    house.settled()
    say("begun")
    chance = random.Random(seed)
    number = 0
    while True:
        number += 1
        edit(chance, chance.choice(members), number)
        time.sleep(chance.choice((0.001, 0.005, 0.02)))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]))
