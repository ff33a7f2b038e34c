"""From responses to records, and from records to a task's result; needs neither model nor images."""

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from types import MappingProxyType

import orjson

from harness.corpus import score_corpus
from harness.errors import ConfigurationError, nearest
from harness.judging import Judging
from harness.records import Prediction, Record, Request, Response, Sample, Target
from harness.results import FORMAT, Counts, MetricCard, TaskResult
from harness.spec import Task


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


def summarise(
    task: Task,
    works: Sequence[Work],
    judging: Judging,
    seed: int,
    undefined: Mapping[str, str] = MappingProxyType({}),
) -> TaskResult:
    """Returns the result of a task whose every sample has a record.

    Args:
        task: the task.
        works: its samples.
        judging: their records, in the same order, judged where a metric asks for it.
        seed: the seed of the bootstrap.
        undefined: why a metric could not score at all, by its name in the task.
    """
    spec, records = task.spec, judging.records
    scores = score_corpus(task, records, seed, undefined)
    responses = [record.response for record in records if record.response]
    return TaskResult(
        task=spec.name,
        title=spec.title,
        version=spec.version,
        capability=spec.capability,
        task_digest=task.digest,
        data_digest=_data_digest(works),
        prompt_digest=_digest(work.request.prompt for work in works),
        cluster=spec.cluster,
        counts=_counts(records),
        metrics=cards(task),
        scores=scores.whole,
        slices=scores.slices,
        seconds=_total([response.seconds for response in responses]),
        tokens=_whole(_total([response.tokens for response in responses])),
        paper=spec.paper,
        licence=spec.licence,
        url=spec.url,
        notes=(
            *spec.notes,
            *(f"not established: {fact}" for fact in spec.unverified),
            *_stand_ins(records),
            *_unjudged(judging),
        ),
        images_digest=_images_digest(works),
        format=FORMAT,
        judging=judging.facts,
        unjudged=judging.failed,
        prompt_tokens=_whole(_total([response.prompt_tokens for response in responses])),
        cost=_total([response.cost for response in responses]),
        cached=sum(response.cached for response in responses),
    )


def _counts(records: Sequence[Record]) -> Counts:
    found = Counter(record.prediction.status for record in records)
    return Counts(ok=found["ok"], unparsed=found["unparsed"], empty=found["empty"], failed=found["failed"])


def _stand_ins(records: Sequence[Record]) -> Iterator[str]:
    """Yields what was scored in the place of something that answers do not have, and how often."""
    found = Counter(record.prediction.stand_in for record in records if record.prediction.stand_in)
    for what, times in found.items():
        yield f"{times} of {len(records)} answers were scored by {what}, for they had nothing else to score."


def _unjudged(judging: Judging) -> Iterator[str]:
    """Yields why scores are undefined, where the judge failed."""
    if judging.failed:
        yield (
            f"The judge failed on {judging.failed} of {len(judging.records)} samples, so the scores that need it are "
            "undefined. The same command asks it about these alone."
        )


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


def _total(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) if known else None


def _whole(value: float | None) -> int | None:
    return None if value is None else round(value)


def _data_digest(works: Sequence[Work]) -> str:
    return _digest(
        orjson.dumps(
            [
                work.sample.id,
                dict(work.sample.fields),
                work.sample.target,
                dict(work.sample.tags),
                [image.id for image in work.sample.images],
            ],
            option=orjson.OPT_SORT_KEYS,
        )
        for work in works
    )


def _images_digest(works: Sequence[Work]) -> str | None:
    seen = {image: digest for work in works for image, digest in work.image_digests.items()}
    return _digest(f"{image} {digest}" for image, digest in sorted(seen.items())) if seen else None


def _digest(parts: Iterable[str | bytes]) -> str:
    digest = hashlib.sha256()
    for part in parts:
        digest.update((part.encode() if isinstance(part, str) else part) + b"\n")
    return digest.hexdigest()


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
