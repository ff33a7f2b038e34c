"""How a run is made: what the loop needs to know besides the task, the model and the folder."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from harness.interfaces import Judge
from harness.processes.shards import ALONE, Shard

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Settings:
    """How a run is made.

    Attributes:
        data_dir: the folder with the data sets.
        limit: only the first so many samples; None for all.
        previews: for how many images of a task a small copy is kept for the report.
        seed: the seed of the bootstrap.
        progress: called with the task's name, samples done and samples in all.
        judge: whom metrics ask that need one; None where no task has such a metric.
        judge_cache: where verdicts are kept; a file in the run's folder by default.
        shard: which of how many processes this one is.
    """

    data_dir: Path
    limit: int | None = None
    previews: int = 200
    seed: int = 0
    progress: Progress = lambda task, done, total: None
    judge: Judge | None = None
    judge_cache: Path | None = None
    shard: Shard = ALONE
