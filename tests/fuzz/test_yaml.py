"""Damaged task files, boards, gates and recipes: mistakes with their lines, whatever stands in them."""

import tracemalloc
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from random import Random

import pytest
import yaml

from geopix.training.recipe import load_recipe, shipped_recipes
from harness.boards import load_board
from harness.catalog import Catalogue, entries, shipped
from harness.comparison.gates import read_gates
from harness.errors import ConfigurationError
from harness.plugins import installed
from harness.spec import Task
from tests.fuzz.conftest import Watchman
from tests.fuzz.mutation import damage, distort
from tests.fuzz.tries import many_seeds

CORPUS = Path(__file__).parent / "corpus" / "yaml"
TASKS = sorted(shipped("tasks").glob("*.yaml"))
CATALOGUE = Catalogue([shipped("tasks")], installed())
ENTRIES = entries([shipped("tasks")])
GATES = b"gates:\n  - {task: rsvqa_hr, metric: oa, min: 0.5}\n  - {task: rrsis, max_drop: 1.0}\n"


def check_task(file: Path) -> Task:
    problems = CATALOGUE.problems(file)
    assert all(str(problem).startswith(str(problem.file)) for problem in problems)
    if problems:
        raise ConfigurationError("\n".join(map(str, problems)))
    return CATALOGUE.task(str(file))


KINDS: dict[str, tuple[list[bytes], Callable[[Path], object]]] = {
    "task": ([file.read_bytes() for file in TASKS], check_task),
    "board": (
        [file.read_bytes() for file in sorted(shipped("leaderboards").glob("*.yaml"))],
        lambda file: load_board(str(file), ENTRIES),
    ),
    "gates": ([GATES], read_gates),
    "recipe": (
        [file.read_bytes() for file in sorted(shipped_recipes().values())],
        lambda file: load_recipe(str(file)),
    ),
}


@pytest.mark.parametrize("kind", list(KINDS))
@many_seeds
def test_damaged_files(kind: str, seed: int, tmp_path: Path, watchman: Watchman) -> None:
    random = Random(seed)
    good, read = KINDS[kind]
    content = random.choice(good)
    if random.random() < 0.4:
        content = damage(content, random, good)
    else:
        content = yaml.safe_dump(distort(yaml.safe_load(content), random)).encode()
    file = tmp_path / "mine.yaml"
    file.write_bytes(content)
    with watchman.nothing_done(), suppress(ConfigurationError):
        read(file)


@pytest.mark.parametrize("kind", list(KINDS))
@pytest.mark.parametrize("hostile", sorted(CORPUS.iterdir()), ids=lambda file: file.name)
def test_hostile_files_are_refused_and_cost_nothing(
    kind: str, hostile: Path, tmp_path: Path, watchman: Watchman
) -> None:
    file = tmp_path / "mine.yaml"
    file.write_bytes(hostile.read_bytes())
    tracemalloc.start()
    try:
        with watchman.nothing_done(), pytest.raises(ConfigurationError):
            KINDS[kind][1](file)
        assert tracemalloc.get_traced_memory()[1] < 100_000_000
    finally:
        tracemalloc.stop()
