"""Where a model runs when nobody says."""

import pytest
import torch

from geopix.devices import best_device, chosen_device
from harness.errors import ConfigurationError, EnvironmentProblem


@pytest.mark.parametrize(
    ("cuda", "mps", "expected"),
    [(True, False, "cuda"), (True, True, "cuda"), (False, True, "mps"), (False, False, "cpu")],
)
def test_the_best_device_there_is(monkeypatch: pytest.MonkeyPatch, *, cuda: bool, mps: bool, expected: str) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: cuda)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: mps)
    assert best_device() == torch.device(expected)


def test_a_device_that_no_machine_has_is_refused() -> None:
    with pytest.raises(ConfigurationError, match=r"device: expected cpu, cuda, cuda:1 or mps, found 'cud'"):
        chosen_device("cud")


def test_a_device_that_this_machine_lacks_is_named_with_another_way() -> None:
    with pytest.raises(EnvironmentProblem, match=r"(?s)device: cuda:97 cannot be used here: .*Give another one"):
        chosen_device("cuda:97")


def test_the_best_device_is_taken_when_none_is_named() -> None:
    assert chosen_device(None) == best_device()
    assert chosen_device(torch.device("cpu")) == torch.device("cpu")
