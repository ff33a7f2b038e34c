"""What a user holds: answers, drawings, and a checkpoint folder that is not whole."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from transformers.utils import logging as transformers_logging

from geopix.drawing import COLOURS, draw_answer
from geopix.modeling import Generated
from geopix.predictor import Answer, GeoPix
from harness.errors import ConfigurationError, EnvironmentProblem, SampleError


@pytest.fixture
def copied(checkpoint: Path, tmp_path: Path) -> Path:
    for source in checkpoint.iterdir():
        (tmp_path / source.name).write_bytes(source.read_bytes())
    return tmp_path


@pytest.fixture
def geopix(checkpoint: Path) -> GeoPix:
    return GeoPix.from_pretrained(checkpoint, device="cpu")


class Scripted(GeoPix):
    """A GeoPix whose model says what it is told, with one mask on the left half for each run."""

    def __init__(self, geopix: GeoPix, *answers: str) -> None:
        super().__init__(geopix.model, geopix.processor)
        logits = torch.where(torch.arange(16) < 8, 1.0, -1.0).expand(16, 16)
        rows = [row for row, answer in enumerate(answers) for _ in range(answer.count("<SEG>"))]
        said = Generated(
            token_ids=tuple(torch.tensor(geopix.processor.encode_answer(answer)) for answer in answers),
            mask_logits=logits.expand(len(rows), 16, 16),
            mask_rows=torch.tensor(rows, dtype=torch.long),
            class_logits=torch.zeros(len(rows), 4),
            reasons=(None,) * len(answers),
        )
        self.model.generate = lambda *_, **__: said  # type: ignore[method-assign, assignment]


def test_masks_come_at_the_picture_s_own_size(geopix: GeoPix) -> None:
    answer = Scripted(geopix, "It is <SEG>.").respond(Image.new("RGB", (50, 30)), "Segment the ship.")
    assert answer.text == "It is <SEG>."
    assert answer.masks.shape == (1, 30, 50)
    assert answer.masks.dtype == np.bool_
    assert answer.masks[0, :, :25].all()
    assert not answer.masks[0, :, 25:].any()
    assert answer.boxes.tolist() == [[0, 0, 25, 30]]
    assert answer.box_source == "masks"
    assert answer.reason is None


def test_spoken_boxes_come_before_those_of_masks(geopix: GeoPix) -> None:
    answer = Scripted(geopix, "<SEG> at {<10><0><20><50>}").respond(Image.new("RGB", (50, 30)), "?")
    assert answer.boxes.tolist() == [[5, 0, 10, 15]]
    assert answer.box_source == "text"
    assert len(answer.masks) == 1


def test_a_plain_answer_has_neither(geopix: GeoPix) -> None:
    answer = Scripted(geopix, "yes").respond(np.zeros((30, 50, 3), np.uint8), "Is there a ship?")
    assert answer.masks.shape == (0, 30, 50)
    assert answer.boxes.shape == (0, 4)
    assert answer.box_source == "none"
    assert answer.tokens == len(geopix.processor.encode_answer("yes"))


def test_masks_go_to_their_own_answers(geopix: GeoPix) -> None:
    images = [Image.new("RGB", (8, 4)), Image.new("RGB", (6, 9))]
    model = Scripted(geopix, "no", "<SEG> and <SEG>")
    answers = model.respond_batch([(images[0], "a"), (images[1], "b")])
    assert [answer.masks.shape for answer in answers] == [(0, 4, 8), (2, 9, 6)]


def test_many_questions_one_by_one_or_together(geopix: GeoPix, tmp_path: Path) -> None:
    image = Image.fromarray(np.random.default_rng(0).integers(0, 255, (20, 30, 3), dtype=np.uint8))
    image.save(tmp_path / "a.png")
    other = Image.new("RGB", (10, 10), (9, 90, 200))
    texts = ["Segment the ship.", "Is it?", "Segment the small ship on the left."]
    together = geopix.respond_many(tmp_path / "a.png", texts, max_new_tokens=8)
    mixed = geopix.respond_batch([(image, texts[0]), (other, texts[1]), (image, texts[2])], max_new_tokens=8)
    alone = [geopix.respond(image, text, max_new_tokens=8) for text in texts]
    assert [answer.text for answer in together] == [answer.text for answer in alone]
    assert [mixed[0].text, mixed[2].text] == [alone[0].text, alone[2].text]
    assert mixed[1].text == geopix.respond(other, texts[1], max_new_tokens=8).text
    assert all(answer.tokens <= 8 for answer in together)
    assert geopix.respond_batch([]) == []


def test_a_picture_that_was_looked_at_answers_as_if_asked_alone(geopix: GeoPix) -> None:
    image = Image.fromarray(np.random.default_rng(0).integers(0, 255, (20, 30, 3), dtype=np.uint8))
    texts = ["Segment the ship.", "Is it?", "Segment the small ship on the left."]
    seen: list[tuple[int, ...]] = []
    geopix.model.vision_tower.register_forward_pre_hook(lambda _, args: seen.append(tuple(args[0].shape)))
    look = geopix.look(image)
    together, again = look.respond(texts, max_new_tokens=8), look.respond(texts[2:], max_new_tokens=8, task="segment")
    assert len(seen) == 1
    for answer, text in zip(together, texts, strict=True):
        alone = geopix.respond(image, text, max_new_tokens=8)
        assert (answer.text, answer.masks.tolist()) == (alone.text, alone.masks.tolist())
    assert again[0].text == geopix.respond(image, texts[2], max_new_tokens=8, task="segment").text
    assert look.respond([]) == []


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("  ", "question 2 of 2 is empty"),
        ("<image>[SEG0]", "question 2 of 2 is empty"),
        (
            "ship " * 300,
            r"question 2 of 2 takes \d+ tokens; with \d+ for the image that is more than .* context of 256. Shorten",
        ),
    ],
)
def test_a_question_without_words_or_beyond_the_context_is_refused(geopix: GeoPix, text: str, words: str) -> None:
    image = Image.new("RGB", (10, 10))
    with pytest.raises(SampleError, match=words):
        geopix.respond_batch([(image, "Is it?"), (image, text)], max_new_tokens=8)
    with pytest.raises(SampleError, match=words):
        geopix.look(image).respond(["Is it?", text], max_new_tokens=8)


def test_a_processor_that_does_not_fit_the_model_is_refused_with_all_differences(copied: Path) -> None:
    processor = json.loads((copied / "processor_config.json").read_text())
    processor["num_image_tokens"] = 9
    processor["image_processor"]["size"] = 48
    (copied / "processor_config.json").write_text(json.dumps(processor))
    with pytest.raises(EnvironmentProblem) as caught:
        GeoPix.from_pretrained(copied, device="cpu")
    assert "the processor does not fit the model: tokens of one image: 9 in the processor, 16" in str(caught.value)
    assert "side of the square picture: 48 in the processor, 32 in the model" in str(caught.value)


def test_drawn_answers_repeat_under_their_seed(geopix: GeoPix) -> None:
    image = Image.new("RGB", (10, 10))
    drawn = [geopix.respond(image, "?", max_new_tokens=16, temperature=5.0, seed=seed).text for seed in (0, 0, 1)]
    assert drawn[0] == drawn[1] != drawn[2]


def test_the_memory_class_goes_by_name_number_or_unknown(geopix: GeoPix) -> None:
    image = Image.new("RGB", (10, 10))
    for memory_class in ("ship", 2, "unknown", None):
        assert geopix.respond(image, "?", max_new_tokens=2, memory_class=memory_class).tokens <= 2
    logits = torch.zeros(1, 4)
    assert geopix.selector("storage tank")(logits).tolist() == geopix.selector(2)(logits).tolist()
    with pytest.raises(ConfigurationError, match=r"no class 'shp'. Did you mean 'ship'\? Give one of ship, airplane"):
        geopix.respond(image, "?", memory_class="shp")
    with pytest.raises(ConfigurationError, match="no class 3"):
        geopix.respond(image, "?", memory_class=3)


def test_a_picture_that_cannot_be_read_is_named(geopix: GeoPix, tmp_path: Path) -> None:
    with pytest.raises(SampleError, match=f"{tmp_path}/none.png: cannot be read as a picture"):
        geopix.respond(tmp_path / "none.png", "?")
    Image.new("RGB", (64, 64)).save(tmp_path / "cut.png")
    whole = (tmp_path / "cut.png").read_bytes()
    (tmp_path / "cut.png").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(SampleError, match=r"cut.png: cannot be read as a picture: .* Check or replace the file"):
        geopix.respond(str(tmp_path / "cut.png"), "?")


def test_loading_respects_the_type_and_the_terminal(checkpoint: Path, capfd: pytest.CaptureFixture[str]) -> None:
    shown = transformers_logging.is_progress_bar_enabled()
    model = GeoPix.from_pretrained(checkpoint, device="cpu", dtype=torch.bfloat16).model
    assert model.dtype == torch.bfloat16
    assert not model.training
    assert capfd.readouterr().err == ""
    assert transformers_logging.is_progress_bar_enabled() == shown
    answer = GeoPix.from_pretrained(checkpoint, "cpu", torch.bfloat16).respond(Image.new("RGB", (9, 9)), "?")
    assert answer.text


@pytest.mark.parametrize("name", ["config.json", "model.safetensors", "tokenizer.json", "processor_config.json"])
def test_a_missing_file_is_named(copied: Path, name: str) -> None:
    (copied / name).unlink()
    with pytest.raises(EnvironmentProblem, match=f"{copied}: the checkpoint lacks {name}. Copy the whole folder"):
        GeoPix.from_pretrained(copied)


@pytest.mark.parametrize("name", ["model.safetensors", "tokenizer.json", "processor_config.json", "config.json"])
def test_a_damaged_file_is_reported(copied: Path, name: str) -> None:
    content = (copied / name).read_bytes()
    (copied / name).write_bytes(content[: len(content) // 2])
    with pytest.raises(EnvironmentProblem, match=f"{copied}.*Copy the whole folder again"):
        GeoPix.from_pretrained(copied)


def test_a_missing_shard_is_named(copied: Path) -> None:
    index = {"weight_map": {"a": "model-00001-of-00002.safetensors", "b": "model-00002-of-00002.safetensors"}}
    (copied / "model.safetensors.index.json").write_text(json.dumps(index))
    (copied / "model-00001-of-00002.safetensors").write_bytes(b"")
    with pytest.raises(EnvironmentProblem, match="lacks model-00002-of-00002"):
        GeoPix.from_pretrained(copied)


def test_weights_of_another_size_are_reported(copied: Path) -> None:
    config = json.loads((copied / "config.json").read_text())
    (copied / "config.json").write_text(json.dumps(config | {"mask_hidden_size": 32}))
    with pytest.raises(EnvironmentProblem, match=f"{copied}: the checkpoint cannot be loaded"):
        GeoPix.from_pretrained(copied)


def test_lacking_weights_are_reported(copied: Path) -> None:
    config = json.loads((copied / "config.json").read_text())
    (copied / "config.json").write_text(json.dumps(config | {"memory_layers": 2}))
    with pytest.raises(EnvironmentProblem, match=r"lack \d+ tensors of this model \(mask_head.memory.attention"):
        GeoPix.from_pretrained(copied)


def test_another_model_or_no_folder_is_refused(copied: Path) -> None:
    (copied / "config.json").write_text('{"model_type": "llama"}')
    with pytest.raises(EnvironmentProblem, match=r"type 'llama', not 'geopix'.*geopix train"):
        GeoPix.from_pretrained(copied)
    (copied / "config.json").write_text("[]")
    with pytest.raises(EnvironmentProblem, match="expected a JSON object, found list"):
        GeoPix.from_pretrained(copied)
    with pytest.raises(EnvironmentProblem, match=f"{copied}/none: no such checkpoint folder"):
        GeoPix.from_pretrained(copied / "none")


def test_drawing_tints_masks_and_outlines_boxes() -> None:
    masks = np.zeros((1, 20, 20), np.bool_)
    masks[0, 5:15, 5:15] = True
    boxes = np.array([[1, 1, 4, 20]], np.float32)
    image = Image.new("RGB", (20, 20), (100, 100, 100))
    drawn = draw_answer(image, Answer("", masks, boxes, "text", 1, None))
    assert drawn.size == (20, 20)
    assert drawn.getpixel((5, 10)) == COLOURS[0]  # outline
    inside = drawn.getpixel((10, 10))
    assert inside == tuple(round(0.55 * 100 + 0.45 * value) for value in COLOURS[0])
    assert drawn.getpixel((18, 3)) == (100, 100, 100)
    assert drawn.getpixel((1, 10)) == drawn.getpixel((3, 19)) == COLOURS[0]
    plain = draw_answer(image, Answer("", masks[:0], boxes, "masks", 1, None))
    assert np.array_equal(np.asarray(plain), np.asarray(image))


@pytest.mark.parametrize(
    ("asking", "message"),
    [
        ({"temprature": 1.0}, r"no option 'temprature'. Did you mean 'temperature'\? Known: task"),
        ({"max_new_tokens": 0}, "max_new_tokens: expected a whole number from 1 on, found 0"),
        ({"max_masks": -1}, "max_masks: expected a whole number from 0 on, found -1"),
        ({"temperature": -1.0}, "temperature: expected 0 for the likeliest token, or a number above, found -1.0"),
    ],
)
def test_a_way_of_asking_that_cannot_be_is_refused(geopix: GeoPix, asking: dict[str, float], message: str) -> None:
    picture: Any = Image.new("RGB", (50, 30))
    with pytest.raises(ConfigurationError, match=message):
        geopix.respond(picture, "Is there a ship?", **asking)  # type: ignore[arg-type]
    with pytest.raises(ConfigurationError, match=message):
        geopix.look(picture).respond(["Is there a ship?"], **asking)  # type: ignore[arg-type]


def test_a_device_that_there_is_not_is_refused(checkpoint: Path) -> None:
    with pytest.raises(ConfigurationError, match="device: expected cpu, cuda"):
        GeoPix.from_pretrained(checkpoint, device="cud")
