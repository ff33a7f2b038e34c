"""Tiny checkpoints, made once a session, and two pictures to ask about."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from harness.records import ImageFile, Request

Checkpoint = Callable[[str], Path]
Ask = Callable[..., Request]


@pytest.fixture(scope="session")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Checkpoint:
    """The folder of a family's checkpoint, or of `sam`."""
    from tests.harness.models.huggingface import tiny

    root = tmp_path_factory.mktemp("checkpoints")

    def folder(family: str) -> Path:
        place = root / family
        if not place.is_dir():
            (tiny.sam if family == "sam" else lambda path: tiny.make(family, path))(place)
        return place

    return folder


@pytest.fixture(scope="session")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> tuple[ImageFile, ImageFile]:
    """One of 200 x 100 pixels and one of 60 x 60, of noise."""
    folder, noise = tmp_path_factory.mktemp("pictures"), np.random.default_rng(0)
    for name, size in {"wide": (100, 200, 3), "square": (60, 60, 3)}.items():
        Image.fromarray(noise.integers(0, 255, size, dtype=np.uint8)).save(folder / f"{name}.png")
    return ImageFile("wide", folder / "wide.png"), ImageFile("square", folder / "square.png")


@pytest.fixture
def ask() -> Ask:
    """Makes a request of words, pictures, capability and generation settings."""

    def request(prompt: str, *images: ImageFile, capability: str = "vqa", **generation: float) -> Request:
        settings = {"max_new_tokens": 6, "temperature": 0.0, "top_p": 1.0} | generation
        return Request(f"{prompt} {len(images)}", images, prompt, capability, settings)

    return request
