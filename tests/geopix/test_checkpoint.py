"""Checkpoint folders: shards, Auto classes, and weights that lie on several devices."""

import json
import re
from pathlib import Path

import pytest
import torch
from PIL import Image
from transformers import AutoConfig, AutoImageProcessor, AutoModel, AutoProcessor, AutoTokenizer

from geopix.adapter import checkpoint as load_model
from geopix.configuration import GeoPixConfig
from geopix.modeling import GeoPixForConditionalGeneration
from geopix.predictor import GeoPix
from harness.errors import ConfigurationError, EnvironmentProblem

PICTURE = Image.linear_gradient("L").convert("RGB").resize((40, 30))
INDEX = "model.safetensors.index.json"


@pytest.fixture
def sharded(checkpoint: Path, tmp_path: Path) -> Path:
    return GeoPix.from_pretrained(checkpoint, "cpu").save_pretrained(tmp_path / "sharded", max_shard_size="40KB")


def logits(model: GeoPixForConditionalGeneration, geopix: GeoPix) -> tuple[torch.Tensor, torch.Tensor]:
    batch = geopix.processor(PICTURE, "Segment the ship.")
    ids = torch.tensor([batch["input_ids"][0].tolist() + geopix.processor.encode_answer("It is <SEG>.")])
    with torch.no_grad():
        output = model(ids, batch["pixel_values"])
    return output.logits, output.mask_logits


def test_shards_hold_what_one_file_holds_and_every_auto_class_reads_them(sharded: Path, checkpoint: Path) -> None:
    files = set(json.loads((sharded / INDEX).read_text())["weight_map"].values())
    assert len(files) > 3
    assert files == {path.name for path in sharded.glob("*.safetensors")}
    whole = GeoPix.from_pretrained(checkpoint, "cpu")
    model, processor = AutoModel.from_pretrained(sharded), AutoProcessor.from_pretrained(sharded)
    for one, other in zip(logits(model, whole), logits(whole.model, whole), strict=True):
        assert torch.equal(one, other)
    batch, expected = processor(PICTURE, "Is it?"), whole.processor(PICTURE, "Is it?")
    assert all(torch.equal(batch[key], expected[key]) for key in expected)
    assert isinstance(AutoConfig.from_pretrained(sharded), GeoPixConfig)
    assert AutoTokenizer.from_pretrained(sharded).get_vocab() == whole.processor.tokenizer.get_vocab()
    pixels = AutoImageProcessor.from_pretrained(sharded)(PICTURE)["pixel_values"]
    assert torch.equal(pixels, expected["pixel_values"])
    assert {path.stat().st_mode & 0o777 for path in sharded.iterdir()} == {0o644}


def test_a_missing_shard_is_named_before_anything_is_loaded(sharded: Path) -> None:
    shard = sorted(sharded.glob("*.safetensors"))[1]
    shard.unlink()
    with pytest.raises(EnvironmentProblem, match=f"{sharded}: the checkpoint lacks {re.escape(shard.name)}. Copy"):
        GeoPix.from_pretrained(sharded, "cpu")


def test_a_shard_that_is_cut_off_or_lacks_its_tensors_is_refused(sharded: Path) -> None:
    first, second = sorted(sharded.glob("*.safetensors"))[:2]
    whole = first.read_bytes()
    first.write_bytes(whole[:-8])
    with pytest.raises(EnvironmentProblem, match=f"{sharded}: the checkpoint cannot be loaded"):
        GeoPix.from_pretrained(sharded, "cpu")
    first.write_bytes(second.read_bytes())
    with pytest.raises(EnvironmentProblem, match=rf"{sharded}: the weights lack \d+ tensors of this model \("):
        GeoPix.from_pretrained(sharded, "cpu")


@pytest.mark.parametrize(
    ("index", "words"),
    [
        ("{", "not valid JSON"),
        ("{}", "expected `weight_map` with the file of each tensor, found None"),
        ('{"weight_map": {"a": 7}}', "expected `weight_map` with the file of each tensor, found {'a': 7}"),
        (
            '{"weight_map": {"a": "../b.safetensors"}}',
            "lie in the checkpoint's own folder; '../b.safetensors' does not",
        ),
    ],
)
def test_an_index_that_is_wrong_is_refused(sharded: Path, index: str, words: str) -> None:
    (sharded / INDEX).write_text(index)
    with pytest.raises(EnvironmentProblem, match=re.escape(words)):
        GeoPix.from_pretrained(sharded, "cpu")


MAPS = {
    "auto": "auto",
    "everything on disk": {"": "disk"},
    "tower and masks on disk": {
        "vision_tower": "disk",
        "multi_modal_projector": "cpu",
        "language_model": "cpu",
        "mask_head": "disk",
    },
    "words on disk": {
        "vision_tower": "cpu",
        "multi_modal_projector": "disk",
        "language_model": "disk",
        "mask_head": "cpu",
    },
}


@pytest.mark.parametrize("name", MAPS)
def test_wherever_its_parts_lie_it_answers_the_same(checkpoint: Path, name: str) -> None:
    whole, spread = GeoPix.from_pretrained(checkpoint, "cpu"), GeoPix.from_pretrained(checkpoint, device_map=MAPS[name])
    on_disk = {parameter.device.type for parameter in spread.model.parameters()} == {"meta", "cpu"}
    assert on_disk == (name not in ("auto", "everything on disk"))
    assert spread.model.device.type == ("cuda" if torch.cuda.is_available() and name == "auto" else "cpu")
    if spread.model.device.type == "cpu":
        for one, other in zip(logits(spread.model, spread), logits(whole.model, whole), strict=True):
            assert torch.equal(one, other)
    answers = [geopix.respond(PICTURE, "Segment the ship.", max_new_tokens=6) for geopix in (whole, spread)]
    assert answers[0].text == answers[1].text


def test_a_small_memory_splits_the_model_between_its_layers(checkpoint: Path) -> None:
    whole = GeoPix.from_pretrained(checkpoint, "cpu")
    model = GeoPixForConditionalGeneration.from_pretrained(checkpoint, device_map="auto", max_memory={"cpu": 190_000})
    places = model.hf_device_map
    assert set(places.values()) == {"cpu", "disk"}
    kinds = {type(model.get_submodule(name)).__name__ for name in places}
    assert kinds.isdisjoint({"MLP", "CLIPAttention", "LlamaAttention", "TwoWayTransformer", "ClassMemory"})
    for one, other in zip(logits(model.eval(), whole), logits(whole.model, whole), strict=True):
        assert torch.equal(one, other)


def test_the_parts_that_stay_whole_are_named() -> None:
    from geopix.sizes import tiny

    model = GeoPixForConditionalGeneration(tiny())
    kinds = {type(module).__name__ for module in model.modules()}
    assert model._no_split_modules == {"CLIPVisionEmbeddings", "CLIPEncoderLayer", "LlamaDecoderLayer", "MaskHead"}
    assert model._no_split_modules <= kinds


def test_a_device_and_a_device_map_contradict_each_other(checkpoint: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"give either device \(cpu\) or device_map \(auto\), not both"):
        GeoPix.from_pretrained(checkpoint, "cpu", device_map="auto")


def test_a_device_map_that_names_no_part_is_refused(checkpoint: Path) -> None:
    with pytest.raises(ConfigurationError, match="no part 'vision_towr'. Did you mean 'vision_tower'"):
        GeoPix.from_pretrained(checkpoint, device_map={"vision_towr": "cpu"})
    with pytest.raises(ConfigurationError, match="expected auto, balanced, balanced_low_0 or sequential, .* 'atuo'"):
        GeoPix.from_pretrained(checkpoint, device_map="atuo")


def test_the_harness_takes_a_device_map(checkpoint: Path) -> None:
    model = load_model(str(checkpoint), {"device_map": "auto"})
    assert model.digest == load_model(str(checkpoint), {}).digest


def test_a_card_changes_no_digest(checkpoint: Path, tmp_path: Path) -> None:
    geopix = GeoPix.from_pretrained(checkpoint, "cpu")
    folder = geopix.save_pretrained(tmp_path / "saved")
    digest = load_model(str(folder), {}).digest
    (folder / "README.md").write_text("Mine.")
    assert load_model(str(folder), {}).digest == digest
    (folder / "tokenizer_config.json").write_bytes((folder / "tokenizer_config.json").read_bytes() + b"\n")
    assert load_model(str(folder), {}).digest != digest
