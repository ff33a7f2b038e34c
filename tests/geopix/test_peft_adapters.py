"""Low-rank adapters of PEFT: loaded beside a base, merged into it, and refused where they do not fit."""

import json
import shutil
import warnings
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner
from PIL import Image
from safetensors.torch import load_file, save_file

from geopix.adapter import checkpoint as load_model
from geopix.cli import main
from geopix.peft_adapters import base_of, source
from geopix.predictor import GeoPix
from harness.errors import ConfigurationError, EnvironmentProblem

QUESTION = "Segment the ship."
PICTURE = Image.linear_gradient("L").convert("RGB").resize((40, 30))


def train_adapter(base: Path, folder: Path, *, seed: int = 0, whole: tuple[str, ...] = ("mask_head",)) -> Path:
    """An adapter with random weights, as PEFT saves it: q and v of the language model, and the mask head whole."""
    from peft import LoraConfig, get_peft_model

    torch.manual_seed(seed)
    model = GeoPix.from_pretrained(base, device="cpu").model
    settings = LoraConfig(
        r=2,
        lora_alpha=8,
        target_modules=r"language_model\..*\.(q_proj|v_proj)",
        modules_to_save=list(whole) or None,
        init_lora_weights=False,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        adapted = get_peft_model(model, settings)
        with torch.no_grad():
            for name, parameter in adapted.named_parameters():
                if "modules_to_save" in name:
                    parameter.add_(0.05 * torch.randn_like(parameter))
        adapted.save_pretrained(str(folder))
    return folder


@pytest.fixture(scope="module")
def adapter(checkpoint: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return train_adapter(checkpoint, tmp_path_factory.mktemp("trained") / "adapter")


@pytest.fixture
def copied(adapter: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(adapter, tmp_path / "adapter"))


def logits(geopix: GeoPix) -> tuple[torch.Tensor, torch.Tensor]:
    """The words' and the masks' logits for an answer with one mask."""
    processor = geopix.processor
    batch = processor(PICTURE, QUESTION)
    ids = torch.tensor([batch["input_ids"][0].tolist() + processor.encode_answer("It is <SEG>.")])
    with torch.no_grad():
        output = geopix.model(ids, batch["pixel_values"])
    return output.logits, output.mask_logits


def test_an_adapter_finds_its_base_and_changes_the_answers(checkpoint: Path, adapter: Path) -> None:
    assert base_of(adapter) == checkpoint.resolve()
    alone, given = (
        GeoPix.from_pretrained(adapter, device="cpu"),
        GeoPix.from_pretrained(checkpoint, "cpu", adapter=adapter),
    )
    base = logits(GeoPix.from_pretrained(checkpoint, "cpu"))
    for own, same, before in zip(logits(alone), logits(given), base, strict=True):
        assert torch.equal(own, same)
        assert (own - before).abs().max() > 1e-2
    assert (
        alone.respond(PICTURE, QUESTION, max_new_tokens=8).tokens
        == given.respond(PICTURE, QUESTION, max_new_tokens=8).tokens
    )


def test_a_merged_checkpoint_is_whole_and_answers_as_base_and_adapter_do(
    adapter: Path, checkpoint: Path, tmp_path: Path
) -> None:
    out = tmp_path / "merged"
    result = CliRunner().invoke(main, ["merge", str(adapter), str(out)])
    assert result.exit_code == 0, result.output
    assert result.output == f"{out}: {checkpoint.resolve()} with {adapter} in its weights\n"
    merged, beside = GeoPix.from_pretrained(out, "cpu"), GeoPix.from_pretrained(adapter, "cpu")
    for one, other in zip(logits(merged), logits(beside), strict=True):
        torch.testing.assert_close(one, other, atol=1e-4, rtol=1e-4)
    assert set(merged.model.state_dict()) == set(GeoPix.from_pretrained(checkpoint, "cpu").model.state_dict())
    assert (
        merged.respond(PICTURE, QUESTION, max_new_tokens=8).text
        == beside.respond(PICTURE, QUESTION, max_new_tokens=8).text
    )
    assert {path.stat().st_mode & 0o777 for path in out.iterdir()} == {0o644}


def test_words_that_were_learnt_whole_are_loaded_and_merged(checkpoint: Path, tmp_path: Path) -> None:
    words = train_adapter(checkpoint, tmp_path / "words", whole=("embed_tokens", "lm_head", "multi_modal_projector"))
    beside = GeoPix.from_pretrained(words, "cpu")
    result = CliRunner().invoke(main, ["merge", str(words), str(tmp_path / "out"), "--shard-size", "0.00004"])
    assert result.exit_code == 0, result.output
    assert len(list((tmp_path / "out").glob("*.safetensors"))) > 3
    merged = GeoPix.from_pretrained(tmp_path / "out", "cpu")
    learnt = merged.model.get_input_embeddings().weight
    assert not torch.equal(learnt, GeoPix.from_pretrained(checkpoint, "cpu").model.get_input_embeddings().weight)
    for one, other in zip(logits(merged), logits(beside), strict=True):
        torch.testing.assert_close(one, other, atol=1e-4, rtol=1e-4)


def test_an_adapter_beside_the_weights_is_not_saved_half(adapter: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="an adapter lies beside .* `geopix merge ADAPTER OUT`"):
        GeoPix.from_pretrained(adapter, "cpu").save_pretrained(tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_merging_adds_the_product_of_both_factors(adapter: Path, checkpoint: Path, tmp_path: Path) -> None:
    CliRunner().invoke(main, ["merge", str(adapter), str(tmp_path / "merged"), "--base", str(checkpoint)])
    name = "language_model.model.layers.0.self_attn.v_proj"
    factors = load_file(adapter / "adapter_model.safetensors")
    down, up = (factors[f"base_model.model.{name}.lora_{letter}.weight"] for letter in "AB")
    before, after = (load_file(folder / "model.safetensors") for folder in (checkpoint, tmp_path / "merged"))
    torch.testing.assert_close(after[f"{name}.weight"], before[f"{name}.weight"] + 8 / 2 * up @ down)
    assert torch.equal(
        after[name.replace("v_proj", "k_proj") + ".weight"], before[name.replace("v_proj", "k_proj") + ".weight"]
    )


def test_merged_it_keeps_the_images_of_both_and_the_story_of_the_adapter(
    copied: Path, checkpoint: Path, tmp_path: Path
) -> None:
    base = Path(shutil.copytree(checkpoint, tmp_path / "base"))
    (base / "fingerprints.jsonl").write_text('{"sha256": "a"}\n{"sha256": "b"}\n')
    (base / "training.json").write_text('{"step": 1}')
    (copied / "fingerprints.jsonl").write_text('{"sha256": "b"}\n{"sha256": "c"}\n')
    (copied / "training.json").write_text('{"step": 2}')
    result = CliRunner().invoke(main, ["merge", str(copied), str(tmp_path / "out"), "--base", str(base)])
    assert result.exit_code == 0, result.output
    assert (tmp_path / "out/fingerprints.jsonl").read_text() == '{"sha256": "a"}\n{"sha256": "b"}\n{"sha256": "c"}\n'
    assert json.loads((tmp_path / "out/training.json").read_text()) == {"step": 2}


def test_the_harness_takes_both_spellings_and_its_digest_follows_the_adapter(
    adapter: Path, checkpoint: Path, tmp_path: Path
) -> None:
    own, given = load_model(str(adapter), {}), load_model(str(checkpoint), {"adapter": str(adapter)})
    assert own.digest == given.digest
    assert own.settings["adapter"] == given.settings["adapter"] == str(adapter)
    assert own.settings["checkpoint"] == str(checkpoint.resolve())
    assert (own.name, given.name) == ("adapter", f"{checkpoint.name} + adapter")
    other = train_adapter(checkpoint, tmp_path / "other", seed=1, whole=())
    assert len({own.digest, load_model(str(checkpoint), {}).digest, load_model(str(other), {}).digest}) == 3


@pytest.mark.parametrize("name", ["adapter_config.json", "adapter_model.safetensors"])
def test_a_missing_file_is_named(copied: Path, checkpoint: Path, name: str) -> None:
    (copied / name).unlink()
    with pytest.raises(EnvironmentProblem, match=f"{copied}: no adapter: it lacks {name}"):
        source(checkpoint, copied)


def change(folder: Path, **settings: object) -> None:
    path = folder / "adapter_config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | settings))


def test_an_adapter_whose_base_is_not_here_says_where_it_was_looked_for(copied: Path) -> None:
    change(copied, base_model_name_or_path="nowhere/base")
    with pytest.raises(
        EnvironmentProblem, match=rf"'nowhere/base', which is neither .* nor {copied}/nowhere/base. Give"
    ):
        source(copied)
    change(copied, base_model_name_or_path="a\0b")
    with pytest.raises(EnvironmentProblem, match="names no base"):
        source(copied)
    change(copied, base_model_name_or_path=None)
    with pytest.raises(EnvironmentProblem, match="names no base. Give the checkpoint it was trained on"):
        source(copied)
    change(copied, base_model_name_or_path="beside")
    (copied / "beside").mkdir()
    assert base_of(copied) == copied / "beside"


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"peft_type": "PROMPT_TUNING"}, "expected an adapter of peft_type LORA, found 'PROMPT_TUNING'"),
        ({"target_modules": ["qq_proj"]}, "cannot be added to this model: No modules were targeted"),
        ({"r": 3}, "cannot be added to this model: .*size mismatch"),
        ({"target_modules": r"language_model\..*\.(q_proj|v_proj|o_proj)"}, "disagree about 4 tensors .*o_proj"),
        ({"target_modules": r"language_model\..*\.q_proj"}, "disagree about 4 tensors .*v_proj"),
    ],
)
def test_an_adapter_that_does_not_fit_is_refused(copied: Path, settings: dict[str, object], words: str) -> None:
    change(copied, **settings)
    with pytest.raises(EnvironmentProblem, match=words):
        GeoPix.from_pretrained(copied, device="cpu")


def test_weights_that_are_cut_off_or_no_number_are_refused(copied: Path, tmp_path: Path) -> None:
    path = copied / "adapter_model.safetensors"
    whole = path.read_bytes()
    path.write_bytes(whole[:-8])
    with pytest.raises(EnvironmentProblem, match=f"{copied}: the adapter cannot be added"):
        GeoPix.from_pretrained(copied, device="cpu")
    path.write_bytes(whole)
    factors = {
        name: torch.full_like(tensor, torch.nan) if "lora" in name else tensor
        for name, tensor in load_file(path).items()
    }
    save_file(factors, path, metadata={"format": "pt"})
    result = CliRunner().invoke(main, ["merge", str(copied), str(tmp_path / "out")])
    assert result.exit_code == 4
    assert f"{copied}: cannot be merged: NaNs detected" in result.stderr
    assert not (tmp_path / "out").exists()


def test_two_adapters_and_a_device_map_are_refused_with_the_way_out(adapter: Path) -> None:
    with pytest.raises(ConfigurationError, match=f"is itself an adapter, so .* `geopix merge {adapter} OUT`"):
        GeoPix.from_pretrained(adapter, "cpu", adapter=adapter)
    with pytest.raises(
        ConfigurationError, match=f"device_map spreads whole checkpoints .* `geopix merge {adapter} OUT`"
    ):
        GeoPix.from_pretrained(adapter, device_map="auto")


def test_merge_refuses_a_checkpoint_that_is_none_and_a_folder_with_files(
    checkpoint: Path, adapter: Path, tmp_path: Path
) -> None:
    result = CliRunner().invoke(main, ["merge", str(checkpoint), str(tmp_path / "out")])
    assert (result.exit_code, "is no adapter: it has no adapter_config.json" in result.stderr) == (2, True)
    (tmp_path / "full").mkdir()
    (tmp_path / "full/a").touch()
    result = CliRunner().invoke(main, ["merge", str(adapter), str(tmp_path / "full")])
    assert (result.exit_code, "is there already. Give a new folder" in result.stderr) == (2, True)


def test_predict_takes_an_adapter_beside_its_base(adapter: Path, checkpoint: Path, tmp_path: Path) -> None:
    PICTURE.save(tmp_path / "a.png")
    words = ["predict", tmp_path / "a.png", QUESTION, "--model", checkpoint, "--device", "cpu", "--max-new-tokens", 6]
    done = CliRunner().invoke(main, [*map(str, words), "--adapter", str(adapter)])
    assert done.exit_code == 0, done.output
    beside = GeoPix.from_pretrained(checkpoint, device="cpu", dtype=torch.float32, adapter=adapter)
    said = beside.respond(tmp_path / "a.png", QUESTION, task="segment", max_new_tokens=6)
    assert done.output.startswith(said.text)
