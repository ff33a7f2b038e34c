"""How the next token of an answer is chosen: the likeliest, or drawn, with a bound on the masks.

Letters in shapes: N rows, V vocabulary, G tokens said so far.
"""

from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor


class NextToken(Protocol):
    """Chooses the next token of each row."""

    def __call__(self, logits: Tensor, said: Tensor) -> Tensor:
        """float[N, V] logits and int64[N, G] tokens said so far (G may be 0) -> int64[N]."""


class Likeliest:
    """Greedy decoding: the token with the highest logit.

    >>> Likeliest()(torch.tensor([[0.0, 2.0, 1.0]]), torch.zeros(1, 0)).tolist()
    [1]
    """

    def __call__(self, logits: Tensor, said: Tensor) -> Tensor:
        """float[N, V], int64[N, G] -> int64[N]."""
        return logits.argmax(dim=-1)


@dataclass(frozen=True)
class Drawn:
    """Draws from the softmax of the logits, cut to its nucleus (Holtzman et al., arXiv:1904.09751).

    Attributes:
        temperature: above 0; the logits are divided by it, so that small values come near to `Likeliest`.
        top_p: in (0, 1]; the fewest tokens whose chances add up to at least this much are drawn from.
        random: the source of chance, on the CPU so that every device draws the same.
    """

    temperature: float
    top_p: float
    random: torch.Generator

    def __call__(self, logits: Tensor, said: Tensor) -> Tensor:
        """float[N, V], int64[N, G] -> int64[N]."""
        chances = (logits.float().cpu() / self.temperature).softmax(dim=-1)
        ordered, tokens = chances.sort(dim=-1, descending=True)
        before = ordered.cumsum(dim=-1) - ordered
        places = torch.multinomial(ordered.masked_fill(before >= self.top_p, 0.0), 1, generator=self.random)
        return tokens.gather(1, places)[:, 0].to(logits.device)


@dataclass(frozen=True)
class AtMost:
    """Lets another chooser begin no more than so many masks in a row.

    Attributes:
        choose: the other chooser.
        masks: the most masks of one answer.
        first_token: the token that begins a mask.
    """

    choose: NextToken
    masks: int
    first_token: int

    def __call__(self, logits: Tensor, said: Tensor) -> Tensor:
        """float[N, V], int64[N, G] -> int64[N]."""
        if said.shape[1] < self.masks:
            return self.choose(logits, said)
        full = (said == self.first_token).sum(dim=1) >= self.masks
        bounded = logits.clone()
        bounded[full, self.first_token] = -torch.inf
        return self.choose(bounded, said)


def chooser(temperature: float, top_p: float, seed: int) -> NextToken:
    """Returns greedy decoding for temperature 0, and drawing from `seed` above it."""
    if temperature == 0:
        return Likeliest()
    return Drawn(temperature, top_p, torch.Generator().manual_seed(seed))
