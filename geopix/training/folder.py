"""The folder of a run: one recipe and one mixture, so that the same command goes on and another one is refused."""

import json
from pathlib import Path
from typing import Any

from geopix.training.history import HISTORY_FILE
from geopix.training.mixture import Mixture
from geopix.training.schema import Recipe
from harness.errors import ConfigurationError, EnvironmentProblem

RUN_FILE = "run.json"
#: Keys that may change while a run goes on: no weight depends on them.
FREE = ("purpose", "workers", "pictures", "trackers", "log_every", "save_every", "keep", "checkpoint_at")


def claim(output: Path, recipe: Recipe, mixture: Mixture) -> None:
    """Makes a run's folder, or makes sure that it is this recipe's and this data's.

    Raises:
        ConfigurationError: it holds a run of another recipe, other data, or an earlier version of the trainer.
        EnvironmentProblem: it cannot be made.
    """
    own = {"recipe": recipe.model_dump(mode="json", by_alias=True), "data": [list(pair) for pair in mixture.digests]}
    if (output / RUN_FILE).exists():
        _compare(output, json.loads((output / RUN_FILE).read_text(encoding="utf-8")), own)
        return
    if (output / HISTORY_FILE).exists():
        raise ConfigurationError(
            f"{output} holds a training run of an earlier version, which cannot go on. Name another folder with "
            "--output."
        )
    try:
        output.mkdir(parents=True, exist_ok=True)
        fresh = output / f".{RUN_FILE}.fresh"
        fresh.write_text(json.dumps(own, indent=2) + "\n", encoding="utf-8")
        fresh.rename(output / RUN_FILE)
    except OSError as error:
        raise EnvironmentProblem(f"{output} cannot be written: {error}. Name another folder with --output.") from error


def _compare(output: Path, stored: dict[str, Any], own: dict[str, Any]) -> None:
    earlier, now = (_flat({k: v for k, v in each["recipe"].items() if k not in FREE}) for each in (stored, own))
    differing = [key for key in sorted({*earlier, *now}) if earlier.get(key) != now.get(key)]
    if stored["data"] != own["data"]:
        differing.append("the data's content")
    if differing:
        raise ConfigurationError(
            f"{output} holds a training run with other settings: {', '.join(differing[:8])}. Name another folder with "
            "--output, give the same settings to go on, or delete the folder."
        )


def _flat(value: Any, before: str = "") -> dict[str, Any]:
    """Returns nested mappings as one, keys joined with dots."""
    if not isinstance(value, dict):
        return {before: value}
    return {
        name: inner
        for key, part in value.items()
        for name, inner in _flat(part, f"{before}.{key}" if before else str(key)).items()
    }
