"""A checkpoint of some ten thousand random weights, and a Mini Earth small enough to train on in a test."""

from pathlib import Path

import pytest
import torch

from geopix.earth.layouts import LAYOUTS
from geopix.earth.make import make_earth
from geopix.image_processing import GeoPixImageProcessor
from geopix.modeling import GeoPixForConditionalGeneration
from geopix.processing import GeoPixProcessor, train_tokenizer
from geopix.sizes import tiny


@pytest.fixture(scope="session")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("checkpoint")
    tokenizer = train_tokenizer(["Segment the ship. It is."], 300)
    config = tiny()
    config.text_config.vocab_size = len(tokenizer)
    torch.manual_seed(0)
    model = GeoPixForConditionalGeneration(config)
    with torch.no_grad():
        for parameter in model.language_model.parameters():
            parameter.mul_(5)
    model.save_pretrained(folder)
    GeoPixProcessor(GeoPixImageProcessor(size=32), tokenizer, num_image_tokens=16).save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def earth(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("mini") / "earth"
    make_earth(directory, seed=5, images=6, size=128, splits=(("train", 4), ("test", 2)), formats=tuple(LAYOUTS))
    return directory
