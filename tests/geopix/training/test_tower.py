"""The vision tower's first step."""

from pathlib import Path

import numpy as np
import pytest
import torch
from accelerate import Accelerator
from PIL import Image

from geopix.image_processing import GeoPixImageProcessor
from geopix.modeling import GeoPixForConditionalGeneration
from geopix.processing import GeoPixProcessor, train_tokenizer
from geopix.sizes import tiny
from geopix.training.maps import Maps, find_maps
from geopix.training.optimisation import ONLY
from geopix.training.schema import Base, Optimiser, Recipe, Source, Tower
from geopix.training.tower import MapHeads, TowerLesson, mean_colour, most_prominent, train_tower
from harness.errors import DataError, MissingDataError


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two pictures: dark on the left where the class is 1, light on the right where it is 2."""
    split = tmp_path / "maps" / "Urban"
    for name in ("images_png", "masks_png"):
        (split / name).mkdir(parents=True)
    for number, border in ((1, 8), (2, 24)):
        classes = np.where(np.arange(32) < border, 1, 2).astype(np.uint8)[None].repeat(32, axis=0)
        Image.fromarray(classes).save(split / "masks_png" / f"{number}.png")
        Image.fromarray((classes * 100).repeat(3).reshape(32, 32, 3)).save(split / "images_png" / f"{number}.png")
    return tmp_path


WORDS = [[], ["dark", "darks"], ["light"]]


COLOURS = {"black": (0, 0, 0), "white": (255, 255, 255)}


def recipe(steps: int, words: list[list[str]]) -> Recipe:
    tower = Tower(
        maps="maps",
        words=words,
        colours=COLOURS,
        steps=steps,
        images_per_step=4,
        optimiser=Optimiser(learning_rate=0.02),
    )
    return Recipe(name="test", base=Base(size="mini"), tower=tower, data=[Source(task="rrsis")], steps=1)


def losses(folder: Path, steps: int, words: list[list[str]] = WORDS) -> list[dict[str, float]]:
    tokenizer = train_tokenizer(["dark darks light"], 300)
    config = tiny()
    config.text_config.vocab_size = len(tokenizer)
    torch.manual_seed(0)
    model, chosen = GeoPixForConditionalGeneration(config), recipe(steps, words)
    processor = GeoPixProcessor(GeoPixImageProcessor(32), tokenizer, num_image_tokens=16)
    assert chosen.tower is not None
    run = train_tower(
        model, processor=processor, recipe=chosen, settings=chosen.tower, data_dir=folder, accelerator=Accelerator()
    )
    return list(run)


def test_the_tower_learns_which_class_is_where_and_what_it_is_called(folder: Path) -> None:
    rows = losses(folder, 40)
    assert rows[0]["tower_right"] < 0.7
    assert rows[-1]["tower_right"] > 0.9
    assert rows[-1]["tower_loss"] < rows[0]["tower_loss"]
    assert rows[-1]["word_right"] > 0.9
    assert rows[-1]["word_loss"] < rows[0]["word_loss"]
    assert rows[-1]["colour_loss"] < 0.5 * rows[0]["colour_loss"]


def test_words_and_heads_are_no_matrices_for_muon() -> None:
    tokenizer, config = train_tokenizer(["dark darks light"], 300), tiny()
    config.text_config.vocab_size = len(tokenizer)
    processor = GeoPixProcessor(GeoPixImageProcessor(32), tokenizer, num_image_tokens=16)
    settings = recipe(1, WORDS).tower
    assert settings is not None
    lesson = TowerLesson(GeoPixForConditionalGeneration(config), processor, settings, torch.ones(3))
    parts = {id(parameter): part for part, parameter in lesson.named_parts()}
    named = {name.split(".")[0]: set[str]() for name, _ in lesson.named_parameters()}
    for name, parameter in lesson.named_parameters():
        named[name.split(".")[0]].add(parts[id(parameter)])
    assert named == {"tower": {ONLY}, "projector": {ONLY}, "embeddings": {"embeddings"}, "heads": {"embeddings"}}


def test_the_same_seed_gives_the_same_losses(folder: Path) -> None:
    assert losses(folder, 2) == losses(folder, 2)


def test_picture_and_map_are_turned_together(folder: Path) -> None:
    maps = Maps(find_maps(folder / "maps"), GeoPixImageProcessor(32), 32, 3)
    random = np.random.default_rng(0)
    for _ in range(8):
        pixels, classes, _ = maps.batch([0], random)
        assert torch.equal(pixels[0, 0] > pixels[0, 0].mean(), classes[0] == 2)


def test_colours_come_with_the_cells(folder: Path) -> None:
    maps = Maps(find_maps(folder / "maps"), GeoPixImageProcessor(32), 16, 3)
    _, classes, colours = maps.batch([0], np.random.default_rng(0))
    assert colours.shape == (1, 3, 16, 16)
    torch.testing.assert_close(colours[0, 0], classes[0] * 100 / 255)


def test_a_rare_class_counts_more_and_an_unseen_one_nothing(folder: Path) -> None:
    maps = Maps(find_maps(folder / "maps"), GeoPixImageProcessor(32), 32, 4)  # half of all cells are 1, half 2
    assert maps.rarity().tolist() == [0.0, 2.0, 2.0, 0.0]


def test_a_small_rare_thing_names_its_patch_but_a_trace_of_it_does_not() -> None:
    cells = torch.ones(1, 4, 8, dtype=torch.long)
    cells[0, 0, :2] = 2  # two of sixteen cells of the first patch
    cells[0, 0, 4] = 2  # one of the second's
    assert most_prominent(cells, 4, torch.tensor([0.0, 1.0, 9.0])).tolist() == [[[2, 1]]]


def test_a_patch_has_the_colour_of_what_names_it() -> None:
    cells = torch.tensor([[[1, 2], [2, 2]]])
    colours = torch.tensor([[0.9, 0.1], [0.3, 0.2]]).expand(1, 3, 2, 2)
    patches = torch.tensor([[[2]]])
    torch.testing.assert_close(mean_colour(colours, cells, patches, 2).flatten(), torch.full((3,), 0.2))


def test_heads_give_sixteen_cells_a_patch() -> None:
    readings = MapHeads([5, 7], 3)([torch.zeros(2, 5, 4, 4), torch.zeros(2, 7, 4, 4)])
    assert [tuple(reading.shape) for reading in readings] == [(2, 3, 16, 16)] * 2


def test_an_unexpected_class_number_is_named(folder: Path) -> None:
    with pytest.raises(DataError, match=r"masks_png/[12].png: class 2; the recipe expects less than 2"):
        losses(folder, 1, WORDS[:2])


def test_missing_maps_say_how_to_make_them(tmp_path: Path) -> None:
    with pytest.raises(MissingDataError, match="has no land-cover maps.*geopix earth make .. --formats loveda"):
        find_maps(tmp_path)
