"""Settings of the property tests: no time limit an example, since CI machines pause, and the same examples each run."""

from hypothesis import HealthCheck, settings

settings.register_profile(
    "harness",
    deadline=None,
    max_examples=60,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
settings.load_profile("harness")
