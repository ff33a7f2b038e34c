"""The tasks of captions from end to end: on the files of Mini Earth, and on a real model's answers."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from geopix.earth.make import make_earth
from harness.catalog import Catalogue, shipped
from harness.cli import main
from harness.plugins import installed
from harness.spec import Task
from harness.store import RunDirectory
from tests.harness.metrics.captions.reference import reference

FORMATS = {
    "ucm_captions": "ucm_captions",
    "sydney_captions": "sydney_captions",
    "rsicd": "rsicd",
    "rsitmd": "rsitmd",
    "nwpu_captions": "nwpu_captions",
    "rsieval_captions": "rsieval",
    "vrsbench_captions": "vrsbench_captions",
}
SCORES = ("bleu1", "bleu2", "bleu3", "bleu4", "meteor", "rouge_l", "cider")


@pytest.fixture(scope="session")
def earth(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory: Path = tmp_path_factory.mktemp("captions") / "earth"
    splits, formats = (("train", 1), ("test", 4)), tuple(FORMATS.values())
    return make_earth(directory, seed=9, images=5, size=64, splits=splits, formats=formats).directory


@pytest.fixture(autouse=True)
def without_java(monkeypatch: pytest.MonkeyPatch) -> None:
    """METEOR's start costs more than all these tests; its numbers are tested where the metric is."""
    monkeypatch.setenv("PATH", "")


def task(name: str) -> Task:
    return Catalogue([shipped("tasks")], installed()).task(name)


def geopix_eval(*arguments: object) -> Result:
    result = CliRunner().invoke(main, list(map(str, arguments)), prog_name="geopix-eval")
    assert result.exit_code == 0, result.output
    return result


def answers(path: Path, texts: Iterator[tuple[str, str]]) -> str:
    path.write_text("\n".join(json.dumps({"sample_id": name, "text": text}) for name, text in texts))
    return f"replay:{path}"


@pytest.mark.parametrize("name", FORMATS)
def test_a_perfect_model_on_the_real_file_format(name: str, earth: Path, tmp_path: Path) -> None:
    found = task(name)
    samples = list(found.reader.samples(earth / found.spec.dataset.root))
    assert [sample.defect for sample in samples] == [None] * 4
    model = answers(tmp_path / "answers.jsonl", ((sample.id, sample.target.texts[-1]) for sample in samples))
    shown = geopix_eval("--tasks", name, "--model", model, "--data-dir", earth, "--output", tmp_path / "run")
    result = RunDirectory(tmp_path / "run").result(name)
    scores = {score.name: score for score in result.scores}
    assert tuple(scores) == SCORES
    for score in ("bleu1", "bleu4", "rouge_l"):
        assert scores[score].value == pytest.approx(1, abs=1e-6)
    assert result.primary.name == "cider"
    # One reference and nothing else gives the whole 10; of five it is one, and the others are less alike.
    single = len(samples[0].target.texts) == 1
    value = result.primary.value
    assert value is not None
    assert value == pytest.approx(10) if single else 2 <= value < 10
    assert result.primary.low is not None
    assert scores["meteor"].value is None
    assert "Java is not on the PATH" in str(scores["meteor"].reason)
    assert "meteor: n/a because METEOR cannot run: Java is not on the PATH" in " ".join(shown.output.split())


def test_classes_are_slices_of_nwpu(earth: Path, tmp_path: Path) -> None:
    geopix_eval(
        "--tasks", "nwpu_captions", "--model", "baseline:constant", "--data-dir", earth, "--output", tmp_path / "run"
    )
    result = RunDirectory(tmp_path / "run").result("nwpu_captions")
    assert sum(part.scores[0].n for part in result.slices) == 4
    assert {part.tag for part in result.slices} == {"scene"}
    assert result.scores[0].value == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize("name", FORMATS)
def test_what_a_task_says_of_itself(name: str) -> None:
    spec = task(name).spec
    assert spec.paper
    assert spec.url
    assert spec.unverified
    assert any("pycocoevalcap" in note for note in spec.notes)


@pytest.mark.parametrize(("file", "name"), [("UCM_captions", "ucm"), ("sydney_Captions", "sydney")])
def test_replaying_earthdial_s_published_answers(shared: Path, tmp_path: Path, file: str, name: str) -> None:
    content = (shared / f"data/earthdial/rs_image_caption__{file}.jsonl").read_text("utf-8")
    rows = [json.loads(line) for line in content.splitlines()]
    images = [
        {"filename": f"{number}.tif", "split": "test", "sentences": [{"raw": row[f"caption{n}"]} for n in range(5)]}
        for number, row in enumerate(rows)
    ]
    folder = tmp_path / "data" / task(f"{name}_captions").spec.dataset.root
    (folder / "imgs").mkdir(parents=True)
    for image in images:
        (folder / "imgs" / str(image["filename"])).touch()
    (folder / "dataset.json").write_text(json.dumps({"images": images}))
    model = answers(tmp_path / "answers.jsonl", ((f"{number}.tif", row["answer"]) for number, row in enumerate(rows)))
    places = ("--data-dir", tmp_path / "data", "--output", tmp_path / "run")
    geopix_eval("--tasks", f"{name}_captions", "--model", model, *places)
    result = RunDirectory(tmp_path / "run").result(f"{name}_captions")
    expected = reference(shared, f"{name}_earthdial").corpus
    found = {score.name: score.value for score in result.scores}
    assert result.counts.ok == len(rows)
    for ours, theirs in zip(SCORES, ("Bleu_1", "Bleu_2", "Bleu_3", "Bleu_4", None, "ROUGE_L", "CIDEr"), strict=True):
        if theirs:
            assert found[ours] == pytest.approx(expected[theirs], abs=1e-9), ours


def test_scoring_stored_captions_anew_gives_the_same_bytes(earth: Path, tmp_path: Path) -> None:
    samples = list(task("rsicd").reader.samples(earth / "RSICD"))
    model = answers(tmp_path / "answers.jsonl", ((sample.id, sample.target.texts[0]) for sample in samples))
    geopix_eval("--tasks", "rsicd", "--model", model, "--data-dir", earth, "--output", tmp_path / "run")
    files = [tmp_path / "run" / "rsicd" / name for name in ("result.json", "records.jsonl")]
    before = [file.read_bytes() for file in files]
    geopix_eval("rescore", tmp_path / "run")
    assert [file.read_bytes() for file in files] == before
    assert b'"cider":{"cider":' in before[1]
