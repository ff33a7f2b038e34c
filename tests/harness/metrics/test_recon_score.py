"""ReconScore with small parts of a real plugin package: one paints in a colour, the other compares colours."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from harness.errors import EnvironmentProblem
from harness.metrics.recon_score import AFTER, BEFORE, ReconScore
from harness.plugins import installed
from harness.records import Answered, ImageFile, Prediction, Target
from tests.harness.entry_points import install

PARTS = '''
import numpy as np
from PIL import Image
from harness.plugins import hookimpl

@hookimpl
def geopix_eval_generators():
    return {"paint": "recon_parts:Paint"}

@hookimpl
def geopix_eval_scorers():
    return {"colour": "recon_parts:Colour"}

class Paint:
    """Paints the picture in the colour that the prompt names."""
    asked = []
    def __init__(self, argument):
        self.argument = argument
    def generate(self, prompt, size, seed):
        self.asked.append((prompt, size, seed, self.argument))
        return Image.new("RGB", size, next(name for name in ("red", "lime", "blue") if name in prompt))

class Colour:
    """1 - cosine of two pictures' mean colours."""
    def __init__(self, argument):
        pass
    def distance(self, original, drawn):
        first, second = (np.asarray(picture, dtype=float).mean(axis=(0, 1)) for picture in (original, drawn))
        return 1 - float(first @ second / np.sqrt(first @ first * (second @ second)))
'''


@pytest.fixture
def parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.syspath_prepend(install(tmp_path / "site", "recon_parts", PARTS))
    installed.cache_clear()
    yield
    installed.cache_clear()


def sample(tmp_path: Path, colour: str, prediction: Prediction, size: tuple[int, int] = (40, 24)) -> Answered:
    path = tmp_path / f"{colour}.png"
    Image.new("RGB", size, colour).save(path)
    return Answered(Target(), prediction, {}, (ImageFile(path.name, path),))


def said(text: str) -> Prediction:
    return Prediction("ok", text=text)


@pytest.mark.usefixtures("parts")
def test_alike_is_one_and_unlike_a_half(tmp_path: Path) -> None:
    metric = ReconScore("paint:any", "colour")
    samples = [sample(tmp_path, "red", said("a red roof")), sample(tmp_path, "lime", said("a blue pool"), (2048, 1000))]
    rows = metric.score_all(samples)
    assert rows == [pytest.approx({"likeness": 1.0, "count": 1.0}), pytest.approx({"likeness": 0.5, "count": 1.0})]
    assert metric.reduce({name: np.array([row[name] for row in rows]) for name in rows[0]}) == pytest.approx(0.75)
    asked = installed().generators.load("paint").asked
    assert asked[-2] == (f"{BEFORE}a red roof{AFTER}", (32, 32), 42, "any")
    assert asked[-1][1] == (1024, 496)


@pytest.mark.usefixtures("parts")
def test_what_has_no_caption_is_left_out_or_zero_as_asked(tmp_path: Path) -> None:
    none = [
        sample(tmp_path, "red", Prediction(status, "why", text="red")) for status in ("empty", "unparsed", "failed")
    ]
    assert ReconScore("paint", "colour").score_all(none) == [{}, {}, {}]
    zero = {"likeness": 0.0, "count": 1.0}
    assert ReconScore("paint", "colour", missing="zero").score_all(none) == [zero, zero, {}]
    assert ReconScore("paint", "colour").score_all([Answered(Target(), said("red"))]) == [{}]


def test_a_missing_part_says_what_to_install(tmp_path: Path) -> None:
    with pytest.raises(EnvironmentProblem) as caught:
        ReconScore("z_image:Tongyi-MAI/Z-Image", "dreamsim").score_all([sample(tmp_path, "red", said("red"))])
    assert "ReconScore needs a generator, and none of the name 'z_image' is installed (there are: none)" in str(
        caught.value
    )
    assert "hook geopix_eval_generators, see docs/extend.md" in str(caught.value)


@pytest.mark.usefixtures("parts")
def test_a_missing_scorer_names_what_there_is(tmp_path: Path) -> None:
    with pytest.raises(EnvironmentProblem, match=r"needs a scorer, and none of the name 'dreamsim'.*there are: colour"):
        ReconScore("paint", "dreamsim").score_all([sample(tmp_path, "red", said("red"))])


@pytest.mark.usefixtures("parts")
def test_a_damaged_image_is_named(tmp_path: Path) -> None:
    damaged = sample(tmp_path, "red", said("red"))
    damaged.images[0].path.write_bytes(b"no picture")
    with pytest.raises(EnvironmentProblem, match=r"image red\.png: .*red\.png cannot be read"):
        ReconScore("paint", "colour").score_all([damaged])
