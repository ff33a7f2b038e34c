"""Words that stay true when a picture is turned or mirrored, word by word."""

from pathlib import Path

import pytest

from geopix.training.augmentation.symmetry import Symmetry
from geopix.training.augmentation.wording import reworded

CHANGES = (Symmetry(mirrored=True), Symmetry(mirrored=True, turns=2), Symmetry(turns=1), Symmetry(turns=2))
LINES = (Path(__file__).parent / "words.txt").read_text(encoding="utf-8").splitlines()
ROWS = [line.split(" | ") for line in LINES if not line.startswith("#")]


@pytest.mark.parametrize(("text", "expected"), [(row[0], row[1:]) for row in ROWS], ids=[row[0] for row in ROWS])
def test_words_stay_true(text: str, expected: list[str]) -> None:
    said = [reworded(text, change) for change in CHANGES]
    assert said == [{"=": text, "-": None}.get(word, word) for word in expected]


@pytest.mark.parametrize("text", [row[0] for row in ROWS])
def test_an_unchanged_picture_has_the_same_words(text: str) -> None:
    assert reworded(text, Symmetry()) == text


@pytest.mark.parametrize("text", [row[0] for row in ROWS])
@pytest.mark.parametrize("change", [Symmetry(mirrored=True), Symmetry(mirrored=True, turns=2), Symmetry(turns=2)])
def test_what_is_changed_twice_is_as_before(text: str, change: Symmetry) -> None:
    once = reworded(text, change)
    assert once is None or reworded(once, change) == text
