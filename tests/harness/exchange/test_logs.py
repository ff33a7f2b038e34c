"""Other harnesses' logs become runs that a leaderboard shows."""

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from harness.cli import main
from harness.store import RunDirectory


def geopix_eval(*words: object) -> tuple[int, str]:
    done = CliRunner().invoke(main, [str(word) for word in words])
    return done.exit_code, done.output


def write_lines(file: Path, lines: list[dict[str, Any]]) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("".join(json.dumps(line) + "\n" for line in lines), "utf-8")


def lmms_log(folder: Path, stamp: str = "20261101_101500", limit: int | None = None) -> Path:
    """Four samples as two ranks of lmms-eval 0.7.3 write them, one of them twice."""
    lines = [
        {
            "doc_id": number,
            "input": f"Is there thing {number}?",
            "target": "yes",
            "filtered_resps": ["yes" if number < 3 else "no"],
            "doc_hash": "same",
            "exact_match": float(number < 3),
            "bleu": {"score": 0.5 * number, "image_id": str(number // 2)},
        }
        for number in (0, 2, 1, 3, 3)
    ]
    values = {"exact_match,none": 0.75, "exact_match_stderr,none": 0.2, "bleu,none": 0.75, "geopix,none": []}
    write_lines(folder / f"{stamp}_samples_mme.jsonl", lines)
    results = {
        "results": {"mme": values},
        "higher_is_better": {"mme": {"exact_match": True, "bleu": False}},
        "n-samples": {"mme": {"original": 9, "effective": limit or 9}},
        "config": {"model": "llava", "model_args": "pretrained=liuhaotian/llava-v1.5-7b", "batch_size": 1},
        "lmms_eval_version": "0.7.3",
        "model_name": "liuhaotian/llava-v1.5-7b",
        "date": stamp,
    }
    (folder / f"{stamp}_results.json").write_text(json.dumps(results), "utf-8")
    return folder


def test_lmms_scores_are_taken_over_with_intervals_of_ours(tmp_path: Path) -> None:
    code, told = geopix_eval("import", "lmms", lmms_log(tmp_path / "logs"), "--output", tmp_path / "run")
    assert code == 0, told
    run = RunDirectory(tmp_path / "run")
    assert run.manifest().model == "liuhaotian/llava-v1.5-7b"
    result = run.result("mme")
    scores = {score.name: score for score in result.scores}
    assert (scores["exact_match"].value, scores["exact_match"].n) == (0.75, 4)
    assert scores["bleu"].value == 0.75
    assert {card.name: card.direction for card in result.metrics} == {"bleu": "lower", "exact_match": "higher"}
    assert any("1 lines repeat a sample" in note for note in result.notes)
    assert any("lmms-eval 0.7.3" in note for note in result.notes)
    assert [record.sample_id for record in run.records("mme")] == ["0", "1", "2", "3"]
    code, told = geopix_eval("leaderboard", tmp_path / "run", "-o", tmp_path / "board.html")
    assert code == 0, told
    assert "llava-v1.5-7b" in (tmp_path / "board.html").read_text("utf-8")


def test_a_task_of_ours_scores_their_answers_anew(tmp_path: Path) -> None:
    code, told = geopix_eval(
        "import", "lmms", lmms_log(tmp_path / "logs"), "--task", "earthvqa", "--output", tmp_path / "run"
    )
    assert code == 0, told
    result = RunDirectory(tmp_path / "run").result("earthvqa")
    assert result.primary.value == 0.75


def test_the_latest_of_two_logs_is_taken_and_said(tmp_path: Path) -> None:
    lmms_log(tmp_path / "logs")
    lmms_log(tmp_path / "logs", "20261102_101500", limit=4)
    geopix_eval("import", "lmms", tmp_path / "logs", "--output", tmp_path / "run")
    notes = RunDirectory(tmp_path / "run").result("mme").notes
    assert any("20261101_101500_samples_mme.jsonl, is left out" in note for note in notes)
    assert "Only 4 of 9 samples were asked (--limit)." in notes


def test_lm_eval_lines_are_read_with_their_prompts(tmp_path: Path) -> None:
    time = "2026-11-01T10-15-00.123456"
    lines = [
        {
            "doc_id": number,
            "doc": {"q": "?"},
            "target": number % 2,
            "arguments": {"gen_args_0": {"arg_0": f"Q{number}", "arg_1": {}}},
            "resps": [["1"]],
            "filtered_resps": ["1"],
            "filter": name,
            "metrics": ["acc"],
            "acc": float(number % 2),
        }
        for name in ("none", "strict")
        for number in (1, 0, 10, 2)
    ]
    write_lines(tmp_path / "logs/model" / f"samples_mmmu_val_{time}.jsonl", lines)
    results = {
        "config": {"model": "hf", "model_args": "pretrained=x"},
        "model_name": "x",
        "higher_is_better": {"mmmu_val": {"acc": True}},
    }
    (tmp_path / f"logs/model/results_{time}.json").write_text(json.dumps(results))
    code, told = geopix_eval("import", "lm-eval", tmp_path / "logs", "--output", tmp_path / "run")
    assert code == 0, told
    run = RunDirectory(tmp_path / "run")
    assert run.result("mmmu_val").primary.value == 0.25
    assert [(record.sample_id, record.prompt) for record in run.records("mmmu_val")] == [
        ("0", "Q0"), ("1", "Q1"), ("2", "Q2"), ("10", "Q10"),
    ]  # fmt: skip


@pytest.mark.parametrize("suffix", [".tsv", ".json", ".xlsx"])
def test_vlmevalkit_tables_are_read_where_they_were_judged(tmp_path: Path, suffix: str) -> None:
    pandas = pytest.importorskip("pandas")
    table = pandas.DataFrame(
        {"index": [1, 2, 3], "question": ["a?", "b?", "c?"], "answer": ["A", "B", None], "prediction": ["A", "C", None],
         "category": ["counting", "counting", "colour"]}
    )  # fmt: skip
    folder = tmp_path / "outputs" / "Qwen2.5-VL-7B" / "T20261101"
    folder.mkdir(parents=True)
    for name, frame in (("MMBench", table), ("MMBench_exact_matching_result", table.assign(hit=[1, 0, 0]))):
        file = folder / f"Qwen2.5-VL-7B_{name}{suffix}"
        match suffix:
            case ".tsv":
                frame.to_csv(file, sep="\t", index=False)
            case ".json":
                frame.to_json(file, orient="records")
            case _:
                frame.to_excel(file, index=False)
    (folder / "Qwen2.5-VL-7B_MMBench_acc.csv").write_text("x")
    code, told = geopix_eval("import", "vlmevalkit", tmp_path / "outputs", "--output", tmp_path / "run")
    assert code == 0, told
    run = RunDirectory(tmp_path / "run")
    result = run.result("mmbench")
    assert (run.manifest().model, result.primary.n) == ("Qwen2.5-VL-7B", 3)
    assert result.primary.value == pytest.approx(1 / 3)
    assert {part.value: part.scores[0].value for part in result.slices} == {"counting": 0.5, "colour": 0.0}
    assert [record.prediction.status for record in run.records("mmbench")] == ["ok", "ok", "empty"]


def test_two_models_become_two_runs(tmp_path: Path) -> None:
    lmms_log(tmp_path / "logs/a")
    lmms_log(tmp_path / "logs/b", "20261102_101500")
    file = tmp_path / "logs/b/20261102_101500_results.json"
    file.write_text(file.read_text().replace("liuhaotian/llava-v1.5-7b", "other"))
    code, told = geopix_eval("import", "lmms", tmp_path / "logs", "--output", tmp_path / "runs")
    assert code == 0, told
    assert sorted(path.name for path in (tmp_path / "runs").iterdir()) == ["liuhaotian_llava_v1_5_7b", "other"]
    code, told = geopix_eval("import", "lmms", tmp_path / "logs", "--output", tmp_path / "x", "--model-name", "y")
    assert (code, "the logs are of 2 models" in told) == (2, True)


def test_mistakes_are_told_with_what_to_do(tmp_path: Path) -> None:
    def told(*words: object) -> tuple[int, str]:
        return geopix_eval("import", *words, "--output", tmp_path / "run")

    (tmp_path / "empty").mkdir()
    assert told("lmm", tmp_path)[0] == 2
    assert "Did you mean 'lmms'?" in told("lmm", tmp_path)[1]
    for form, hint in (("lmms", "--log_samples"), ("lm-eval", "--log_samples"), ("vlmevalkit", "MODEL_DATASET.xlsx")):
        code, words = told(form, tmp_path / "empty")
        assert (code, hint in words) == (4, True), words
    write_lines(tmp_path / "odd/20261101_101500_samples_mme.jsonl", [{"doc_id": 1}])
    code, words = told("lmms", tmp_path / "odd")
    assert (code, ":1: not a sample of lmms-eval" in words) == (4, True), words
    (tmp_path / "odd/20261101_101500_samples_mme.jsonl").write_text("{\n")
    assert "_samples_mme.jsonl:1: not a JSON object" in told("lmms", tmp_path / "odd")[1]
    unscored = [{"doc_id": 1, "input": "?", "target": "a", "filtered_resps": ["a"]}]
    write_lines(tmp_path / "plain/20261101_101500_samples_mme.jsonl", unscored)
    code, words = told("lmms", tmp_path / "plain")
    assert (code, "gives no sample a score. Name a task of ours" in words) == (2, True), words
    code, words = told("just-a-file.jsonl")
    assert (code, "a FILE needs --task NAME" in words) == (2, True)
    code, words = told("lmms", tmp_path, "--map", "id=x")
    assert (code, "give a FILE with --map, or a format and a FOLDER" in words) == (2, True)
