"""Finding the runs of segmentation tokens that stand for masks.

One mask is spoken as a run of exactly `levels x tokens` ids in their order, [SEG0] [SEG1] ... A run that is cut
short, out of order or without a token before it stands for no mask; the reason is kept.

Letters in shapes: B rows, T tokens, M runs, R tokens in a run.
"""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor


class Runs(NamedTuple):
    """Where the masks are spoken, row by row.

    Attributes:
        rows: int64[M], the row of each run.
        starts: int64[M], the position of its first token.
        reasons: for each row, why some of its segmentation tokens stand for no mask; None when all do.
    """

    rows: Tensor
    starts: Tensor
    reasons: tuple[str | None, ...]


def find_runs(token_ids: Tensor, run_token_ids: Sequence[int], first: int = 0) -> Runs:
    """Finds all complete runs, in row-major order.

    Args:
        token_ids: int64[B, T].
        run_token_ids: the R ids of one run.
        first: the first position where a run can start: 1 where a state before the run is needed.

    >>> import torch
    >>> find_runs(torch.tensor([[5, 7, 8, 7], [7, 8, 7, 8]]), [7, 8])
    Runs(rows=tensor([0, 1, 1]), starts=tensor([1, 0, 2]), reasons=('1 of 3 segmentation tokens ...', None))
    """
    run = torch.tensor(run_token_ids, device=token_ids.device)
    spoken = torch.isin(token_ids, run).sum(dim=1)
    if token_ids.shape[1] < len(run):
        rows = starts = run.new_empty(0)
    else:
        complete = (token_ids.unfold(1, len(run), 1) == run).all(dim=-1)
        complete[:, :first] = False
        rows, starts = complete.nonzero(as_tuple=True)
    used = torch.bincount(rows, minlength=len(token_ids)) * len(run)
    counts = zip(spoken.tolist(), used.tolist(), strict=True)
    return Runs(rows, starts, tuple(_reason(total, within, len(run)) for total, within in counts))


def _reason(spoken: int, used: int, length: int) -> str | None:
    if spoken == used:
        return None
    return (
        f"{spoken - used} of {spoken} segmentation tokens stand for no mask: "
        f"a mask is a run of exactly {length} of them, in order."
    )


def predicting_states(states: Tensor, runs: Runs, length: int) -> Tensor:
    """Gathers, for each token of each run, the state from which it was predicted.

    Args:
        states: float[B, T, D]; state t is the one that predicts token t of the ids the runs were found in.
        runs: the runs.
        length: R.

    Returns:
        float[M, R, D].
    """
    positions = runs.starts[:, None] + torch.arange(length, device=runs.starts.device)
    return states[runs.rows[:, None], positions]
