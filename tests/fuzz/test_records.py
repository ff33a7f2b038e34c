"""Damaged run directories: the documented error, or a record; never anything else."""

import dataclasses
from contextlib import suppress
from pathlib import Path
from random import Random

import pytest

from harness.errors import DataError, GeoPixError
from harness.records import Mask, Prediction, Record, Response, Target
from harness.store import RECORDS_FILE, RESULT_FILE, RUN_FILE, RunDirectory, decode, encode, read_records
from tests.fuzz.conftest import Watchman
from tests.fuzz.mutation import damage, damage_json
from tests.fuzz.tries import many_seeds
from tests.harness.report.factory import two_runs

RECORD = Record(
    key="k" * 64, sample_id="1", cluster="a", images=("a",), image_files=("SMALL/a.tif",),
    prompt="Is it?", fields={"q": "é"}, target=Target(("yes",), (Mask((2, 2), "04"),), ((0, 0, 1, 1),)),
    response=Response("yes", (Mask((2, 2), "04"),), seconds=0.5, tokens=3),
    prediction=Prediction("ok", text="yes"), statistics={"oa": {"right": 1.0, "n": 1.0}}, tags={"type": "presence"},
)  # fmt: skip


@many_seeds
def test_damaged_lines_are_no_record_or_a_record(seed: int) -> None:
    random = Random(seed)
    line = encode(RECORD)
    damaged = damage(line, random) if random.random() < 0.5 else damage_json(line, random)
    with suppress(ValueError):
        assert isinstance(decode(damaged), Record)


@many_seeds
def test_a_damaged_file_of_records_is_told_of(seed: int, tmp_path: Path) -> None:
    path = tmp_path / "records.jsonl"
    lines = b"".join(encode(dataclasses.replace(RECORD, sample_id=str(number))) for number in range(3))
    path.write_bytes(damage(lines, Random(seed)))
    with suppress(DataError):
        assert all(isinstance(record, Record) for record in read_records(path))


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> RunDirectory:
    place = two_runs(tmp_path_factory.mktemp("runs"))
    return RunDirectory(sorted(path.parent for path in place.rglob(RUN_FILE))[0])


@many_seeds
def test_a_damaged_run_is_told_of(seed: int, run: RunDirectory, watchman: Watchman) -> None:
    random = Random(seed)
    files = [
        run.path / RUN_FILE,
        *sorted(run.path.glob(f"*/{RESULT_FILE}")),
        *sorted(run.path.glob(f"*/{RECORDS_FILE}")),
    ]
    file = random.choice(files)
    whole = file.read_bytes()
    file.write_bytes(damage(whole, random) if random.random() < 0.4 else damage_json(whole, random))
    try:
        with watchman.nothing_done(), suppress(GeoPixError):
            run.manifest()
            for task in run.tasks():
                run.result(task)
                list(run.records(task))
    finally:
        file.write_bytes(whole)
