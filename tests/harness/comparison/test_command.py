"""The commands `compare` and `bless`: their files and exit codes."""

from pathlib import Path
from xml.etree import ElementTree

import orjson
import pytest
from click.testing import CliRunner, Result

from harness.cli import main
from tests.harness.comparison.runs import write_run


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write_run(tmp_path / "base", 70, model="old")
    write_run(tmp_path / "same", 70, model="new")
    write_run(tmp_path / "worse", 30, model="new")


def invoke(*words: str, code: int) -> Result:
    result = CliRunner().invoke(main, words)
    assert result.exit_code == code, result.output
    return result


def test_a_run_that_is_as_good_passes_and_a_worse_one_does_not() -> None:
    assert "PASSED: 1 of 1 checks hold" in invoke("compare", "base", "same", code=0).output
    assert "FAILED: 1 failed, of 1 checks" in invoke("compare", "base", "worse", code=1).output


def test_all_outputs_are_written_and_agree() -> None:
    files = {"junit": "out/j.xml", "markdown": "m.md", "comment": "c.md", "json": "v.json", "bencher": "b.json"}
    words = [word for option, file in files.items() for word in (f"--{option}", file)]
    invoke("compare", "base", "worse", *words, code=1)
    assert ElementTree.parse("out/j.xml").getroot().get("failures") == "1"
    assert Path("m.md").read_text().startswith("### FAILED: 1 failed")
    assert Path("c.md").read_text() == Path("m.md").read_text()
    assert orjson.loads(Path("v.json").read_bytes())["exit_code"] == 1
    assert orjson.loads(Path("b.json").read_bytes())["small"]["oa"]["value"] == 0.3
    first = {name: Path(name).read_bytes() for name in files.values()}
    invoke("compare", "base", "worse", *words, code=1)
    assert {name: Path(name).read_bytes() for name in files.values()} == first


def test_gates_decide() -> None:
    Path("gates.yaml").write_text("gates: [{task: small, metric: oa, max_drop: 50 points}]")
    assert "soft" in invoke("compare", "base", "worse", "--gates", "gates.yaml", code=0).output
    Path("gates.yaml").write_text("gates: [{task: small, metric: oa, min: 80 %}]")
    output = invoke("compare", "base", "same", "--gates", "gates.yaml", code=1).output
    assert "oa 70.00 < 80.00" in output
    Path("gates.yaml").write_text("gates: [{task: small, metric: accuracy, min: 80 %}]")
    assert "could not be evaluated" in invoke("compare", "base", "same", "--gates", "gates.yaml", code=1).output


def test_a_baseline_stands_in_for_a_run() -> None:
    output = invoke("bless", "base", "-o", "kept/baseline.json.gz", code=0).output
    assert "baseline.json.gz (0." in output.replace("\n", "")
    assert "old, small, 100 samples" in output.replace("\n", "")
    before = Path("kept/baseline.json.gz").read_bytes()
    invoke("compare", "kept/baseline.json.gz", "same", code=0)
    invoke("compare", "kept/baseline.json.gz", "worse", code=1)
    assert Path("kept/baseline.json.gz").read_bytes() == before


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["compare", "base"], 2, "Missing argument 'HEAD'"),
        (["compare", "base", "none"], 4, "none does not exist. Expected a run's folder"),
        (["compare", ".", "base"], 2, ". is no run (it has no run.json)"),
        (["compare", "base", "same", "--gates", "none.yaml"], 4, "none.yaml cannot be read"),
        (["compare", "base", "same", "--gates", "bad.yaml"], 2, "bad.yaml:1: gaits: unknown key 'gaits'. Did you mean"),
        (["compare", "base", "same", "--junit", "base/run.json/x"], 2, "cannot be written"),
        (["compare", "bad.yaml", "same"], 4, "Expected a baseline made by this version's `geopix-eval bless"),
        (["bless", "none"], 4, "none is no run (it has no run.json)"),
        (["bless", "base", "-o", "base/run.json/x"], 2, "cannot be written"),
    ],
)
def test_mistakes_have_messages_and_exit_codes(words: list[str], code: int, message: str) -> None:
    Path("bad.yaml").write_text("gaits: []\ngates: [{task: a, metric: b, min: 1}]")
    assert message in invoke(*words, code=code).output


def test_a_baseline_with_failed_samples_says_so() -> None:
    place = Path("base/small/result.json")
    stored = orjson.loads(place.read_bytes())
    stored["counts"] |= {"ok": 97, "failed": 3}
    place.write_bytes(orjson.dumps(stored))
    assert "3 samples failed and will not be compared" in invoke("bless", "base", code=0).output
