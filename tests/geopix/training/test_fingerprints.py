"""Fingerprints of training images."""

import hashlib
import json
from pathlib import Path

import numpy as np
from PIL import Image

from geopix.earth.scene import make_scene
from geopix.training.fingerprints import difference_hash, write_fingerprints


def distance(first: Path, second: Path) -> int:
    return (int(difference_hash(first), 16) ^ int(difference_hash(second), 16)).bit_count()


def test_a_picture_is_known_again_in_another_format_and_size(tmp_path: Path) -> None:
    for seed in range(3):
        picture = Image.fromarray(make_scene(seed, 128).image)
        picture.save(tmp_path / f"{seed}.png")
        picture.resize((100, 100)).save(tmp_path / f"{seed}.jpg", quality=80)
        assert distance(tmp_path / f"{seed}.png", tmp_path / f"{seed}.jpg") <= 6
    assert distance(tmp_path / "0.png", tmp_path / "1.png") > 12


def test_the_bits_are_those_of_darker_left_neighbours(tmp_path: Path) -> None:
    Image.fromarray(np.tile(np.arange(9, dtype=np.uint8) * 20, (8, 1))).save(tmp_path / "rising.png")
    assert difference_hash(tmp_path / "rising.png") == "ff" * 8


def test_a_file_that_cannot_be_read_is_named_and_left_out(tmp_path: Path) -> None:
    good, cut = tmp_path / "a.png", tmp_path / "b.png"
    Image.new("RGB", (40, 40)).save(good)
    cut.write_bytes(good.read_bytes()[:50])
    (problem,) = write_fingerprints(tmp_path / "f.jsonl", [good, cut])
    assert problem.startswith(f"{cut}: ")
    assert len((tmp_path / "f.jsonl").read_text().splitlines()) == 1


def test_each_file_has_one_line(tmp_path: Path) -> None:
    picture = tmp_path / "a.png"
    Image.new("RGB", (10, 10), (9, 9, 9)).save(picture)
    write_fingerprints(tmp_path / "f.jsonl", [picture, picture])
    rows = [json.loads(line) for line in (tmp_path / "f.jsonl").read_text().splitlines()]
    assert rows == [{"sha256": hashlib.sha256(picture.read_bytes()).hexdigest(), "dhash": "00" * 8}]
