"""Both roads between the layouts: nothing is lost, nothing is added, and the answers stay."""

import json
import shutil
from pathlib import Path

import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file
from torch import Tensor

from geopix.configuration import GeoPixConfig
from geopix.conversion.convert import UNUSED, Conversion, convert, convert_back
from geopix.conversion.layout import CONFIGURATIONS, PICKLES, read_release
from geopix.conversion.tensors import read_folder
from geopix.image_processing import GeoPixImageProcessor
from geopix.modeling import GeoPixForConditionalGeneration
from geopix.predictor import GeoPix
from geopix.processing import GeoPixProcessor


def contents(folder: Path) -> dict[str, Tensor]:
    tensors, problems = read_release(folder)
    assert not problems
    return {name: tensor.load() for name, tensor in tensors.items()}


def weights(folder: Path) -> dict[str, Tensor]:
    return {name: tensor.load() for name, tensor in read_folder(folder).items()}


def equal(one: dict[str, Tensor], other: dict[str, Tensor]) -> bool:
    same = {name: value.dtype == other[name].dtype and torch.equal(value, other[name]) for name, value in one.items()}
    return one.keys() == other.keys() and all(same.values())


def test_ours_written_as_released_and_converted_is_the_same(ours: Path, converted: tuple[Path, Conversion]) -> None:
    folder, done = converted
    assert equal(weights(folder), weights(ours))
    assert done.notes == ()
    assert (done.tensors, done.dtype) == (len(weights(ours)), torch.float32)
    one, other = (GeoPixConfig.from_pretrained(folder).to_dict() for folder in (ours, folder))
    assert one == other


def test_the_converted_model_answers_the_same(ours: Path, converted: tuple[Path, Conversion]) -> None:
    ids = torch.tensor([[1, *[32000] * 16, 7, *range(32002, 32008), 2]])
    picture = torch.randn(1, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        one, other = (
            GeoPixForConditionalGeneration.from_pretrained(folder).eval()(ids, picture)
            for folder in (ours, converted[0])
        )
    assert one.mask_logits.shape == (1, 128, 128)
    assert torch.equal(one.mask_logits, other.mask_logits)
    assert torch.equal(one.logits, other.logits)


def randomise(folder: Path) -> None:
    """Gives the tensors without effect values that can be told apart, in a type of their own."""
    for part in ("clm", "pec"):
        file = folder / part / "model.safetensors"
        torch.manual_seed(len(part))
        changed = {
            name: torch.randn(value.shape).half() if value.is_floating_point() else value + 3
            for name, value in load_file(file).items()
        }
        save_file(changed, file, metadata={"format": "pt"})


@pytest.mark.parametrize("shard_bytes", [2_000_000_000, 100_000], ids=["one-file", "shards"])
def test_a_release_converted_and_written_back_is_the_same(written: Path, tmp_path: Path, shard_bytes: int) -> None:
    release = shutil.copytree(written, tmp_path / "release")
    randomise(release)
    convert(release, tmp_path / "ours", shard_bytes)
    done = convert_back(tmp_path / "ours", tmp_path / "back", shard_bytes)
    assert done.notes == ()
    assert equal(contents(tmp_path / "back"), contents(release))
    assert (len(list((tmp_path / "back/vlm").glob("*.safetensors"))) > 1) == (shard_bytes < 1e9)
    for file in CONFIGURATIONS:
        assert json.loads((tmp_path / "back" / file).read_text()) == json.loads((release / file).read_text()), file


def test_the_shared_release_round_trips(shared: Path, tmp_path: Path) -> None:
    release = shared / "parity/release/checkpoint"
    convert(release, tmp_path / "ours")
    convert_back(tmp_path / "ours", tmp_path / "back")
    assert equal(contents(tmp_path / "back"), contents(release))
    for name, is_list in PICKLES.items():
        assert isinstance(torch.load(tmp_path / "back" / name, weights_only=True), list if is_list else dict)
    for file in CONFIGURATIONS:
        back, first = (json.loads((folder / file).read_text()) for folder in (tmp_path / "back", release))
        assert {key: back[key] for key in back.keys() & first.keys() - {"text_config", "vision_config"}}.items() <= {
            **first,
            "torch_dtype": back.get("torch_dtype"),
        }.items()
    convert(tmp_path / "back", tmp_path / "again")
    assert equal(weights(tmp_path / "again"), weights(tmp_path / "ours"))
    assert (tmp_path / "again/config.json").read_text() == (tmp_path / "ours/config.json").read_text()


def test_everybody_may_read_what_was_written(converted: tuple[Path, Conversion], written: Path) -> None:
    for folder in (converted[0], written):
        kept = [path for path in folder.rglob("*") if path.is_file() and not path.stat().st_mode & 0o004]
        assert kept == []


def test_shards_load_as_one_model(written: Path, tmp_path: Path) -> None:
    convert(written, tmp_path, shard_bytes=300_000)
    assert (tmp_path / "model.safetensors.index.json").is_file()
    assert not (tmp_path / "model.safetensors").exists()
    loaded = GeoPixForConditionalGeneration.from_pretrained(tmp_path)
    assert equal(dict(loaded.state_dict()), weights(tmp_path))


def test_pickled_shards_are_read_too(written: Path, converted: tuple[Path, Conversion], tmp_path: Path) -> None:
    release = shutil.copytree(written, tmp_path / "release")
    vlm = load_file(release / "vlm/model.safetensors")
    (release / "vlm/model.safetensors").unlink()
    names = sorted(vlm)
    files = {"pytorch_model-1.bin": names[:9], "pytorch_model-2.bin": names[9:]}
    for file, own in files.items():
        torch.save({name: vlm[name] for name in own}, release / "vlm" / file)
    places = {name: file for file, own in files.items() for name in own}
    (release / "vlm/pytorch_model.bin.index.json").write_text(json.dumps({"weight_map": places}))
    torch.save(  # the format of torch before 1.6
        torch.load(release / "text_hidden_fcs.pth", weights_only=True),
        release / "text_hidden_fcs.pth",
        _use_new_zipfile_serialization=False,
    )
    convert(release, tmp_path / "ours")
    assert equal(weights(tmp_path / "ours"), weights(converted[0]))


def test_scalars_may_be_parameters(written: Path, tmp_path: Path) -> None:
    release = shutil.copytree(written, tmp_path / "release")
    torch.save([torch.nn.Parameter(torch.tensor(value)) for value in (0.1, 0.2, 0.7)], release / "multiseg_scalar.pth")
    convert(release, tmp_path / "ours")
    fusion = weights(tmp_path / "ours")["mask_head.token_fusion.weight"]
    assert torch.equal(fusion, torch.tensor([0.1, 0.2, 0.7]))


def test_what_has_no_effect_is_not_loaded_with_the_model(converted: tuple[Path, Conversion]) -> None:
    folder, done = converted
    unused = weights(folder / UNUSED)
    assert len(unused) == done.unused
    assert unused["clm/learnable_memory.memory"].shape == (5, 2, 4, 8, 2, 2)
    assert not any("bank" in name or "encoder." in name for name in weights(folder) if "mask_head.memory" in name)


def test_of_the_memory_only_scale_and_norm_reach_the_model(
    written: Path, converted: tuple[Path, Conversion], tmp_path: Path
) -> None:
    release = shutil.copytree(written, tmp_path / "release")
    randomise(release)
    convert(release, tmp_path / "random")
    one, other = weights(tmp_path / "random"), weights(converted[0])
    assert {name for name in one if not torch.equal(one[name], other[name])} == {
        "mask_head.memory.attention.layers.0.scale",
        "mask_head.memory.attention.norm.weight",
        "mask_head.memory.attention.norm.bias",
        "mask_head.prompt_encoder.no_mask_embed.weight",
        "mask_head.prompt_encoder.pe_layer.gaussian",
    }


def test_the_necks_stay_swapped(written: Path, converted: tuple[Path, Conversion]) -> None:
    config = GeoPixConfig.from_pretrained(converted[0])
    assert config.mask_feature_layers == (-2, -11)
    rough = torch.load(written / "image_neck_rough.pth", weights_only=True)
    assert torch.equal(weights(converted[0])["mask_head.necks.0.conv1.0.weight"], rough["conv1.0.weight"])


@pytest.mark.parametrize(("dtype", "rounded"), [("float16", "float16"), ("bfloat16", "bfloat16"), ("float32", None)])
def test_frequencies_are_rounded_as_the_stored_weights(
    ours: Path, tmp_path: Path, dtype: str, rounded: str | None
) -> None:
    model = GeoPixForConditionalGeneration.from_pretrained(ours, dtype=getattr(torch, dtype))
    model.save_pretrained(tmp_path / "ours")
    convert_back(tmp_path / "ours", tmp_path / "release")
    convert(tmp_path / "release", tmp_path / "again")
    config = GeoPixConfig.from_pretrained(tmp_path / "again")
    assert config.rotary_dtype == rounded
    assert config.dtype == getattr(torch, dtype)


def test_the_processor_comes_along(converted: tuple[Path, Conversion]) -> None:
    processor = GeoPixProcessor.from_pretrained(converted[0])
    images = processor.image_processor
    assert (images.size, images.channel_order, images.fit) == (32, "bgr", "crop")
    assert processor.num_image_tokens == 16
    assert processor.seg_token_ids == ((32002, 32003, 32004), (32005, 32006, 32007))
    prompt = processor.encode_prefix()
    assert prompt[0] == 1
    assert prompt[-16:] == [32000] * 16
    assert processor.system_prompt.startswith("A chat between a curious human")


def test_a_converted_checkpoint_can_be_asked(converted: tuple[Path, Conversion]) -> None:
    geopix = GeoPix.from_pretrained(converted[0], device="cpu")
    answer = geopix.respond(Image.new("RGB", (50, 40)), "Segment the ship.", task="segment", max_new_tokens=3)
    assert answer.tokens in (1, 2, 3)
    assert answer.masks.shape[1:] == (40, 50)


def test_without_processor_files_the_image_settings_are_the_release_s(written: Path, tmp_path: Path) -> None:
    release = shutil.copytree(written, tmp_path / "release")
    for file in ("preprocessor_config.json", "tokenizer.json", "tokenizer_config.json", "processor_config.json"):
        (release / file).unlink()
    done = convert(release, tmp_path / "ours")
    assert "has no tokenizer.json, so the model is written without words" in done.notes[0]
    images = GeoPixImageProcessor.from_pretrained(tmp_path / "ours")
    assert (images.size, images.channel_order, images.fit) == (32, "bgr", "squeeze")


def test_writing_back_says_what_the_released_code_does_otherwise(ours: Path, tmp_path: Path) -> None:
    changed = shutil.copytree(ours, tmp_path / "ours")
    processor = GeoPixProcessor.from_pretrained(changed)
    processor.image_processor.channel_order = "rgb"
    processor.save_pretrained(changed)
    notes = "\n".join(convert_back(changed, tmp_path / "back").notes)
    assert "this model reads pictures as rgb; the released code reads bgr" in notes
    assert "this model has prompt words of its own" in notes
    assert "tensors without effect are written as zeros" in notes
