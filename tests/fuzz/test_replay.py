"""Damaged files of answers: the documented error with the lines, or answers that parsers can be handed."""

import json
from contextlib import suppress
from pathlib import Path
from random import Random

import orjson
import pytest
from PIL import Image

from harness.errors import DataError
from harness.models.replay import replay
from harness.parsers.box import BoxParser
from harness.parsers.mask import MaskParser
from harness.records import ImageFile, Mask, Sample, Target
from harness.store import encode
from tests.fuzz.conftest import Watchman
from tests.fuzz.mutation import damage, damage_json
from tests.fuzz.test_records import RECORD
from tests.fuzz.tries import many_seeds

ANSWERS = [
    {"sample_id": "1", "text": "yes"},
    {"sample_id": "2", "text": "", "masks": [{"size": [30, 40], "counts": "`U1"}], "boxes": [[1, 2, 3, 4]]},
    {"sample_id": 3, "text": "[1, 2, 3, 4]", "box_family": "qwen2_5_vl", "seen": [28, 42], "tokens": 3, "seconds": 0.5},
]
GOOD = "".join(json.dumps(answer) + "\n" for answer in ANSWERS).encode() + encode(RECORD).replace(b'"1"', b'"4"')


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Sample:
    picture = tmp_path_factory.mktemp("picture") / "a.png"
    Image.new("RGB", (40, 30)).save(picture)
    return Sample("1", (ImageFile("a", picture),), {}, Target((), (Mask((30, 40), "`U1"),), ((1, 2, 3, 4),)))


@many_seeds
def test_damaged_answers_in_a_file(seed: int, sample: Sample, tmp_path: Path, watchman: Watchman) -> None:
    random, file = Random(seed), tmp_path / "answers.jsonl"
    file.write_bytes(damage_json(GOOD, random) if random.random() < 0.7 else damage(GOOD, random))
    with watchman.nothing_done():
        responses = {}
        with suppress(DataError):
            responses = dict(replay(str(file), {}).responses)
        for response in responses.values():
            orjson.dumps(response)
            for parser in (BoxParser(), MaskParser()):
                read = parser.parse(response, sample)
                assert read.status == "ok" or read.reason
