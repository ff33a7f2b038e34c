"""Evaluation while training: the model as it is, through the harness's own loop."""

import hashlib
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from geopix.adapter import GeoPixModel
from geopix.predictor import GeoPix
from geopix.training.schema import Evaluation, Recipe
from harness.errors import ConfigurationError, nearest
from harness.evaluate import evaluate
from harness.results import RunManifest
from harness.run import now, versions
from harness.settings import Settings
from harness.spec import Task
from harness.store import RunDirectory


@dataclass(frozen=True)
class Examiner:
    """Examines a model on tasks.

    Attributes:
        recipe: what is trained.
        evaluation: what of it is examined.
        tasks: the tasks, in the recipe's order.
        data_dir: the folder with the data sets.
        output: the run's folder.
    """

    recipe: Recipe
    evaluation: Evaluation
    tasks: Sequence[Task]
    data_dir: Path
    output: Path

    def __post_init__(self) -> None:
        scores = [f"{task.spec.name}.{name}" for task in self.tasks for name in task.metrics]
        best = self.evaluation.best
        if best is not None and best not in scores:
            raise ConfigurationError(
                f"evaluation.best: there is no score {best!r}.{nearest(best, scores)} Known: {', '.join(scores)}."
            )

    @property
    def deciding(self) -> str:
        """The score that says which checkpoint is best, `rrsis.miou` for example."""
        first = self.tasks[0].spec
        primary = next(use.score_name for use in first.metrics if use.primary)
        return self.evaluation.best or f"{first.name}.{primary}"

    @property
    def higher_is_better(self) -> bool:
        """Whether the deciding score is to be high."""
        task, _, score = self.deciding.rpartition(".")
        (metric,) = (each.metrics[score] for each in self.tasks if each.spec.name == task)
        return metric.info.direction == "higher"

    def examine(self, geopix: GeoPix, step: int, run_digest: str) -> dict[str, float | None]:
        """Asks the model and returns its scores, `TASK.SCORE` each; the answers are kept as a run of the harness.

        Args:
            geopix: the model, in evaluation mode.
            step: the steps that it has learnt.
            run_digest: tells this training from others.
        """
        folder = self.output / "evaluation" / f"step-{step:08d}"
        shutil.rmtree(folder, ignore_errors=True)  # of a run that was killed
        name = f"{self.recipe.name}-{step}"
        model = GeoPixModel(
            geopix=geopix,
            name=name,
            digest=hashlib.sha256(f"{run_digest} {step}".encode()).hexdigest(),
            settings={"recipe": self.recipe.name, "step": str(step)},
        )
        run = RunDirectory(folder)
        run.open(
            RunManifest(
                model=name,
                argument=str(self.output),
                digest=model.digest,
                settings=model.settings,
                versions=versions(),
                command=("geopix", "train", self.recipe.name),
                started=now(),
                seed=self.recipe.seed,
                data_dir=str(self.data_dir.resolve()),
            )
        )
        settings = Settings(self.data_dir, limit=self.evaluation.limit, previews=20, seed=self.recipe.seed)
        results = [evaluate(task, model, run, settings) for task in self.tasks]
        return {f"{result.task}.{score.name}": score.value for result in results for score in result.scores}
