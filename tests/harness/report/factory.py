"""Run directories made of records, synthetic pictures and masks: what a report reads, without a model."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image
from pycocotools import mask as coco

from harness.records import Mask, Prediction, Record, Response, Target
from harness.results import Counts, MetricCard, RunManifest, Score, Slice, TaskResult
from harness.store import RunDirectory, preview_name

SIDE = 160

OA = MetricCard(
    name="oa",
    metric="accuracy",
    options={},
    primary=True,
    unit="percent",
    direction="higher",
    formula="right answers / all answers",
    source="arXiv:2003.07333",
)
MIOU = MetricCard(
    name="miou",
    metric="mean_iou",
    options={"preset": "rmsin"},
    primary=True,
    unit="percent",
    direction="higher",
    formula="mean of intersection / union over the samples",
    source="arXiv:2312.12470",
)
OIOU = MetricCard("oiou", "cumulative_iou", {}, False, "percent", "higher", "sum of I / sum of U", "arXiv:2312.12470")
HIDDEN = MetricCard("seconds", "seconds", {}, False, "score", "lower", "seconds a sample", "this harness")


def manifest(model: str, data_dir: Path, **changes: object) -> RunManifest:
    values: dict[str, object] = {
        "model": model,
        "argument": f"{model}/",
        "digest": "d1" * 32,
        "settings": {"device": "cpu", "dtype": "float32"},
        "versions": {"python": "3.11.4", "geopix": "0.1.0"},
        "command": ("geopix-eval", "--tasks", "rsvqa_hr,rrsis", "--model", model),
        "started": "2026-11-23T10:00:00Z",
        "seed": 0,
        "data_dir": str(data_dir),
    }
    return RunManifest(**(values | changes))  # type: ignore[arg-type]


def picture(seed: int) -> Image.Image:
    """An aerial-looking texture: fields, a road, a roof."""
    rng = np.random.default_rng(seed)
    coarse = rng.integers(60, 150, (5, 5, 3)) * np.array([0.85, 1.0, 0.7])
    land = Image.fromarray(coarse.astype(np.uint8)).resize((SIDE, SIDE), Image.Resampling.BICUBIC)
    pixels = np.asarray(land).astype(int) + rng.integers(-12, 12, (SIDE, SIDE, 1))
    road, top = rng.integers(20, 140), rng.integers(10, 100)
    pixels[:, road : road + 9] = 150
    pixels[top : top + 30, 60:100] = (170, 90, 70)
    return Image.fromarray(pixels.clip(0, 255).astype(np.uint8))


def rectangle(x: int, y: int, width: int, height: int) -> Mask:
    dense = np.zeros((SIDE, SIDE), dtype=np.uint8, order="F")
    dense[y : y + height, x : x + width] = 1
    return Mask((SIDE, SIDE), coco.encode(dense)["counts"].decode())


def area(*masks: Mask, both: bool = False) -> float:
    found = [{"size": list(mask.size), "counts": mask.counts.encode()} for mask in masks]
    return float(coco.area(coco.merge(found, intersect=both)))


def record(
    sample_id: str,
    *,
    prompt: str = "Is there water?",
    target: Target | None = None,
    response: Response | None = None,
    prediction: Prediction | None = None,
    statistics: dict[str, dict[str, float]] | None = None,
    image: str = "1",
    tags: dict[str, str] | None = None,
) -> Record:
    return Record(
        key="k" + sample_id,
        sample_id=sample_id,
        cluster=image,
        images=(image,),
        image_files=(f"images/{image}.png",),
        prompt=prompt,
        fields={"question": prompt},
        target=target or Target(texts=("yes",)),
        response=response or Response(text="Yes."),
        prediction=prediction or Prediction("ok", text="yes"),
        statistics={"oa": {"correct": 1.0, "count": 1.0}} if statistics is None else statistics,
        tags=tags or {},
    )


def result(task: str, cards: Sequence[MetricCard], records: Sequence[Record], **changes: object) -> TaskResult:
    counts = Counts(**Counter(found.prediction.status for found in records))
    tags = sorted({value for found in records for value in found.tags.values()})
    values: dict[str, object] = {
        "task": task,
        "title": "A benchmark, test split",
        "version": 1,
        "capability": "vqa",
        "task_digest": "aa" * 32,
        "data_digest": "bb" * 32,
        "prompt_digest": "cc" * 32,
        "cluster": "image_id",
        "counts": counts,
        "metrics": tuple(cards),
        "scores": tuple(score(card.name, records) for card in cards),
        "slices": tuple(
            Slice(
                "type", tag, tuple(score(card.name, [r for r in records if tag in r.tags.values()]) for card in cards)
            )
            for tag in tags
        ),
        "seconds": 12.5,
        "tokens": 4321,
        "paper": "arXiv:2003.07333",
        "licence": "CC BY 4.0",
        "url": "https://example.org/data",
        "notes": ("a note",),
    }
    return TaskResult(**(values | changes))  # type: ignore[arg-type]


def score(name: str, records: Sequence[Record]) -> Score:
    """A plausible score; the statistics module is tested elsewhere."""
    values = [
        found["correct"] if "correct" in found else found.get("iou", 0.0)
        for found in (one.statistics.get(name, {}) for one in records)
        if found
    ]
    if not values:
        return Score(name, None, None, None, 0, 0)
    mean, half = float(np.mean(values)), 1.96 * float(np.std(values)) / len(values) ** 0.5
    clusters = len({one.cluster for one in records})
    return Score(name, mean, max(0.0, mean - half), min(1.0, mean + half), len(values), clusters)


def vqa_records(count: int, skill: float, seed: int) -> list[Record]:
    rng = np.random.default_rng(seed)
    records = []
    for index in range(count):
        kind = ("presence", "count", "area")[index % 3] if index % 40 else "comparison"
        right = bool(rng.random() < skill)
        prediction = Prediction("ok", text="yes" if right else "no")
        response = Response("Yes." if right else "No, there is none.", seconds=0.1, tokens=4)
        statistics = {"oa": {"correct": float(right), "count": 1.0}}
        if index % 23 == 5:
            prediction = Prediction("unparsed", "expected yes or no, found 31 words")
            response = Response("I am sorry, but from this picture alone it is hard to say. " * 3)
            statistics = {"oa": {"correct": 0.0, "count": 1.0}}
        if index % 31 == 7:
            prediction, response = Prediction("empty", "the answer has no words"), Response("")
            statistics = {"oa": {"correct": 0.0, "count": 1.0}}
        records.append(
            record(
                f"q{index}",
                prompt=f"Is there a {('road', 'building', 'water area')[index % 3]} in the image?\n"
                "Answer the question using a single word or phrase.",
                image=str(index // 6),
                tags={"type": kind},
                response=response,
                prediction=prediction,
                statistics=statistics,
            )
        )
    broken = f"image {records[3].images[0]}: truncated at byte 1832"
    records[3] = record(
        "q3", prediction=Prediction("failed", broken), statistics={}, image="0", tags={"type": "presence"}
    )
    return records


def segment_records(count: int, shift: int) -> list[Record]:
    records = []
    for index in range(count):
        truth = rectangle(20 + 3 * index % 60, 30, 50, 40)
        moved = rectangle(20 + 3 * index % 60 + shift + index % 9, 34, 48, 44)
        overlap, union = area(truth, moved, both=True), area(truth, moved)
        statistics = {
            "miou": {"iou": overlap / union, "count": 1.0},
            "oiou": {"intersection": overlap, "union": union},
        }
        prediction = Prediction("ok", masks=(moved,))
        response = Response("Sure, [SEG].", masks=(moved,))
        if index % 9 == 4:
            prediction, response = Prediction("empty", "the answer has no mask"), Response("It is not visible.")
            statistics = {
                "miou": {"iou": 0.0, "count": 1.0},
                "oiou": {"intersection": 0.0, "union": area(truth)},
            }
        records.append(
            record(
                f"s{index}",
                prompt="The gray ship on the left of the large harbor",
                image=str(index),
                tags={"type": ("ship", "harbor")[index % 2]},
                target=Target(masks=(truth,)),
                response=response,
                prediction=prediction,
                statistics=statistics,
            )
        )
    return records


def write_run(
    path: Path, about: RunManifest, tasks: Sequence[tuple[TaskResult, Sequence[Record]]], previews: bool = True
) -> RunDirectory:
    run = RunDirectory(path)
    run.open(about)
    for outcome, records in tasks:
        (path / outcome.task).mkdir(parents=True, exist_ok=True)
        run.close_task(outcome, list(records))
        if previews:
            folder = run.previews(outcome.task)
            folder.mkdir()
            for image in sorted({found.images[0] for found in records})[:80]:
                picture(int(image)).save(folder / preview_name(image), "WEBP", quality=60)
    return run


def two_runs(root: Path) -> Path:
    """Two runs with a task of questions and a task of masks each; returns the folder that holds them."""
    for name, skill, shift, seed in (("geopix-mini", 0.8, 3, 1), ("baseline:constant", 0.55, 16, 2)):
        answers, masks = vqa_records(240, skill, seed), segment_records(36, shift)
        write_run(
            root / name.replace(":", "-"),
            manifest(name, root / "data"),
            [
                (result("rsvqa_hr", [OA, HIDDEN], answers, title="RSVQA-HR, test set 1"), answers),
                (result("rrsis", [MIOU, OIOU], masks, title="RRSIS-D, test split", capability="refer"), masks),
            ],
        )
    return root
