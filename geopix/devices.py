"""Where a model runs."""

import torch

from harness.errors import ConfigurationError, EnvironmentProblem

KNOWN = "cpu, cuda, cuda:1 or mps"


def best_device() -> torch.device:
    """The first CUDA GPU, else Apple's (MPS), else the CPU."""
    if torch.cuda.is_available():
        return torch.device("cuda")
    if torch.backends.mps.is_available():
        return torch.device("mps")
    return torch.device("cpu")


def chosen_device(name: str | torch.device | None) -> torch.device:
    """Returns the device of a name; the best one there is when None.

    >>> chosen_device("cpu")
    device(type='cpu')

    Raises:
        ConfigurationError: no device has such a name.
        EnvironmentProblem: this machine has none of it, or torch was built without it.
    """
    if name is None:
        return best_device()
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise ConfigurationError(f"device: expected {KNOWN}, found {str(name)!r}.") from error
    try:
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        words = str(error).splitlines()[0].partition(". ")[0].rstrip(".")  # torch goes on at length
        raise EnvironmentProblem(
            f"device: {device} cannot be used here: {words}. Give another one ({KNOWN}), or none: the best one that "
            f"there is, {best_device()}, is taken then."
        ) from error
    return device
