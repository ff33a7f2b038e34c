"""Small run directories, for tests of the commands."""

from collections.abc import Sequence
from pathlib import Path

from harness.records import Prediction, Record, Response, Target
from harness.results import Counts, RunManifest, Score, Slice, TaskResult
from harness.store import RunDirectory
from tests.harness.comparison.evidence import ACCURACY


def write_run(folder: Path, right: int, *, model: str = "model", kinds: Sequence[str] = ("comp", "presence")) -> Path:
    """Writes a run of 100 answers to the task `small`, about 50 images; the first answers are right."""
    records = [record(number, number < right, kinds[number % len(kinds)]) for number in range(100)]
    run = RunDirectory(folder)
    run.open(RunManifest(model, model, "d" * 64, {}, {}, ("geopix-eval",), "2026-11-24T10:00:00+00:00", 0, "/data"))
    run.records_path("small").parent.mkdir()
    run.close_task(result(records), records)
    return folder


def record(number: int, right: bool, kind: str) -> Record:
    return Record(
        key="k",
        sample_id=str(number),
        cluster=str(number // 2),
        images=(str(number // 2),),
        image_files=(f"{number // 2}.png",),
        prompt="Is a secret here?",
        fields={},
        target=Target(texts=("yes",)),
        response=Response("The secret answer."),
        prediction=Prediction("ok", text="yes"),
        statistics={"oa": {"correct": float(right), "count": 1.0}},
        tags={"type": kind},
    )


def result(records: list[Record]) -> TaskResult:
    return TaskResult(
        task="small",
        title="A small test",
        version=1,
        capability="vqa",
        task_digest="t",
        data_digest="d",
        prompt_digest="p",
        cluster="image_id",
        counts=Counts(ok=len(records)),
        metrics=(ACCURACY,),
        scores=(score(records),),
        slices=tuple(slices(records)),
        seconds=12.5,
    )


def score(records: Sequence[Record]) -> Score:
    right = [record.statistics["oa"]["correct"] for record in records]
    return Score("oa", sum(right) / len(right), 0.1, 0.9, len(right), 50)


def slices(records: Sequence[Record]) -> list[Slice]:
    kinds = sorted({record.tags["type"] for record in records})
    chosen = {kind: [record for record in records if record.tags["type"] == kind] for kind in kinds}
    return [Slice("type", kind, (score(found),)) for kind, found in chosen.items()]
