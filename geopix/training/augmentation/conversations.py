"""Questions and answers about a picture that was turned or mirrored."""

import re
from collections.abc import Sequence
from dataclasses import replace

from geopix.boxes import BOX, format_box
from geopix.training.augmentation.symmetry import Symmetry
from geopix.training.augmentation.wording import reworded
from geopix.training.turns import Turn


def changed_turns(turns: Sequence[Turn], change: Symmetry) -> tuple[Turn, ...] | None:
    """Returns what is asked of a picture, asked of the changed one; None where some words cannot be said of it.

    Args:
        turns: questions and answers whose masks are well-formed.
        change: what is done to the picture.
    """
    new = [_changed(turn, change) for turn in turns]
    return tuple(turn for turn in new if turn is not None) if None not in new else None


def _changed(turn: Turn, change: Symmetry) -> Turn | None:
    question, answer = (changed_text(text, change) for text in (turn.question, turn.answer))
    then = changed_turns(turn.then, change)
    if question is None or answer is None or then is None:
        return None
    masks = tuple(change.mask(mask) for mask in turn.masks)
    return replace(turn, question=question, answer=answer, masks=masks, then=then, phrasings=())


def changed_text(text: str, change: Symmetry) -> str | None:
    """Returns words and boxes of the changed picture; None where some words cannot be said of it.

    >>> changed_text("the left ship at {<10><20><30><40>}", Symmetry(mirrored=True))
    'the right ship at {<70><20><90><40>}'
    """
    words = reworded(text, change)
    return None if words is None else BOX.sub(lambda box: _box(box, change), words)


def _box(match: re.Match[str], change: Symmetry) -> str:
    x0, y0, x1, y1 = map(float, match.groups())
    return format_box(change.box((x0, y0, x1, y1)), width=100, height=100)
