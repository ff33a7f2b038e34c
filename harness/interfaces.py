"""What a reader, a parser, a metric, a model, a segmenter and a judge are: the kinds of plugin.

A plugin is a class. The options that a task file may give are the arguments of its constructor; they are checked
against its annotations before anything runs, so frozen dataclasses serve best.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol, runtime_checkable

from harness.records import (
    Answered,
    Box,
    ImageFile,
    Inquiry,
    Mask,
    Prediction,
    Record,
    Request,
    Response,
    Sample,
    Target,
    Verdict,
)

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    Columns = Mapping[str, NDArray[np.float64]]
else:
    # Checking a task file needs the metrics' options and not their numbers, so numpy is not waited for.
    Columns = Mapping


class Reader(Protocol):
    """Reads a benchmark's files, as downloaded."""

    def samples(self, root: Path) -> Iterator[Sample]:
        """Yields the split's samples in the files' order, without decoding an image.

        Args:
            root: the data set's own folder, below the data directory.

        Raises:
            MissingDataError: a file of the data set is absent; says where it was looked for.
            DataError: a file contradicts the format; says file, row and field.
        """
        ...


class Parser(Protocol):
    """Reads answers, a model's and the data set's, by the same rules."""

    def parse(self, response: Response, sample: Sample) -> Prediction:
        """Returns what the response says in the task's terms. Never raises for what a model wrote."""
        ...

    def target(self, sample: Sample) -> Target:
        """Returns the right answer in the same terms as `parse` gives."""
        ...


@dataclass(frozen=True)
class MetricInfo:
    """What a report prints beside a score.

    Attributes:
        unit: `percent` (a fraction in [0, 1], shown times 100), `pixels`, `score`.
        direction: whether more is better.
        formula: the formula in words or plain text mathematics, with its convention.
        source: paper, equation, or the code whose convention it follows.
    """

    unit: Literal["percent", "pixels", "score"]
    direction: Literal["higher", "lower"]
    formula: str
    source: str


class Metric(Protocol):
    """Scores one sample, then a corpus of scored samples."""

    @property
    def info(self) -> MetricInfo:
        """What a report prints beside the score."""
        ...

    def score(self, target: Target, prediction: Prediction, tags: Mapping[str, str]) -> dict[str, float]:
        """Returns this sample's sufficient statistics; an empty dict leaves the sample out of the metric.

        Args:
            target: the right answer in the parser's terms.
            prediction: status `ok`, `unparsed` or `empty`; an unparsed answer counts as wrong, never as lucky.
            tags: the sample's tags.
        """
        ...

    def reduce(self, columns: Columns) -> float | None:
        """Returns the corpus score, or None where it is undefined.

        Args:
            columns: each statistic as float64[N], zero where a sample does not have it.
        """
        ...


class AdditiveMetric(Protocol):
    """A metric whose corpus score depends on the sums of its statistics alone.

    Nearly every score of the field is one (accuracy, mean IoU, oIoU, BLEU): its bootstrap is then one matrix product,
    and runs of many ranks merge by adding.
    """

    def from_totals(self, totals: Mapping[str, NDArray[np.float64]]) -> NDArray[np.float64]:
        """Returns float64[R] corpus scores from the statistics' sums float64[R]; NaN where undefined."""
        ...


class CorpusMetric(Protocol):
    """A metric that scores a task's samples together, once all are answered.

    For what one sample cannot tell (CIDEr weighs words by how many images have them) and for what is dear to start
    (METEOR is one Java process). Its `score` gives an empty dict; its statistics come from here instead, and everything
    after that, sums, slices, intervals, is as with any metric.
    """

    def score_all(self, samples: Sequence[Answered]) -> Sequence[Mapping[str, float]]:
        """Returns each sample's statistics, in order; an empty mapping leaves a sample out.

        Args:
            samples: all samples of the task. One whose prediction `failed` is there for its right answer alone;
                whatever is given for it is left out.

        Raises:
            EnvironmentProblem: something it needs is missing. The score is then undefined, with the error's words as
                the reason, and the other metrics are not touched.
        """
        ...


@runtime_checkable
class JudgedMetric(Protocol):
    """A metric that asks a judge, a language model, about the samples that its own `score` leaves out.

    The judge is asked when all answers are there. A sample that it fails on leaves the corpus score undefined.
    """

    @property
    def template(self) -> str:
        """The prompt before a sample's words are put into it; it goes into the result."""
        ...

    @property
    def attempts(self) -> int:
        """How often the judge is asked when what it says cannot be read."""
        ...

    def inquire(self, record: Record) -> Inquiry | None:
        """Returns what the judge is to be asked about a sample; None where `score` has said all there is to say."""
        ...

    def judged(self, record: Record, verdict: Verdict) -> dict[str, float]:
        """Returns the sample's statistics.

        Raises:
            SampleError: what the judge said cannot be read.
        """
        ...


class Judge(Protocol):
    """A language model that metrics ask."""

    @property
    def name(self) -> str:
        """The model's name for tables."""
        ...

    @property
    def digest(self) -> str:
        """Changes whenever the verdicts may; part of the key under which a verdict is kept."""
        ...

    @property
    def settings(self) -> Mapping[str, str]:
        """What a reader of the result should know: model, endpoint or path. Never a key."""
        ...

    @property
    def parallel(self) -> int:
        """How many inquiries it can be asked at a time, each from a thread of its own."""
        ...

    def ask(self, inquiry: Inquiry) -> Verdict:
        """Returns what it says.

        Raises:
            SampleError: it says nothing; why.
        """
        ...

    def close(self) -> None:
        """Lets go of connections and memory; nothing is asked afterwards."""
        ...


@runtime_checkable
class RepeatableModel(Protocol):
    """A model whose answers runs may share through a cache.

    Its answer depends on its digest and settings and on a request's prompt, capability, image bytes and generation
    settings alone: not on the sample's id, as with answers from a file, nor on what was asked before.
    """

    def repeats(self, request: Request) -> bool:
        """Returns whether it would answer a request the same again: not when it draws its words without a seed."""
        ...


@runtime_checkable
class ConcurrentModel(Protocol):
    """A model that is asked many requests at a time and answers each when it is ready, an endpoint for example."""

    def answers(self, requests: Sequence[Request]) -> Iterator[tuple[int, Response | str]]:
        """Yields the index of each request with its answer, or the reason why there is none, as they come.

        Raises:
            EnvironmentProblem: nothing can be had of it. The run ends; what was yielded is kept, and the same command
                goes on.
        """
        ...


@runtime_checkable
class Closable(Protocol):
    """Something that holds connections or files open."""

    def close(self) -> None:
        """Lets go of them; nothing is asked afterwards."""
        ...


class Model(Protocol):
    """Anything that answers requests: a checkpoint, an endpoint, a file of answers, a baseline."""

    @property
    def name(self) -> str:
        """A short name for tables."""
        ...

    @property
    def digest(self) -> str:
        """Changes whenever the answers may: weights, settings, or the file of answers."""
        ...

    @property
    def settings(self) -> Mapping[str, str]:
        """What a reader of the report should know: path, dtype, device, versions."""
        ...

    @property
    def reads_images(self) -> bool:
        """Whether the pixels matter. If so, their bytes are part of a response's key."""
        ...

    @property
    def batch_size(self) -> int:
        """How many requests `respond` is given at a time; the questions of one image follow each other."""
        ...

    def respond(self, requests: Sequence[Request]) -> Sequence[Response]:
        """Returns one response a request, in order.

        Raises:
            SampleError: this batch cannot be answered. Any exception is taken as one: the loop asks the requests of a
                failed batch one by one and records those that fail again.
        """
        ...


@runtime_checkable
class GrowingModel(Protocol):
    """A model that may be given more requests at a time than `batch_size`, where that turns out to be faster."""

    @property
    def largest_batch(self) -> int:
        """The most requests that are worth trying at a time; `batch_size` where the user has typed one."""
        ...


@runtime_checkable
class ReadsAhead(Protocol):
    """A model that can read the images of one batch while it answers another one."""

    def read_ahead(self, requests: Sequence[Request]) -> None:
        """Reads what the next `respond` will need; called in a thread of its own while `respond` answers others.

        It raises nothing: what is wrong with an image is said by `respond`.
        """
        ...


class Segmenter(Protocol):
    """Draws masks of what lies in boxes: the second stage of a model that answers with boxes."""

    @property
    def name(self) -> str:
        """A short name for tables."""
        ...

    @property
    def digest(self) -> str:
        """Changes whenever the masks may: weights, settings."""
        ...

    @property
    def settings(self) -> Mapping[str, str]:
        """What a reader of the report should know: path, dtype, device."""
        ...

    def masks(self, image: ImageFile, boxes: Sequence[Box]) -> Sequence[Mask]:
        """Returns one mask a box, in order, at the image's own size; the boxes are in its pixels."""
        ...
