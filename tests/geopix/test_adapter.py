"""GeoPix as a model of the harness."""

import shutil
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from geopix.adapter import GeoPixModel
from geopix.adapter import checkpoint as load
from harness.cache.responses import ResponseCache
from harness.errors import ConfigurationError, EnvironmentProblem, SampleError
from harness.models.cached import cached
from harness.records import ImageFile, Request, Response


@pytest.fixture
def model(checkpoint: Path) -> GeoPixModel:
    return load(str(checkpoint), {"device": "cpu"})


GENERATION = {"max_new_tokens": 8, "temperature": 0.0, "top_p": 1.0}


def request_for(path: Path, prompt: str = "Is there a ship?", capability: str = "vqa", **generation: float) -> Request:
    return Request(path.stem, (ImageFile(path.stem, path),), prompt, capability, GENERATION | generation)


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    path = tmp_path / "one.png"
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (40, 60, 3), dtype=np.uint8)).save(path)
    return path


def test_each_request_gets_its_response(model: GeoPixModel, picture: Path) -> None:
    responses = model.respond([request_for(picture), request_for(picture, "How many ships?")])
    assert len(responses) == 2
    assert all(response.tokens and response.seconds for response in responses)


def test_a_batch_answers_as_one_request_does(model: GeoPixModel, picture: Path) -> None:
    requests = [
        request_for(picture, question) for question in ("Is there a ship?", "What is the number of roads here?")
    ]
    together = [response.text for response in model.respond(requests)]
    assert together == [model.respond([request])[0].text for request in requests]


def test_a_temperature_in_the_task_is_heard_and_repeats(model: GeoPixModel, picture: Path) -> None:
    hot = request_for(picture, temperature=5.0)
    drawn = [model.respond([request])[0].text for request in (hot, hot, request_for(picture))]
    assert drawn[0] == drawn[1] != drawn[2]


def test_a_truncated_image_is_the_sample_s_problem(model: GeoPixModel, picture: Path) -> None:
    picture.write_bytes(picture.read_bytes()[:200])
    with pytest.raises(SampleError, match="cannot be read as a picture"):
        model.respond([request_for(picture)])


def test_two_images_are_refused(model: GeoPixModel, picture: Path) -> None:
    image = ImageFile("one", picture)
    request = Request("pair", (image, image), "Which changed?", "vqa", GENERATION)
    with pytest.raises(SampleError, match="one image a question, and this sample has 2"):
        model.respond([request])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"divice": "cpu"}, "no option 'divice'. Did you mean 'device'"),
        ({"dtype": "float31"}, "dtype: expected float32, bfloat16, float16, found 'float31'"),
        ({"batch_size": "0"}, "batch_size: expected a whole number above 0"),
        ({"images": "hidden"}, "images: expected shown, blank"),
        ({"memory_class": "shipp"}, "knows no class 'shipp'. Did you mean 'ship'"),
    ],
)
def test_options_are_checked(checkpoint: Path, options: Mapping[str, str], message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        load(str(checkpoint), options)


def test_a_checkpoint_without_weights_names_the_file(checkpoint: Path, tmp_path: Path) -> None:
    for source in checkpoint.iterdir():
        if source.name != "model.safetensors":
            (tmp_path / source.name).write_bytes(source.read_bytes())
    with pytest.raises(EnvironmentProblem, match="lacks model.safetensors"):
        load(str(tmp_path), {})


def test_the_digest_follows_files_and_settings_that_change_answers(checkpoint: Path, tmp_path: Path) -> None:
    for source in checkpoint.iterdir():
        (tmp_path / source.name).write_bytes(source.read_bytes())
    digest = load(str(tmp_path), {}).digest
    assert digest == load(str(tmp_path), {"batch_size": "3"}).digest
    assert digest != load(str(tmp_path), {"memory_class": "unknown"}).digest
    assert digest != load(str(tmp_path), {"dtype": "bfloat16"}).digest
    (tmp_path / "tokenizer_config.json").write_bytes((tmp_path / "tokenizer_config.json").read_bytes() + b"\n")
    assert digest != load(str(tmp_path), {}).digest


def test_a_checkpoint_that_keeps_fingerprints_of_its_training_images_says_so(checkpoint: Path, tmp_path: Path) -> None:
    for source in checkpoint.iterdir():
        (tmp_path / source.name).write_bytes(source.read_bytes())
    assert "fingerprints" not in load(str(tmp_path), {}).settings
    (tmp_path / "fingerprints.jsonl").write_text("")
    assert load(str(tmp_path), {}).settings["fingerprints"] == "fingerprints.jsonl"


def test_a_checkpoint_tells_its_recipe_and_step_where_it_was_shown_the_images(checkpoint: Path, tmp_path: Path) -> None:
    for source in checkpoint.iterdir():
        (tmp_path / source.name).write_bytes(source.read_bytes())
    (tmp_path / "training.json").write_text('{"recipe": {"name": "mine"}, "step": 700}')
    told = load(str(tmp_path), {}).settings
    assert (told["recipe"], told["step"]) == ("mine", "700")
    assert "step" not in load(str(tmp_path), {"images": "blank"}).settings
    for broken in ("[]", "{", '{"recipe": {"name": "mine"}, "step": "last"}'):
        (tmp_path / "training.json").write_text(broken)
        assert "step" not in load(str(tmp_path), {}).settings


def test_a_blind_model_sees_nothing(checkpoint: Path, picture: Path) -> None:
    blind = load(str(checkpoint), {"images": "blank", "device": "cpu"})
    pixels = blind.geopix.processor.image_processor(picture)["pixel_values"]
    assert blind.name.endswith("(blind)")
    assert pixels.shape == (1, 3, 32, 32)
    assert not pixels.any()
    shown = load(str(checkpoint), {"device": "cpu"}).geopix.processor.image_processor(picture)["pixel_values"]
    assert torch.is_nonzero(shown.abs().sum())


def test_the_cache_gives_answers_of_this_very_checkpoint_alone(checkpoint: Path, picture: Path, tmp_path: Path) -> None:
    other = Path(shutil.copytree(checkpoint, tmp_path / "checkpoint"))

    def ask(folder: Path, **generation: float) -> Response:
        model = load(str(folder), {"device": "cpu"})
        # The same place in the settings, so that the files alone are told apart.
        model = replace(model, settings={**model.settings, "checkpoint": "here"})
        with ResponseCache(tmp_path / "answers.sqlite") as cache:
            (response,) = cached(model, cache, {}).respond([request_for(picture, **generation)])
        return response

    first = ask(checkpoint)
    assert first.text
    again = ask(other)
    assert again.cached, "a copy is the same checkpoint"
    assert (again.text, again.tokens, again.boxes) == (first.text, first.tokens, first.boxes)
    weights = other / "model.safetensors"
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(content)
    assert not ask(other).cached
    assert not ask(checkpoint, temperature=0.5).cached
    assert not ask(checkpoint, temperature=0.5).cached, "what is drawn is not kept"
