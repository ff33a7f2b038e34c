"""EarthDial's score of short answers: the share of the right answer's tokens that the model's answer has."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from harness.interfaces import MetricInfo
from harness.metrics.additive import Additive, ratio
from harness.records import Prediction, Target

if TYPE_CHECKING:
    from harness.metrics.additive import Floats, Totals

# What a token is, after the conventions of the Penn Treebank as NLTK's word tokenizer has them: a mark, or a run of
# anything else. A comma or colon before a digit and a full stop within the text belong to the word.
_MARK = (
    r"[;@#$%&?!*()\[\]{}<>\"\u2012-\u2019\u201c-\u201e\u00ab\u00bb]|`+|''|\.{2,}|--|[:,](?!\d)"
    r"|(?<!\.)\.(?=[\])}>\"'\u00bb\u201d\u2019]*$)"
)
_TOKEN = re.compile(rf"{_MARK}|(?:(?!{_MARK})\S)+")
_ENDINGS = ("'s", "'m", "'d", "'ll", "'re", "'ve", "n't", "'")
_MERGED = {
    "cannot": ("can", "not"),
    "d'ye": ("d", "'ye"),
    "gimme": ("gim", "me"),
    "gonna": ("gon", "na"),
    "gotta": ("got", "ta"),
    "lemme": ("lem", "me"),
    "more'n": ("more", "'n"),
    "wanna": ("wan", "na"),
}


# A data set of ten thousand questions has a few hundred different answers.
@lru_cache(maxsize=4096)
def tokens(text: str) -> tuple[str, ...]:
    """Returns a text's tokens after spaces and capitals are taken out, so that words run together.

    >>> tokens("No, there is none."), tokens("Dense Residential")
    (('no', ',', 'thereisnone', '.'), ('denseresidential',))
    """
    bare = text.strip().lower().replace(" ", "").strip()
    return tuple(part for word in _TOKEN.findall(bare) for part in _parts(word))


def _parts(word: str) -> tuple[str, ...]:
    """A word with its endings set apart: "it's" is it and 's."""
    endings: list[str] = []
    while ending := _ending(word):
        endings.insert(0, ending)
        word = word.removesuffix(ending)
    return *_MERGED.get(word, (word,)), *endings


def _ending(word: str) -> str:
    found = next((ending for ending in _ENDINGS if word.endswith(ending)), "")
    return found if len(word) > len(found) and not word.endswith("''") else ""


@dataclass(frozen=True)
class TokenRecall(Additive):
    """The mean share of the right answer's tokens that are in the model's answer.

    Spaces are taken out before tokens are, so a token is mostly the whole answer, and the score is nearly the share of
    equal answers: "forests" for "forest" counts nothing, "no, there is none" for "no" counts fully, because a comma
    ends a token. Of several accepted answers the first counts.

    >>> import numpy as np
    >>> recall = TokenRecall()
    >>> recall.score(Target(texts=("Dense Residential",)), Prediction("ok", text="denseresidential"), {})
    {'recall': 1.0, 'count': 1.0}
    >>> recall.reduce({"recall": np.array([1.0, 0.0, 0.5]), "count": np.ones(3)})
    0.5
    """

    @property
    def info(self) -> MetricInfo:
        """What a report prints beside the score."""
        return MetricInfo(
            "percent",
            "higher",
            "mean of tokens of the right answer that the answer has / tokens of the right answer, spaces taken out",
            "EarthDial src/earthdial/eval/rs_classification/eval.py, hiyamdebary/EarthDial@92c12607 (CVPR 2025)",
        )

    def score(self, target: Target, prediction: Prediction, tags: Mapping[str, str]) -> dict[str, float]:
        """Returns this sample's `recall`, 0 where the answer could not be read, and a `count` of 1."""
        wanted = tokens(target.texts[0]) if target.texts else ()
        if not wanted:
            return {}
        given = set(tokens(prediction.text or "")) if prediction.status == "ok" else set()
        return {"recall": len(given & set(wanted)) / len(wanted), "count": 1.0}

    def from_totals(self, totals: Totals) -> Floats:
        """Returns the means."""
        return ratio(totals["recall"], totals["count"])
