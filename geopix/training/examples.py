"""From what is drawn to what can be taught: reads images, and handles what cannot be used by the recipe's policy."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from PIL import Image

from geopix.image_processing import to_rgb
from geopix.training.augmentation.conversations import changed_turns
from geopix.training.drawing import Choice, Drawing
from geopix.training.schema import Defects
from geopix.training.turns import Turn
from harness.errors import SampleError
from harness.masks import area, checked
from harness.records import ImageFile

ATTEMPTS = 20  # draws for one place, before something is wrong with more than single samples


@dataclass(frozen=True)
class Example:
    """An image, read, and what is asked about it.

    Attributes:
        image: the image's file.
        picture: its pixels; None where there is a problem.
        turns: the questions.
        skipped: why others that were drawn for this place could not be used.
        problem: why the run must stop here; None where all is well.
    """

    image: ImageFile
    picture: Image.Image | None
    turns: tuple[Turn, ...]
    skipped: tuple[str, ...] = ()
    problem: str | None = None

    @property
    def name(self) -> str:
        """The image and its samples, for messages."""
        samples = ", ".join(turn.id for turn in self.turns if turn.id)
        return f"{self.image.id} ({samples})" if samples else self.image.id


class Unusable(Exception):
    """Something drawn cannot be taught."""

    def __init__(self, reason: str, policy: str) -> None:
        super().__init__(reason)
        self.policy = policy


class Examples(torch.utils.data.Dataset[Example]):
    """The examples of a run from some place on.

    A failure is a value here and no exception: one that passes from a worker process to another loses its words.

    Args:
        drawing: says what is drawn for each place.
        defects: what happens with what cannot be used.
        first: the place of the first example.
        count: how many examples.
    """

    def __init__(self, drawing: Drawing, defects: Defects, first: int, count: int) -> None:
        self._drawing = drawing
        self._defects = defects
        self._first = first
        self._count = count

    def __len__(self) -> int:
        """How many examples."""
        return self._count

    def __getitem__(self, index: int) -> Example:
        """Returns an example, another one than first drawn where the policy is to skip what cannot be used."""
        place = self._first + index
        skipped: list[str] = []
        for attempt in range(ATTEMPTS):
            choice = self._drawing.at(place, attempt)
            try:
                return self._read(choice, skipped)
            except Unusable as unusable:
                if unusable.policy == "stop":
                    return Example(choice.lesson.image, None, choice.turns, tuple(skipped), str(unusable))
                skipped.append(str(unusable))
        problem = f"none of {ATTEMPTS} samples that were drawn can be used; the last one: {skipped[-1]}"
        return Example(choice.lesson.image, None, choice.turns, tuple(skipped), problem)

    def _read(self, choice: Choice, skipped: list[str]) -> Example:
        turns = self._with_masks(choice.turns, skipped)
        image = choice.lesson.image
        try:
            picture = to_rgb(image.path)
        except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
            reason = f"image {image.id}: {image.path} cannot be read: {error}"
            raise Unusable(reason, self._defects.image) from error
        changed = changed_turns(turns, choice.change)
        if changed is None:  # some words would not be true of it
            return Example(image, picture, turns, tuple(skipped))
        return Example(image, choice.change.picture(picture), changed, tuple(skipped))

    def _with_masks(self, turns: Sequence[Turn], skipped: list[str]) -> tuple[Turn, ...]:
        """The turns whose masks can be taught; raises when a bad one must stop the run, or none is left."""
        kept: list[Turn] = []
        reason = ""
        for turn in turns:
            try:
                self._check_masks(turn)
                kept.append(turn)
            except Unusable as unusable:
                if unusable.policy == "stop":
                    raise
                reason = str(unusable)
                skipped.append(reason)
        if not kept:
            skipped.remove(reason)  # counted once, by who catches this
            raise Unusable(reason, "skip")
        return tuple(kept)

    def _check_masks(self, turn: Turn) -> None:
        for mask in (mask for each in turn.exchanges for mask in each.masks):
            try:
                empty = area(checked(mask)) == 0
            except SampleError as error:
                policy = "skip" if self._defects.mask == "skip" else "stop"
                raise Unusable(f"sample {turn.id}: {error}", policy) from error
            if empty and self._defects.mask != "keep":
                raise Unusable(f"sample {turn.id}: its target's mask has no pixel", self._defects.mask)
