"""A task exported to lmms-eval is scored there as here: the same answers, the same numbers."""

import importlib.util
import math
from pathlib import Path
from types import ModuleType

import orjson
import pytest
from click.testing import CliRunner

from harness.cli import main
from harness.exchange.lmms_eval.bridge import RECORD
from harness.exchange.lmms_eval.wire import pack_response
from harness.store import RunDirectory


def geopix_eval(*words: object) -> str:
    done = CliRunner().invoke(main, [str(word) for word in words])
    assert done.exit_code == 0, done.output
    return done.output


@pytest.fixture(scope="module")
def exported(earth: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("lmms")
    geopix_eval("export", "lmms", folder, "--tasks", "rsvqa_hr,rrsis,dior_rsvg", "--data-dir", earth)
    return folder


def loaded(folder: Path) -> ModuleType:
    """The exported functions as lmms-eval loads them: from the file, under a name of its own."""
    specification = importlib.util.spec_from_file_location("scoring", folder / "scoring.py")
    assert specification is not None
    assert specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


@pytest.mark.parametrize("task", ["rsvqa_hr", "rrsis", "dior_rsvg"])
def test_the_scores_are_those_of_a_run_here(
    task: str, exported: Path, earth: Path, checkpoint: Path, tmp_path: Path
) -> None:
    geopix_eval("--tasks", task, "--model", checkpoint, "--model-option", "device=cpu", "--data-dir", earth,
                "--output", tmp_path / "run", "--fail-on-error", "never")  # fmt: skip
    run = RunDirectory(tmp_path / "run")
    answers = {record.sample_id: record.response for record in run.records(task)}
    scoring = loaded(exported / f"geopix_{task}")
    documents = [orjson.loads(line) for line in (exported / f"geopix_{task}/documents.jsonl").read_bytes().splitlines()]
    parts = []
    for document in documents:
        answer = answers[scoring.bridge.sample(document).id]
        assert answer is not None
        parts.append(scoring.process_results(document, [pack_response(answer)]))
    result = run.result(task)
    assert len(documents) == result.counts.total
    for place, score in enumerate(result.scores):
        there = getattr(scoring, f"aggregate_{place}")([part[score.name] for part in parts])
        assert there == score.value if score.value is not None else math.isnan(there)
    assert all(RECORD in part for part in parts)


def test_images_come_as_they_are_seen(exported: Path) -> None:
    document = orjson.loads((exported / "geopix_rrsis/documents.jsonl").read_bytes().splitlines()[0])
    (image,) = loaded(exported / "geopix_rrsis").doc_to_visual(document)
    assert (image.mode, image.size, Path(image.filename).is_file()) == ("RGB", (128, 128), True)


def test_a_task_that_changed_since_is_refused(exported: Path, tmp_path: Path) -> None:
    place = tmp_path / "geopix_rrsis"
    place.mkdir()
    text = (exported / "geopix_rrsis/scoring.py").read_text()
    (place / "scoring.py").write_text(text.replace("digest='", "digest='0"))
    document = orjson.loads((exported / "geopix_rrsis/documents.jsonl").read_bytes().splitlines()[0])
    with pytest.raises(
        Exception, match="is not the one that was exported: .* Export it again: geopix-eval export lmms"
    ):
        loaded(place).process_results(document, ["It is."])


def test_a_task_with_a_judge_is_refused(earth: Path, tmp_path: Path) -> None:
    done = CliRunner().invoke(
        main, ["export", "lmms", str(tmp_path), "--tasks", "vrsbench_vqa_judge", "--data-dir", str(earth)]
    )
    assert (done.exit_code, "asks a judge, and lmms-eval has none to ask" in done.output) == (2, True)
