"""Packed batches: an image once, its questions side by side behind it, each blind to the others."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import sqrt
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from geopix.image_processing import GeoPixImageProcessor
from geopix.processing import GeoPixProcessor
from geopix.training.examples import Example
from geopix.training.turns import Turn
from harness.masks import decode
from harness.records import Mask

IGNORED = -100
#: The losses that a forward pass gives, by their attributes.
LOSSES = ("ce_loss", "bce_loss", "dice_loss", "class_loss")


@dataclass(frozen=True)
class Packed:
    """One image's questions as one row of tokens.

    Attributes:
        ids: the prefix with the image tokens, then each question with its answer.
        labels: the answers' tokens, -100 elsewhere.
        weights: what each label counts in the loss, 0 where there is none.
        positions: counted on from the prefix in each branch, as if it stood alone.
        branches: 0 in the prefix, 1, 2, .. in the branches.
    """

    ids: list[int]
    labels: list[int]
    weights: list[float]
    positions: list[int]
    branches: list[int]


def each_token(length: int) -> float:
    """The weight of a token when all tokens count the same, as in LLaVA: 1, however long its answer is."""
    return 1.0


def each_answer(length: int) -> float:
    """The weight of a token when all answers count the same: a single yes as much as a number of many digits."""
    return 1 / length


def each_root(length: int) -> float:
    """The weight of a token between these two: an answer counts as the root of its length."""
    return 1 / sqrt(length)


@dataclass(frozen=True)
class Collator:
    """Turns images and their questions into the model's inputs.

    Attributes:
        processor: makes tokens.
        pixels: makes pixels of images; the processor's own part, or `BlankImages` for a blind run.
        classes: the memory's class by category name.
        mask_size: side of the square that target masks are averaged down to.
        weigh: what a token of an answer counts, by the answer's length; `each_token`, `each_answer` or `each_root`.
        other_class: the class of categories that have a name and none of `classes`; by default it is not taught.
    """

    processor: GeoPixProcessor
    pixels: GeoPixImageProcessor
    classes: Mapping[str, int]
    mask_size: int
    weigh: Callable[[int], float] = each_token
    other_class: int = IGNORED

    def __call__(self, examples: Sequence[Example]) -> dict[str, Any]:
        """Returns a batch.

        Returns:
            `inputs`, the arguments of the model's `forward`: input_ids, position_ids, labels int64[B, T]; label_weights
            float[B, T]; attention_mask bool[B, 1, T, T]; pixel_values float[B, 3, S, S]; target_masks float[M, m, m];
            target_classes int64[M]; targets in row-major order. `counts` float[4], what each loss is a mean over, in
            the order of `LOSSES`. `names`, `skipped` and `problems`: the examples in words, and what is wrong with
            some. Where there is a problem, there are no inputs.
        """
        about = {
            "names": [example.name for example in examples],
            "skipped": [reason for example in examples for reason in example.skipped],
            "problems": [example.problem for example in examples if example.problem],
        }
        if about["problems"]:
            return about
        inputs = self.inputs(examples)
        return {"inputs": inputs, "counts": counts(inputs), **about}

    def inputs(self, examples: Sequence[Example]) -> dict[str, Tensor]:
        """Returns the arguments of the model's `forward` for examples whose pictures were read."""
        turns = [each for example in examples for turn in example.turns for each in turn.exchanges]
        pictures = [example.picture for example in examples if example.picture is not None]
        targets = [shrink(mask, self.mask_size) for turn in turns for mask in turn.masks]
        classes = [self.memory_class(name) for turn in turns for name in turn.classes]
        return {
            **_pad([self.pack(example.turns) for example in examples], self.processor.tokenizer.pad_token_id or 0),
            "pixel_values": self.pixels(pictures)["pixel_values"],
            "target_masks": torch.from_numpy(np.stack(targets))
            if targets
            else torch.zeros(0, self.mask_size, self.mask_size),
            "target_classes": torch.tensor(classes, dtype=torch.long),
        }

    def memory_class(self, category: str) -> int:
        """Returns the class whose memory a target should read; -100 where its category is not known."""
        return self.classes.get(category, self.other_class) if category else IGNORED

    def pack(self, turns: Sequence[Turn]) -> Packed:
        """Returns the tokens of an image's questions side by side."""
        prefix = self.processor.encode_prefix()
        length = len(prefix)
        row = Packed(list(prefix), [IGNORED] * length, [0.0] * length, list(range(length)), [0] * length)
        for number, turn in enumerate(turns, 1):
            place = len(prefix)
            for words, weight in self._spoken(turn):
                row.ids.extend(words)
                row.labels.extend(words if weight else [IGNORED] * len(words))
                row.weights.extend([weight] * len(words))
                row.positions.extend(range(place, place + len(words)))
                row.branches.extend([number] * len(words))
                place += len(words)
        return row

    def _spoken(self, turn: Turn) -> Iterator[tuple[list[int], float]]:
        """The tokens of a question and its answer, and of what is asked next, with what each token counts."""
        encode: Callable[[str, str], list[int]] = self.processor.encode_question
        for exchange in turn.exchanges:
            yield encode(exchange.question, exchange.capability), 0.0
            answer = self.processor.encode_answer(exchange.answer)
            yield answer, self.weigh(len(answer))
            encode = self.processor.encode_next_question


def counts(inputs: Mapping[str, Tensor]) -> Tensor:
    """Returns what each loss of a batch is a mean over, in the order of `LOSSES`: float[4].

    They are the weights of the supervised tokens, the masks twice, and the targets of a known class. With them the
    means of several batches are the mean over all of them.
    """
    masks = len(inputs["target_masks"])
    known = int((inputs["target_classes"] != IGNORED).sum())
    # The first token is predicted by nobody.
    tokens = (inputs["label_weights"] * (inputs["labels"] != IGNORED))[:, 1:].sum().item()
    return torch.tensor([tokens, masks, masks, known], dtype=torch.float32)


def visible(branches: Tensor) -> Tensor:
    """Says which token may look at which: backwards, into its own branch and the prefix.

    Args:
        branches: int64[B, T], 0 in the prefix, -1 on padding.

    Returns:
        bool[B, 1, T, T]; a padding token sees itself alone, so that no row of the attention is empty.

    >>> visible(torch.tensor([[0, 1, 2]]))[0, 0].int().tolist()
    [[1, 0, 0], [1, 1, 0], [1, 0, 1]]
    """
    length = branches.shape[1]
    backwards = torch.ones(length, length, dtype=torch.bool).tril()
    own = branches[:, :, None] == branches[:, None, :]
    prefix = (branches[:, None, :] == 0) & (branches[:, :, None] > 0)
    padding = branches[:, :, None] == -1
    allowed = (own | prefix) & backwards & ~padding
    return (allowed | torch.eye(length, dtype=torch.bool))[:, None]


def _pad(rows: Sequence[Packed], pad: int) -> dict[str, Tensor]:
    width = max(len(row.ids) for row in rows)

    def table(values: Sequence[Sequence[float]], filler: float) -> Tensor:
        return torch.tensor([[*row, *[filler] * (width - len(row))] for row in values])

    return {
        "input_ids": table([row.ids for row in rows], pad),
        "labels": table([row.labels for row in rows], IGNORED),
        "label_weights": table([row.weights for row in rows], 0.0),
        "position_ids": table([row.positions for row in rows], 0),
        "attention_mask": visible(table([row.branches for row in rows], -1)),
    }


def shrink(mask: Mask, size: int) -> NDArray[np.float32]:
    """Returns a mask averaged down to a square: float32[size, size], the share of each cell that it covers."""
    picture = Image.fromarray(decode(mask).astype(np.uint8) * np.uint8(255)).resize((size, size), Image.Resampling.BOX)
    return np.asarray(picture, dtype=np.float32) / np.float32(255)
