"""Gates files: what they mean, and every mistake at once with its line."""

from dataclasses import replace
from pathlib import Path

import pytest

from harness.comparison.gates import Amount, Bound, Gate, read_gates
from harness.errors import ConfigurationError, MissingDataError
from tests.harness.comparison.evidence import ACCURACY

WRITTEN = """\
alpha: 0.01
gates:
  - {task: rsvqa_hr, metric: oa, min: 30 %, max_drop: 2 points, only_if_significant: true}
  - task: rrsis
    metric: miou
    slice: {size: small}
    max_drop: 10 %
"""


def write(folder: Path, text: str) -> Path:
    file = folder / "gates.yaml"
    file.write_text(text)
    return file


def problems(folder: Path, text: str) -> list[str]:
    with pytest.raises(ConfigurationError) as refusal:
        read_gates(write(folder, text))
    return str(refusal.value).replace(f"{folder / 'gates.yaml'}:", "").splitlines()


def test_a_file_is_read(tmp_path: Path) -> None:
    found = read_gates(write(tmp_path, WRITTEN))
    assert found.alpha == 0.01
    assert found.gates == (
        Gate("rsvqa_hr", "oa", {}, Bound(30.0, True), None, Amount(2.0, False), True, 3),
        Gate("rrsis", "miou", {"size": "small"}, drop=Amount(10.0, True), line=4),
    )


def test_all_mistakes_are_said_at_once_with_their_lines(tmp_path: Path) -> None:
    text = """\
alfa: 0.05
gates:
  - {task: a, metric: oa, mim: 0.5}
  - {task: a, metric: oa, max_drop: 2}
  - {metric: oa, min: high}
  - {task: a, metric: aa, min: 0.1, only_if_significant: true}
  - {task: b, metric: oa, min: 0.5}
  - {task: b, metric: oa, max_drop: 1 pt}
  - {task: a, metric: x, slice: {size: 3}, max: [1]}
"""
    assert problems(tmp_path, text) == [
        "1: alfa: unknown key 'alfa'. Did you mean 'alpha'? Known: alpha, gates.",
        "3: gates[0]: this gate demands nothing: give it `min`, `max` or `max_drop`",
        "3: gates[0].mim: unknown key 'mim'. Did you mean 'min'? Known: max, max_drop, metric, min, "
        "only_if_significant, slice, task.",
        "4: gates[1]: line 3 has a gate on the same scores; make them one",
        "4: gates[1].max_drop: expected an amount with its unit, `0.5 points` or `2 %`, found 2",
        "5: gates[2].min: expected a score such as `0.55` or `55 %`, found 'high'",
        "5: gates[2].task: 'task' is missing",
        "6: gates[3].only_if_significant: this belongs to `max_drop`, which is missing",
        "8: gates[5]: line 7 has a gate on the same scores; make them one",
        "9: gates[6]: this gate demands nothing: give it `min`, `max` or `max_drop`",
        "9: gates[6].max: input should be a valid number, found [1]",
        "9: gates[6].max: input should be a valid string, found [1]",
        "9: gates[6].slice.size: input should be a valid string, found 3",
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("gates: []", "1: gates: list should have at least 1 item after validation, not 0, found []"),
        ("- 1", "1: expected a mapping of keys to values, found something else"),
        (
            "gates: !!python/name:os.system",
            "1: gates: the tag 'tag:yaml.org,2002:python/name:os.system' is not allowed",
        ),
        ("alpha: 0.9\ngates: [{task: a, metric: b, min: 1}]", "1: alpha: input should be less than 0.5, found 0.9"),
    ],
)
def test_what_is_no_gates_file_is_refused(tmp_path: Path, text: str, message: str) -> None:
    assert any(problem.startswith(message) for problem in problems(tmp_path, text))


def test_an_absent_file_is_missing(tmp_path: Path) -> None:
    with pytest.raises(MissingDataError, match=r"none\.yaml cannot be read: No such file"):
        read_gates(tmp_path / "none.yaml")


def test_amounts_are_points_or_shares_of_the_baseline() -> None:
    score = replace(ACCURACY, unit="score")
    assert Amount(0.5, relative=False).of(0.8, ACCURACY) == pytest.approx(0.005)
    assert Amount(0.5, relative=False).of(0.8, score) == 0.5
    assert Amount(5.0, relative=True).of(0.8, ACCURACY) == pytest.approx(0.04)
    assert Amount(5.0, relative=True).of(-2.0, score) == pytest.approx(0.1)
    assert [str(Amount(1.0, False)), str(Amount(0.5, False)), str(Amount(2.0, True))] == [
        "1 point",
        "0.5 points",
        "2 %",
    ]
    assert Bound.parse("-3") == Bound(-3.0, percent=False)
    assert Bound(55.0, percent=True).of(ACCURACY) == pytest.approx(0.55)
    assert Bound.parse(True) is None
