"""Property tests: many cases here, many more at night (`make nightly`)."""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings

_ALWAYS = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow, HealthCheck.function_scoped_fixture]}
settings.register_profile("default", max_examples=100, **_ALWAYS)  # type: ignore[arg-type]
settings.register_profile("nightly", max_examples=5000, **_ALWAYS)  # type: ignore[arg-type]
settings.register_profile("again", max_examples=20, **_ALWAYS)  # type: ignore[arg-type]  # in the image, what ran here before
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "default"))
