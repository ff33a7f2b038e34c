"""When failed samples make a run fail."""

import pytest

from harness.errors import ConfigurationError
from harness.policy import ErrorPolicy


@pytest.mark.parametrize(
    ("text", "failed", "broken"),
    [
        ("any", 0, False),
        ("any", 1, True),
        ("never", 100, False),
        ("3", 3, False),
        ("3", 4, True),
        ("0", 1, True),
        ("1%", 1, False),
        ("1%", 2, True),
        ("0.5%", 1, True),
        ("100%", 100, False),
    ],
)
def test_bounds(text: str, failed: int, broken: bool) -> None:
    assert ErrorPolicy.parse(text).broken(failed, 100) is broken


@pytest.mark.parametrize("text", ["", "some", "-1", "101%", "-1%", "%", "1.5", "nan%"])
def test_other_words_are_refused(text: str) -> None:
    with pytest.raises(ConfigurationError, match="expected any, never, a number or a share such as 1%, found"):
        ErrorPolicy.parse(text)
