"""ReconScore: a caption is as good as the picture that a text-to-image model draws from it is like the original."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, Protocol

from harness.errors import ConfigurationError, EnvironmentProblem, SampleError
from harness.images import picture_of
from harness.interfaces import MetricInfo
from harness.metrics.additive import Together, ratio
from harness.metrics.captions.ngrams import caption
from harness.plugins import Registry, installed
from harness.records import Answered

if TYPE_CHECKING:
    from PIL.Image import Image

    from harness.metrics.additive import Floats, Totals

BEFORE = "I want a remote sensing image with a realistic satellite perspective view. "
AFTER = " Remember, I want a vertical remote sensing satellite perspective from top to bottom."
LONGEST, STEP = 1024, 16
SOURCE = (
    "Chen et al., Evaluating Remote Sensing Image Captions Beyond Metric Biases, arXiv:2604.22855; as "
    "hhu-czy/RemoteDescriber@bceba48, which draws with Z-Image (28 steps, guidance 0) and compares with DreamSim"
)


class Generator(Protocol):
    """Draws pictures from words."""

    def generate(self, prompt: str, size: tuple[int, int], seed: int) -> Image:
        """Returns an RGB picture.

        Args:
            prompt: what it shows.
            size: width and height in pixels, multiples of 16.
            seed: the same seed and prompt give the same picture.
        """
        ...


class Scorer(Protocol):
    """Says how unlike two pictures look."""

    def distance(self, original: Image, drawn: Image) -> float:
        """Returns 1 - cosine of two RGB pictures' embeddings: 0 where they look alike, at most 2."""
        ...


@dataclass(frozen=True)
class ReconScore(Together):
    """The mean over captions of 1 - d/2, d the perceptual distance of the image and of one drawn from the caption.

    It needs no reference captions. The generator and the scorer are plugins, named `NAME` or `NAME:ARGUMENT`; the
    published score is one generator's and one scorer's alone, so name the same two for scores that are to be compared.

    Attributes:
        generator: the plugin that draws, and after a colon what it is to load.
        scorer: the plugin that compares, likewise.
        missing: what an answer without a caption does: `skip` leaves it out, as the published script does; `zero`
            gives 0.
        seed: of the drawing.
    """

    generator: str
    scorer: str
    missing: Literal["skip", "zero"] = "skip"
    seed: int = 42

    @property
    def info(self) -> MetricInfo:
        """What a report prints beside the score."""
        formula = (
            f"mean of 1 - d/2; d = perceptual distance by {self.scorer} of the image and of one drawn by "
            f"{self.generator} from the caption, seed {self.seed}; answers without a caption: {self.missing}"
        )
        return MetricInfo("percent", "higher", formula, SOURCE)

    def score_all(self, samples: Sequence[Answered]) -> list[dict[str, float]]:
        """Returns each caption's `likeness` in [0, 1] and a `count` of 1.

        Raises:
            EnvironmentProblem: there is no such plugin, or an image cannot be read.
        """
        plugins = installed()
        draw: Generator = _part(plugins.generators, self.generator)
        compare: Scorer = _part(plugins.scorers, self.scorer)
        return [self._score(sample, draw, compare) for sample in samples]

    def _score(self, sample: Answered, draw: Generator, compare: Scorer) -> dict[str, float]:
        text = caption(sample.prediction)
        if not sample.images or sample.prediction.status == "failed" or (not text and self.missing == "skip"):
            return {}
        if not text:
            return {"likeness": 0.0, "count": 1.0}
        original = _opened(sample)
        drawn = draw.generate(BEFORE + text + AFTER, drawn_size(original.size), self.seed)
        return {"likeness": 1 - compare.distance(original, drawn) / 2, "count": 1.0}

    def from_totals(self, totals: Totals) -> Floats:
        """Returns the means."""
        return ratio(totals["likeness"], totals["count"])


def drawn_size(size: tuple[int, int]) -> tuple[int, int]:
    """Returns width and height to draw: those of the image, 1,024 pixels at most, each a multiple of 16.

    >>> drawn_size((500, 500)), drawn_size((2048, 1000)), drawn_size((8, 4))
    ((496, 496), (1024, 496), (16, 16))
    """
    scale = min(1.0, LONGEST / max(size))
    width, height = (max(STEP, int(round(side * scale / STEP) * STEP)) for side in size)
    return width, height


def _part(registry: Registry, name: str) -> Any:
    """A plugin's part, made from what stands after the colon."""
    kind, _, argument = name.partition(":")
    try:
        factory = registry.load(kind)
    except ConfigurationError as error:
        raise EnvironmentProblem(
            f"ReconScore needs a {registry.noun}, and none of the name {kind!r} is installed"
            f" (there are: {', '.join(sorted(registry.places)) or 'none'}). Install a package that registers one under "
            f"the hook geopix_eval_{registry.kind}, see docs/extend.md"
        ) from error
    return factory(argument)


def _opened(sample: Answered) -> Image:
    try:
        return picture_of(sample.images[0])
    except SampleError as error:
        raise EnvironmentProblem(str(error)) from error
