"""Whole runs against an endpoint: what is written and shown, what an end in the middle leaves, what is asked again."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from PIL import Image

from harness.cli import main
from harness.store import RunDirectory
from tests.harness.judge_server import Answer, JudgeServer, Reply, answers, cut, fails, says, serving
from tests.harness.small_data import write_data, write_task

KEY = "very-secret-0123456789"
PRICES = ("--model-option", "price_in=1", "--model-option", "price_out=10")
COUNTED = answers("yes", prompt_tokens=100, completion_tokens=2)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    monkeypatch.setenv("GEOPIX_CACHE", str(tmp_path / "cache"))
    write_data(tmp_path / "data")
    write_task(tmp_path)
    return tmp_path


@pytest.fixture
def server() -> Iterator[JudgeServer]:
    with serving() as found:
        found.answers = [COUNTED]
        yield found


def command(folder: Path, server: JudgeServer, *more: str, output: str = "run") -> list[str]:
    return [
        "--tasks", str(folder / "small.yaml"), "--model", f"openai:some/model@{server.url}",
        "--data-dir", str(folder / "data"), "--output", str(folder / output),
        "--model-option", "retries=0", "--model-option", "timeout=20", *more,
    ]  # fmt: skip


def run(folder: Path, server: JudgeServer, *more: str, output: str = "run") -> Result:
    result = CliRunner().invoke(main, command(folder, server, *more, output=output))
    assert result.exit_code != 70, result.output
    return result


def process(folder: Path, server: JudgeServer, *more: str) -> subprocess.Popen[str]:
    # A shell that runs the tests in the background has them ignore interrupts, and what they start inherits that.
    program = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)\n"
    program += "from harness.cli import main; main()"
    return subprocess.Popen(
        [sys.executable, "-c", program, *command(folder, server, *more)],
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
        env={**os.environ, "PYTHONPATH": str(Path.cwd())},
    )  # fmt: skip


def result_of(folder: Path, output: str = "run") -> Any:
    return RunDirectory(folder / output).result("small")


def questions(server: JudgeServer) -> list[str]:
    return [body["messages"][0]["content"][-1]["text"] for _, body, _, _ in server.asked]


def by_question(usual: Answer, **others: Answer) -> Answer:
    """Answers some questions, by their number, otherwise."""

    def answer(body: dict[str, Any]) -> Reply:
        number = body["messages"][0]["content"][-1]["text"].split()[2]
        return others.get(f"q{number}", usual)(body)

    return answer


def test_tokens_and_cost_are_counted_written_and_shown(folder: Path, server: JudgeServer) -> None:
    shown = run(folder, server, *PRICES)
    assert shown.exit_code == 0, shown.output
    assert "small: 1,200 tokens in, 24 out; cost 0.0014" in shown.output
    result = result_of(folder)
    assert (result.prompt_tokens, result.tokens, result.cached) == (1200, 24, 0)
    assert result.cost == pytest.approx(12 * (100 * 1 + 2 * 10) / 1e6)
    manifest = json.loads((folder / "run" / "run.json").read_text())
    assert manifest["settings"]["weights"].startswith("not known")
    assert {"size", "format", "endpoint"} <= manifest["settings"].keys()


def test_the_key_is_in_no_byte_that_is_written_and_in_no_word_that_is_shown(folder: Path, server: JudgeServer) -> None:
    said = f"yes, Bearer {KEY} and {KEY}"
    server.answers = [
        by_question(
            answers(said),
            q1=fails(400, f"Incorrect key {KEY}", X_Key=KEY),
            q2=says(f'{{"error": "{KEY}"'.encode()),
            q3=answers(None, refusal=f"I know {KEY}"),
            q4=fails(500, said),
            q5=cut(),
            q6=fails(400, said, code="content_filter"),
            q7=fails(429, said, Retry_After=KEY),
        )
    ]
    shown = run(folder, server, "--cache", str(folder / "answers.sqlite"), *PRICES)
    assert shown.exit_code == 3, shown.output
    assert all(headers["authorization"] == f"Bearer {KEY}" for _, _, headers, _ in server.asked)
    server.answers = [fails(401, said)]
    refused = run(folder, server, output="refused")
    assert refused.exit_code == 4
    page = CliRunner().invoke(main, ["leaderboard", str(folder), "-o", str(folder / "board.html")])
    assert page.exit_code == 0, page.output
    written = [path for path in folder.rglob("*") if path.is_file()]
    assert {"records.jsonl", "result.json", "run.json", "board.html", "answers.sqlite"} <= {
        path.name for path in written
    }
    for text in (shown.output, refused.output, *(path.read_bytes().decode("latin-1") for path in written)):
        assert KEY not in text
    records = {record.sample_id: record for record in RunDirectory(folder / "run").records("small")}
    assert records["0"].response is not None
    assert records["0"].response.text == "yes, Bearer *** and ***"
    assert records["3"].prediction.reason == "the model refuses: I know ***"
    assert "answers HTTP 400" in str(records["1"].prediction.reason)
    assert records["6"].prediction.status == "empty"


def test_failures_are_asked_again_and_nothing_else_is(folder: Path, server: JudgeServer) -> None:
    server.answers = [by_question(COUNTED, q3=fails(500), q7=says(b"{"), q8=answers(""))]
    assert run(folder, server).exit_code == 3
    assert (result_of(folder).counts.failed, result_of(folder).counts.empty) == (2, 1)
    server.asked.clear()
    server.answers = [COUNTED]
    assert run(folder, server).exit_code == 0
    assert sorted(questions(server)) == ["Is thing 3 here?", "Is thing 7 here?"]
    assert result_of(folder).counts.failed == 0


def test_a_key_that_is_not_taken_ends_the_run_and_the_same_command_goes_on(folder: Path, server: JudgeServer) -> None:
    server.answers = [COUNTED, COUNTED, COUNTED, fails(401, "expired")]
    ended = run(folder, server, "--model-option", "parallel=1")
    assert ended.exit_code == 4
    assert "answers HTTP 401" in ended.output
    assert "the same command goes on where it stopped" in ended.output
    asked = questions(server)[:3]
    server.asked.clear()
    server.answers = [COUNTED]
    assert run(folder, server, "--model-option", "parallel=1").exit_code == 0
    assert len(server.asked) == 9
    assert not set(asked) & set(questions(server))


@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGINT])
def test_what_was_answered_before_an_end_is_kept_though_others_hang(
    folder: Path, server: JudgeServer, end: signal.Signals
) -> None:
    gate = threading.Event()

    def hanging(body: dict[str, Any]) -> Reply:
        gate.wait(30)
        return COUNTED(body)

    server.answers = [by_question(COUNTED, q2=hanging, q5=hanging)]
    running = process(folder, server)
    records = folder / "run" / "small" / "records.jsonl"
    try:
        waited_since = time.monotonic()
        while not records.exists() or records.read_bytes().count(b"\n") < 10:
            assert time.monotonic() - waited_since < 60
            time.sleep(0.02)
        ended_at = time.monotonic()
        running.send_signal(end)
        _, error = running.communicate(timeout=20)
        assert time.monotonic() - ended_at < 15, "nobody waits for a server that hangs"
    finally:
        running.kill()
        gate.set()
    if end == signal.SIGINT:
        assert running.returncode == 130
        assert "The same command goes on where a run stopped." in error
    server.asked.clear()
    server.answers = [COUNTED]
    assert run(folder, server).exit_code == 0
    assert sorted(questions(server)) == ["Is thing 2 here?", "Is thing 5 here?"]
    assert result_of(folder).counts.ok == 12


def test_runs_share_answers_only_when_they_are_told_to(folder: Path, server: JudgeServer) -> None:
    assert run(folder, server, *PRICES).exit_code == 0
    assert not (folder / "cache").exists(), "off unless turned on"
    run(folder, server, "--cache", "on", *PRICES, output="first")
    assert len(server.asked) == 24
    shared = run(folder, server, "--cache", "on", *PRICES, output="second")
    assert len(server.asked) == 24
    assert "small: 1,200 tokens in, 24 out; cost 0.0000; 12 answers from the cache" in shared.output
    assert result_of(folder, "second").cached == 12
    assert result_of(folder, "second").scores == result_of(folder, "first").scores
    Image.new("RGB", (8, 8), (9, 9, 9)).save(folder / "data" / "SMALL" / "Data" / "2.tif")
    run(folder, server, "--cache", "on", *PRICES, output="third")
    assert sorted(questions(server)[24:]) == [f"Is thing {number} here?" for number in (10, 2, 6)]
    assert result_of(folder, "third").cached == 9


def cache_command(*words: str) -> str:
    result = CliRunner().invoke(main, ["cache", *words])
    assert result.exit_code == 0, result.output
    return result.output


def test_the_command_cache(folder: Path, server: JudgeServer) -> None:
    usual = str(folder / "cache" / "responses.sqlite")
    assert "Runs share no answers" in cache_command("list")
    assert f"{usual} holds no answers." in cache_command("list")
    assert f"Runs share answers through {usual}" in cache_command("on")
    run(folder, server, output="first")
    run(folder, server, output="second")
    run(folder, server, "--cache", "off", output="third")
    assert len(server.asked) == 24
    listed = cache_command("list")
    assert "some/model" in listed
    assert f"{usual}: 12 answers, " in listed
    assert "0 answers taken away" in cache_command("prune", "--older-than", "1")
    assert "0 answers taken away" in cache_command("prune", "--model", "other")
    assert "12 answers taken away" in cache_command("prune", "--model", "some/model")
    assert "Runs share no answers" in cache_command("off")
    run(folder, server, output="fourth")
    run(folder, server, output="fifth")
    assert len(server.asked) == 48
    assert "0 answers taken away" in cache_command("prune", "--all", "--cache", str(folder / "none.sqlite"))
    assert not (folder / "none.sqlite").exists()
    unnamed = CliRunner().invoke(main, ["cache", "prune"])
    assert unnamed.exit_code == 2
    assert "name what to take away" in unnamed.output


def test_a_model_that_takes_no_part_in_the_cache_is_told_of(folder: Path) -> None:
    words = ["--tasks", str(folder / "small.yaml"), "--model", "baseline:constant", "--data-dir", str(folder / "data")]
    shown = CliRunner().invoke(main, [*words, "--output", str(folder / "run"), "--cache", "on"])
    assert shown.exit_code == 0, shown.output
    assert "is asked without the cache: its answers depend on more than what it is asked." in shown.output


def test_a_damaged_cache_is_told_of_and_the_run_goes_on(folder: Path, server: JudgeServer) -> None:
    (folder / "answers.sqlite").write_bytes(b"no database at all, and long enough to be looked at" * 20)
    shown = run(folder, server, "--cache", str(folder / "answers.sqlite"))
    assert shown.exit_code == 0
    assert "is damaged" in shown.output
    assert "It was set aside as answers.sqlite.damaged-" in shown.output
    refused = run(folder, server, "--cache", "answers.txt", output="other")
    assert refused.exit_code == 2
    assert not (folder / "other").exists()
