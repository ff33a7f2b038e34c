"""What a model is taught: the mixture's samples as questions and answers about images."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from geopix.processing import PROMPT_TEMPLATE, SEG, TASKS
from geopix.tokenizer import IMAGE_TOKEN
from geopix.training.recipe import Source
from harness.catalog import Catalogue
from harness.errors import ConfigurationError, DataError
from harness.located_yaml import Document
from harness.plugins import Plugins
from harness.preparation import data_root
from harness.prompts import PromptTemplate
from harness.records import ImageFile, Mask, Sample
from harness.spec import Task, build

SHORTEST_ANSWER = f"It is {SEG}."
PAIR_ANSWER = f"They are {SEG} and {SEG}."


@dataclass(frozen=True)
class Turn:
    """One question and its answer.

    Attributes:
        capability: vqa, segment and so on; decides the identifier before the question.
        question: the words of the question.
        answer: the words of the answer, `<SEG>` for each mask.
        masks: the answer's masks, in order.
        classes: the masks' category names, in order; "" where unknown.
        subject: what a segmentation question asks for, by which two questions can be joined; "" otherwise.
        phrasings: other ways to put the same question.
    """

    capability: str
    question: str
    answer: str
    masks: tuple[Mask, ...] = ()
    classes: tuple[str, ...] = ()
    subject: str = ""
    phrasings: tuple[str, ...] = ()


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
    weight: float


def lessons(sources: Sequence[Source], data_dir: Path, catalogue: Catalogue, plugins: Plugins) -> list[Lesson]:
    """Returns every image of a mixture with its questions, in the data sets' order.

    Raises:
        ConfigurationError: a source names an unknown task or option.
        MissingDataError: a data set is not below the data directory.
        DataError: a source holds samples that cannot be used; the first reasons are named.
    """
    found = []
    for source in sources:
        task = _task(source, catalogue, plugins)
        by_image: dict[str, list[Sample]] = {}
        for sample in _usable(task, data_dir):
            by_image.setdefault(sample.image_id, []).append(sample)
        own, *others = (PromptTemplate(text) for text in (task.spec.prompt, *source.phrasings))
        for samples in by_image.values():
            turns = tuple(_turn(task, own, others, sample) for sample in samples)
            found.append(Lesson(samples[0].images[0], turns, source.weight))
    return found


def texts(mixture: Sequence[Lesson]) -> Iterator[str]:
    """Yields all words of a mixture as the model will see them, for a tokenizer to learn from."""
    before, _, after = PROMPT_TEMPLATE.partition("{text}")
    for lesson in mixture:
        for turn in lesson.turns:
            for question in (turn.question, *turn.phrasings):
                yield f"{before.replace(IMAGE_TOKEN, '')}{TASKS[turn.capability]} {question}{after} {turn.answer}"


def _task(source: Source, catalogue: Catalogue, plugins: Plugins) -> Task:
    entry = catalogue.find(source.task)
    written = catalogue.resolve(entry)
    changed = Document({"dataset": source.dataset}, {(): written.place(())})
    return build(changed.over(written), entry.file, plugins)


def _usable(task: Task, data_dir: Path) -> Iterator[Sample]:
    root = data_root(task, data_dir)
    count = 0
    for sample in task.reader.samples(root):
        if sample.defect is not None:
            raise DataError(f"{root}: sample {sample.id} cannot be used for training: {sample.defect}")
        count += 1
        yield sample
    if not count:
        raise DataError(f"{root}: no sample of task {task.spec.name} with {task.spec.dataset.options}.")


def _turn(task: Task, own: PromptTemplate, others: Sequence[PromptTemplate], sample: Sample) -> Turn:
    question = own.render(sample.fields)
    phrasings = tuple(template.render(sample.fields) for template in others)
    match task.spec.capability:
        case "vqa":
            return Turn("vqa", question, sample.target.texts[0], phrasings=phrasings)
        case "segment":
            return Turn(
                capability="segment",
                question=question,
                answer=SHORTEST_ANSWER,
                masks=sample.target.masks,
                classes=(sample.tags.get("category", ""),),
                subject=sample.fields.get("expression", ""),
                phrasings=phrasings,
            )
        case other:
            raise ConfigurationError(f"task {task.spec.name}: training on capability {other!r} is not known yet.")


def draw(lesson: Lesson, count: int, pairs: float, random: np.random.Generator) -> list[Turn]:
    """Returns some of an image's questions, put in several ways, some segmentation questions joined in pairs.

    Half of the questions are put as their task puts them, the others in one of their other phrasings.

    Args:
        lesson: the image and its questions.
        count: how many at most.
        pairs: the chance that a segmentation question asks for a second target as well.
        random: the source of chance.
    """
    order = random.permutation(len(lesson.turns))[:count]
    chosen = [_phrased(lesson.turns[index], random) for index in order]
    return [_joined(turn, chosen, random) if turn.subject and random.random() < pairs else turn for turn in chosen]


def _phrased(turn: Turn, random: np.random.Generator) -> Turn:
    if not turn.phrasings or random.random() < 0.5:
        return turn
    return replace(turn, question=turn.phrasings[random.integers(len(turn.phrasings))])


def _joined(turn: Turn, others: Sequence[Turn], random: np.random.Generator) -> Turn:
    partners = [other for other in others if other.subject and other.masks != turn.masks]
    if not partners:
        return turn
    partner = partners[random.integers(len(partners))]
    return Turn(
        capability="segment",
        question=turn.question.replace(turn.subject, f"{turn.subject} and {partner.subject}"),
        answer=PAIR_ANSWER,
        masks=turn.masks + partner.masks,
        classes=turn.classes + partner.classes,
        subject="",
    )
