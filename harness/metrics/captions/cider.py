"""CIDEr: how alike captions and references are, words that few images have weighing most."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from math import exp, log, sqrt
from typing import TYPE_CHECKING, Literal

from harness.interfaces import MetricInfo
from harness.metrics.additive import Together, ratio
from harness.metrics.captions.ngrams import ORDERS, caption, counted
from harness.metrics.captions.ptb import words
from harness.records import Answered

if TYPE_CHECKING:
    from harness.metrics.additive import Floats, Totals

Preset = Literal["coco", "plain"]
SIGMA = 6.0
FORMULAS: Mapping[Preset, tuple[str, str]] = {
    "coco": (
        "10 * mean over n = 1..4 and references of exp(-(l - l')^2 / 72) * min(g, g').g' / (|g| |g'|); g = counts of "
        "runs of n words * log(images / images whose references have the run), l their number of pairs of words",
        "CIDEr-D, Vedantam et al., CVPR 2015; as pycocoevalcap 1.2 (its `CIDEr` is CIDEr-D: clipped, sigma 6, "
        "times 10, words not stemmed)",
    ),
    "plain": (
        "10 * mean over n = 1..4 and references of g.g' / (|g| |g'|); g = counts of runs of n words * log(images / "
        "images whose references have the run)",
        "CIDEr, Vedantam et al., CVPR 2015, equations 2 and 3, times 10 like CIDEr-D; words not stemmed",
    ),
}


@dataclass(frozen=True)
class Vector:
    """A sentence as CIDEr sees it.

    Attributes:
        weights: for each length of run, each run's weight.
        norms: the lengths of these four vectors.
        pairs: how many pairs of neighbouring words there are: COCO's measure of a sentence's length.
    """

    weights: tuple[Mapping[str, float], ...]
    norms: tuple[float, ...]
    pairs: int


@dataclass
class Weights:
    """The weights of runs of words over a set of images.

    Args:
        references: each image's references.
    """

    references: Iterable[tuple[str, ...]]
    _vectors: dict[str, Vector] = field(default_factory=dict)

    def __post_init__(self) -> None:
        images: Counter[str] = Counter()
        count = 0
        for count, texts in enumerate(self.references, 1):  # noqa: B007 - the last number is the count
            images.update({run for text in texts for runs in counted(text) for run in runs})
        self._highest = log(count) if count else 0.0
        self._rarity = {run: self._highest - log(having) for run, having in images.items()}

    def vector(self, text: str) -> Vector:
        """Returns a sentence's vector; a run that no reference has weighs as much as one of a single image."""
        if text not in self._vectors:
            rarity, highest = self._rarity.get, self._highest
            weights = tuple(
                {run: times * rarity(run, highest) for run, times in runs.items()} for runs in counted(text)
            )
            norms = tuple(sqrt(sum([weight * weight for weight in part.values()])) for part in weights)
            self._vectors[text] = Vector(weights, norms, max(0, len(words(text)) - 1))
        return self._vectors[text]


def similarity(said: Vector, reference: Vector, preset: Preset) -> float:
    """Returns the mean over the lengths of runs of two sentences' cosine; clipped and penalised for CIDEr-D."""
    product = _clipped if preset == "coco" else _plain
    total = 0.0
    for order in range(ORDERS):
        if norm := said.norms[order] * reference.norms[order]:
            total += product(said.weights[order], reference.weights[order]) / norm
    if preset == "coco":
        total *= exp(-((said.pairs - reference.pairs) ** 2) / (2 * SIGMA**2))
    return total / ORDERS


def _clipped(said: Mapping[str, float], reference: Mapping[str, float]) -> float:
    """The product of two vectors, the caption's weights cut at the reference's."""
    total = 0.0
    for run, weight in said.items():
        if other := reference.get(run):
            total += (weight if weight < other else other) * other
    return total


def _plain(said: Mapping[str, float], reference: Mapping[str, float]) -> float:
    return sum(weight * reference.get(run, 0.0) for run, weight in said.items())


@dataclass(frozen=True)
class Cider(Together):
    """The mean over captions of CIDEr, from 0 to 10; papers often print it times 100, COCO's toolkit as here.

    How rare a run of words is, is told by the references of all samples of the task, whatever was answered. Slices and
    resamples keep these weights: a slice's score says how well its images are described by the weights of the whole.
    A single image gives 0, since no word is then rarer than another.

    >>> from harness.records import Prediction, Target
    >>> plane, ship = Target(texts=("a plane",)), Target(texts=("a ship",))
    >>> answered = Answered(plane, Prediction("ok", text="A plane.")), Answered(ship, Prediction("empty"))
    >>> Cider().score_all(answered)  # the words and the pair are right, and there is no run of three or four: 10 * 2/4
    [{'cider': 5.0, 'count': 1.0}, {'cider': 0.0, 'count': 1.0}]

    Attributes:
        preset: `coco`, the CIDEr-D that pycocoevalcap computes under the name CIDEr; `plain`, without its clipping and
            its penalty for another length.
    """

    preset: Preset = "coco"

    @property
    def info(self) -> MetricInfo:
        """What a report prints beside the score."""
        return MetricInfo("score", "higher", *FORMULAS[self.preset])

    def score_all(self, samples: Sequence[Answered]) -> list[dict[str, float]]:
        """Returns each caption's `cider` and a `count` of 1; nothing for a sample without references."""
        weights = Weights(sample.target.texts for sample in samples if sample.target.texts)
        return [self._score(sample, weights) for sample in samples]

    def _score(self, sample: Answered, weights: Weights) -> dict[str, float]:
        references = sample.target.texts
        if not references:
            return {}
        said = weights.vector(caption(sample.prediction))
        total = sum(similarity(said, weights.vector(text), self.preset) for text in references)
        return {"cider": 10 * total / len(references), "count": 1.0}

    def from_totals(self, totals: Totals) -> Floats:
        """Returns the means."""
        return ratio(totals["cider"], totals["count"])
