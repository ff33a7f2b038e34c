"""Sample cards: one sample, its picture, its right answer, and what every run made of it."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal

from harness.errors import SampleError
from harness.records import Box, Record
from harness.report.masks import Overlay, overlay
from harness.report.pictures import SIDE, Album, Picture
from harness.report.runs import Run
from harness.report.samples import Choice, Scores, yes_or_no
from harness.results import MetricCard

MOST_BOXES = 50


Side = Literal["truth", "prediction"]


@dataclass(frozen=True)
class Frame:
    """A box at a picture's size: whose it is, its upper left corner, width and height."""

    side: Side
    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True)
class Answer:
    """One run's answer to a sample.

    Attributes:
        run: the run's label.
        record: its record; None where the run does not hold the sample.
        score: the sample's score by the primary metric; None where undefined.
        right_or_wrong: whether the score is one of right and wrong, and not a share.
        overlay: the masks to lay over the picture.
        problem: why masks could not be drawn.
        frames: the boxes to draw over the picture.
    """

    run: str
    record: Record | None
    score: float | None = None
    right_or_wrong: bool = False
    overlay: Overlay | None = None
    problem: str | None = None
    frames: tuple[Frame, ...] = ()


@dataclass(frozen=True)
class Card:
    """A sample as the page shows it.

    Attributes:
        choice: the sample and why it was chosen.
        record: the first run's record that holds it: prompt, fields, tags and right answer.
        pictures: its pictures; masks belong to the first.
        answers: one a run, in the runs' order.
        measure: what the samples' scores are called, `IoU` for example.
    """

    choice: Choice
    record: Record
    pictures: tuple[Picture, ...]
    answers: tuple[Answer, ...]
    measure: str

    @cached_property
    def drawn(self) -> bool:
        """Whether there are masks or boxes, so that each answer needs its own copy of the picture."""
        return any(answer.overlay or answer.problem or answer.frames for answer in self.answers)

    @cached_property
    def state(self) -> str:
        """What the cards are filtered by: the answers' statuses, and whether any is wrong."""
        statuses = {answer.record.prediction.status for answer in self.answers if answer.record}
        wrong = {"wrong"} if any(answer.score is not None and answer.score < 0.5 for answer in self.answers) else set()
        return " ".join(sorted(statuses | wrong))


@dataclass(frozen=True)
class Answers:
    """One run's answers to a task.

    Attributes:
        run: the run.
        table: its records by sample id.
        scores: its sample scores by sample id.
    """

    run: Run
    table: Mapping[str, Record]
    scores: Scores


def make_cards(
    choices: Sequence[Choice], answers: Sequence[Answers], metric: MetricCard, album: Album
) -> tuple[Card, ...]:
    """Returns the cards of a task.

    Args:
        choices: the samples to show.
        answers: the runs' answers.
        metric: the task's primary metric.
        album: where pictures come from.
    """
    return tuple(_card(choice, answers, metric, album) for choice in choices)


def _card(choice: Choice, answers: Sequence[Answers], metric: MetricCard, album: Album) -> Card:
    records = [answer.table.get(choice.sample_id) for answer in answers]
    first = next(record for record in records if record is not None)
    files = (*first.image_files, *[""] * len(first.images))
    pictures = tuple(album.picture(image, file) for image, file in zip(first.images, files, strict=False))
    pictures = tuple(_shaped(picture, first) for picture in pictures)
    shown = tuple(_answer(answer, choice.sample_id, metric.name, pictures[:1]) for answer in answers)
    return Card(choice, first, pictures, shown, _measure(metric, first))


def _measure(metric: MetricCard, record: Record) -> str:
    """What a sample's score is called."""
    return "IoU" if {"iou", "intersection"} & set(record.statistics.get(metric.name, {})) else metric.name


def _shaped(picture: Picture, record: Record) -> Picture:
    """Returns a picture that could not be had with the shape of the sample's masks, so that these can be drawn."""
    if picture.address or not record.target.masks:
        return picture
    height, width = record.target.masks[0].size
    factor = SIDE / max(1, height, width)
    return replace(picture, width=max(1, round(width * factor)), height=max(1, round(height * factor)))


def _answer(answers: Answers, sample: str, metric: str, pictures: tuple[Picture, ...]) -> Answer:
    record = answers.table.get(sample)
    if record is None:
        return Answer(answers.run.label, None)
    drawn, problem = _draw(record, pictures)
    return Answer(
        run=answers.run.label,
        record=record,
        score=answers.scores.get(sample),
        right_or_wrong=yes_or_no(record.statistics.get(metric, {})),
        overlay=drawn,
        problem=problem,
        frames=tuple(frame for picture in pictures for frame in _frames(record, picture)),
    )


def _draw(record: Record, pictures: tuple[Picture, ...]) -> tuple[Overlay | None, str | None]:
    truth, prediction = record.target.masks, record.prediction.masks
    for picture in pictures:
        try:
            return overlay(truth, prediction, picture.width, picture.height), None
        except SampleError as error:
            return None, str(error)
    return None, None


def full_size(record: Record, picture: Picture) -> tuple[int, int] | None:
    """Returns width and height of the image that a record's boxes lie in; None where they are not known."""
    for mask in (*record.target.masks, *record.prediction.masks):
        return mask.size[1], mask.size[0]
    return picture.full


def _frames(record: Record, picture: Picture) -> Iterator[Frame]:
    size = full_size(record, picture)
    if size is None:
        return
    sides: tuple[tuple[Side, tuple[Box, ...]], ...] = (
        ("truth", record.target.boxes),
        ("prediction", record.prediction.boxes),
    )
    for side, boxes in sides:
        for box in boxes[:MOST_BOXES]:
            yield _frame(side, box, picture.width / max(1, size[0]), picture.height / max(1, size[1]))


def _frame(side: Side, box: Box, across: float, down: float) -> Frame:
    x0, x1 = (round(max(-SIDE, min(2 * SIDE, value * across)), 1) for value in (box[0], box[2]))
    y0, y1 = (round(max(-SIDE, min(2 * SIDE, value * down)), 1) for value in (box[1], box[3]))
    return Frame(side, x0, y0, round(max(0.0, x1 - x0), 1), round(max(0.0, y1 - y0), 1))


def box_text(box: Box) -> str:
    """Returns a box in words.

    >>> box_text((1.0, 2.0, 30.5, 40.0))
    '1, 2 to 30.5, 40'
    """
    x0, y0, x1, y1 = (f"{value:g}" for value in box)
    return f"{x0}, {y0} to {x1}, {y1}"
