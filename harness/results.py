"""What a run amounts to: its scores with their intervals, and where every number comes from.

These values are written as JSON beside the records and are all that a leaderboard, a comparison or a gate needs.
docs/run-format.md says what is in each file and what may change.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

FORMAT = 2


@dataclass(frozen=True)
class Score:
    """One metric over one set of samples.

    Attributes:
        name: the metric's name in the task, `oa` or `oiou` for example.
        value: the corpus score in the metric's own unit (fractions, not percent); None where undefined, shown as n/a.
        low: lower end of the 95 % interval; None where it cannot be had.
        high: upper end of the 95 % interval.
        n: how many samples are in the score.
        clusters: how many clusters (usually images) they come from.
        reason: why there is no score or no interval; None where there are both.
    """

    name: str
    value: float | None
    low: float | None
    high: float | None
    n: int
    clusters: int
    reason: str | None = None


@dataclass(frozen=True)
class MetricCard:
    """What a reader must know to trust a score.

    Attributes:
        name: the metric's name in the task.
        metric: the registered metric.
        options: the options the task gives it.
        primary: whether this is the task's headline number.
        unit: `percent` (value is a fraction, shown times 100), `pixels` or `score`.
        direction: whether more is better.
        formula: the formula with its convention.
        source: paper, equation or code whose convention it follows.
    """

    name: str
    metric: str
    options: Mapping[str, object]
    primary: bool
    unit: Literal["percent", "pixels", "score"]
    direction: Literal["higher", "lower"]
    formula: str
    source: str


@dataclass(frozen=True)
class Slice:
    """The scores of the samples that share a tag's value.

    Attributes:
        tag: the tag, `type` for example.
        value: its value, `presence` for example.
        scores: one score a metric of the task.
    """

    tag: str
    value: str
    scores: tuple[Score, ...]


@dataclass(frozen=True)
class Counts:
    """How the samples of a task ended."""

    ok: int = 0
    unparsed: int = 0
    empty: int = 0
    failed: int = 0

    @property
    def total(self) -> int:
        """All samples, however they ended."""
        return self.ok + self.unparsed + self.empty + self.failed


@dataclass(frozen=True)
class TaskResult:
    """The outcome of one task in one run.

    Attributes:
        task: the task's name.
        title: the benchmark and split, for people.
        version: the task's version; scores of different versions are not comparable.
        capability: vqa, caption, classify, refer, segment or choose.
        task_digest: sha256 of the resolved task file.
        data_digest: sha256 over the samples' content: ids, fields, right answers, tags.
        prompt_digest: sha256 over all rendered prompts.
        cluster: the field by which samples were resampled.
        counts: how the samples ended.
        metrics: one card a metric, in the task's order.
        scores: one score a metric, in the same order.
        slices: scores by tag values.
        seconds: time spent in the model; None if unknown.
        tokens: tokens generated; None if unknown.
        paper, licence, url, notes: from the task file.
        images_digest: sha256 over the images' bytes; None when the model did not look at them.
        limit: how many samples of the split were asked at most; None for all.
        format: version of the layout of this result and its records; 1 where the file does not say.
        judging: who judged, where and with what prompts; empty where no metric asks a judge.
        unjudged: samples that the judge failed on; the scores that need it are undefined where there is one.
        prompt_tokens: tokens of the questions with their images; None if unknown.
        cost: what the answers cost in this run, in the currency of the prices that the user gave; None without prices.
        cached: answers that came from the cache that runs share.
    """

    task: str
    title: str
    version: int
    capability: str
    task_digest: str
    data_digest: str
    prompt_digest: str
    cluster: str
    counts: Counts
    metrics: tuple[MetricCard, ...]
    scores: tuple[Score, ...]
    slices: tuple[Slice, ...]
    seconds: float | None = None
    tokens: int | None = None
    paper: str = ""
    licence: str = ""
    url: str = ""
    notes: tuple[str, ...] = ()
    images_digest: str | None = None
    limit: int | None = None
    format: int = 1
    judging: Mapping[str, str] = field(default_factory=dict)
    unjudged: int = 0
    prompt_tokens: int | None = None
    cost: float | None = None
    cached: int = 0

    @property
    def primary(self) -> Score:
        """The task's headline score."""
        index = next((i for i, card in enumerate(self.metrics) if card.primary), 0)
        return self.scores[index]


@dataclass(frozen=True)
class RunManifest:
    """Who answered, with what, and when; written once at the start of a run.

    Attributes:
        model: the model's short name.
        argument: what was typed after --model.
        digest: the model's digest; another digest is another run.
        settings: path, dtype, device and the like.
        versions: Python, this package and the libraries that answers depend on.
        command: the command line.
        started: ISO 8601 time in UTC.
        seed: the seed of the bootstrap.
        data_dir: absolute path of the data directory, where a report looks for pictures.
        format: version of the layout of the folder.
    """

    model: str
    argument: str
    digest: str
    settings: Mapping[str, str]
    versions: Mapping[str, str]
    command: tuple[str, ...]
    started: str
    seed: int
    data_dir: str
    format: int = field(default=FORMAT)
