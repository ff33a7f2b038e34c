"""What a process is to ask: its share of a task's samples, each with its request and key, in batches."""

from array import array
from collections import Counter
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import islice
from operator import itemgetter
from pathlib import Path
from typing import Protocol, TypeVar

import numpy as np

from harness.errors import DataError, MissingDataError, SampleError
from harness.images import image_digest
from harness.interfaces import Model
from harness.paths import spelt_below
from harness.processes.balance import images_of
from harness.processes.balance import share as share_of
from harness.prompts import PromptTemplate
from harness.records import Request, Sample
from harness.scoring import Work, cluster_of, response_key
from harness.settings import Settings
from harness.spec import Task

Asked = TypeVar("Asked")


@dataclass(frozen=True)
class Share:
    """What one process asks.

    Attributes:
        works: its samples in the data set's order.
        batches: the same as they are asked: those of an image follow each other. What cannot be asked is in none.
        samples: how many samples the whole task has.
        known: the ids of all that are asked, where there is a limit.
    """

    works: list[Work]
    batches: list[list[Work]]
    samples: int
    known: frozenset[str] | None = None


def own_share(task: Task, model: Model, settings: Settings, batch_size: int) -> Share:
    """Returns what this process asks: whole images, and the same batches whatever the number of processes.

    Args:
        task: the task.
        model: who is asked.
        settings: data, limit and shard.
        batch_size: samples that batches are cut to.

    Raises:
        MissingDataError: the data set is not below the data directory.
        DataError: samples share an id.
    """
    shard = settings.shard
    if shard.alone:
        works = list(prepare(task, model, settings))
        images = images_of((work.sample, work.request) for work in works)
    else:
        images = images_of(_asked(task, settings))
        works = []
    packs = share_of(images, batch_size, shard.index, shard.count)
    if not shard.alone:
        works = list(prepare(task, model, settings, packs.keys()))
    known = None if settings.limit is None else frozenset(sample.id for sample, _ in _asked(task, settings))
    return Share(works, _batches(works, packs, batch_size), sum(image.questions for image in images), known)


class Answerer(Protocol):
    """What of a model is part of a response's key."""

    @property
    def digest(self) -> str:
        """The model's digest."""
        ...

    @property
    def reads_images(self) -> bool:
        """Whether the pixels matter."""
        ...


def prepare(task: Task, model: Answerer, settings: Settings, images: Container[str] | None = None) -> Iterator[Work]:
    """Yields every sample of a task with its request and key, in the data set's order.

    Args:
        task: the task.
        model: who is asked.
        settings: data directory and limit.
        images: only the samples about these images; all where None.

    Raises:
        MissingDataError: the data set is not below the data directory.
        DataError: in the end, if samples share an id.
    """
    for sample, request in _asked(task, settings):
        if images is None or sample.image_id in images:
            yield _work(task, model, sample, request, settings.data_dir)


def _asked(task: Task, settings: Settings) -> Iterator[tuple[Sample, Request]]:
    """Yields every sample of a task with what is asked; no image is opened."""
    root = data_root(task, settings.data_dir)
    template = PromptTemplate(task.spec.prompt)
    generation = task.spec.generation.model_dump()
    ids = array("q")
    for sample in islice(task.reader.samples(root), settings.limit):
        prompt = template.render(sample.fields)
        ids.append(hash(sample.id))
        yield sample, Request(sample.id, sample.images, prompt, task.spec.capability, generation)
    if not ids:
        raise MissingDataError(f"{root}: task {task.spec.name} has no sample here. Are these the files of its split?")
    if len(np.unique(np.frombuffer(ids, dtype=np.int64))) < len(ids):
        _refuse_repeated_ids((sample.id for sample in islice(task.reader.samples(root), settings.limit)), root)


def _refuse_repeated_ids(ids: Iterable[str], root: Path) -> None:
    repeated = [sample_id for sample_id, count in Counter(ids).items() if count > 1]
    if repeated:
        raise DataError(
            f"{root}: {len(repeated)} sample ids stand more than once, {', '.join(repeated[:5])} for example. "
            "Answers could not be told apart; mend the data set's files."
        )


def data_root(task: Task, data_dir: Path) -> Path:
    """Returns the folder of a task's data set.

    Raises:
        MissingDataError: it is not there; says where it was looked for and where to get it.
    """
    # The data set's own folder may be a link that the user has laid; nothing below it may lead outside it.
    root = spelt_below(data_dir, task.spec.dataset.root)
    if not root.is_dir():
        source = f"Get it from {task.spec.url}, or name" if task.spec.url else "Name"
        raise MissingDataError(
            f"task {task.spec.name}: the data is not at {root.resolve()}. {source} the folder that holds "
            f"{task.spec.dataset.root}/ with --data-dir."
        )
    return root


def _work(task: Task, model: Answerer, sample: Sample, request: Request, data_dir: Path) -> Work:
    digests: dict[str, str] = {}
    if model.reads_images and sample.defect is None:
        try:
            digests = {image.id: image_digest(image) for image in sample.images}
        except SampleError as error:
            sample = replace(sample, defect=str(error))
    return Work(
        sample=sample,
        request=request,
        key=response_key(model.digest, task.spec.name, task.spec.version, request, digests),
        image_digests=digests,
        image_files=tuple([_relative(image.path, data_dir) for image in sample.images]),
        cluster=cluster_of(task, sample),
    )


# The questions of one image ask for the same path.
@lru_cache(maxsize=4096)
def _relative(path: Path, data_dir: Path) -> str:
    return path.relative_to(data_dir).as_posix() if path.is_relative_to(data_dir) else path.name


def first_requests(task: Task, settings: Settings, count: int) -> list[Request]:
    """Returns what is asked about the first samples of a task, in the order of asking.

    Args:
        task: the task.
        settings: data directory and limit.
        count: how many samples at most.

    Raises:
        MissingDataError, DataError: as `prepare`.
    """
    first = islice((pair for pair in _asked(task, settings) if not pair[0].defect), count)
    return [request for _, request in _in_order(first, lambda pair: pair)]


def _batches(works: Sequence[Work], packs: Mapping[str, int], size: int) -> list[list[Work]]:
    """Samples as they are asked, and no batch across two packs."""
    by_pack: dict[int, list[Work]] = {}
    for work in works:
        if not work.sample.defect:
            by_pack.setdefault(packs[work.sample.image_id], []).append(work)
    found = []
    for pack in sorted(by_pack):
        in_order = _in_order(by_pack[pack], lambda work: (work.sample, work.request))
        found += [in_order[start : start + size] for start in range(0, len(in_order), size)]
    return found


def _in_order(asked: Iterable[Asked], parts: Callable[[Asked], tuple[Sample, Request]]) -> list[Asked]:
    """What is asked of an image stands together, the shortest first: what is alike in length needs little padding."""
    by_image: dict[str, list[tuple[int, Asked]]] = {}
    for one in asked:
        sample, request = parts(one)
        by_image.setdefault(sample.image_id, []).append((len(request.prompt), one))
    return [one for group in by_image.values() for _, one in sorted(group, key=itemgetter(0))]
