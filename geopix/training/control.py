"""Tokens that steer the model: data that holds them as words would be read as something else than it says."""

from collections.abc import Iterable

from geopix.processing import SEG
from geopix.tokenizer import IMAGE_TOKEN, SEG_TOKENS

CONTROL = (IMAGE_TOKEN, *SEG_TOKENS, "<s>", "</s>", "<pad>")


def control_tokens(texts: Iterable[str], *, masks: bool = False) -> list[str]:
    """Returns the control tokens that texts hold; empty where all is well.

    Args:
        texts: words of a data set.
        masks: whether `<SEG>`, the place of a mask, may stand in them.

    >>> control_tokens(["a <image> of a ship", "</s>"])
    ['<image>', '</s>']
    """
    together = "\n".join(texts)
    return [token for token in (*CONTROL, *(() if masks else (SEG,))) if token in together]
