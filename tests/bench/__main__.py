"""Measure everything on a server and its clients in real containers, print a table, exit with 1 if a target was missed by more than twice."""

from __future__ import annotations

import argparse
import json
import os
import random
import re
import shutil
import subprocess
import sys
import time
from datetime import datetime
from pathlib import Path

from tests.bench.arrivals import Arrivals
from tests.bench.baseline import Pair, ssh_pair
from tests.bench.consumption import Meter, measured
from tests.bench.figures import Figure, is_acceptable, percentile, table
from tests.integration.republic import CHECKOUT, Republic, wait_until

HOME = CHECKOUT / ".bench-home"
OWNER = 2011
PATIENCE = 600.0  # seconds after which something counts as not arriving
PAUSE = 0.15  # seconds between single edits
RHYTHM = 0.05  # seconds between edits at 20 a second


class Bench:
    """One run: a republic whose clients keep their worlds in directories of this machine, where files are written and seen."""

    def __init__(self, files: int, size: int, edits: int) -> None:
        self.republic = Republic(HOME)
        self.worlds = HOME / "worlds"
        self.random = random.Random(2011)
        self.files, self.size, self.edits = files, size, edits
        self.figures: list[Figure] = []

    def say(self, *figures: Figure) -> None:
        """Keep figures, and show that there is progress."""
        for figure in figures:
            print(f"  {figure.name}: {figure.value:.4g} {figure.unit}", file=sys.stderr, flush=True)
        self.figures.extend(figures)

    def world(self, name: str) -> Path:
        """Return a client's world directory, made if missing."""
        path = self.worlds / name
        path.mkdir(parents=True, exist_ok=True)
        os.chown(path, OWNER, OWNER)
        return path

    def www(self, name: str) -> Path:
        """Return where a client's citizens' site lies."""
        return self.world(name) / "world" / "www"

    def join(self, name: str) -> None:
        """Have a client join with a world of its own directory."""
        self.republic.join(name, "--world", str(self.world(name)))

    def make_tree(self, root: Path, files: int, size: int) -> None:
        """Write a tree of files, together ``size`` bytes, a hundred to a directory."""
        for number in range(files):
            directory = root / f"{number // 1000:03}" / f"{number // 100 % 10}"
            directory.mkdir(parents=True, exist_ok=True)
            content = self.random.randbytes(max(16, int(self.random.expovariate(files / size))))
            (directory / f"page-{number}.html").write_bytes(content)
        subprocess.run(["chown", "-R", f"{OWNER}:{OWNER}", root], check=True)

    def arrived(self, name: str, tree: str, files: int) -> bool:
        """Say whether a client has all files of a tree."""
        return sum(len(names) for _, _, names in os.walk(self.www(name) / tree)) >= files

    def drop(self, tree: str, files: int, size: int, receivers: list[str]) -> float:
        """Move a whole tree into alice's world at once; return the seconds until everybody has it."""
        prepared = self.worlds / f"prepared-{tree}"
        self.make_tree(prepared, files, size)
        began = time.perf_counter()
        os.rename(prepared, self.www("alice") / tree)
        wait_until(lambda: all(self.arrived(name, tree, files) for name in receivers), f"everybody has {tree}", PATIENCE)
        took = time.perf_counter() - began
        self.republic.settle(PATIENCE)
        return took

    def latencies(self, tree: str, pause: float | None) -> list[float]:
        """Change pages at alice and see them at bob; return the seconds each took. ``pause`` after each arrival; None: 20 a second."""
        here, there = self.www("alice") / tree, self.www("bob") / tree
        pages = self.random.sample(sorted(here.glob("*/*/*.html")), self.edits + 5)
        arrivals = Arrivals(there / page.relative_to(here).parent for page in pages)
        began: dict[Path, float] = {}
        for page in pages:
            target = there / page.relative_to(here)
            began[target] = self.edit(page)
            if pause is not None:
                arrivals.wait(target, began[target], 30)
                time.sleep(pause)
            else:
                time.sleep(max(0.0, RHYTHM - (time.perf_counter() - began[target])))
        times = [arrivals.wait(target, since, 30) - since for target, since in began.items()]
        arrivals.stop()
        return times[5:]

    def edit(self, page: Path) -> float:
        """Replace a page as editors do, by renaming a new file over it; return when."""
        temporary = page.with_name("page.tmp~")
        temporary.write_bytes(self.random.randbytes(3000))
        os.chown(temporary, OWNER, OWNER)
        now = time.perf_counter()
        os.rename(temporary, page)
        return now

    def say_latencies(self, name: str, tree: str, pair: Pair, pause: float | None) -> None:
        """Measure and say three percentiles, beside those of a byte over SSH in the same rhythm."""
        times = self.latencies(tree, pause)
        plain = pair.bytes_there_and_back(self.edits, PAUSE if pause is not None else RHYTHM)
        limits = {0.5: 25.0, 0.95: 60.0}
        for share in (0.5, 0.95, 0.99):
            took, baseline = percentile(times, share) * 1000, percentile(plain, share) * 1000
            label = f"{name}, p{share * 100:.0f}"
            self.say(Figure(label, took, "ms", baseline, "a byte over SSH and back", limit=limits.get(share)))

    def containers(self, name: str) -> list[str]:
        """Return the containers of a node."""
        project = self.republic.nodes[name].project
        return [f"{project}-sync", f"{project}-web"]

    def idle(self, name: str, seconds: float, limit: float | None = None) -> None:
        """Measure what a node's containers use when nobody does anything."""
        with measured(Meter(self.containers(name))) as share:
            time.sleep(seconds)
        clients = len(self.republic.nodes) - 1
        self.say(Figure(f"CPU of an idle {name}, {clients} clients", share.value * 100, "% of a core", limit=limit))

    def run(self, large: int) -> None:
        """Measure everything, smallest world first."""
        shutil.rmtree(self.worlds, ignore_errors=True)
        self.republic.up_server("--template", "static")
        server = self.containers("server")
        self.join("alice")
        self.republic.settle()
        memory = Meter(server).memory()
        for name in ("bob", "carol"):
            self.join(name)
        self.republic.settle()
        per_client = (Meter(server).memory() - memory) / 2
        self.say(Figure("memory of the server per client", per_client, "MiB"))
        images = self.republic.json("images", "build")
        source, target = self.www("alice") / "pages", self.worlds / "target"
        target.mkdir()
        took = self.drop("pages", self.files, self.size, ["bob", "carol"])
        with ssh_pair(images["server"], images["client"], source, target, HOME / "keys") as pair:
            tar = pair.tar()
            label = "tar over SSH, one copy"
            self.say(Figure(f"{self.files} files dropped at once, until everybody has them", took, "s", tar, label))
            self.first_join(pair)
            self.say_latencies(f"single edits, {self.files} files", "pages", pair, PAUSE)
            with measured(Meter(server)) as share:
                self.say_latencies(f"20 edits a second, {self.files} files", "pages", pair, None)
            self.say(Figure("CPU of the server at 20 edits a second, per client", share.value * 100 / 4, "% of a core"))
            self.idle("server", 30, limit=1.0)
            self.idle("bob", 30)
            took = self.drop("more", large - self.files, (large - self.files) * 500, ["bob", "carol"])
            self.say(Figure(f"{large - self.files} files more, until everybody has them", took, "s"))
            self.say_latencies(f"single edits, {large} files", "pages", pair, PAUSE)
            self.say_latencies(f"20 edits a second, {large} files", "pages", pair, None)
            self.say(Figure(f"memory of the server, {large} files", Meter(server).memory(), "MiB"))
            self.say(Figure(f"memory of a client, {large} files", Meter(self.containers("bob")).memory(), "MiB"))

    def connected_at(self, name: str) -> float:
        """Return the Unix time at which the server welcomed a client."""
        listed = subprocess.run(["docker", "logs", "--timestamps", self.containers("server")[0]], capture_output=True, check=True)
        line = next(line for line in (listed.stdout + listed.stderr).decode().splitlines() if f"{name} is connected" in line)
        stamp = re.sub(r"\.(\d{6})\d*Z", r".\1+00:00", line.split()[0])
        return datetime.fromisoformat(stamp).timestamp()

    def first_join(self, pair: Pair) -> None:
        """Have dave join: from the command to the last page, and how much of it after the connection was made."""
        baseline = pair.tar()
        began = time.perf_counter()
        wall = time.time()
        self.join("dave")
        wait_until(lambda: self.arrived("dave", "pages", self.files), "dave has everything", PATIENCE)
        took = time.perf_counter() - began
        connected = self.connected_at("dave") - wall
        size = f"{self.files} files, {self.size / 1e6:.0f} MB"
        self.say(Figure(f"first join, {size}, from the connection on", took - connected, "s", baseline, "tar over SSH", ratio_limit=2))
        self.say(Figure(f"first join, {size}, from the command on", took, "s", baseline, "tar over SSH"))
        self.republic.settle(PATIENCE)


def main() -> int:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--files", type=int, default=10_000, help="files of the first world")
    parser.add_argument("--size", type=int, default=60_000_000, help="their bytes")
    parser.add_argument("--large", type=int, default=100_000, help="files of the second world")
    parser.add_argument("--edits", type=int, default=100, help="edits of each rhythm")
    parser.add_argument("--json", type=Path, help="write the figures to this file, too")
    options = parser.parse_args()
    bench = Bench(options.files, options.size, options.edits)
    bench.republic.clear()
    try:
        bench.run(options.large)
    finally:
        bench.republic.clear()
        shutil.rmtree(HOME, ignore_errors=True)
        print(table(bench.figures))
        if options.json:
            options.json.write_text(json.dumps([figure.as_data() for figure in bench.figures], indent=1) + "\n")
    return 0 if is_acceptable(bench.figures) else 1


if __name__ == "__main__":
    sys.exit(main())
