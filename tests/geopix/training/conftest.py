"""A recipe that trains the tiny checkpoint on the small Mini Earth, in a second."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import yaml
from accelerate.state import AcceleratorState, GradientState, PartialState

from geopix.training.preparation import Run, prepare
from geopix.training.recipe import load_recipe
from harness.plugins import installed
from harness.run import catalogue_of

Begin = Callable[..., Run]


@pytest.fixture(autouse=True)
def alone() -> Iterator[None]:
    """accelerate keeps what a process is part of in global state; each test begins anew."""
    yield
    GradientState._reset_state()
    AcceleratorState._reset_state(reset_partial_state=True)
    assert not PartialState._shared_state


@pytest.fixture
def recipe_file(tmp_path: Path, checkpoint: Path) -> Path:
    """Questions and masks, six steps of two images."""
    recipe = {
        "name": "tiny",
        "purpose": "Tests.",
        "base": {"checkpoint": str(checkpoint)},
        "data": [
            {"task": "rsvqa_hr", "dataset": {"prefix": "USGS_split_train"}, "phrasings": ["{{ question }}"]},
            {"task": "rrsis", "dataset": {"split": "train"}},
        ],
        "optimiser": {"learning_rate": 1.0e-2},
        "steps": 6,
        "images_per_step": 2,
        "questions_per_image": 2,
        "pairs": 0.3,
        "log_every": 1,
        "save_every": 2,
    }
    path = tmp_path / "tiny.yaml"
    path.write_text(yaml.safe_dump(recipe), encoding="utf-8")
    return path


@pytest.fixture
def begin(recipe_file: Path, earth: Path) -> Begin:
    """Prepares a run of the tiny recipe, or of another one: `begin(output, *overrides, recipe=.., data=..)`."""

    def start(output: Path, *overrides: str, recipe: str = "", data: Path = earth) -> Run:
        chosen = load_recipe(recipe or str(recipe_file), overrides)
        return prepare(chosen, data, output, catalogue_of(()), installed())

    return start
