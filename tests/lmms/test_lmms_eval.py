"""lmms-eval itself, in an environment of its own: our tasks and models in it, and its logs back here."""

import json
import os
import subprocess
import sys
import venv
from pathlib import Path

import pytest
from click.testing import CliRunner

from geopix.earth.make import make_earth
from harness.cli import main
from harness.store import RunDirectory

ROOT = Path(__file__).resolve().parents[2]
LMMS_EVAL = "lmms-eval==0.7.3"
#: lmms-eval asks for them; the wheels of the package index are built for CUDA and break a CPU build of torch.
BROKEN = ("torchvision", "timm")
TASKS = ("rsvqa_hr", "rrsis")

pytestmark = pytest.mark.slow


def run(*words: object, **variables: str) -> str:
    done = subprocess.run(
        [str(word) for word in words], env=os.environ | variables, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-6000:]
    return done.stdout


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The interpreter of an environment with lmms-eval and this package; GEOPIX_LMMS_ENV names one that is there."""
    if place := os.environ.get("GEOPIX_LMMS_ENV"):
        return Path(place) / "bin/python"
    folder = tmp_path_factory.mktemp("lmms") / "env"
    found = subprocess.run(
        [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "-d", str(folder.parent), LMMS_EVAL], check=False
    )
    if found.returncode:
        pytest.skip(f"needs {LMMS_EVAL} from the package index")
    venv.create(folder, with_pip=True)
    # Our tested set and lmms-eval's own pins do not go together; torch alone must be a build without CUDA.
    torch = next(line for line in (ROOT / "constraints.txt").read_text().splitlines() if line.startswith("torch=="))
    run(folder / "bin/pip", "install", "-q", torch, f"{ROOT}[model]", LMMS_EVAL)
    run(folder / "bin/pip", "uninstall", "-q", "-y", *BROKEN)
    return folder / "bin/python"


def geopix_eval(*words: object) -> None:
    done = CliRunner().invoke(main, [str(word) for word in words])
    assert done.exit_code == 0, done.output


def lmms_eval(python: Path, place: Path, tasks: str) -> None:
    run(python, "-m", "lmms_eval", "--include_path", place / "tasks", "--tasks", tasks, "--model", "geopix",
        "--model_args", "model=geopix-mini,device=cpu", "--batch_size", "16", "--log_samples", "--output_path",
        place / "logs", HF_HUB_OFFLINE="1", HF_DATASETS_OFFLINE="1", HF_HOME=str(place / "hf"))  # fmt: skip


#: A task of lmms-eval's own kind: its documents and its metric know nothing of us.
FOREIGN = """\
task: foreign
dataset_path: json
dataset_kwargs: {data_files: {test: documents.jsonl}}
test_split: test
output_type: generate_until
doc_to_visual: !function foreign.doc_to_visual
doc_to_text: question
doc_to_target: answer
process_results: !function foreign.process_results
generation_kwargs: {max_new_tokens: 16, temperature: 0.0, do_sample: false, until: []}
metric_list:
  - {metric: is_words, aggregation: mean, higher_is_better: true}
"""
FOREIGN_FUNCTIONS = """\
def doc_to_visual(doc):
    from PIL import Image

    return [Image.open(doc["image"]).convert("RGB")]


def process_results(doc, results):
    return {"is_words": float(results[0].lower() in ("yes", "no"))}
"""


def test_no_picture_ends_the_run_and_tasks_of_others_get_words(python: Path, tmp_path: Path) -> None:
    earth = tmp_path / "earth"
    make_earth(earth, seed=12, images=3, splits=(("test", 1),))
    geopix_eval("export", "lmms", tmp_path / "tasks", "--tasks", "rrsis", "--data-dir", earth)
    pictures = sorted((earth / "rrsisd/images/rrsisd/JPEGImages").iterdir())
    place = tmp_path / "tasks" / "foreign"
    place.mkdir()
    (place / "foreign.yaml").write_text(FOREIGN)
    (place / "foreign.py").write_text(FOREIGN_FUNCTIONS)
    line = {"question": "Is there a building?", "answer": "yes", "image": str(pictures[0])}
    (place / "documents.jsonl").write_text(json.dumps(line) + "\n")
    pictures[1].write_bytes(pictures[1].read_bytes()[:200])

    lmms_eval(python, tmp_path, "geopix_rrsis,foreign")
    (results,) = (tmp_path / "logs").rglob("*_results.json")
    assert json.loads(results.read_text())["results"]["foreign"]["is_words,none"] == 1.0
    for log in (tmp_path / "logs").rglob("*_samples_foreign.jsonl"):
        log.unlink()
    geopix_eval("import", "lmms", tmp_path / "logs", "--output", tmp_path / "back")
    records = list(RunDirectory(tmp_path / "back").records("rrsis"))
    torn = [record for record in records if record.image_files[0].endswith(pictures[1].name)]
    assert torn
    assert all("cannot be read" in str(record.prediction.reason) for record in torn)
    assert any(record.prediction.status == "ok" for record in records)


def test_the_same_numbers_there_and_back(python: Path, tmp_path: Path) -> None:
    earth, logs = tmp_path / "earth", tmp_path / "logs"
    make_earth(earth, seed=12, images=6, splits=(("test", 1),))
    names = ",".join(TASKS)
    geopix_eval("--tasks", names, "--model", "geopix-mini", "--model-option", "device=cpu", "--data-dir", earth,
                "--output", tmp_path / "here")  # fmt: skip
    here = RunDirectory(tmp_path / "here")
    geopix_eval("export", "lmms", tmp_path / "tasks", "--tasks", names, "--data-dir", earth)

    lmms_eval(python, tmp_path, "geopix_rsvqa_hr,geopix_rrsis")
    (results,) = logs.rglob("*_results.json")
    there = json.loads(results.read_text())["results"]
    for task in TASKS:
        for score in here.result(task).scores:
            assert there[f"geopix_{task}"][f"{score.name},none"] == pytest.approx(score.value, abs=1e-12)

    geopix_eval("import", "lmms", logs, "--output", tmp_path / "back")
    back = RunDirectory(tmp_path / "back")
    for task in TASKS:
        assert back.result(task).scores == here.result(task).scores
        assert back.result(task).counts == here.result(task).counts
