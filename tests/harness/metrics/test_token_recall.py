"""EarthDial's recall of tokens."""

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from harness.cli import main
from harness.metrics.token_recall import TokenRecall, tokens
from harness.readers.json_lines import JsonLinesReader
from harness.records import Prediction, Target
from harness.results import Score
from harness.store import RunDirectory

MAP = ("prompt=question", "text=answer", "target=annotation")
EXPECTED = "parity/metrics/earthdial_vqa_cls_expected.json"


def recall(reference: str, answer: str) -> float:
    found = TokenRecall().score(Target(texts=(reference,)), Prediction("ok", text=answer), {})
    return found["recall"]


def test_every_recorded_case_is_reproduced(shared: Path) -> None:
    cases = json.loads((shared / "parity/metrics/earthdial_recall_cases.json").read_text("utf-8"))
    assert len(cases) == 10
    for case in cases:
        assert recall(case["reference"], case["answer"]) == case["score"], case


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("yes.", ("yes", ".")),
        ("3.5", ("3.5",)),
        ("1,000 m2", ("1,000m2",)),
        ("it's so", ("it'sso",)),
        ("roof's", ("roof", "'s")),
        ("cannot", ("can", "not")),
        ("a (b)", ("a", "(", "b", ")")),
        ("well... no", ("well", "...", "no")),
        ("they'd've", ("they", "'d", "'ve")),
        ("s" + "'s" * 3000, ("s", *(["'s"] * 3000))),
        ("", ()),
    ],
)
def test_tokens_without_spaces(text: str, expected: tuple[str, ...]) -> None:
    # Each as NLTK 3.10's word_tokenize(preserve_line=True) gives it.
    assert tokens(text) == expected


def test_part_of_the_right_answer_counts_in_part() -> None:
    assert recall("yes.", "yes") == 0.5
    assert recall("a, a", "a") == pytest.approx(1 / 3)
    unread = TokenRecall().score(Target(texts=("yes",)), Prediction("unparsed", "?", text="yes"), {})
    assert unread == {"recall": 0.0, "count": 1.0}
    assert TokenRecall().score(Target(texts=("",)), Prediction("ok", text="x"), {}) == {}
    assert TokenRecall().reduce({"recall": np.array([1.0, 0.5]), "count": np.ones(2)}) == 0.75
    assert TokenRecall().reduce({}) is None


def replayed(shared: Path, output: Path, name: str, task: str, *more: str) -> dict[str, tuple[Score, ...]]:
    file = shared / "data/earthdial" / f"{name}.jsonl"
    maps = [word for pair in (*MAP, *more) for word in ("--map", pair)]
    done = CliRunner().invoke(main, ["import", str(file), "--task", task, "--output", str(output), *maps])
    assert done.exit_code == 0, done.output
    result = RunDirectory(output).result(task)
    return {"": result.scores} | {part.value: part.scores for part in result.slices}


@pytest.mark.parametrize(("short", "task", "published"), [("UCM", "ucmerced", 92.57), ("AID", "aid", 88.47)])
def test_earthdials_scores_of_scenes(shared: Path, tmp_path: Path, short: str, task: str, published: float) -> None:
    expected = json.loads((shared / EXPECTED).read_text("utf-8"))[f"classification/{short}"]
    name = f"rs_classification__{short}"
    (score,) = replayed(shared, tmp_path / "run", name, f"{task}_earthdial")[""]
    assert score.value == pytest.approx(expected["score"], abs=1e-12)
    assert score.n == expected["n"]
    assert round(100 * (score.value or 0), 2) == published
    rows = JsonLinesReader(f"{name}.jsonl", target="annotation", fields={"answer": "answer"})
    samples = list(rows.samples(shared / "data/earthdial"))
    equal = [sample.fields["answer"].lower() == sample.target.texts[0].lower() for sample in samples]
    assert np.mean(equal) == pytest.approx(expected["exact_match_casefold"], abs=1e-12)


def test_earthdials_scores_of_questions(shared: Path, tmp_path: Path) -> None:
    expected = json.loads((shared / EXPECTED).read_text("utf-8"))
    found = replayed(shared, tmp_path / "run", "rs_vqa__RSVQA_LR", "rsvqa_lr_earthdial", "tag.type=vqa_type")
    for kind in ("presence", "comp", "rural_urban"):
        mean, exact = found[kind]
        assert mean.value == pytest.approx(expected[f"RSVQA_LR/{kind}"]["score"], abs=1e-12)
        assert exact.value == pytest.approx(expected[f"RSVQA_LR/{kind}"]["exact_match_casefold"], abs=1e-12)
        assert mean.n == expected[f"RSVQA_LR/{kind}"]["n"]
    bucketed = expected["RSVQA_LR/bucketed_by_VocabEncoder"]
    assert found["count"][0].value == pytest.approx(bucketed["count_exact_unbucketed"], abs=1e-12)


def test_the_same_answers_in_the_official_bins(shared: Path, tmp_path: Path) -> None:
    expected = json.loads((shared / EXPECTED).read_text("utf-8"))["RSVQA_LR/bucketed_by_VocabEncoder"]
    found = replayed(shared, tmp_path / "run", "rs_vqa__RSVQA_LR", "rsvqa_lr", "tag.type=vqa_type")
    overall, average = found[""]
    assert overall.value == pytest.approx(expected["OA"], abs=1e-12)
    assert average.value == pytest.approx(expected["AA"], abs=1e-12)
    for kind, share in expected["per_type"].items():
        assert found[kind][0].value == pytest.approx(share, abs=1e-12)
