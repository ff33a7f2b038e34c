"""One seed a scene, from the data set's seed, the split's name and the index in the split."""

from zlib import crc32

import numpy as np

SCENE, QUESTIONS, REFERENCES = range(3)
SENTENCES = 3
THERMAL = 4
REASONING, CAPTIONS = 6, 7
GROUNDING = 8


def seed_of(seed: int, split: str, index: int, purpose: int = SCENE) -> int:
    """Returns a 128-bit seed; two different argument lists practically never share one.

    Adding images to a split changes none of the earlier ones, for the total takes no part.

    Args:
        seed: The data set's.
        split: Its name.
        index: From 0, within the split.
        purpose: SCENE, QUESTIONS, REFERENCES, or a layout's own.
    """
    words = np.random.SeedSequence([seed, crc32(split.encode()), index, purpose]).generate_state(4, np.uint32)
    return int.from_bytes(words.tobytes(), "little")
