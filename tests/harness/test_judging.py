"""From the command line to a judged result: what is asked, kept, undefined, and said."""

import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from harness.cli import main
from tests.harness.judge_server import JudgeServer, chat, fails, serving

KEY = "sk-secret-0123456789"
TASK = """\
name: judged
version: 1
title: Judged answers
dataset: {reader: json_lines, root: SET, file: test.jsonl, id: id, target: answer, tags: {type: type}}
capability: vqa
prompt: "{{ question }}"
parser: {name: short_answer}
metrics:
  - {name: judge_match, as: micro, primary: true}
  - {name: judge_match, as: macro, average: type}
  - {name: accuracy, as: exact}
slices: [type]
cluster: sample_id
"""
ROWS = (("1", "a pond", "color"), ("2", "yes", "presence"), ("3", "a roof", "color"), ("4", "a pond", "shape"))
ANSWERS = {"1": "swimming pool", "2": "yes", "3": "the top of a house", "4": "swimming pool"}


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[JudgeServer]:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    with serving() as judge:
        yield judge


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "data" / "SET").mkdir(parents=True)
    rows = [{"id": i, "question": f"What is {i}?", "answer": answer, "type": kind} for i, answer, kind in ROWS]
    (tmp_path / "data" / "SET" / "test.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    answers = "".join(json.dumps({"sample_id": i, "text": text}) + "\n" for i, text in ANSWERS.items())
    (tmp_path / "answers.jsonl").write_text(answers)
    (tmp_path / "judged.yaml").write_text(TASK)
    return tmp_path


def run(folder: Path, *more: str, judge: str | None = None) -> Result:
    named = ["--judge", judge, "--judge-option", "retries=0"] if judge else []
    return CliRunner().invoke(
        main,
        [
            "--tasks", str(folder / "judged.yaml"), "--model", f"replay:{folder / 'answers.jsonl'}", "--data-dir",
            str(folder / "data"), "--output", str(folder / "run"), *named, *more,
        ],
    )  # fmt: skip


def result(folder: Path) -> dict[str, Any]:
    return dict(json.loads((folder / "run" / "judged" / "result.json").read_text()))


def scores(folder: Path) -> dict[str, Any]:
    return {score["name"]: score["value"] for score in result(folder)["scores"]}


def of(server: JudgeServer) -> str:
    return f"openai:a-model@{server.url}"


def test_the_judge_decides_where_words_do_not(server: JudgeServer, folder: Path) -> None:
    server.answers = [lambda body: chat("0" if "Answer: a roof" in str(body) else "1")(body)]
    outcome = run(folder, judge=of(server))
    assert outcome.exit_code == 0, outcome.output
    assert scores(folder) == {"micro": 0.75, "macro": pytest.approx((0.5 + 1 + 1) / 3), "exact": 0.25}
    assert len(server.asked) == 3  # both metrics ask the same of three samples
    judging = result(folder)["judging"]
    assert judging["judge"] == "a-model"
    assert judging["endpoint"] == server.url
    assert judging["answered by"] == "judge-2026-01-01 fp_7"
    assert judging["prompt of micro"].startswith("Question: {question}\nGround Truth Answer: {truth}")
    records = [json.loads(line) for line in (folder / "run" / "judged" / "records.jsonl").read_text().splitlines()]
    assert [record["verdicts"].get("micro") for record in records] == ["1", None, "0", "1"]


def test_the_same_again_asks_nobody_and_writes_the_same_bytes(server: JudgeServer, folder: Path) -> None:
    run(folder, judge=of(server))
    files = [folder / "run" / "judged" / name for name in ("records.jsonl", "result.json")]
    before = [file.read_bytes() for file in files]
    count = len(server.asked)
    assert run(folder, judge=of(server)).exit_code == 0
    assert len(server.asked) == count
    assert [file.read_bytes() for file in files] == before


def test_a_judge_that_fails_leaves_the_score_undefined_and_says_so(server: JudgeServer, folder: Path) -> None:
    server.answers = [lambda body: (fails(500, "overloaded") if "Answer: a roof" in str(body) else chat("1"))(body)]
    outcome = run(folder, judge=of(server))
    assert outcome.exit_code == 3
    assert "judged: the judge failed on 1 of 4 samples:" in outcome.output
    assert "answers HTTP 500" in outcome.output
    assert scores(folder) == {"micro": None, "macro": None, "exact": 0.25}
    assert result(folder)["unjudged"] == 1
    assert "The judge failed on 1 of 4 samples" in result(folder)["notes"][-1]
    slices = {part["value"]: part["scores"][0]["value"] for part in result(folder)["slices"]}
    assert slices == {"color": None, "presence": 1.0, "shape": 1.0}
    assert result(folder)["scores"][0]["reason"] == "the score is undefined over these samples"
    server.answers, count = [chat("0")], len(server.asked)
    assert run(folder, judge=of(server)).exit_code == 0
    assert len(server.asked) == count + 1  # what was judged is kept, what failed is asked again
    assert scores(folder)["micro"] == 0.75


def test_failures_that_are_allowed_do_not_end_the_run(server: JudgeServer, folder: Path) -> None:
    server.answers = [fails(500)]
    assert run(folder, "--fail-on-error", "never", judge=of(server)).exit_code == 0
    assert scores(folder)["micro"] is None


def test_what_cannot_be_read_is_asked_thrice(server: JudgeServer, folder: Path) -> None:
    server.answers = [lambda body: chat("perhaps" if body["seed"] < 2 else "1")(body)]
    assert run(folder, judge=of(server)).exit_code == 0
    assert scores(folder)["micro"] == 1.0
    assert sorted(body["seed"] for _, body, _, _ in server.asked) == [0, 0, 0, 1, 1, 1, 2, 2, 2]


def test_no_verdict_that_can_be_read_is_a_failure(server: JudgeServer, folder: Path) -> None:
    server.answers = [chat("perhaps")]
    outcome = run(folder, judge=of(server))
    assert outcome.exit_code == 3
    assert "expected 1 or 0 from the judge, found 'perhaps'" in outcome.output
    server.answers = [chat("1")]
    assert run(folder, judge=of(server)).exit_code == 0  # what could not be read is not kept
    assert scores(folder)["micro"] == 1.0


def test_no_key_is_in_any_file_or_on_the_terminal(server: JudgeServer, folder: Path) -> None:
    server.answers = [fails(401, f"wrong key {KEY}")]
    outcome = run(folder, judge=of(server))
    texts = [path.read_bytes() for path in (folder / "run").rglob("*") if path.is_file()]
    assert len(texts) >= 4
    assert all(b"secret" not in text for text in [*texts, outcome.output.encode()])


def test_verdicts_may_be_kept_elsewhere_and_serve_another_run(server: JudgeServer, folder: Path) -> None:
    shared_file = folder / "verdicts" / "all.sqlite"
    run(folder, "--judge-cache", str(shared_file), judge=of(server))
    count = len(server.asked)
    assert (
        run(folder, "--judge-cache", str(shared_file), "--output", str(folder / "other"), judge=of(server)).exit_code
        == 0
    )
    assert len(server.asked) == count
    assert not (folder / "run" / "verdicts.sqlite").exists()


def test_a_damaged_file_of_verdicts_says_what_to_do(server: JudgeServer, folder: Path) -> None:
    run(folder, judge=of(server))
    with sqlite3.connect(folder / "run" / "verdicts.sqlite") as database:
        database.execute("UPDATE verdicts SET verdict = '{' ")
    database.close()
    count = len(server.asked)
    assert run(folder, judge=of(server)).exit_code == 0  # a damaged entry is asked for again
    assert len(server.asked) == count + 3
    (folder / "run" / "verdicts.sqlite").write_bytes(b"no database at all, and long enough to be looked at")
    outcome = run(folder, judge=of(server))
    assert outcome.exit_code == 4
    assert "cannot be used: file is not a database. Delete it, or name another with --judge-cache" in outcome.output


def test_a_task_that_needs_a_judge_is_refused_without_one(folder: Path) -> None:
    outcome = run(folder)
    assert outcome.exit_code == 2
    assert "judged: scored by a judge, and none is named. Say --judge openai:MODEL@URL" in outcome.output
    assert not (folder / "run").exists()


def test_an_unknown_judge_is_refused(folder: Path) -> None:
    outcome = run(folder, judge="opanai:x@http://h/v1")
    assert outcome.exit_code == 2
    assert "unknown judge 'opanai'. Did you mean 'openai'? Known: openai, transformers" in outcome.output


def test_imported_answers_are_judged_too(server: JudgeServer, folder: Path) -> None:
    rows = [
        {"question": f"What is {i}?", "answer": ANSWERS[i], "truth": truth, "kind": kind} for i, truth, kind in ROWS
    ]
    (folder / "file.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    outcome = CliRunner().invoke(
        main,
        [
            "import", str(folder / "file.jsonl"), "--task", str(folder / "judged.yaml"),
            "--output", str(folder / "run"), "--map", "prompt=question",
            "--map", "text=answer", "--map", "target=truth", "--map", "tag.type=kind",
            "--judge", of(server),
        ],
    )  # fmt: skip
    assert outcome.exit_code == 0, outcome.output
    assert scores(folder)["micro"] == 1.0
    assert sorted(prompt.splitlines()[0] for prompt in server.prompts) == [f"Question: What is {i}?" for i in "134"]


def test_a_judge_that_does_nothing_but_fail_is_left(server: JudgeServer, folder: Path) -> None:
    rows = [{"id": str(i), "question": "What?", "answer": f"thing {i}", "type": "color"} for i in range(400)]
    (folder / "data" / "SET" / "test.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    answers = "".join(json.dumps({"sample_id": str(i), "text": "no idea"}) + "\n" for i in range(400))
    (folder / "answers.jsonl").write_text(answers)
    server.answers = [fails(500)]
    assert run(folder, judge=of(server)).exit_code == 3
    assert len(server.asked) < 700  # two metrics, each with 50 failures and some inquiries under way
    records = [json.loads(line) for line in (folder / "run" / "judged" / "records.jsonl").read_text().splitlines()]
    said = [record["verdicts"]["micro"] for record in records]
    assert sum("answers HTTP 500" in text for text in said) == 50
    assert sum("was not asked about this sample, for it had failed 50 times in a row" in text for text in said) == 350


def test_scoring_anew_asks_the_judge_only_what_is_not_kept(server: JudgeServer, folder: Path) -> None:
    run(folder, judge=of(server))
    before, count = scores(folder), len(server.asked)
    again = ["rescore", str(folder / "run"), "--task-dir", str(folder)]
    refused = CliRunner().invoke(main, again)
    assert refused.exit_code == 2
    assert "judged: scored by a judge, and none is named" in refused.output
    outcome = CliRunner().invoke(main, [*again, "--judge", of(server), "--judge-option", "retries=0"])
    assert outcome.exit_code == 0, outcome.output
    assert (scores(folder), len(server.asked)) == (before, count)
