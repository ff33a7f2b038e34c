"""Data of every kind in a run, from the recipe to the loss."""

import json
import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import yaml
from click.testing import CliRunner
from PIL import Image

from geopix.chat import Turn as Said
from geopix.cli import main
from geopix.processing import GeoPixProcessor
from geopix.training.collator import Collator
from geopix.training.examples import Examples
from geopix.training.preparation import Run, collator_for, drawing_of
from geopix.training.recipe import load_recipe
from geopix.training.trainer import train
from geopix.training.turns import Turn
from harness.errors import ConfigurationError
from harness.masks import encode

QUESTION = Turn("vqa", "What is there?", "A ship.")
NEXT = Turn("segment", "Segment it.", "It is <SEG>.")


@pytest.fixture
def data(earth: Path, tmp_path: Path) -> Path:
    """Mini Earth with a file of conversations beside it."""
    folder = tmp_path / "data"
    folder.mkdir()
    (folder / "rrsisd").symlink_to(earth / "rrsisd")
    (folder / "mine").mkdir()
    pixels = np.zeros((32, 32), dtype=np.bool_)
    pixels[4:10, 20:30] = True
    Image.fromarray(pixels.astype(np.uint8) * np.uint8(200)).save(folder / "mine/a.png")
    line = {
        "image": "a.png",
        "turns": [
            {"role": "user", "text": "What is in the upper right?"},
            {"role": "assistant", "text": "A ship."},
            {"role": "user", "text": "Segment it."},
            {
                "role": "assistant",
                "text": "It is <SEG>.",
                "masks": [{"size": [32, 32], "counts": encode(pixels).counts, "category": "ship"}],
            },
        ],
    }
    (folder / "mine/train.jsonl").write_text(json.dumps(line) + "\n", encoding="utf-8")
    return folder


@pytest.fixture
def mixed(tmp_path: Path, checkpoint: Path) -> Path:
    """A recipe with templates, conversations and instances, turned and mirrored."""
    augment = {"horizontal_flip": 0.5, "rotation": 0.5}
    recipe = {
        "name": "mixed",
        "base": {"checkpoint": str(checkpoint)},
        "data": [
            {"task": "rrsis", "dataset": {"split": "train"}, "templates": ["referring"], "augment": {**augment}},
            {"conversations": "mine/train.jsonl", "augment": augment, "weight": 4.0},
            {
                "instances": {"root": "rrsisd", "file": "rrsisd/instances.json", "images": "images/rrsisd/JPEGImages"},
                "templates": ["instances", "absent"],
            },
        ],
        "steps": 1,
        "images_per_step": 2,
        "questions_per_image": 3,
        "log_every": 1,
    }
    path = tmp_path / "mixed.yaml"
    path.write_text(yaml.safe_dump(recipe), encoding="utf-8")
    return path


def test_all_kinds_of_data_are_taught_together(
    begin: Callable[..., Run], mixed: Path, data: Path, tmp_path: Path
) -> None:
    run = begin(tmp_path / "run", recipe=str(mixed), data=data)
    kinds = {turn.capability for lesson in run.mixture.lessons for turn in lesson.turns}
    assert kinds == {"segment", "refer", "vqa"}
    train(run)
    history = [json.loads(line) for line in (tmp_path / "run/history.jsonl").read_text().splitlines()]
    losses = [value for line in history for name, value in line.items() if name.endswith("_loss")]
    assert losses
    assert all(math.isfinite(value) for value in losses)


def test_a_dry_run_shows_two_conversations(mixed: Path, data: Path) -> None:
    result = CliRunner().invoke(main, ["train", str(mixed), "--dry-run", "--data-dir", str(data)])
    assert result.exit_code == 0, result.output
    shown = result.output.partition("The first conversations:\n")[2]
    assert shown.count("image ") >= 2
    assert "[segment]" in shown
    assert "<SEG>" in shown


def test_a_dry_run_counts_missing_images_and_names_them(mixed: Path, data: Path, earth: Path) -> None:
    line = {"image": "gone.png", "turns": [{"role": "user", "text": "?"}, {"role": "assistant", "text": "!"}]}
    with (data / "mine/train.jsonl").open("a", encoding="utf-8") as file:
        file.write(json.dumps(line) + "\n")
    arguments = ["train", str(mixed), "--dry-run", "--data-dir", str(data)]
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 4
    assert "1 of 2 samples cannot be used; 1 image is missing: gone.png" in result.output
    result = CliRunner().invoke(main, [*arguments, "defects.sample=skip"])
    assert result.exit_code == 0, result.output
    assert "left out    1 samples; 1 image is missing: gone.png; the first: " in result.output


def test_what_is_asked_next_sees_what_was_said(checkpoint: Path) -> None:
    processor = GeoPixProcessor.from_pretrained(checkpoint)
    collator = Collator(processor, processor.image_processor, {}, 8)
    talk = Turn(QUESTION.capability, QUESTION.question, QUESTION.answer, then=(NEXT,))
    packed = collator.pack([talk, QUESTION])
    prefix = len(processor.encode_prefix())
    first = [place for place, branch in enumerate(packed.branches) if branch == 1]
    words = processor.tokenizer.decode([packed.ids[place] for place in first])
    assert words == (
        "\n[Visual Question Answering] What is there? ASSISTANT: A ship.</s>"
        "USER: [segment] Segment it. ASSISTANT: It is [SEG0][SEG1][SEG2][SEG3][SEG4][SEG5].</s>"
    )
    asked = processor.encode_question(NEXT.question, NEXT.capability, [Said(QUESTION.question, QUESTION.answer, "vqa")])
    assert [packed.ids[place] for place in first][: len(asked)] == asked  # as the predictor asks it
    assert [packed.positions[place] for place in first] == list(range(prefix, prefix + len(first)))
    taught = processor.tokenizer.decode([label for label in packed.labels if label >= 0])
    assert taught == " A ship.</s> It is [SEG0][SEG1][SEG2][SEG3][SEG4][SEG5].</s> A ship.</s>"
    alone = collator.pack([QUESTION])
    start = packed.branches.index(2)
    assert packed.ids[start:] == alone.ids[prefix:]


def test_masks_of_all_answers_are_targets_in_the_order_of_their_tokens(
    begin: Callable[..., Run], mixed: Path, data: Path, tmp_path: Path
) -> None:
    run = begin(tmp_path / "run", recipe=str(mixed), data=data)
    collate = collator_for(run.recipe, run.model.config, run.processor)
    examples = Examples(drawing_of(run.recipe, run.mixture), run.recipe.defects, 0, 12)
    batch = collate([examples[place] for place in range(12)])
    runs = (batch["inputs"]["input_ids"] == run.processor.seg_token_ids[0][0]).sum()
    assert len(batch["inputs"]["target_masks"]) == len(batch["inputs"]["target_classes"]) == runs > 0


@pytest.mark.parametrize(
    ("override", "expected"),
    [
        ("data=[{}]", r"data\[0\]: give one of `task`, `instances` or `conversations`; found none"),
        ("data=[{task: a, conversations: b}]", "found task and conversations"),
        ("data=[{conversations: b, prompt: c}]", r"data\[0\].prompt: it changes a task; a data set given by `conv"),
        ("data=[{conversations: b, templates: [absent]}]", r"data\[0\].templates: conversations have their words"),
        ("data=[{task: a, templates: [absent], prompt: c}]", "templates say how questions are put; leave out `prompt`"),
        ("data=[{task: a, templates: [absnt]}]", r"data\[0\].templates: unknown templates 'absnt'.* mean 'absent'"),
        ("data=[{task: a, augment: {flip: 1}}]", r"data\[0\].augment.flip: unknown key 'flip'"),
        ("data=[{task: a, augment: {rotation: 2}}]", r"data\[0\].augment.rotation"),
        ("data=[{instances: {root: b, file: a}}]", r"data\[0\].instances.images: 'images' is missing"),
    ],
)
def test_mistakes_in_a_recipe_s_data_are_told(override: str, expected: str) -> None:
    with pytest.raises(ConfigurationError, match=expected):
        load_recipe("mini", [override])
