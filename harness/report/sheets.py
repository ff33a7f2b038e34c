"""Every sample of a task as columns of plain data, for the page's sample browser."""

import base64
import gzip
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

import orjson

from harness.records import Mask, Prediction, Record
from harness.report.cards import MOST_BOXES, box_text
from harness.report.contents import Task
from harness.report.formatting import shorten, visible
from harness.report.pictures import Picture
from harness.report.samples import yes_or_no

STATUSES = ("ok", "unparsed", "empty", "failed", "absent")
LONGEST = 1500
CHUNK = 200


@dataclass(frozen=True)
class Sheet:
    """A task's samples.

    Attributes:
        content: the columns, packed.
        masks: masks by row number, packed, one a chunk of rows; empty where they stand in `content`.
    """

    content: str
    masks: tuple[str, ...]


def whole_sheet(task: Task) -> Sheet:
    """Returns a task's samples with pictures and masks of all of them, masks in chunks to be fetched when needed."""
    rows = _rows(task)
    chunks = [rows[start : start + CHUNK] for start in range(0, len(rows), CHUNK)]
    masks = [_masks(task, chunk) for chunk in chunks]
    drawn = any(masks)
    content = _columns(task, rows, chosen=None) | {"chunk": CHUNK if drawn else 0}
    return Sheet(pack(content), tuple(pack(found) for found in masks) if drawn else ())


def slim_sheet(task: Task) -> Sheet:
    """Returns a task's samples with pictures and masks of those that have a card only, so that one file stays small."""
    chosen = {card.choice.sample_id for card in task.cards}
    rows = _rows(task)
    masks = _masks(task, [(number, name) for number, name in rows if name in chosen])
    return Sheet(pack(_columns(task, rows, chosen) | {"chunk": 0, "masks": masks}), ())


def pack(data: object) -> str:
    """Returns data as JSON, compressed, in letters that are safe in HTML; the same data gives the same letters."""
    return base64.b64encode(gzip.compress(orjson.dumps(data), compresslevel=9, mtime=0)).decode()


def _rows(task: Task) -> list[tuple[int, str]]:
    return list(enumerate(dict.fromkeys(chain.from_iterable(task.tables))))


def _columns(task: Task, rows: Sequence[tuple[int, str]], chosen: set[str] | None) -> dict[str, Any]:
    records = [next(table[name] for table in task.tables if name in table) for _, name in rows]
    pictures, places = _pictures(task, records, chosen)
    card = task.primary.card
    return {
        "task": _text(task.name),
        "metric": {"name": _text(card.name), "unit": card.unit, "higher": card.direction == "higher"},
        "yes_or_no": _all_yes_or_no(task),
        "runs": [_text(run.label) for run in task.runs],
        "ids": [_text(name) for _, name in rows],
        "prompts": [_text(record.prompt) for record in records],
        "truths": [_text(" · ".join(record.target.texts[:5])) for record in records],
        "boxes": _sparse([", ".join(map(box_text, record.target.boxes[:8])) for record in records]),
        "tags": {_text(tag): [_text(record.tags.get(tag, "")) for record in records] for tag in _tags(records)},
        "pictures": pictures,
        "places": places,
        "answers": [
            _answers([table.get(name) for _, name in rows], [scores.get(name) for _, name in rows], records)
            for table, scores in zip(task.tables, task.scores, strict=True)
        ],
    }


def _tags(records: Sequence[Record]) -> list[str]:
    return sorted({tag for record in records for tag in record.tags})


def _all_yes_or_no(task: Task) -> bool:
    name = task.primary.card.name
    known = [
        record.statistics[name] for table in task.tables for record in table.values() if record.statistics.get(name)
    ]
    return bool(known) and all(map(yes_or_no, known))


def _pictures(
    task: Task, records: Sequence[Record], chosen: set[str] | None
) -> tuple[list[list[Any]], list[list[int]]]:
    """The pictures, and for each record the numbers of its own; of the chosen samples only, or of all for None."""
    numbers: dict[str, int] = {}
    pictures: list[list[Any]] = []
    places = []
    for record in records:
        own = []
        for index, image in enumerate(record.images if chosen is None or record.sample_id in chosen else ()):
            if image not in numbers:
                file = record.image_files[index] if index < len(record.image_files) else ""
                numbers[image] = len(pictures)
                pictures.append(_picture(task.album.picture(image, file), embedded=chosen is not None))
            own.append(numbers[image])
        places.append(own)
    return pictures, places


def _picture(picture: Picture, embedded: bool) -> list[Any]:
    """Address (of an embedded picture, the element that has it), size, why there is none, and the image's own size."""
    address = f"#{picture.key}" if embedded and picture.address else picture.address
    return [address, picture.width, picture.height, _text(picture.problem or ""), *(picture.full or ())]


def _answers(
    records: Sequence[Record | None], scores: Sequence[float | None], firsts: Sequence[Record]
) -> dict[str, Any]:
    said = [record.response if record else None for record in records]
    read = [record.prediction if record else None for record in records]
    return {
        "status": "".join(str(STATUSES.index(one.status if one else "absent")) for one in read),
        "scores": [None if score is None else round(score, 4) for score in scores],
        "parsed": _sparse([_text(one.text or "") if one else "" for one in read]),
        "raw": _sparse([_text(one.text) if one else "" for one in said]),
        "reasons": _sparse([_text(one.reason or "") if one else "" for one in read]),
        "remarks": _sparse([_text(one.reason or "") if one else "" for one in said]),
        "boxes": _sparse([", ".join(map(box_text, one.boxes[:8])) if one else "" for one in read]),
        "prompts": _sparse(
            [
                _text(record.prompt) if record and record.prompt != first.prompt else ""
                for record, first in zip(records, firsts, strict=True)
            ]
        ),
        "statistics": _statistics([record.statistics if record else {} for record in records]),
    }


def _statistics(found: Sequence[Mapping[str, Mapping[str, float]]]) -> dict[str, dict[str, list[float | None]]]:
    """Each metric's statistics as columns."""
    names = {metric: sorted({s for one in found for s in one.get(metric, {})}) for metric in _metrics(found)}
    return {
        _text(metric): {
            _text(name): [_short(one.get(metric, {}).get(name)) for one in found] for name in statistics[:40]
        }
        for metric, statistics in names.items()
    }


def _metrics(found: Sequence[Mapping[str, Mapping[str, float]]]) -> list[str]:
    return sorted({metric for one in found for metric in one})


def _short(value: float | None) -> float | None:
    return None if value is None else float(f"{value:.6g}")


def _sparse(texts: list[str]) -> list[str] | dict[str, str]:
    """A column of texts; where most are empty, the others alone by row number."""
    filled = {str(number): text for number, text in enumerate(texts) if text}
    return filled if len(filled) < len(texts) / 2 else texts


def _masks(task: Task, rows: Sequence[tuple[int, str]]) -> dict[str, Any]:
    """True masks and boxes, and each run's, by row number; rows without any are left out."""
    found = {}
    for number, name in rows:
        records = [table.get(name) for table in task.tables]
        truth = next(record.target for record in records if record)
        answers = [record.prediction if record else Prediction("failed") for record in records]
        if truth.masks or truth.boxes or any(answer.masks or answer.boxes for answer in answers):
            found[str(number)] = {
                "truth": _plain(truth.masks),
                "answers": [_plain(answer.masks) for answer in answers],
                "boxes": truth.boxes[:MOST_BOXES],
                "found": [answer.boxes[:MOST_BOXES] for answer in answers],
            }
    return found


def _plain(masks: Sequence[Mask]) -> list[list[Any]]:
    return [[*mask.size, mask.counts] for mask in masks]


def _text(text: str) -> str:
    return shorten(str(visible(text)), LONGEST)
