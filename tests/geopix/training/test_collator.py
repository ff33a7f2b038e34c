"""Packed batches."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from geopix.image_processing import GeoPixImageProcessor
from geopix.processing import GeoPixProcessor, train_tokenizer
from geopix.training.collator import IGNORED, Collator, counts, each_answer, each_root, each_token, shrink
from geopix.training.examples import Example
from geopix.training.turns import Turn
from harness.masks import encode
from harness.records import ImageFile


@pytest.fixture
def collator() -> Collator:
    pixels = GeoPixImageProcessor(32)
    tokenizer = train_tokenizer(["Is there a ship? yes no It is."], 300)
    return Collator(GeoPixProcessor(pixels, tokenizer, num_image_tokens=16), pixels, {"ship": 2}, mask_size=8)


def example(*turns: Turn) -> Example:
    return Example(ImageFile("1", Path("1.png")), Image.new("RGB", (40, 40), "navy"), turns)


QUESTION = Turn("vqa", "Is there a ship?", "yes")


def target() -> Turn:
    pixels = np.zeros((40, 40), dtype=bool)
    pixels[:20] = True
    return Turn("segment", "Please segment the ship.", "It is <SEG>.", (encode(pixels),), ("ship",), "the ship")


def test_each_branch_is_what_it_would_be_alone(collator: Collator) -> None:
    together, alone = collator.pack([target(), QUESTION]), collator.pack([QUESTION])
    prefix = len(collator.processor.encode_prefix())
    length = len(alone.ids) - prefix
    assert together.ids[-length:] == alone.ids[prefix:]
    assert together.positions[-length:] == alone.positions[prefix:]
    assert together.labels[-length:] == alone.labels[prefix:]
    assert together.branches == [0] * prefix + [1] * (len(together.ids) - prefix - length) + [2] * length


def test_only_answers_are_supervised(collator: Collator) -> None:
    row = collator.pack([QUESTION])
    supervised = [label for label in row.labels if label != IGNORED]
    assert supervised == collator.processor.encode_answer("yes")


@pytest.mark.parametrize(("weigh", "power"), [(each_token, 1.0), (each_root, 0.5), (each_answer, 0.0)])
def test_a_long_answer_counts_by_its_tokens_by_their_root_or_as_a_short_one(
    collator: Collator, weigh: Callable[[int], float], power: float
) -> None:
    packed = replace(collator, weigh=weigh).pack([QUESTION, replace(QUESTION, answer="12345m2")])
    for branch in (1, 2):
        own = [weight for weight, of in zip(packed.weights, packed.branches, strict=True) if of == branch and weight]
        assert sum(own) == pytest.approx(len(own) ** power)


def test_targets_come_in_the_order_of_their_questions(collator: Collator) -> None:
    batch = collator.inputs([example(QUESTION, target()), example(target(), target())])
    assert batch["target_masks"].shape == (3, 8, 8)
    assert batch["target_classes"].tolist() == [2, 2, 2]
    assert batch["target_masks"][0, :4].eq(1).all()
    assert batch["target_masks"][0, 4:].eq(0).all()
    assert batch["pixel_values"].shape == (2, 3, 32, 32)


def test_padding_is_seen_by_nobody_and_supervises_nothing(collator: Collator) -> None:
    batch = collator.inputs([example(QUESTION), example(target(), target())])
    length = len(collator.pack([QUESTION]).ids)
    assert batch["input_ids"].shape[1] > length
    assert batch["labels"][0, length:].eq(IGNORED).all()
    assert not batch["attention_mask"][0, 0, :length, length:].any()


def test_a_batch_without_targets_has_none(collator: Collator) -> None:
    batch = collator.inputs([example(QUESTION)])
    assert batch["target_masks"].shape == (0, 8, 8)
    assert batch["target_classes"].shape == (0,)


def test_the_counts_are_what_the_losses_are_means_over(collator: Collator) -> None:
    strange = replace(target(), classes=("windmill",))
    inputs = collator.inputs([example(QUESTION, target()), example(strange)])
    answers = [turn.answer for turn in (QUESTION, target(), strange)]
    tokens = sum(len(collator.processor.encode_answer(answer)) for answer in answers)
    assert counts(inputs).tolist() == [tokens, 2, 2, 1]


def test_a_problem_is_told_and_no_input_made_of_it(collator: Collator) -> None:
    broken = replace(example(replace(QUESTION, id="q7")), picture=None, problem="cut off", skipped=("a", "b"))
    assert collator([broken]) == {"names": ["1 (q7)"], "skipped": ["a", "b"], "problems": ["cut off"]}


def test_a_shrunk_mask_keeps_its_area() -> None:
    pixels = np.random.default_rng(0).random((48, 32)) < 0.3
    assert shrink(encode(pixels), 8).mean() == pytest.approx(pixels.mean(), abs=0.003)


def test_categories_without_a_class_teach_the_unknown_one_and_targets_without_a_category_nothing(
    collator: Collator,
) -> None:
    turns = [replace(target(), classes=(name,)) for name in ("ship", "windmill", "")]
    taught = replace(collator, other_class=3)
    assert taught.inputs([example(*turns)])["target_classes"].tolist() == [2, 3, IGNORED]
    assert collator.inputs([example(*turns)])["target_classes"].tolist() == [2, IGNORED, IGNORED]
