"""Damaged logs of other harnesses, and answers that pass through lmms-eval: the documented error, or a run."""

import json
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from random import Random

import orjson
import pytest
from PIL import Image

from harness.errors import GeoPixError
from harness.exchange.import_command import import_logs
from harness.exchange.lmms_eval.bridge import RECORD
from harness.exchange.lmms_eval.wire import pack_response, unpack_response
from harness.parsers.mask import MaskParser
from harness.records import ImageFile, Mask, Response, Sample
from harness.store import encode
from tests.fuzz.conftest import Watchman
from tests.fuzz.mutation import damage, damage_json
from tests.fuzz.test_records import RECORD as OURS
from tests.fuzz.tries import many_seeds

STAMP, TIME = "20261101_101500", "2026-11-01T10-15-00.123456"
RESULTS = {
    "results": {"mme": {"exact_match,none": 0.75, "bleu,none": 0.75}},
    "higher_is_better": {"mme": {"exact_match": True, "bleu": False}},
    "n-samples": {"mme": {"original": 9, "effective": 3}},
    "config": {"model": "llava", "model_args": "pretrained=x", "batch_size": 1},
    "lmms_eval_version": "0.7.3", "model_name": "x", "date": STAMP,
}  # fmt: skip


def write(file: Path, lines: list[dict[str, object]]) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("".join(json.dumps(line) + "\n" for line in lines), "utf-8")


def lmms(folder: Path) -> None:
    write(folder / f"{STAMP}_samples_mme.jsonl", [
        {"doc_id": n, "input": f"Thing {n}?", "target": "yes", "filtered_resps": ["yes"], "exact_match": 1.0,
         "bleu": {"score": 0.5, "image_id": "0"}} for n in range(3)
    ])  # fmt: skip
    (folder / f"{STAMP}_results.json").write_text(json.dumps(RESULTS))


def ours(folder: Path) -> None:
    line = encode(OURS).decode()
    write(folder / f"{STAMP}_samples_geopix_rsvqa_hr.jsonl", [
        {"doc_id": n, "input": "?", "target": "yes", "filtered_resps": ["yes"], RECORD: line} for n in range(2)
    ])  # fmt: skip


def lm_eval(folder: Path) -> None:
    write(folder / "x" / f"samples_mmmu_val_{TIME}.jsonl", [
        {"doc_id": n, "target": n, "arguments": {"gen_args_0": {"arg_0": "Q", "arg_1": {}}}, "filtered_resps": ["1"],
         "metrics": ["acc"], "acc": 1.0} for n in range(3)
    ])  # fmt: skip
    results = {"config": {"model": "hf"}, "model_name": "x", "higher_is_better": {"mmmu_val": {"acc": True}}}
    (folder / "x" / f"results_{TIME}.json").write_text(json.dumps(results))


def vlmevalkit(folder: Path) -> None:
    rows = [
        {"index": n, "question": "?", "answer": "A", "prediction": "A", "hit": 1, "category": "c"} for n in range(3)
    ]
    place = folder / "Qwen"
    place.mkdir(parents=True)
    (place / "Qwen_MMBench.json").write_text(json.dumps(rows))
    names = list(rows[0])
    lines = ["\t".join(names), *("\t".join(str(row[name]) for name in names) for row in rows)]
    (place / "Qwen_Other.tsv").write_text("\n".join(lines))


LOGS: dict[str, tuple[str, Callable[[Path], None]]] = {
    "lmms": ("lmms", lmms), "ours": ("lmms", ours), "lm-eval": ("lm-eval", lm_eval),
    "vlmevalkit": ("vlmevalkit", vlmevalkit),
}  # fmt: skip


def imported(form: str, place: Path, task: str | None = None) -> int:
    return import_logs(
        command=("import",), form=form, folder=place / "logs", task=task, output=place / "run", model_name=None, seed=0,
        task_dirs=(), judge=None, judge_options=(), judge_cache=None,
    )  # fmt: skip


@pytest.mark.parametrize("kind", list(LOGS))
def test_the_good_logs_are_read(kind: str, tmp_path: Path) -> None:
    form, make = LOGS[kind]
    make(tmp_path / "logs")
    assert imported(form, tmp_path) == 0


@pytest.mark.parametrize("kind", list(LOGS))
@many_seeds
def test_damaged_logs(kind: str, seed: int, tmp_path_factory: pytest.TempPathFactory) -> None:
    random, place = Random(seed), tmp_path_factory.mktemp("logs")
    form, make = LOGS[kind]
    make(place / "logs")
    file = random.choice(sorted(path for path in place.rglob("*") if path.is_file()))
    whole = file.read_bytes()
    as_json = file.suffix != ".tsv" and random.random() < 0.7
    file.write_bytes(damage_json(whole, random) if as_json else damage(whole, random))
    with suppress(GeoPixError):
        imported(form, place, random.choice([None, None, "rsvqa_lr"]))
    assert {path.relative_to(place).parts[0] for path in place.rglob("*")} <= {"logs", "run"}


PACKED = Response("It is <SEG>.", (Mask((30, 40), "`U1"),), ((1, 2, 3, 4),), reason="cut", box_family="qwen2_5_vl",
                  seen=(28, 42))  # fmt: skip


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Sample:
    picture = tmp_path_factory.mktemp("picture") / "a.png"
    Image.new("RGB", (40, 30)).save(picture)
    return Sample("1", (ImageFile("a", picture),), {}, OURS.target, {})


@many_seeds
def test_whatever_a_model_of_lmms_eval_says_is_an_answer(seed: int, sample: Sample, watchman: Watchman) -> None:
    random = Random(seed)
    good = pack_response(PACKED).encode()
    said = damage_json(good, random) if random.random() < 0.7 else damage(good, random)
    with watchman.nothing_done():
        response = unpack_response(said.decode("utf-8", "replace"))
        orjson.dumps(response)
        assert MaskParser().parse(response, sample).status in ("ok", "unparsed", "empty")
