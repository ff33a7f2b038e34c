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


def test_the_same_numbers_there_and_back(python: Path, tmp_path: Path) -> None:
    earth, logs = tmp_path / "earth", tmp_path / "logs"
    make_earth(earth, seed=12, images=6, splits=(("test", 1),))
    names = ",".join(TASKS)
    geopix_eval("--tasks", names, "--model", "geopix-mini", "--model-option", "device=cpu", "--data-dir", earth,
                "--output", tmp_path / "here")  # fmt: skip
    here = RunDirectory(tmp_path / "here")
    geopix_eval("export", "lmms", tmp_path / "tasks", "--tasks", names, "--data-dir", earth)

    run(python, "-m", "lmms_eval", "--include_path", tmp_path / "tasks", "--tasks", "geopix_rsvqa_hr,geopix_rrsis",
        "--model", "geopix", "--model_args", "model=geopix-mini,device=cpu", "--batch_size", "16",
        "--log_samples", "--output_path", logs, HF_HUB_OFFLINE="1", HF_DATASETS_OFFLINE="1",
        HF_HOME=str(tmp_path / "hf"))  # fmt: skip
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
