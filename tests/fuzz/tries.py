"""How many damaged inputs each test tries."""

import os
from collections.abc import Callable
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

#: A few in every run of the suite, the same ones; other ones, as many as one likes, with FUZZ_EXAMPLES=1000.
EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "10"))


def many_seeds(test: Callable[..., None]) -> Callable[..., Any]:
    """Runs a test again and again, each time with another `seed`."""
    chosen = settings(
        deadline=None,
        max_examples=EXAMPLES,
        derandomize="FUZZ_EXAMPLES" not in os.environ,
        database=None,
        suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    )
    run: Callable[..., Any] = chosen(given(seed=st.integers(0, 2**32))(test))
    return run
