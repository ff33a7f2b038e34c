"""What families of vision-language models do differently: the words around a prompt, and how they write boxes."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from typing import Any

from harness.models.huggingface.options import PLACE

Size = tuple[int, int]
Seen = Callable[[Any, Mapping[str, Any], Sequence[int]], list[Size | None]]

BOXED = ("refer", "segment")
#: A prompt that names the numbers' range says itself how boxes are to be written.
_RANGE = re.compile(r"\b(?:from|between) 0(?:\.0+)? (?:to|and) 1(?:\.0+|0+)?\b", re.IGNORECASE)


def as_it_is(processor: Any, inputs: Mapping[str, Any], counts: Sequence[int]) -> list[Size | None]:
    """Returns no size: the family's boxes do not depend on that of the picture it sees."""
    return [None] * len(counts)


def by_patches(processor: Any, inputs: Mapping[str, Any], counts: Sequence[int]) -> list[Size | None]:
    """Returns the height and width in pixels of each request's first picture as the model saw it.

    Args:
        processor: its image processor has a `patch_size`.
        inputs: has `image_grid_thw`, int[I, 3], the patches of each picture in time, height and width.
        counts: how many pictures each request has; they follow each other in `inputs`.
    """
    side = int(processor.image_processor.patch_size)
    grids = inputs["image_grid_thw"].tolist() if any(counts) else []
    firsts = [end - count for end, count in zip(accumulate(counts), counts, strict=True)]
    return [
        (int(grids[first][1]) * side, int(grids[first][2]) * side) if count else None
        for first, count in zip(firsts, counts, strict=True)
    ]


@dataclass(frozen=True)
class ModelFamily:
    """A family of models.

    Attributes:
        boxes: how it writes boxes, a name of `harness.parsers.box_spellings.FAMILIES`; None where no way is known, and
            the task's holds.
        ask: the words for a capability, with `{prompt}` for the task's; others are asked in the task's own.
        seen: the size of the pictures as the model sees them, where its boxes count their pixels.
        chats: whether it has a chat template; one that has none reads a prefix.
        follows: whether it writes boxes as a prompt says, when one does.
    """

    boxes: str | None = None
    ask: Mapping[str, str] = field(default_factory=dict)
    seen: Seen = as_it_is
    chats: bool = True
    follows: bool = True

    def box_family(self, prompt: str) -> str | None:
        """Returns how boxes in the answer to a prompt are written; None where the prompt's own task says it."""
        return None if self.follows and names_range(prompt) else self.boxes

    def words(self, prompt: str, capability: str) -> str:
        """Returns the family's words around a task's prompt."""
        if capability in BOXED and self.follows and names_range(prompt):
            return prompt
        return self.ask.get(capability, PLACE).replace(PLACE, prompt)


def names_range(prompt: str) -> bool:
    """Says whether a prompt names the range of the numbers it wants.

    >>> names_range("Answer with whole numbers from 0 to 100."), names_range("Where is the ship?")
    (True, False)
    """
    return _RANGE.search(prompt) is not None


def _boxed(sentence: str) -> dict[str, str]:
    return dict.fromkeys(BOXED, f"{PLACE}\n{sentence}")


_JSON = _boxed("Report its bbox coordinates in JSON format.")
_PLAIN = _boxed("Give its bounding box.")
_QWEN2_5_VL = ModelFamily("qwen2_5_vl", _JSON, by_patches)
_QWEN3_VL = ModelFamily("qwen3_vl", _JSON)
_LLAVA = ModelFamily("llava", _PLAIN)
#: Its prefixes are those of the mixture it was tuned on; "caption en" leaves the task's words out, as it reads none.
_PALIGEMMA = ModelFamily(
    "paligemma",
    dict.fromkeys(("vqa", "classify", "choose"), f"answer en {PLACE}")
    | dict.fromkeys(BOXED, f"detect {PLACE}")
    | {"caption": "caption en"},
    chats=False,
    follows=False,
)

#: Families by the `model_type` of a checkpoint's config.json. Others are asked as their chat template says, and their
#: boxes are read as the task says.
BY_MODEL_TYPE: Mapping[str, ModelFamily] = {
    "llava": _LLAVA,
    "llava_next": _LLAVA,
    "llava_onevision": _LLAVA,
    "qwen2_vl": ModelFamily("qwen_vl", _PLAIN),
    "qwen2_5_vl": _QWEN2_5_VL,
    "qwen3_vl": _QWEN3_VL,
    "qwen3_vl_moe": _QWEN3_VL,
    "internvl": ModelFamily("internvl", _PLAIN),
    "paligemma": _PALIGEMMA,
}


def family_of(model_type: str) -> ModelFamily:
    """Returns the family of a model type."""
    return BY_MODEL_TYPE.get(model_type, ModelFamily())
