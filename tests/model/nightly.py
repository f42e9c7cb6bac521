"""Many sequences, each by its seed: ``python -m tests.model.nightly COUNT [FIRST_SEED] [republic]``. What fails is made smaller and printed, to be kept."""

from __future__ import annotations

import logging
import sys
import time
import traceback
from collections.abc import Callable

from tests.model.chance import sequence, smaller, troubled
from tests.model.play import Sequence, play

_PROGRESS = 1000  # sequences from one line about them to the next


def failure(candidate: Sequence) -> str:
    """Play a sequence; return how it failed, empty if it did not."""
    try:
        play(candidate)
    except Exception as error:
        where = traceback.extract_tb(error.__traceback__)[-1]
        return f"{type(error).__name__} in {where.name}: {error}"
    return ""


def kind_of(words: str) -> str:
    """Return what two failures of the same kind have in common."""
    return words.split(":")[1].split("'s")[-1].strip()[:12] if ":" in words else words


def main(count: int, first: int, make: Callable[[int], Sequence]) -> int:
    """Play sequences; return how many failed."""
    logging.disable(logging.WARNING)
    began, failed = time.monotonic(), 0
    print(f"{count} sequences from seed {first}", flush=True)
    for seed in range(first, first + count):
        candidate = make(seed)
        words = failure(candidate)
        if words:
            failed += 1
            kind = kind_of(words)
            shrunk = smaller(candidate, lambda shorter, kind=kind: kind_of(failure(shorter)) == kind)  # type: ignore[misc]
            print(
                f"seed {seed}: {words[:1500]}\n  smaller: {failure(shrunk)[:1500]}",
                *(f"    {item}," for item in shrunk),
                sep="\n",
                flush=True,
            )
        played = seed - first + 1
        if played % _PROGRESS == 0 or played == count:
            print(f"{played} sequences, {failed} failed, {played / (time.monotonic() - began):.1f} a second", flush=True)
    return failed


if __name__ == "__main__":
    is_troubled = "republic" in sys.argv
    numbers = [int(word) for word in sys.argv[1:] if word.isdigit()]
    sys.exit(min(main(numbers[0], numbers[1] if len(numbers) > 1 else int(time.time()), troubled if is_troubled else sequence), 1))
