"""SPICE's Java process: what it is asked and answers, and what is said where it cannot run."""

import sys
from pathlib import Path

import numpy as np
import pytest

from harness.errors import EnvironmentProblem
from harness.metrics.captions import spice
from harness.metrics.captions.spice import Spice
from harness.records import Answered, Prediction, Target

SAMPLES = [
    Answered(Target(texts=("A plane.", "A white plane.")), Prediction("ok", text="A plane.")),
    Answered(Target(), Prediction("ok", text="A plane.")),
    Answered(Target(texts=("A ship.",)), Prediction("empty", "why")),
]
# Answers like the jar: the share of references that equal the caption, and NaN where there is no caption.
JAR = """
import json, sys
asked = json.load(open(sys.argv[1]))
out = sys.argv[sys.argv.index('-out') + 1]
value = lambda row: sum(text == row['test'] for text in row['refs']) / len(row['refs']) if row['test'] else float('nan')
json.dump([{'image_id': row['image_id'], 'scores': {'All': {'f': value(row)}}} for row in asked], open(out, 'w'))
"""


def stand_in(monkeypatch: pytest.MonkeyPatch, script: str) -> None:
    """Another program in the place of Java, that reads and writes the same files."""
    monkeypatch.setattr(spice, "command", lambda: [sys.executable, "-c", script])


def test_captions_go_through_files(monkeypatch: pytest.MonkeyPatch) -> None:
    stand_in(monkeypatch, JAR)
    assert Spice().score_all(SAMPLES) == [{"spice": 0.5, "count": 1.0}, {}, {}]
    assert Spice().reduce({"spice": np.array([0.5, 1.0]), "count": np.ones(2)}) == 0.75


def test_a_process_that_fails_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    stand_in(monkeypatch, "import sys\nsys.exit('no memory')")
    with pytest.raises(EnvironmentProblem, match=r"SPICE's Java process ended with code 1: no memory"):
        Spice().score_all(SAMPLES)


def test_missing_models_are_named_with_their_place(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(spice, "java_and_package", lambda metric: ("java", tmp_path))
    with pytest.raises(EnvironmentProblem) as caught:
        Spice().score_all(SAMPLES)
    assert "stanford-corenlp-3.6.0.jar and stanford-corenlp-3.6.0-models.jar" in str(caught.value)
    assert str(tmp_path / "spice" / "lib") in str(caught.value)


def test_missing_java_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(EnvironmentProblem, match="SPICE cannot run: Java is not on the PATH"):
        Spice().score_all(SAMPLES)


def test_nothing_to_score_starts_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    assert Spice().score_all(SAMPLES[1:2]) == [{}]
