"""Small runs in memory, for tests of comparisons."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from harness.comparison.evidence import Evidence
from harness.records import Prediction, Record, Target
from harness.results import Counts, MetricCard, Score, TaskResult

ACCURACY = MetricCard("oa", "accuracy", {}, True, "percent", "higher", "right / asked", "")
OIOU = MetricCard("oiou", "cumulative_iou", {"preset": "rmsin"}, True, "percent", "higher", "I / U", "")


def result(
    card: MetricCard = ACCURACY, task: str = "small", version: int = 1, value: float | None = None
) -> TaskResult:
    return TaskResult(
        task=task,
        title="A small test",
        version=version,
        capability="vqa",
        task_digest="t" * 64,
        data_digest="d" * 64,
        prompt_digest="p" * 64,
        cluster="image_id",
        counts=Counts(),
        metrics=(card,),
        scores=(Score(card.name, value, None, None, 0, 0),),
        slices=(),
    )


def record(
    sample_id: str, statistics: Mapping[str, Mapping[str, float]], cluster: str, tags: Mapping[str, str] | None = None
) -> Record:
    status = Prediction("ok", text="yes") if statistics else Prediction("failed", "it broke")
    return Record("", sample_id, cluster, (), (), "", {}, Target(), None, status, statistics, tags or {})


def answers(
    label: str,
    right: Sequence[float | None],
    clusters: Sequence[str] | None = None,
    found: TaskResult | None = None,
) -> Evidence:
    """A run whose answers are right (1), wrong (0) or failed (None), each an image of its own unless said."""
    images = clusters or [f"image {number}" for number in range(len(right))]
    records = [
        record(f"sample {n}", {} if value is None else {"oa": {"correct": float(value), "count": 1.0}}, image)
        for n, (value, image) in enumerate(zip(right, images, strict=True))
    ]
    known = [value for value in right if value is not None]
    task = found or result()
    reason = None if known else "no sample is scored"
    score = replace(task.scores[0], value=sum(known) / len(known) if known else None, n=len(known), reason=reason)
    return Evidence.of_records(label, replace(task, scores=(score,)), records)


def masks(label: str, pixels: Sequence[tuple[float, float]], clusters: Sequence[str] | None = None) -> Evidence:
    """A run of masks with these intersections and unions."""
    images = clusters or [f"image {number}" for number in range(len(pixels))]
    records = [
        record(f"sample {n}", {"oiou": {"intersection": inside, "union": union}}, image)
        for n, ((inside, union), image) in enumerate(zip(pixels, images, strict=True))
    ]
    total = sum(inside for inside, _ in pixels) / sum(union for _, union in pixels)
    return Evidence.of_records(label, result(OIOU, value=total), records)
