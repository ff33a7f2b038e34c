"""Whatever an answer is, each task's parser says something of it, in bounded memory, and never raises."""

import tracemalloc
from functools import cache
from random import Random

import pytest
from PIL import Image

from harness.catalog import Catalogue, shipped
from harness.plugins import installed
from harness.records import ImageFile, Mask, Response, Sample, Target
from harness.spec import Task
from tests.fuzz.conftest import Watchman
from tests.fuzz.mutation import damage
from tests.fuzz.tries import many_seeds

CATALOGUE = Catalogue([shipped("tasks")], installed())
NAMES = sorted(entry.name for entry in CATALOGUE.entries)
SEEDS = [
    "yes", "No, there are 12 ships.", "between 10 and 100", "(B) river", "<think>maybe</think> dense residential",
    '```json\n[{"bbox_2d": [1, 2, 30, 40], "label": "ship"}]\n```', "<loc0100><loc0200><loc0300><loc0400> ship",
    "{<10><20><30><40>|<45>}", "[[12, 30, 500, 999]]", "(0.1,0.2),(0.5,0.9)", "<box>(1,2),(3,4)</box>", "It is <SEG>.",
    "<p>a ship</p> <SEG> beside <p>a court</p> <SEG>", "0m2", "1,024 m²", "\uff11\uff12",
]  # fmt: skip
BOMBS = {
    "long": "ship " * 50_000,
    "digits": "9" * 500_000,
    "brackets": "[" * 200_000,
    "boxes": "{<1><2><3><4>}" * 5_000,
    "json": '{"a":' * 20_000,
    "exponent": "[1e999, -1e999, 1e308, NaN]",
    "tags": "<think>" * 50_000,
    "commas": "1," * 50_000,
    "spaces": " " * 500_000 + "x",
    "marks": "((((0.1," * 50_000,
}
FIELDS = dict.fromkeys(("question", "expression", "classes", "options", "choices", "caption"), "river\nroad")


@cache
def task(name: str) -> Task:
    return CATALOGUE.task(name)


@pytest.fixture(scope="session")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Sample:
    picture = tmp_path_factory.mktemp("picture") / "a.png"
    Image.new("RGB", (40, 30)).save(picture)
    target = Target(("yes",), (Mask((30, 40), "`U1"),), ((1, 2, 3, 4),))
    return Sample("1", (ImageFile("a", picture),), FIELDS, target, {"type": "presence"})


def check(name: str, response: Response, sample: Sample) -> None:
    found = task(name).parser.parse(response, sample)
    assert found.status in ("ok", "unparsed", "empty")
    assert found.status == "ok" or found.reason


@pytest.mark.parametrize("name", NAMES)
@many_seeds
def test_damaged_answers(name: str, seed: int, sample: Sample, watchman: Watchman) -> None:
    random = Random(seed)
    words = damage(random.choice(SEEDS).encode(), random, [seed.encode() for seed in SEEDS]).decode("utf-8", "replace")
    masks = tuple(
        Mask(random.choice([(30, 40), (1, 1), (0, 0), (-3, 5)]), words[:9]) for _ in range(random.randrange(3))
    )
    boxes = tuple((random.uniform(-9, 50), 1.0, random.choice([float("nan"), 1e308, 3.0]), 4.0) for _ in masks)
    with watchman.nothing_done():
        check(name, Response(words, masks, boxes), sample)


@pytest.mark.parametrize("bomb", list(BOMBS))
@pytest.mark.parametrize("name", sorted({task(name).spec.parser.name: name for name in NAMES}.values()))
def test_answers_that_are_bombs(name: str, bomb: str, sample: Sample) -> None:
    tracemalloc.start()
    try:
        check(name, Response(BOMBS[bomb]), sample)
        assert tracemalloc.get_traced_memory()[1] < 500 * len(BOMBS[bomb]) + 20_000_000
    finally:
        tracemalloc.stop()
