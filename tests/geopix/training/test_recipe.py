"""Recipes: strict, all mistakes at once."""

from pathlib import Path

import pytest

from geopix.training.recipe import load_recipe, shipped_recipes
from harness.errors import ConfigurationError


@pytest.mark.parametrize("name", sorted(shipped_recipes()))
def test_every_shipped_recipe_is_right(name: str) -> None:
    recipe = load_recipe(name)
    assert recipe.name == name
    assert recipe.purpose


def test_all_mistakes_are_named_with_their_lines(tmp_path: Path) -> None:
    path = tmp_path / "bad.yaml"
    path.write_text(
        "name: bad\nbase: {size: huge}\ndata:\n  - {taks: rsvqa_hr}\noptimizer: {learning_rate: 1}\nsteps: none\n",
        encoding="utf-8",
    )
    with pytest.raises(ConfigurationError) as caught:
        load_recipe(str(path))
    message = str(caught.value)
    assert f"{path}:2: base.size" in message
    assert f"{path}:4: data[0].taks: unknown key 'taks'. Did you mean 'task'?" in message
    assert f"{path}:5: optimizer: unknown key 'optimizer'. Did you mean 'optimiser'?" in message
    assert f"{path}:6: steps" in message


def test_mistakes_deep_inside_are_named_with_the_keys_around_them(tmp_path: Path) -> None:
    path = tmp_path / "bad.yaml"
    path.write_text(
        "name: bad\nbase: {size: mini}\nparts: {vision_towr: full}\ndata: [{task: rrsis}]\nsteps: 1\n"
        "evaluation:\n  every: 5\n  tasks:\n    - {task: rrsis, datset: {}}\noptimiser: {rates: {nek: 2}}\n",
        encoding="utf-8",
    )
    with pytest.raises(ConfigurationError) as caught:
        load_recipe(str(path))
    message = str(caught.value)
    assert f"{path}:3: parts.vision_towr: unknown key 'vision_towr'. Did you mean 'vision_tower'?" in message
    assert (
        f"{path}:9: evaluation.tasks[0].datset: unknown key 'datset'. Did you mean 'dataset'? Known: dataset, task."
        in (message)
    )
    assert f"{path}:10: optimiser.rates.nek" in message


@pytest.mark.parametrize(
    ("overrides", "expected"),
    [
        (["base.checkpoint=x"], "base: give one of `checkpoint`, .* found checkpoint and size"),
        (["base={}"], "base: give one of .* found none"),
        (["base={vision: x}"], "base: give one of .* found vision"),
        (
            ["base={checkpoint: x, config: {memory_length: 2}, fresh: [mask_head.necks]}"],
            r"base.config: of a checkpoint it changes the mask head, .*; add `fresh: \[mask_head\]`",
        ),
        (["accumulate=4"], "accumulate: 6 images a step cannot be worked on in 4 equal parts"),
        (["parts.necks=frozen", "optimiser.rates={necks: 2}"], "`parts` keeps necks frozen"),
        (["parts.vision_tower=frozen"], "tower: it teaches vision_tower, which `parts` does not let learn in full"),
        (["evaluation={tasks: [{task: a}, {task: a}], every: 1}"], r"tasks\[1\]: a is listed twice"),
        (["evaluation={tasks: [{task: rrsis}], every: 1, best: rrsi.miou}"], "found 'rrsi.miou'. Did you mean 'rrsis'"),
    ],
)
def test_values_that_contradict_each_other_are_refused(overrides: list[str], expected: str) -> None:
    with pytest.raises(ConfigurationError, match=expected):
        load_recipe("mini", overrides)


def test_an_override_that_is_no_yaml_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="is not valid YAML; put quotes around words"):
        load_recipe("mini", ["purpose=a: b: c"])


def test_values_can_be_set_otherwise() -> None:
    recipe = load_recipe("mini", ["steps=7", "optimiser.learning_rate=3e-4", "losses.class=0.5"])
    assert (recipe.steps, recipe.optimiser.learning_rate, recipe.losses.class_) == (7, 3e-4, 0.5)
    assert recipe.optimiser.clip == load_recipe("mini").optimiser.clip


def test_an_override_needs_an_equals_sign() -> None:
    with pytest.raises(ConfigurationError, match="expected key=value, found 'steps'"):
        load_recipe("mini", ["steps"])


def test_an_override_of_an_unknown_key_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="unknown key 'stepz'. Did you mean 'steps'"):
        load_recipe("mini", ["stepz=3"])


def test_an_unknown_recipe_lists_the_shipped_ones() -> None:
    with pytest.raises(ConfigurationError, match="unknown recipe 'mimi'.*Did you mean 'mini'.*Shipped: finetune"):
        load_recipe("mimi")


def test_a_value_inside_a_list_is_set_by_its_place() -> None:
    shipped, changed = load_recipe("mini"), load_recipe("mini", ["data.1.weight=1.7"])
    weights = [source.weight for source in shipped.data]
    assert [source.weight for source in changed.data] == [weights[0], 1.7, *weights[2:]]
    assert weights[1] != 1.7
    assert changed.data[1].phrasings == shipped.data[1].phrasings


@pytest.mark.parametrize("place", ["9", "second"])
def test_a_place_that_a_list_does_not_have_is_named(place: str) -> None:
    with pytest.raises(ConfigurationError, match=f"'{place}' is no place in a list of 9; count from 0"):
        load_recipe("mini", [f"data.{place}.weight=1.5"])
