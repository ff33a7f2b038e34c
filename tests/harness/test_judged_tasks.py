"""The shipped tasks that a judge scores, on rows as published, with a judge on loopback."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from PIL import Image

from harness.cli import main
from tests.harness.judge_server import JudgeServer, chat, serving


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[JudgeServer]:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    with serving() as judge:
        yield judge


def picture(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (8, 8)).save(path)


def run(task: str, root: Path, answers: dict[str, str], server: JudgeServer) -> dict[str, Any]:
    lines = "".join(json.dumps({"sample_id": key, "text": text}) + "\n" for key, text in answers.items())
    (root / "answers.jsonl").write_text(lines)
    outcome = CliRunner().invoke(
        main,
        [
            "--tasks", task, "--model", f"replay:{root / 'answers.jsonl'}", "--data-dir", str(root / "data"),
            "--output", str(root / "run"), "--judge", f"openai:judge@{server.url}", "--judge-option", "retries=0",
        ],
    )  # fmt: skip
    assert outcome.exit_code == 0, outcome.output
    result = json.loads((root / "run" / task / "result.json").read_text())
    return {score["name"]: score["value"] for score in result["scores"]}


def test_vrsbench_questions_are_judged_where_words_do_not_decide(server: JudgeServer, tmp_path: Path) -> None:
    root = tmp_path / "data" / "VRSBench"
    picture(root / "Images_val" / "P0003_0002.png")
    truths = [
        ("Pond", "object category"),
        ("Yes", "object existence"),
        ("Soccer field", "image"),
        ("3", "object quantity"),
    ]
    rows = [
        {
            "image_id": "P0003_0002.png", "question": f"Question {number}?", "ground_truth": truth,
            "dataset": "RSBench", "question_id": number, "type": kind,
        }
        for number, (truth, kind) in enumerate(truths)
    ]  # fmt: skip
    (root / "VRSBench_EVAL_vqa.json").write_text(json.dumps(rows))
    server.answers = [lambda body: chat("1" if "Answer: pond" in str(body) else "0")(body)]
    answers = {"0": "A swimming pool.", "1": "yes", "2": "a ground track field", "3": "three"}
    scores = run("vrsbench_vqa_judge", tmp_path, answers, server)
    assert scores == {"oa": 0.5, "aa": 0.5, "contains": 0.25}
    assert len(server.asked) == 2
    assert (
        "Question: Question 0?\nGround Truth Answer: pond\nPredicted Answer: a swimming pool."
        in server.prompts[0] + server.prompts[1]
    )


def test_traffic_vqas_l3_lite_takes_the_first_tokens_probabilities(server: JudgeServer, tmp_path: Path) -> None:
    root = tmp_path / "data" / "Traffic-VQA"
    for folder in ("optical", "thermal"):
        picture(root / folder / "1.jpg")
    rows = [
        {
            "optical_image_path": "optical/1.jpg", "thermal_image_path": "thermal/1.jpg", "question_type": kind,
            "question": f"Question {number}?", "gt": "Two cars", "question_id": number,
        }
        for number, kind in enumerate(("count", "count", "weather"))
    ]  # fmt: skip
    (root / "test_dataset.json").write_text(json.dumps(rows))
    server.answers = [
        lambda body: (chat("0.5", _1=0.6, _0=0.2) if "Answer: 2" in str(body) else chat("0.25", x=1.0))(body)
    ]
    scores = run("traffic_vqa_l3", tmp_path, {"0": "2 cars", "1": "", "2": "Many"}, server)
    assert scores == {"l3": pytest.approx(1 / 3), "l3_types": pytest.approx((0.375 + 0.25) / 2)}
    assert {path for path, *_ in server.asked} == {"/v1/completions"}
    assert sorted("Answer: Many" in prompt for prompt in server.prompts) == [False, True]


def test_vrsbench_captions_are_compared_by_clair(server: JudgeServer, tmp_path: Path) -> None:
    root = tmp_path / "data" / "VRSBench"
    picture(root / "Images_val" / "P0003_0002.png")
    rows = [
        {
            "image_id": "P0003_0002.png", "ground_truth": "Two ships lie at a quay.", "dataset": "RSBench",
            "question": "Describe the image in detail", "question_id": number, "type": "caption",
        }
        for number in range(2)
    ]  # fmt: skip
    (root / "VRSBench_EVAL_Cap.json").write_text(json.dumps(rows))
    server.answers = [
        lambda body: chat('{"score": 80, "reason": "both"}' if "Two boats" in str(body) else "It is 30.")(body)
    ]
    scores = run("vrsbench_captions_judge", tmp_path, {"0": "Two boats.", "1": "A field."}, server)
    assert scores == {"clair": pytest.approx(0.55)}
    assert "Candidate set:\n- Two boats.\n\nReference set:\n- Two ships lie at a quay.\n" in "".join(server.prompts)
