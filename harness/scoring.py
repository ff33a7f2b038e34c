"""From responses to records, and from records to a task's result; needs neither model nor images."""

import hashlib
from array import array
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import isfinite
from types import MappingProxyType

import orjson

from harness.corpus import Corpus
from harness.errors import ConfigurationError, nearest
from harness.judging import Judging
from harness.records import Prediction, Record, Request, Response, Sample, Target
from harness.results import FORMAT, Counts, MetricCard, TaskResult
from harness.spec import Task

#: What answers cost, each None where it is not known.
SPENT = ("seconds", "tokens", "prompt_tokens", "cost")


@dataclass(frozen=True, slots=True)
class Work:
    """One sample on its way: what is asked, and the key under which an answer may be reused.

    Attributes:
        sample: the question and its right answer.
        request: what the model is asked.
        key: digest of everything the answer depends on.
        image_digests: sha256 of the images' bytes by image id, where the model looks at them.
        image_files: the images' paths relative to the data directory.
        cluster: what the sample is resampled with.
    """

    sample: Sample
    request: Request
    key: str
    image_digests: Mapping[str, str]
    image_files: tuple[str, ...]
    cluster: str


def record(task: Task, work: Work, response: Response | None, failure: str | None = None) -> Record:
    """Returns the scored record of one sample.

    Args:
        task: the task with its parser and metrics.
        work: the sample and its request.
        response: the model's answer; None when there is none.
        failure: why there is none.
    """
    sample = work.sample
    target, prediction, statistics = _judged(task, sample, response, failure)
    return Record(
        key=work.key,
        sample_id=sample.id,
        cluster=work.cluster,
        images=tuple([image.id for image in sample.images]),
        image_files=work.image_files,
        prompt=work.request.prompt,
        fields=sample.fields,
        target=target,
        response=response,
        prediction=prediction,
        statistics=statistics,
        tags=sample.tags,
        raw_target=None if target == sample.target else sample.target,
    )


Judgement = tuple[Target, Prediction, dict[str, dict[str, float]]]


def _judged(task: Task, sample: Sample, response: Response | None, failure: str | None) -> Judgement:
    """What is right, what was answered, and each metric's statistics of the two."""
    if response is None:
        return sample.target, Prediction("failed", failure), {}
    try:
        return _judge(task, sample, response)
    except Exception as error:  # noqa: BLE001 - a plugin may raise anything; the reason goes into the record
        return sample.target, Prediction("failed", f"could not be scored: {type(error).__name__}: {error}"), {}


def _judge(task: Task, sample: Sample, response: Response) -> Judgement:
    target = task.parser.target(sample)
    prediction = task.parser.parse(response, sample)
    if prediction.status == "failed":
        return target, prediction, {}
    scores = {
        name: _finite(name, metric.score(target, prediction, sample.tags)) for name, metric in task.metrics.items()
    }
    return target, prediction, scores


def _finite(metric: str, statistics: Mapping[str, float]) -> dict[str, float]:
    numbers = {name: float(value) for name, value in statistics.items()}
    if not all(map(isfinite, numbers.values())):
        found = ", ".join(f"{name} = {value}" for name, value in numbers.items() if not isfinite(value))
        raise ValueError(f"metric {metric!r} gives {found}; leave the sample out with an empty dict")
    return numbers


def cluster_of(task: Task, sample: Sample) -> str:
    """Returns the value by which a sample is resampled.

    Raises:
        ConfigurationError: the task names a tag that the sample does not have.
    """
    match task.spec.cluster:
        case "image_id":
            return sample.image_id
        case "sample_id":
            return sample.id
        case tag if tag in sample.tags:
            return sample.tags[tag]
        case tag:
            known = ["image_id", "sample_id", *sample.tags]
            raise ConfigurationError(
                f"task {task.spec.name}: `cluster: {tag}` is no tag of sample {sample.id}.{nearest(tag, known)} "
                f"Known: {', '.join(known)}."
            )


class Tally:
    """What a task's records add up to, taken in one by one in the data set's order; no record is kept.

    Args:
        task: the task.
    """

    def __init__(self, task: Task) -> None:
        self._task = task
        self._corpus = Corpus(task)
        self._status: Counter[str] = Counter()
        self._stand_ins: Counter[str] = Counter()
        self._spent = {name: array("d") for name in SPENT}
        self._cached = 0
        self._data, self._prompts = hashlib.sha256(), hashlib.sha256()
        self._images: dict[str, str] = {}

    def add(self, work: Work, record: Record) -> None:
        """Takes in one sample with its record."""
        self._corpus.add(record)
        self._status[record.prediction.status] += 1
        if record.prediction.stand_in:
            self._stand_ins[record.prediction.stand_in] += 1
        if record.response:
            self._spend(record.response)
        self._data.update(_content(work) + b"\n")
        self._prompts.update(work.request.prompt.encode() + b"\n")
        self._images.update(work.image_digests)

    def result(
        self, seed: int, undefined: Mapping[str, str] = MappingProxyType({}), judging: Judging | None = None
    ) -> TaskResult:
        """Returns the result of the samples taken in.

        Args:
            seed: the seed of the bootstrap.
            undefined: why a metric could not score at all, by its name in the task.
            judging: what came of asking a judge, where a metric asks one.
        """
        spec = self._task.spec
        scores = self._corpus.scores(seed, undefined)
        status = self._status
        return TaskResult(
            task=spec.name,
            title=spec.title,
            version=spec.version,
            capability=spec.capability,
            task_digest=self._task.digest,
            data_digest=self._data.hexdigest(),
            prompt_digest=self._prompts.hexdigest(),
            cluster=spec.cluster,
            counts=Counts(status["ok"], status["unparsed"], status["empty"], status["failed"]),
            metrics=cards(self._task),
            scores=scores.whole,
            slices=scores.slices,
            seconds=self._total("seconds"),
            tokens=_whole(self._total("tokens")),
            paper=spec.paper,
            licence=spec.licence,
            url=spec.url,
            notes=(*spec.notes, *(f"not established: {fact}" for fact in spec.unverified), *self._remarks(judging)),
            images_digest=self._images_digest(),
            format=FORMAT,
            judging=judging.facts if judging else {},
            unjudged=judging.failed if judging else 0,
            prompt_tokens=_whole(self._total("prompt_tokens")),
            cost=self._total("cost"),
            cached=self._cached,
        )

    def _spend(self, response: Response) -> None:
        for name, values in self._spent.items():
            value = getattr(response, name)
            if value is not None:
                values.append(value)
        self._cached += response.cached

    def _total(self, name: str) -> float | None:
        return sum(self._spent[name]) if self._spent[name] else None

    def _remarks(self, judging: Judging | None) -> Iterator[str]:
        """Yields what was scored in the place of something that answers do not have, and why scores are undefined."""
        total = self._status.total()
        for what, times in self._stand_ins.items():
            yield f"{times} of {total} answers were scored by {what}, for they had nothing else to score."
        if judging and judging.failed:
            yield (
                f"The judge failed on {judging.failed} of {total} samples, so the scores that need it are "
                "undefined. The same command asks it about these alone."
            )

    def _images_digest(self) -> str | None:
        if not self._images:
            return None
        digest = hashlib.sha256()
        for image, bytes_digest in sorted(self._images.items()):
            digest.update(f"{image} {bytes_digest}\n".encode())
        return digest.hexdigest()


def _whole(value: float | None) -> int | None:
    return None if value is None else round(value)


def _content(work: Work) -> bytes:
    """What of a sample makes two data sets the same."""
    sample = work.sample
    images = [image.id for image in sample.images]
    content = [sample.id, dict(sample.fields), sample.target, dict(sample.tags), images]
    return orjson.dumps(content, option=orjson.OPT_SORT_KEYS)


def cards(task: Task) -> tuple[MetricCard, ...]:
    """Returns what a reader must know of each metric of a task."""
    found = []
    for use in task.spec.metrics:
        info = task.metrics[use.score_name].info
        card = MetricCard(
            name=use.score_name,
            metric=use.name,
            options=use.options,
            primary=use.primary,
            unit=info.unit,
            direction=info.direction,
            formula=info.formula,
            source=info.source,
        )
        found.append(card)
    return tuple(found)


def response_key(model_digest: str, spec_name: str, version: int, request: Request, images: Mapping[str, str]) -> str:
    """Returns the key under which an answer may be reused.

    Args:
        model_digest: the model's digest: weights and settings.
        spec_name: the task.
        version: the task's version.
        request: prompt and generation settings.
        images: sha256 of the images' bytes by image id; empty for a model that does not look.
    """
    content = [
        model_digest,
        spec_name,
        version,
        request.sample_id,
        request.prompt,
        dict(request.generation),
        dict(images),
    ]
    return hashlib.sha256(orjson.dumps(content, option=orjson.OPT_SORT_KEYS)).hexdigest()
