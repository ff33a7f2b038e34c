"""What other people's CI runs: the composite action's script, and the commands of the examples."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from harness.comparison.evidence import Evidence
from harness.comparison.gates import read_gates
from harness.comparison.sides import load_side
from harness.run import catalogue_of
from tests.harness.comparison.runs import write_run

ROOT = Path(__file__).resolve().parents[1]
ACTION = ROOT / ".github" / "actions" / "compare"
DOCUMENT = ROOT / "docs" / "ci.md"


def loaded(text: str) -> dict[str, Any]:
    content: dict[str, Any] = yaml.safe_load(text)
    return content


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    write_run(tmp_path / "base", 70)
    write_run(tmp_path / "worse", 30)
    command = tmp_path / "bin" / "geopix-eval"
    command.parent.mkdir()
    command.write_text(f"#!/bin/sh\nexec {sys.executable} -c 'from harness.cli import main; main()' \"$@\"\n")
    command.chmod(0o755)
    return tmp_path


def act(place: Path, base: str, head: str, gates: str = "") -> tuple[int, str, dict[str, str]]:
    """Runs the action's script as GitHub does; returns its exit code, the job's summary and its outputs."""
    summary, outputs = place / "step_summary", place / "step_output"
    environment = {
        **os.environ,
        "PATH": f"{place / 'bin'}:{os.environ['PATH']}",
        "PYTHONPATH": str(ROOT),
        "BASE": base,
        "HEAD": head,
        "GATES": gates,
        "OUTPUT": "verdict",
        "GITHUB_STEP_SUMMARY": str(summary),
        "GITHUB_OUTPUT": str(outputs),
    }
    summary.write_text("")
    outputs.write_text("")
    done = subprocess.run(["bash", str(ACTION / "compare.sh")], env=environment, capture_output=True, check=False)
    return done.returncode, summary.read_text(), dict(line.split("=", 1) for line in outputs.read_text().splitlines())


def test_the_action_ends_as_the_comparison_and_shows_its_verdict(place: Path) -> None:
    code, summary, outputs = act(place, "base", "worse")
    assert code == 1
    assert summary.startswith("### FAILED: 1 failed, of 1 checks")
    assert outputs == {"exit-code": "1", "comment": "verdict/comment.md", "junit": "verdict/junit.xml"}
    assert sorted(file.name for file in Path("verdict").iterdir()) == [
        "comment.md", "junit.xml", "summary.md", "verdict.json"
    ]  # fmt: skip
    Path("gates.yaml").write_text("gates: [{task: small, metric: oa, max_drop: 50 points}]")
    code, summary, _ = act(place, "base", "worse", "gates.yaml")
    assert (code, summary[:10]) == (0, "### PASSED")


def test_an_earlier_verdict_is_not_shown_for_a_comparison_that_cannot_be_made(place: Path) -> None:
    act(place, "base", "worse")
    code, summary, outputs = act(place, "none", "worse")
    assert (code, summary, outputs["exit-code"]) == (4, "", "4")


@pytest.mark.parametrize("hostile", ["$(touch pwned)", "`touch pwned`", "; touch pwned", "--help", "a b"])
def test_the_action_runs_nothing_that_stands_in_its_inputs(place: Path, hostile: str) -> None:
    code, _, _ = act(place, hostile, "worse")
    assert code == 4
    assert not Path("pwned").exists()


def test_the_action_pastes_no_input_into_a_script() -> None:
    action = loaded((ACTION / "action.yml").read_text("utf-8"))
    steps = action["runs"]["steps"]
    assert all("${{" not in step["run"] for step in steps)
    used = {value for step in steps for value in step.get("env", {}).values()}
    assert used == {f"${{{{ inputs.{name} }}}}" for name in action["inputs"] if name != "install"}


def commands(text: str) -> set[tuple[str, ...]]:
    found = re.findall(r"^(?: *- )?(geopix(?:-eval)? .+)$", text, re.MULTILINE)
    return {tuple(shlex.split(command)) for command in found}


def test_the_examples_run_what_the_tutorial_runs() -> None:
    """The blocks of the tutorial are run by test_docs; the examples must not say anything else."""
    tutorial = commands("\n".join(re.findall(r"^```sh.*\n((?:.*\n)*?)```$", DOCUMENT.read_text("utf-8"), re.MULTILINE)))
    gitlab = (ROOT / "docs" / "gitlab-ci.yml").read_text("utf-8")
    assert commands(gitlab)
    assert commands(gitlab) <= tutorial
    job = loaded(gitlab)["compare-checkpoints"]
    assert job["artifacts"]["reports"]["junit"] == "verdict/junit.xml"
    assert job["artifacts"]["when"] == "always"


def test_the_workflow_gives_the_action_what_it_takes() -> None:
    (workflow,) = re.findall(r"^```yaml\n(on:(?:.*\n)*?)```$", DOCUMENT.read_text("utf-8"), re.MULTILINE)
    (step,) = (
        step for step in loaded(workflow)["jobs"]["compare"]["steps"] if str(ACTION.relative_to(ROOT)) in step["uses"]
    )
    inputs = loaded((ACTION / "action.yml").read_text("utf-8"))["inputs"]
    assert set(step["with"]) <= set(inputs)
    assert {name for name, value in inputs.items() if value.get("required")} <= set(step["with"])


@pytest.fixture(scope="module")
def blessed() -> dict[str, Evidence]:
    return dict(load_side(ROOT / "regression" / "baseline.json.gz").tasks)


def test_our_gates_are_about_what_our_baseline_holds(blessed: dict[str, Evidence]) -> None:
    for gate in read_gates(ROOT / "regression" / "gates.yaml").gates:
        assert blessed[gate.task].card(gate.metric)


def test_our_baseline_is_of_the_tasks_and_metrics_as_they_are(blessed: dict[str, Evidence]) -> None:
    """Fails at once, without a model, where a metric changed or a task's version was raised: then `make bless`."""
    for name, evidence in blessed.items():
        assert evidence.result.version == catalogue_of(()).task(name).spec.version
        assert [evidence.stale(card.name) for card in evidence.result.metrics] == [None] * len(evidence.result.metrics)
