"""Where a model runs when nobody says."""

import torch


def best_device() -> torch.device:
    """The first CUDA GPU, else Apple's (MPS), else the CPU."""
    if torch.cuda.is_available():
        return torch.device("cuda")
    if torch.backends.mps.is_available():
        return torch.device("mps")
    return torch.device("cpu")
