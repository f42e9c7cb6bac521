"""Edit and break a server and three clients for some minutes, check the invariants again and again, report; exit with 1 if one did not hold."""

from __future__ import annotations

import argparse
import json
import os
import random
import sys
import time
import traceback

from tests.bench.consumption import Meter
from tests.integration import faults, invariants
from tests.integration.republic import CHECKOUT, Node, Republic, digest
from tests.integration.weather import STORM, Weather
from tests.soak.report import Machine, Soak, Window

HOME = CHECKOUT / ".soak-home"
ARTIFACTS = CHECKOUT / "artifacts"
CLIENTS = ("alice", "bob", "carol")
WEIGHTS = {"add": 50, "delete": 50, "modify": 10, "move": 10, "remove_directory": 10, "move_directory": 10, "pause": 10}
PAUSE = 0.05  # seconds between two acts of a client on the average
SLICE = 10.0  # seconds of acts that a client is told at once
BALLAST = 3000  # files that nobody touches
WINDOW = 300.0  # seconds
CALM_EDITS = 40
PROBE_EVERY, PROBE_PATIENCE = 1.0, 60.0  # seconds
# what begins an agent anew hides whether it grows: only in the first third
ENDS_AGENTS = ("agent", "crash")


class Probe:
    """Edits that are waited for, one after the other, in their own files: how long it takes while everything else goes on."""

    def __init__(self, writer: Node, reader: Node) -> None:
        self._writer, self._reader = writer.new_hand(), reader.new_hand()
        self._number = 0
        self._began = 0.0
        self._is_under_way = False
        self._next = time.monotonic()

    def step(self, window: Window) -> None:
        """Take up what has arrived, begin the next one if it is time."""
        if self._is_under_way and self._reader.is_finished():
            self.finish(window)
        if not self._is_under_way and time.monotonic() >= self._next:
            self._number += 1
            path, text = f"www/probes/{self._number % 10}.bin", f"probe {self._number}"
            self._began = time.monotonic()
            self._writer.do("replace", path, text=text)
            self._reader.begin("wait", path=path, state=digest(text), seconds=PROBE_PATIENCE)
            self._is_under_way = True

    def finish(self, window: Window) -> None:
        """Wait for what is under way."""
        if not self._is_under_way:
            return
        arrived = self._reader.finish()
        self._is_under_way = False
        self._next = self._began + PROBE_EVERY
        if arrived is None:
            window.missed += 1
        else:
            window.stormy.append(arrived - self._began)


class Run:
    """One soak from the first node to the report."""

    def __init__(self, minutes: float, seed: int) -> None:
        self.republic = Republic(HOME)
        self.republic.are_races_counted = False
        self.dice = random.Random(seed)
        self.soak = Soak(seed, minutes * 60)
        self._cpu: dict[str, float] = {}

    def go(self) -> None:
        """Do everything. Raise AssertionError if an invariant does not hold."""
        began = time.monotonic()
        nodes = self._found()
        weather = Weather(nodes, self.soak.seed, every=4, lasting=15)
        probe = Probe(nodes["bob"], nodes["carol"])
        while (passed := time.monotonic() - began) < self.soak.seconds:
            weather.kinds = {kind: 0 if passed > self.soak.seconds / 3 and kind in ENDS_AGENTS else share for kind, share in STORM.items()}
            window = Window(len(self.soak.windows) + 1)
            self.soak.windows.append(window)
            self._storm(window, weather, probe, min(WINDOW, self.soak.seconds / 3))
            self._check(window)
            self._calm(window)
            self._measure(window)
            print(
                f"  window {window.number}: {window.acts} acts, {sum(window.faults.values())} faults, in sync after {window.converged:.1f} s",
                flush=True,
            )

    def _found(self) -> dict[str, Node]:
        self.republic.up_server("--template", "static")
        for name in CLIENTS:
            self.republic.join(name)
        self.republic.nodes["alice"].hand.ask("drop", path="www/ballast", number=BALLAST, size=500, seed=1)
        self.republic.settle()
        return self.republic.nodes

    def _storm(self, window: Window, weather: Weather, probe: Probe, seconds: float) -> None:
        """Everybody edits while things break."""
        hands = {name: self.republic.nodes[name].hand for name in CLIENTS}
        deadline = time.monotonic() + seconds
        weather.counts.clear()

        def begin(name: str) -> None:
            length = max(0.5, min(SLICE, deadline - time.monotonic()))
            hands[name].begin(
                "fuzz", seed=self.dice.getrandbits(32), seconds=length, root="www/soak", author=name, pause=PAUSE, weights=WEIGHTS, large=0.001
            )  # fmt: skip

        for name in CLIENTS:
            begin(name)
        try:
            while time.monotonic() < deadline:
                weather.step()
                probe.step(window)
                for name, hand in hands.items():
                    if hand.is_finished():
                        window.acts += len(hand.finish())
                        begin(name)
                time.sleep(0.02)
        finally:
            weather.clear()
        window.faults = dict(weather.counts)
        for hand in hands.values():
            window.acts += len(hand.finish())
        probe.finish(window)

    def _check(self, window: Window) -> None:
        began = time.monotonic()
        self.republic.settle(300)
        window.converged = time.monotonic() - began
        self.republic.check_invariants(300)
        tree = self.republic.nodes["server"].tree()
        window.files = sum(bool(state) for state in tree.values())
        window.copies = sum(bool(state) and invariants.is_conflict_copy(path) for path, state in tree.items())
        window.litter = sum(
            sum("/srv/fwr/private/" in path and path.count("/") > 4 for path in node.litter()["paths"])
            for node in self.republic.nodes.values()
        )

    def _calm(self, window: Window) -> None:
        writer, reader = self.republic.nodes["bob"].hand, self.republic.nodes["carol"].hand
        for number in range(CALM_EDITS):
            text = f"calm {window.number} {number}"
            began = time.monotonic()
            writer.do("replace", "www/probes/calm.bin", text=text)
            window.calm.append(reader.see("www/probes/calm.bin", digest(text), 60) - began)
            time.sleep(0.1)

    def _measure(self, window: Window) -> None:
        for name, node in self.republic.nodes.items():
            number = faults.processes(node, "agent")[0]
            with open(f"/proc/{number}/status") as file:
                held = next(int(line.split()[1]) for line in file if line.startswith("RssAnon:"))
            used = Meter([faults.container(node)]).cpu()
            now, before = time.monotonic(), self._cpu.get(name, 0.0)
            began = self._cpu.get(f"{name} at", now - self.soak.seconds)
            self._cpu |= {name: used, f"{name} at": now}
            size = node.docker(
                "exec", "-u", "0" if name == "server" else "2011", faults.container(node), "du", "-sk", "/var/lib/fwrkit"
            ).stdout
            window.machines[name] = Machine(
                memory=held / 1024,
                age=time.time() - os.stat(f"/proc/{number}").st_ctime,
                cpu=(used - before if used >= before else used) / (now - began),  # the engine counts anew after a restart
                state=int(size.split()[0]) / 1024,
            )


def main() -> int:
    """Run and report."""
    parser = argparse.ArgumentParser(prog="python -m tests.soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--seed", type=int, default=2011)
    options = parser.parse_args()
    run = Run(options.minutes, options.seed)
    run.republic.clear()
    try:
        run.go()
    except (AssertionError, OSError) as error:
        traceback.print_exc()
        run.soak.failure = str(error)[:2000]
        run.republic.keep_artifacts(ARTIFACTS / f"soak-{options.seed}")
    finally:
        ARTIFACTS.mkdir(exist_ok=True)
        place = ARTIFACTS / f"soak-{options.seed}"
        place.with_suffix(".json").write_text(json.dumps(run.soak.as_data(), indent=1) + "\n")
        place.with_suffix(".md").write_text(run.soak.text() + "\n")
        print(run.soak.text())
        if not run.soak.failure or not os.environ.get("FWRKIT_TEST_KEEP"):
            run.republic.clear()
    return 1 if run.soak.failure else 0


if __name__ == "__main__":
    sys.exit(main())
