"""Files of templates: strict, all mistakes at once."""

from pathlib import Path

import pytest

from geopix.training.talks.files import load_talks
from harness.errors import ConfigurationError

MISTAKES = """\
purpos: x
talks:
  - kind: segmnt
    questions: [a]
    answers: [b]
  - kind: absent
    questions: []
    answers: ["{{ a"]
    shar: 0.5
  - questions: [a]
    answers: [b]
  - {kind: several, questions: [a], answers: [b], most: 1}
"""


def test_all_mistakes_are_named_with_their_lines(tmp_path: Path) -> None:
    path = tmp_path / "bad.yaml"
    path.write_text(MISTAKES, encoding="utf-8")
    with pytest.raises(ConfigurationError) as caught:
        load_talks([str(path), "referring"])
    lines = str(caught.value).splitlines()
    for expected in (
        f"{path}:1: purpos: unknown key 'purpos'. Did you mean 'purpose'?",
        f"{path}:3: talks[0].kind: unknown kind 'segmnt'. Did you mean 'segment'? Known: segment, several, absent,",
        f"{path}:7: talks[1].questions: ",
        f"{path}:8: talks[1].answers[0]: ",
        f"{path}:9: talks[1].shar: unknown key 'shar'. Did you mean 'share'?",
        f"{path}:10: talks[2].kind: 'kind' is missing.",
        f"{path}:12: talks[3].most: ",
    ):
        assert [line for line in lines if line.startswith(expected)], (expected, lines)
    assert len(lines) == 7


def test_an_unknown_name_is_told_with_the_nearest() -> None:
    with pytest.raises(ConfigurationError, match="unknown templates 'refering'.* Did you mean 'referring'"):
        load_talks(["refering"])


def test_a_broken_file_is_told_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "bad.yaml"
    path.write_text("talks:\n  - {kind: !!python/name:os.system x}\n", encoding="utf-8")
    with pytest.raises(ConfigurationError, match="bad.yaml:2: .*is not allowed"):
        load_talks([str(path)])
