"""Nothing is lost, whatever the schedule: the real hub and the real engines, one step at a time, against the oracle.

Each example is one random sequence (see ``play.py``); Hypothesis draws it operation by operation, so that what fails shrinks to what is
needed. ``make model`` plays some hundred; ``make model-nightly COUNT=…`` many thousand by their seeds (``nightly.py``).
"""

from __future__ import annotations

import os
import random

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.model import chance
from tests.model.play import Sequence, play

_EXAMPLES = int(os.environ.get("FWRKIT_MODEL_EXAMPLES", "600"))
_PHASES = (Phase.explicit, Phase.reuse, Phase.generate, Phase.shrink)
_operation = st.integers(0, 2**32 - 1).map(lambda seed: chance.operation(random.Random(seed), chance.Taste()))


@settings(max_examples=_EXAMPLES, deadline=None, phases=_PHASES, suppress_health_check=list(HealthCheck))
@given(st.lists(_operation, min_size=3, max_size=30))
def test_nothing_is_lost(sequence: Sequence) -> None:
    play(sequence)
