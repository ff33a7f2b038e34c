"""Boxes become masks: a tiny random SAM behind answers of a file, a baseline and a vision-language model."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from harness.cli import main
from harness.errors import ConfigurationError, EnvironmentProblem, SampleError
from harness.interfaces import Model
from harness.masks import area, decode
from harness.model_names import load_model
from harness.models.huggingface.sam import SamSegmenter, sam
from harness.models.second_stage import ConcurrentSecondStage, SecondStage, second_stage
from harness.parsers.mask import MaskParser
from harness.plugins import installed
from harness.records import ImageFile, Request, Response, Sample, Target
from harness.store import RunDirectory

GENERATION = {"max_new_tokens": 8, "temperature": 0.0, "top_p": 1.0}
SAID = "[50, 50, 150, 100]"
BOX = (50.0, 50.0, 150.0, 100.0)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from tests.harness.models.huggingface import tiny

    return tiny.sam(tmp_path_factory.mktemp("second") / "tiny-sam")


@pytest.fixture(scope="module")
def segmenter(folder: Path) -> SamSegmenter:
    return sam(str(folder), {})


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> ImageFile:
    path = tmp_path_factory.mktemp("pictures") / "wide.png"
    noise = np.random.default_rng(0).integers(0, 255, (100, 200, 3), dtype=np.uint8)
    Image.fromarray(noise).save(path)
    return ImageFile("wide", path)


def request(number: int, *images: ImageFile, capability: str = "segment") -> Request:
    return Request(str(number), images, "Segment the ship.", capability, GENERATION)


def model(argument: str, **options: str) -> Model:
    return load_model(argument, options, installed().models)


def answers(tmp_path: Path, *texts: str) -> str:
    lines = [json.dumps({"sample_id": str(number), "text": text}) for number, text in enumerate(texts)]
    (tmp_path / "answers.jsonl").write_text("\n".join(lines))
    return f"replay:{tmp_path / 'answers.jsonl'}"


def test_a_mask_is_what_the_model_draws_for_its_box(segmenter: SamSegmenter, image: ImageFile) -> None:
    import torch

    boxes = [BOX, (0.0, 0.0, 40.0, 40.0)]
    masks = segmenter.masks(image, boxes)
    assert [mask.size for mask in masks] == [(100, 200)] * 2
    assert masks[0] != masks[1]
    assert [segmenter.masks(image, [box])[0] for box in boxes] == masks
    # The picture is shrunk to 32 x 16 and padded below, so that the mask's upper half is stretched over the image.
    inputs = segmenter.processor(Image.open(image.path), return_tensors="pt")
    shrunk = torch.tensor([[[8.0, 8.0, 24.0, 16.0]]])
    with torch.no_grad():
        scores = segmenter.model(pixel_values=inputs["pixel_values"], input_boxes=shrunk, multimask_output=False)
    large = torch.nn.functional.interpolate(scores.pred_masks[0], (32, 32), mode="bilinear", align_corners=False)
    drawn = torch.nn.functional.interpolate(large[..., :16, :], (100, 200), mode="bilinear", align_corners=False)
    assert np.array_equal(decode(masks[0]), drawn[0, 0].numpy() > 0)


def test_boxes_in_words_become_masks_and_the_words_stay(folder: Path, image: ImageFile, tmp_path: Path) -> None:
    said = (SAID, "[0, 0, 40, 40] and [50, 50, 150, 100]", "There is none.", "[9, 9, 1, 1]")
    found = model(f"{answers(tmp_path, *said)}+sam:{folder}")
    assert isinstance(found, SecondStage)
    responses = found.respond([request(number, image) for number in range(4)])
    assert tuple(response.text for response in responses) == said
    assert [len(response.masks) for response in responses] == [1, 2, 0, 0]
    assert responses[0].masks[0] == responses[1].masks[1] != responses[1].masks[0]
    sample = Sample("0", (image,), {}, Target(masks=responses[0].masks))
    assert MaskParser().parse(responses[0], sample).masks == responses[0].masks
    assert "swapped" in str(MaskParser().parse(responses[3], sample).reason)


def test_the_family_of_boxes_may_be_said(folder: Path, image: ImageFile, tmp_path: Path) -> None:
    argument = f"{answers(tmp_path, '[250, 500, 750, 1000]')}+sam:{folder}"
    pixels = model(f"{answers(tmp_path, '[250, 500, 750, 1000]')}+sam:{folder}").respond([request(0, image)])
    assert pixels[0].masks == (), "in pixels it lies outside"
    said = model(argument, **{"sam.boxes": "internvl"}).respond([request(0, image)])
    assert said[0].masks == tuple(sam(str(folder), {}).masks(image, [BOX]))
    assert model(argument, boxes="internvl").respond([request(0, image)])[0].masks == said[0].masks


def test_only_masks_that_are_wanted_are_drawn(folder: Path, image: ImageFile) -> None:
    found = model(f"baseline:whole-image+sam:{folder}")
    asked = [request(0, image), request(1, image, capability="refer"), request(2, capability="vqa")]
    segmented, referred, worded = found.respond(asked)
    # The baseline's mask is the whole image; SAM draws what lies in the box around it.
    assert segmented.masks == tuple(sam(str(folder), {}).masks(image, [(0.0, 0.0, 200.0, 100.0)]))
    assert referred.masks == worded.masks == ()
    assert referred.text == worded.text == "yes"


def test_both_stages_are_in_name_digest_and_settings(folder: Path, tmp_path: Path) -> None:
    argument = answers(tmp_path, "[1, 2, 3, 4]")
    found = model(f"{argument}+sam:{folder}")
    assert found.name == "answers + tiny-sam"
    assert found.reads_images
    assert found.batch_size == model(argument).batch_size
    assert found.settings["segmenter checkpoint"] == str(folder)
    assert found.settings["file"] == str(tmp_path / "answers.jsonl")
    half = model(f"{argument}+sam:{folder}", **{"sam.dtype": "bfloat16"})
    spelt = model(f"{argument}+sam:{folder}", **{"sam.boxes": "internvl"})
    other = model(f"{answers(tmp_path, '[1, 2, 3, 5]')}+sam:{folder}")
    assert len({found.digest, half.digest, spelt.digest, other.digest, model(argument).digest}) == 5
    assert isinstance(half, SecondStage)
    assert half.segmenter.settings["dtype"] == "bfloat16"


def test_many_boxes_are_drawn_in_parts_and_too_many_not_at_all(
    segmenter: SamSegmenter, folder: Path, image: ImageFile, tmp_path: Path
) -> None:
    boxes = [(float(left), 0.0, left + 60.0, 80.0) for left in range(0, 100, 5)]
    masks = segmenter.masks(image, boxes)
    assert len(masks) == 20
    assert masks[-1] == segmenter.masks(image, boxes[-1:])[0]
    found = model(f"{answers(tmp_path, '[1, 2, 3, 4] ' * 1001)}+sam:{folder}")
    response = found.respond([request(0, image)])[0]
    assert response.masks == ()
    sample = Sample("0", (image,), {}, Target(masks=tuple(masks[:1])))
    assert MaskParser().parse(response, sample).reason == "the answer has 1001 masks or boxes, expected 1000 at most"


def test_a_sam_of_high_quality_draws_too(image: ImageFile, tmp_path: Path) -> None:
    from tests.harness.models.huggingface import tiny

    masks = sam(str(tiny.sam(tmp_path / "hq", high_quality=True)), {}).masks(image, [BOX, (0.0, 0.0, 40.0, 40.0)])
    assert [mask.size for mask in masks] == [(100, 200)] * 2
    assert masks[0] != masks[1]


@dataclass(frozen=True)
class AsTheyCome:
    """A model that answers the last request first, and the first one never."""

    closed: list[str]
    name: str = "as they come"
    digest: str = "1"
    settings: Mapping[str, str] = field(default_factory=dict)
    reads_images: bool = True
    batch_size: int = 8

    def answers(self, requests: Sequence[Request]) -> Iterator[tuple[int, Response | str]]:
        for index in reversed(range(1, len(requests))):
            yield index, Response(text=SAID)
        yield 0, "429"

    def respond(self, requests: Sequence[Request]) -> list[Response]:
        raise SampleError("429")

    def repeats(self, request: Request) -> bool:
        return request.capability == "segment"

    def close(self) -> None:
        self.closed.append(self.name)


def test_answers_that_come_one_by_one_get_their_masks_one_by_one(
    segmenter: SamSegmenter, image: ImageFile, tmp_path: Path
) -> None:
    first = AsTheyCome([])
    found = second_stage(first, segmenter)
    assert isinstance(found, ConcurrentSecondStage)
    torn = ImageFile("torn", tmp_path / "torn.png")
    torn.path.write_bytes(b"\x89PNG torn")
    got = list(found.answers([request(0, image), request(1, image), request(2, torn), request(3, image)]))
    assert [index for index, _ in got] == [3, 2, 1, 0]
    mask = segmenter.masks(image, [BOX])[0]
    assert all(isinstance(outcome, Response) and outcome.masks == (mask,) for _, outcome in (got[0], got[2]))
    assert "torn.png cannot be read" in str(got[1][1])
    assert got[3][1] == "429"
    assert found.repeats(request(0, image))
    assert not found.repeats(request(0, image, capability="vqa"))
    found.close()
    assert first.closed == ["as they come"]


def test_answers_of_a_file_are_no_ones_elses(folder: Path, image: ImageFile, tmp_path: Path) -> None:
    found = model(f"{answers(tmp_path, SAID)}+sam:{folder}")
    assert isinstance(found, SecondStage)
    assert not isinstance(found, ConcurrentSecondStage)
    assert not found.repeats(request(0, image))
    found.close()


def test_half_precision_draws_too(folder: Path, image: ImageFile) -> None:
    assert sam(str(folder), {"dtype": "bfloat16"}).masks(image, [BOX])[0].size == (100, 200)


@pytest.mark.parametrize(
    ("stage", "options", "error", "message"),
    [
        (
            "sam:{folder}",
            {"sam.devise": "cpu"},
            ConfigurationError,
            "sam has no option 'devise'. Did you mean 'device'",
        ),
        ("sam:{folder}", {"sam.dtype": "int8"}, ConfigurationError, "option sam.dtype: expected auto, float32"),
        (
            "sam:{folder}",
            {"sam.boxes": "intern"},
            ConfigurationError,
            "unknown family 'intern'. Did you mean 'internvl",
        ),
        ("sam:{folder}", {"device": "cpu"}, ConfigurationError, "a baseline has no options, found device"),
        ("sam:./absent", {}, EnvironmentProblem, "sam:./absent: no folder .* and no id of the hub either"),
        ("sam:{empty}", {}, EnvironmentProblem, "is no checkpoint folder: config.json cannot be read"),
        ("sam:{words}", {}, ConfigurationError, "expected a checkpoint of model_type sam or sam_hq, found 'llama'"),
    ],
)
def test_second_stages_that_cannot_be_are_refused(  # noqa: PLR0917
    stage: str, options: dict[str, str], error: type[Exception], message: str, folder: Path, tmp_path: Path
) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "words").mkdir()
    (tmp_path / "words" / "config.json").write_text('{"model_type": "llama"}')
    where = stage.format(folder=folder, empty=tmp_path / "empty", words=tmp_path / "words")
    with pytest.raises(error, match=message):
        model(f"baseline:constant+{where}", **options)


def test_a_picture_that_cannot_be_read_fails_its_sample(segmenter: SamSegmenter, tmp_path: Path) -> None:
    (tmp_path / "torn.png").write_bytes(b"\x89PNG torn")
    with pytest.raises(SampleError, match="image torn: .* cannot be read"):
        segmenter.masks(ImageFile("torn", tmp_path / "torn.png"), [BOX])


TASK = """\
name: sheds
version: 1
title: Sheds
dataset: {reader: coco, root: yards, file: instances.json, images: photos}
capability: segment
prompt: "{{ category }}"
parser: {name: mask}
metrics: [{name: mean_iou, preset: rmsin, primary: true}]
"""


def shed(image: ImageFile, mask: Any) -> dict[str, Any]:
    """COCO's file with one object whose mask is given."""
    return {
        "images": [{"id": 1, "file_name": "wide.png", "height": 100, "width": 200}],
        "categories": [{"id": 1, "name": "detect ship"}],
        "annotations": [
            {"id": 1, "image_id": 1, "category_id": 1, "bbox": [0, 0, 1, 1], "iscrowd": 0,
             "segmentation": {"size": list(mask.size), "counts": mask.counts}},
        ],
    }  # fmt: skip


def test_the_command_scores_the_masks_of_a_vision_language_model(
    folder: Path, segmenter: SamSegmenter, image: ImageFile, tmp_path: Path
) -> None:
    from harness.models.huggingface.factory import huggingface
    from tests.harness.models.huggingface import tiny

    speaker = tiny.make("internvl", tmp_path / "speaker")
    first = huggingface(str(speaker), {})
    words = first.checkpoint.processor.tokenizer
    tiny.teach(first.checkpoint.model, words.convert_tokens_to_ids([tiny.SAYINGS["internvl"]]), words.eos_token_id)
    first.checkpoint.model.save_pretrained(speaker)
    mask = segmenter.masks(image, [BOX])[0]
    assert 0 < area(mask) < 100 * 200
    root = tmp_path / "data" / "yards"
    (root / "photos").mkdir(parents=True)
    (root / "photos" / "wide.png").write_bytes(image.path.read_bytes())
    (root / "instances.json").write_text(json.dumps(shed(image, mask)))
    (tmp_path / "sheds.yaml").write_text(TASK)
    arguments = ["--tasks", tmp_path / "sheds.yaml", "--data-dir", tmp_path / "data", "--output", tmp_path / "run"]
    result = CliRunner().invoke(main, list(map(str, [*arguments, "--model", f"hf:{speaker}+sam:{folder}"])))
    assert result.exit_code == 0, result.output
    run = RunDirectory(tmp_path / "run")
    assert run.result("sheds").primary.value == 1.0
    assert run.manifest().model == "speaker + tiny-sam"
    record = next(run.records("sheds"))
    assert record.response is not None
    assert replace(record.response, seconds=None, tokens=None).box_family == "internvl"
