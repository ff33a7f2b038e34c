"""Where pretrained models are, and what is said where they are not."""

from pathlib import Path

import pytest

from geopix.training.bases.build import obstacles, sketch_base
from geopix.training.bases.places import find_pretrained, known_configs
from geopix.training.memory import on_meta, weigh
from geopix.training.recipe import load_recipe
from geopix.training.schema import Base


def test_a_folder_is_taken_as_it_is(clip: Path) -> None:
    found = find_pretrained("base.vision", str(clip))
    assert (found.folder, found.problem) == (clip, None)
    assert found.config["patch_size"] == 8


def test_a_folder_without_weights_says_what_it_lacks(tmp_path: Path) -> None:
    folder = tmp_path / "half"
    folder.mkdir()
    problem = str(find_pretrained("base.language", str(folder)).problem)
    assert problem.startswith(f"base.language: {folder} lacks a readable config.json and weights (*.safetensors")


def test_a_hub_model_that_is_not_here_says_how_to_get_it() -> None:
    found = find_pretrained("base.language", "nobody/unheard-of-7b")
    assert (found.folder, found.config) == (None, {})
    assert "not in the cache" in str(found.problem)
    assert "then get it: hf download nobody/unheard-of-7b" in str(found.problem)


def test_what_is_neither_a_folder_nor_an_id_is_told_apart(tmp_path: Path) -> None:
    problem = str(find_pretrained("base.vision", str(tmp_path / "none")).problem)
    assert "Give a folder that holds config.json and the weights, or a hub id" in problem


def test_all_that_is_missing_is_said_at_once() -> None:
    problems = obstacles(Base(vision="nobody/clip", language="nobody/llm"))
    assert [problem.split(":")[0] for problem in problems] == ["base.vision", "base.language"]


def test_the_7b_model_is_weighed_without_a_weight() -> None:
    recipe = load_recipe("stage1")
    config = sketch_base(recipe)
    assert config is not None
    sizes = {part.name: part for part in weigh(on_meta(config, recipe), recipe.optimiser)}
    # Vicuna's 6,738,415,616 weights less two tables of 32,000 x 4,096; additions 32 blocks x 2 layers x 2 x 8 x 4,096.
    assert sizes["language_model"].total == 6_738_415_616 - 2 * 32_000 * 4096 + 4_194_304
    assert sizes["language_model"].learning == 4_194_304
    assert sizes["vision_tower"].learning == sizes["vision_tower"].gradients == 0
    assert sizes["vision_tower"].weights == 2 * sizes["vision_tower"].total
    assert sizes["memory"].optimiser == 8 * sizes["memory"].learning > 0


def test_a_base_of_unknown_size_is_not_guessed() -> None:
    assert sketch_base(load_recipe("stage1", ["base.llava=nobody/unheard-of"])) is None


@pytest.mark.parametrize("name", ["stage1", "stage1_small"])
def test_shipped_recipes_name_models_whose_size_is_known(name: str) -> None:
    base = load_recipe(name).base
    assert {base.llava, base.vision, base.language} - {None} <= known_configs().keys()
