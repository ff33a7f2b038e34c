"""The card of a checkpoint: what hubs read, what people read, and nothing that a recipe's words could break."""

import json
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner
from huggingface_hub import ModelCard

from geopix.cli import main
from geopix.mini import MINI
from geopix.model_card import MARKER, render_card, write_card
from geopix.predictor import GeoPix
from harness.errors import ConfigurationError, EnvironmentProblem

HOSTILE = "](http://x) <script>alert(1)</script> | `rm` {{ 7 * 7 }}\n---\nlicense: mit\n# Scores"


@pytest.fixture
def folder(checkpoint: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(checkpoint, tmp_path / "ship_finder"))


def test_a_hub_reads_the_metadata(folder: Path) -> None:
    result = CliRunner().invoke(main, ["card", str(folder), "--license", "apache-2.0", "--base-model", "a/b: c"])
    assert (result.exit_code, result.output) == (0, f"{folder / 'README.md'}\n")
    card = ModelCard.load(folder / "README.md")
    assert card.data.to_dict() == {
        "library_name": "transformers",
        "pipeline_tag": "image-text-to-text",
        "language": ["en"],
        "tags": ["geopix", "remote-sensing", "referring-segmentation", "visual-question-answering"],
        "license": "apache-2.0",
        "base_model": "a/b: c",
    }
    assert "license" not in ModelCard(render_card(folder)).data.to_dict()


def test_people_read_what_the_files_say(folder: Path) -> None:
    text = ModelCard(render_card(folder)).text
    weights = sum(p.numel() for p in GeoPix.from_pretrained(folder, "cpu").model.parameters()) / 1e6
    assert "# ship\\_finder\n" in text
    assert f"{weights:.2f} million weights of type float32." in text
    assert "3 layers of width 16; images of 32 x 32 pixels in 16 tokens" in text
    assert "`intended`, 3 classes: ship, airplane, storage tank" in text
    assert "keeps no record of its training" in text
    assert "None are claimed here" in text


def test_the_training_is_told_as_far_as_it_is_known(folder: Path) -> None:
    told = (MINI / "training.json").read_bytes()
    step, images = (json.loads(told)[key] for key in ("step", "images"))
    tasks = ", ".join(source["name"].replace("_", "\\_") for source in json.loads(told)["data"])
    (folder / "training.json").write_bytes(told)
    (folder / "fingerprints.jsonl").write_text('{"sha256": "a"}\n{"sha256": "b"}\n')
    text = render_card(folder)
    assert "- recipe: mini\\_stage2\n" in text
    assert f"- tasks: {tasks}\n- steps: {step}\n- images: {images}\n" in text
    assert "names the 2 training images" in text
    (folder / "training.json").write_text('{"recipe": 7, "step": 3, "versions": []}')
    assert "## Training\n\n- steps: 3\n\n`training.json` holds" in render_card(folder)


def test_hostile_words_stay_words(folder: Path) -> None:
    (folder / "training.json").write_text(json.dumps({"recipe": {"name": HOSTILE, "data": [{"task": HOSTILE}]}}))
    card = ModelCard(render_card(folder, name=HOSTILE))
    assert "license" not in card.data.to_dict()
    assert [line for line in card.text.splitlines() if line.startswith("# ")] == [card.text.splitlines()[2]]
    assert "<script>" not in card.text
    assert "](http" not in card.text.replace("](https://arxiv.org/abs/2501.06828)", "")
    assert "\\{\\{ 7 \\* 7 \\}\\}" in card.text


def test_saving_writes_the_card_and_saving_again_replaces_it(checkpoint: Path, tmp_path: Path) -> None:
    geopix = GeoPix.from_pretrained(checkpoint, "cpu")
    for _ in range(2):
        geopix.save_pretrained(tmp_path / "out")
    assert MARKER in (tmp_path / "out/README.md").read_text("utf-8")


def test_a_card_that_people_wrote_is_kept(folder: Path) -> None:
    (folder / "README.md").write_text("By hand.")
    with pytest.raises(ConfigurationError, match="README.md: is there already, and `geopix card` has not written it"):
        write_card(folder)
    assert (folder / "README.md").read_text() == "By hand."


def test_what_is_no_checkpoint_gets_no_card(tmp_path: Path, folder: Path) -> None:
    with pytest.raises(EnvironmentProblem, match="expected a checkpoint of GeoPix, found no config.json"):
        write_card(tmp_path)
    (folder / "config.json").write_text('{"model_type": "llava"}')
    with pytest.raises(EnvironmentProblem, match="found a model of type 'llava'"):
        write_card(folder)
