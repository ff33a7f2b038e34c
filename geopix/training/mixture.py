"""What a model is taught: data sets that yield conversations about images, mixed by their weights.

`DataSet` is the seam for further kinds of data: whatever yields lessons can be part of a mixture.
"""

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Protocol

from geopix.boxes import format_box
from geopix.processing import PROMPT_TEMPLATE, SEG, TASKS
from geopix.tokenizer import IMAGE_TOKEN
from geopix.training.schema import Source
from harness.boxes import convert
from harness.catalog import Catalogue
from harness.errors import ConfigurationError, DataError, GeoPixError, SampleError
from harness.images import image_size
from harness.located_yaml import Document
from harness.plugins import Plugins
from harness.preparation import data_root
from harness.prompts import PromptTemplate
from harness.records import Box, ImageFile, Mask, Sample
from harness.spec import Task, build

SHORTEST_ANSWER = f"It is {SEG}."
PAIR_ANSWER = f"They are {SEG} and {SEG}."

#: The identifier before a question of each capability; those without a released one are asked as questions.
IDENTIFIERS = {capability: capability for capability in TASKS} | {"classify": "vqa", "choose": "vqa"}


@dataclass(frozen=True)
class Turn:
    """One question and its answer.

    Attributes:
        capability: vqa, segment and so on, a key of `TASKS`; decides the identifier before the question.
        question: the words of the question.
        answer: the words of the answer, `<SEG>` for each mask.
        masks: the answer's masks, in order.
        classes: the masks' category names, in order; "" where unknown.
        subject: what a segmentation question asks for, by which two questions can be joined; "" otherwise.
        phrasings: other ways to put the same question.
        id: the sample it was made from, by which messages name it.
    """

    capability: str
    question: str
    answer: str
    masks: tuple[Mask, ...] = ()
    classes: tuple[str, ...] = ()
    subject: str = ""
    phrasings: tuple[str, ...] = ()
    id: str = ""


@dataclass(frozen=True)
class Lesson:
    """An image with all that is asked about it.

    Attributes:
        image: the image.
        turns: questions and answers, in the data set's order.
        weight: how often it is drawn, relative to others.
    """

    image: ImageFile
    turns: tuple[Turn, ...]
    weight: float = 1.0


class DataSet(Protocol):
    """One data set of a mixture."""

    @property
    def name(self) -> str:
        """What messages and checkpoints call it."""

    def lessons(self, skipped: list[str]) -> Iterator[Lesson]:
        """Yields its images with their conversations, always in the same order.

        Args:
            skipped: gets the reason for each sample that is left out by the recipe's policy.

        Raises:
            DataError: a sample cannot be used, and the policy is to stop.
        """


@dataclass(frozen=True)
class Mixture:
    """All that a run teaches.

    Attributes:
        lessons: the images with their questions, data set by data set.
        digests: sha256 of each data set's conversations, in the recipe's order: (name, digest).
        skipped: why samples were left out.
    """

    lessons: tuple[Lesson, ...]
    digests: tuple[tuple[str, str], ...] = ()
    skipped: tuple[str, ...] = ()


def read_mixture(data_sets: Sequence[DataSet]) -> Mixture:
    """Reads data sets one after the other.

    Raises:
        DataError: a data set's files contradict their format, or a sample cannot be used.
    """
    found: list[Lesson] = []
    digests = []
    skipped: list[str] = []
    for data_set in data_sets:
        own = list(data_set.lessons(skipped))
        digests.append((data_set.name, digest_of(own)))
        found.extend(own)
    return Mixture(tuple(found), tuple(digests), tuple(skipped))


def digest_of(lessons: Sequence[Lesson]) -> str:
    """Returns the sha256 of what lessons teach: image ids, questions, answers and masks; not the images' bytes."""
    digest = hashlib.sha256()
    for lesson in lessons:
        turns = [asdict(turn) for turn in lesson.turns]
        digest.update(json.dumps([lesson.image.id, turns], sort_keys=True).encode() + b"\n")
    return digest.hexdigest()


def task_data(
    sources: Sequence[Source], data_dir: Path, catalogue: Catalogue, plugins: Plugins, on_defect: str = "stop"
) -> list["TaskData"]:
    """Returns a recipe's data sets, their folders found.

    Args:
        sources: what the recipe says of each.
        data_dir: the folder with the data sets.
        catalogue: finds tasks.
        plugins: readers and parsers.
        on_defect: `stop` or `skip` samples that a reader calls defective.

    Raises:
        GeoPixError: a source names an unknown task or option, or its data is not there; all such reasons.
    """
    found, problems = [], []
    for source in sources:
        try:
            task = changed_task(source.task, source.dataset, catalogue, plugins)
            found.append(TaskData(source, task, data_root(task, data_dir), on_defect))
        except GeoPixError as error:
            problems.append(error)
    raise_all(problems)
    return found


def raise_all(problems: Sequence[GeoPixError]) -> None:
    """Raises one error that says all problems, of the first one's kind; nothing where there are none."""
    if problems:
        raise type(problems[0])("\n".join(dict.fromkeys(map(str, problems))))


def changed_task(name: str, dataset: dict[str, object], catalogue: Catalogue, plugins: Plugins) -> Task:
    """Returns a task with keys of its data set set otherwise.

    Raises:
        ConfigurationError: the task or an option is unknown.
    """
    entry = catalogue.find(name)
    written = catalogue.resolve(entry)
    changed = Document({"dataset": dataset}, {(): written.place(())})
    return build(changed.over(written), entry.file, plugins)


@dataclass(frozen=True)
class TaskData:
    """A benchmark's split as conversations: through the reader, prompt and parser of one of the harness's tasks.

    Attributes:
        source: what the recipe says of it.
        task: the task, its data set's keys set as the recipe says.
        root: the data set's folder.
        on_defect: `stop` or `skip` samples that the reader calls defective.
    """

    source: Source
    task: Task
    root: Path
    on_defect: str = "stop"

    @property
    def name(self) -> str:
        """The task's name."""
        return self.task.spec.name

    def lessons(self, skipped: list[str]) -> Iterator[Lesson]:
        """Yields every image with its questions, in the data set's order.

        Raises:
            DataError: there is no sample, or one that cannot be used and the policy is to stop.
            ConfigurationError: a template names a field that the samples do not have.
        """
        prompt = self.task.spec.prompt if self.source.prompt is None else self.source.prompt
        own, *others = (PromptTemplate(text) for text in (prompt, *self.source.phrasings))
        by_image: dict[str, list[Turn]] = {}
        images: dict[str, ImageFile] = {}
        for sample in self._usable(skipped):
            images.setdefault(sample.image_id, sample.images[0])
            by_image.setdefault(sample.image_id, []).append(_turn(self.task, own, others, sample))
        if not images:
            raise DataError(f"{self.root}: no sample of task {self.name} with {self.task.spec.dataset.options}.")
        for image_id, turns in by_image.items():
            yield Lesson(images[image_id], tuple(turns), self.source.weight)

    def _usable(self, skipped: list[str]) -> Iterator[Sample]:
        for sample in self.task.reader.samples(self.root):
            if sample.defect is None:
                yield sample
                continue
            reason = f"{self.root}: sample {sample.id} cannot be used for training: {sample.defect}"
            if self.on_defect == "stop":
                raise DataError(f"{reason}\nMend it, or set `defects: {{sample: skip}}` to leave such samples out.")
            skipped.append(reason)


def texts(lessons: Sequence[Lesson]) -> Iterator[str]:
    """Yields all words of lessons as the model will see them, for a tokenizer to learn from."""
    before, _, after = PROMPT_TEMPLATE.partition("{text}")
    for lesson in lessons:
        for turn in lesson.turns:
            for question in (turn.question, *turn.phrasings):
                yield f"{before.replace(IMAGE_TOKEN, '')}{TASKS[turn.capability]} {question}{after} {turn.answer}"


def _turn(task: Task, own: PromptTemplate, others: Sequence[PromptTemplate], sample: Sample) -> Turn:
    capability = task.spec.capability
    masks = sample.target.masks if capability == "segment" else ()
    return Turn(
        capability=IDENTIFIERS[capability],
        question=own.render(sample.fields),
        answer=_answer(task, sample),
        masks=masks,
        classes=(sample.tags.get("category", ""),) * len(masks),
        subject=sample.fields.get("expression", "") if len(masks) == 1 else "",
        phrasings=tuple(template.render(sample.fields) for template in others),
        id=sample.id,
    )


def _answer(task: Task, sample: Sample) -> str:
    match task.spec.capability:
        case "segment" if len(sample.target.masks) == 1:
            return SHORTEST_ANSWER
        case "segment" if sample.target.masks:
            return f"They are {', '.join([SEG] * (len(sample.target.masks) - 1))} and {SEG}."
        case "refer" if sample.target.boxes:
            frame = getattr(task.parser, "scored_in", "pixels")
            return " ".join(_spoken(box, frame, sample) for box in sample.target.boxes)
        case "vqa" | "caption" | "classify" | "choose" if sample.target.texts:
            return sample.target.texts[0]
        case capability:
            raise ConfigurationError(
                f"task {task.spec.name}: sample {sample.id} has no right answer that can be taught as {capability!r}."
            )


def _spoken(box: Box, frame: str, sample: Sample) -> str:
    size = None if frame == "0-100" else image_size(sample.images[0])
    try:
        hundredths = convert(box, frame, "0-100", size)  # type: ignore[arg-type]
    except SampleError as error:
        raise DataError(f"sample {sample.id}: {error}") from error
    return format_box(hundredths, width=100, height=100)
