"""METEOR's one Java process: its numbers, its end, and what is said where it cannot run."""

import shutil
import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from harness.errors import EnvironmentProblem
from harness.metrics.captions import java, meteor
from harness.metrics.captions.meteor import Meteor
from harness.records import Answered, Prediction, Target
from tests.harness.metrics.captions.reference import as_columns, reference

SAMPLE = Answered(Target(texts=("a plane",)), Prediction("ok", text="a plane"))


@pytest.mark.slow
def test_equal_to_pycocoevalcap(shared: Path) -> None:
    if shutil.which("java") is None or find_spec("pycocoevalcap") is None:
        pytest.skip("METEOR needs Java and the extra `captions`")
    sets = [reference(shared, name) for name in ("ucm_earthdial", "edge", "edge_single_image", "sydney_earthdial")]
    rows = iter(Meteor().score_all([sample for found in sets for sample in found.samples]))
    for expected in sets:
        columns = as_columns([next(rows) for _ in expected.samples])
        assert Meteor().reduce(columns) == pytest.approx(expected.corpus["METEOR"], abs=1e-9)
        assert Meteor().from_totals(columns) == pytest.approx(np.array(expected.per_image["METEOR"]), abs=1e-9)


def test_what_is_missing_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    monkeypatch.setattr(java, "find_spec", lambda name: None)
    with pytest.raises(EnvironmentProblem) as caught:
        Meteor().score_all([SAMPLE])
    assert "Java is not on the PATH (on Debian: apt-get install default-jre-headless)" in str(caught.value)
    assert "pip install 'geopix[captions]'" in str(caught.value)


def stand_in(monkeypatch: pytest.MonkeyPatch, script: str) -> None:
    """Another program in the place of Java, that speaks over the same pipes."""
    monkeypatch.setattr(meteor, "command", lambda: [sys.executable, "-c", script])


ECHO = "import sys\nfor line in sys.stdin: print(*[line.count('|||')] * 23)"


def test_more_captions_than_a_pipe_holds_and_each_different_one_once(monkeypatch: pytest.MonkeyPatch) -> None:
    stand_in(monkeypatch, ECHO)
    many = [Answered(Target(texts=(f"plane {number} {'x' * 500}",)), SAMPLE.prediction) for number in range(1000)]
    rows = Meteor().score_all([*many, SAMPLE, SAMPLE, Answered(Target(), SAMPLE.prediction)])
    assert len(rows) == 1003
    assert rows[0]["said"] == rows[1001]["said"] == 2.0
    assert rows[1002] == {}
    assert len(meteor.aligned([meteor._line(SAMPLE)])) == 1


def test_half_a_character_does_not_stop_the_writing(monkeypatch: pytest.MonkeyPatch) -> None:
    stand_in(monkeypatch, ECHO)
    assert len(Meteor().score_all([Answered(SAMPLE.target, Prediction("ok", text="a \ud800 plane")), SAMPLE])) == 2


def test_a_process_that_ends_early_is_an_error_with_its_own_words(monkeypatch: pytest.MonkeyPatch) -> None:
    stand_in(monkeypatch, "import sys\nsys.exit('java.lang.OutOfMemoryError: Java heap space')")
    with pytest.raises(EnvironmentProblem, match=r"code 1 after 0 of 1 captions: java\.lang\.OutOfMemoryError"):
        Meteor().score_all([SAMPLE])


def test_numbers_that_are_none_end_the_process(monkeypatch: pytest.MonkeyPatch) -> None:
    stand_in(monkeypatch, "import sys, time\nprint('what?', flush=True)\ntime.sleep(60)")
    with pytest.raises(ValueError, match="what"):
        Meteor().score_all([SAMPLE])


def test_nothing_to_score_starts_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    assert Meteor().score_all([Answered(Target(), SAMPLE.prediction)]) == [{}]
