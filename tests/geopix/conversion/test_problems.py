"""What is wrong with a checkpoint is said all at once, each problem with its file."""

import json
import pickle
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from click.testing import CliRunner, Result
from safetensors.torch import load_file, save_file
from torch import Tensor

from geopix.cli import main
from geopix.conversion.convert import convert, convert_back
from geopix.conversion.tensors import StoredTensor, plan_shards, read_file, write_folder
from geopix.image_processing import GeoPixImageProcessor
from geopix.modeling import GeoPixForConditionalGeneration
from geopix.sizes import tiny
from harness.errors import ConfigurationError, EnvironmentProblem


@pytest.fixture
def release(written: Path, tmp_path: Path) -> Path:
    return shutil.copytree(written, tmp_path / "release")


def message(release: Path) -> str:
    out = release.parent / "out"
    with pytest.raises(EnvironmentProblem) as caught:
        convert(release, out)
    assert not out.exists()
    return str(caught.value)


def change_tensors(file: Path, change: Callable[[dict[str, Tensor]], Any]) -> None:
    tensors = load_file(file)
    change(tensors)
    save_file(tensors, file, metadata={"format": "pt"})


def change_json(file: Path, **values: Any) -> None:
    file.write_text(json.dumps(json.loads(file.read_text()) | values))


def test_every_tensor_that_does_not_fit_is_named_with_its_file(release: Path) -> None:
    def spoil(tensors: dict[str, Tensor]) -> None:
        del tensors["mask_decoder.iou_token.weight"]
        tensors["mask_decoder.iou_tokens.weight"] = torch.zeros(1, 16)
        tensors["mask_decoder.level_embed.weight"] = torch.zeros(2, 15)

    change_tensors(release / "seg/model.safetensors", spoil)
    change_tensors(release / "clm/model.safetensors", lambda tensors: tensors.pop("memory_fuser.model.0.bias"))
    torch.save([torch.tensor(0.5)] * 4, release / "multiseg_scalar.pth")
    text = message(release)
    seg = release / "seg/model.safetensors"
    assert "not a whole GeoPix checkpoint in this layout, 5 problems:" in text
    assert f"{seg}: tensor mask_decoder.iou_token.weight is missing; expected shape [1, 16]" in text
    assert f"{seg}: tensor mask_decoder.iou_tokens.weight is surplus; its shape is [1, 16]" in text
    assert f"{seg}: tensor mask_decoder.level_embed.weight has shape [2, 15], expected [2, 16]" in text
    assert f"{release / 'clm/model.safetensors'}: tensor memory_fuser.model.0.bias is missing" in text
    assert f"{release / 'multiseg_scalar.pth'}: tensor 3 is surplus; its shape is []" in text
    assert text.endswith("Download or copy the whole folder again; a part from elsewhere must be of the same model.")


def test_every_file_that_is_not_there_is_named_at_once(release: Path) -> None:
    for file in ("pec/model.safetensors", "image_neck_rough.pth"):
        (release / file).unlink()
    change_tensors(release / "clm/model.safetensors", lambda tensors: tensors.pop("memory_fuser.model.0.bias"))
    text = message(release)
    assert "3 problems" in text
    assert f"{release / 'pec/model.safetensors'}: no such file" in text
    assert f"{release / 'image_neck_rough.pth'}: no such file" in text
    assert "memory_fuser.model.0.bias is missing" in text


def test_configurations_that_cannot_be_read_are_named_with_the_missing_files(release: Path) -> None:
    (release / "vlm/text/config.json").unlink()
    (release / "seg/config.json").write_text("{")
    (release / "pec/config.json").write_text("[1]")
    (release / "text_hidden_fcs.pth").unlink()
    text = message(release)
    assert "4 problems" in text
    assert f"{release / 'vlm/text/config.json'}: no such file" in text
    assert f"{release / 'seg/config.json'}: not valid JSON: " in text
    assert f"{release / 'pec/config.json'}: expected a JSON object, found list" in text
    assert f"{release / 'text_hidden_fcs.pth'}: no such file" in text


def test_damaged_weights_are_named(release: Path) -> None:
    for file in ("vlm/model.safetensors", "image_neck_detail.pth"):
        content = (release / file).read_bytes()
        (release / file).write_bytes(content[: len(content) // 2])
    torch.save({"a": 1}, release / "text_hidden_fcs.pth")
    text = message(release)
    assert "3 problems" in text
    for file in ("vlm/model.safetensors", "image_neck_detail.pth", "text_hidden_fcs.pth"):
        assert f"{release / file}: cannot be read as weights: " in text
    assert "expected a dictionary or a list of tensors, found dict" in text


class Spell:
    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (Path("spell-was-cast"),)


@pytest.mark.parametrize("torch_format", [True, False])
def test_code_in_a_pickle_does_not_run(release: Path, monkeypatch: pytest.MonkeyPatch, torch_format: bool) -> None:
    monkeypatch.chdir(release)
    if torch_format:
        torch.save({"0.weight": Spell()}, release / "text_hidden_fcs.pth")
    else:
        (release / "text_hidden_fcs.pth").write_bytes(pickle.dumps({"0.weight": Spell()}, protocol=2))
    assert f"{release / 'text_hidden_fcs.pth'}: cannot be read as weights: Weights only load failed" in message(release)
    assert not (release / "spell-was-cast").exists()


def test_a_missing_shard_is_named(release: Path) -> None:
    places = {"weight_map": {"a": "model-1.safetensors", "b": "model-2.safetensors"}}
    (release / "vlm/model.safetensors.index.json").write_text(json.dumps(places))
    text = message(release)
    assert f"{release / 'vlm/model-1.safetensors'}: no such file" in text
    assert f"{release / 'vlm/model-2.safetensors'}: no such file" in text


@pytest.mark.parametrize("places", [None, ["model-1.safetensors"], {"a": 1}])
def test_an_index_without_places_is_said(release: Path, places: object) -> None:
    (release / "vlm/model.safetensors.index.json").write_text(json.dumps({"weight_map": places}))
    assert "index.json: expected a weight_map from tensors to files" in message(release)


def test_an_index_does_not_lead_out_of_its_folder(release: Path) -> None:
    places = {"weight_map": {"a": "../seg/model.safetensors"}}
    (release / "vlm/model.safetensors.index.json").write_text(json.dumps(places))
    assert "index.json: names files outside its folder: ../seg/model.safetensors" in message(release)


def test_a_tensor_missing_from_all_shards_names_the_part(released_in_shards: Path) -> None:
    places = json.loads((released_in_shards / "vlm/model.safetensors.index.json").read_text())["weight_map"]
    name = "language_model.model.norm.weight"
    change_tensors(released_in_shards / "vlm" / places[name], lambda tensors: tensors.pop(name))
    expected = f"vlm, in none of {len(set(places.values()))} files: tensor {name} is missing"
    assert expected in message(released_in_shards)


@pytest.fixture
def released_in_shards(ours: Path, tmp_path: Path) -> Path:
    convert_back(ours, tmp_path / "release", shard_bytes=500_000)
    return tmp_path / "release"


def test_settings_that_the_released_code_does_not_know_are_named(release: Path) -> None:
    change_json(release / "config.json", seg_token_num=4)
    change_json(release / "clm/config.json", feature_w=3)
    change_json(release / "vlm/config.json", vision_feature_select_strategy="full")
    text = message(release)
    assert f"{release / 'config.json'}: seg_token_num is 4, expected 3" in text
    assert f"{release / 'clm/config.json'}: feature_w is 3, expected 2" in text
    assert f"{release / 'vlm/config.json'}: vision_feature_select_strategy is 'full', expected 'default'" in text


def test_part_configurations_that_cannot_be_used_are_said(release: Path) -> None:
    change_json(release / "vlm/text/config.json", hidden_size="wide")
    assert "the configuration files cannot be used: " in message(release)


def test_image_settings_that_we_do_not_do_are_named(release: Path) -> None:
    size = {"height": 336, "width": 336}
    change_json(release / "preprocessor_config.json", resample=2, crop_size=size, rescale_factor=1.0)
    text = message(release)
    where = release / "preprocessor_config.json"
    assert f"{where}: resample is 2, expected 3" in text
    assert f"{where}: rescale_factor is 1.0, expected 1/255" in text
    assert f"{where}: crop_size is {size}, but the vision tower reads 32 pixels" in text


def test_a_tokenizer_with_other_numbers_is_refused(release: Path) -> None:
    change_json(release / "vlm/config.json", image_token_index=31999)
    assert f"{release / 'tokenizer.json'}: <image> has the id 32000, expected 31999" in message(release)


def test_a_damaged_tokenizer_is_named(release: Path) -> None:
    (release / "tokenizer.json").write_text("{}")
    assert f"{release / 'tokenizer.json'}: cannot be read: " in message(release)


def test_a_sentencepiece_model_alone_says_how_to_convert_it(release: Path) -> None:
    (release / "tokenizer.json").rename(release / "tokenizer.model")
    assert "has tokenizer.model but no tokenizer.json; make it with transformers: AutoTokenizer" in message(release)


def test_a_folder_of_something_else_is_told(tmp_path: Path) -> None:
    (tmp_path / "release").mkdir()
    assert "not a released GeoPix checkpoint. Give the folder that holds config.json, vlm/" in message(
        tmp_path / "release"
    )


def test_a_converted_checkpoint_is_not_converted_again(ours: Path, tmp_path: Path) -> None:
    with pytest.raises(
        EnvironmentProblem, match="is a converted checkpoint already. Use it as it is, or give --to-rel"
    ):
        convert(ours, tmp_path / "out")


def test_a_released_folder_is_not_written_back(written: Path, tmp_path: Path) -> None:
    with pytest.raises(EnvironmentProblem, match="expected config.json of a model of type 'geopix', found no type"):
        convert_back(written, tmp_path / "out")
    with pytest.raises(EnvironmentProblem, match="found no such file. With --to-release, give a folder that"):
        convert_back(tmp_path, tmp_path / "out")


def test_a_model_that_the_released_code_cannot_run_is_not_written(tmp_path: Path) -> None:
    GeoPixForConditionalGeneration(tiny()).save_pretrained(tmp_path / "ours")
    with pytest.raises(ConfigurationError) as caught:
        convert_back(tmp_path / "ours", tmp_path / "out")
    text = str(caught.value)
    assert "memory_attention is 'intended', and the released code always has 'released_noop'" in text
    assert "seg_token_ids is ((4, 5, 6), (7, 8, 9)), and the released code always has ((32002," in text
    assert text.endswith("Only a converted checkpoint, or one trained from it, fits the released code.")


def test_our_own_damaged_checkpoint_is_named(ours: Path, tmp_path: Path) -> None:
    broken = shutil.copytree(ours, tmp_path / "ours")
    change_tensors(broken / "model.safetensors", lambda tensors: tensors.pop("mask_head.token_fusion.weight"))
    where = re.escape(str(broken / "model.safetensors"))
    with pytest.raises(EnvironmentProblem, match=f"{where}: tensor mask_head.token_fusion.weight is missing"):
        convert_back(broken, tmp_path / "out")


@pytest.mark.parametrize("back", [False, True])
def test_nothing_is_written_over(written: Path, ours: Path, tmp_path: Path, back: bool) -> None:
    (tmp_path / "kept.txt").write_text("mine")
    with pytest.raises(ConfigurationError, match="is there already. Give a new folder, or empty this one"):
        (convert_back if back else convert)(ours if back else written, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["kept.txt"]


def test_a_folder_that_cannot_be_written_is_said(
    written: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any, **__: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(GeoPixImageProcessor, "save_pretrained", full)
    monkeypatch.setattr("geopix.conversion.tensors.save_file", full)
    with pytest.raises(
        EnvironmentProblem, match=r"cannot be written: .*No space left on device. Mend the cause, delete"
    ):
        convert(written, tmp_path / "out")


def test_no_more_than_a_shard_is_in_memory(tmp_path: Path) -> None:
    alive: list[int] = [0]
    most: list[int] = [0]

    class Counted:
        def __init__(self) -> None:
            alive[0] += 1
            most[0] = max(most[0], alive[0])

        def __del__(self) -> None:
            alive[0] -= 1

    def load() -> Tensor:
        tensor = torch.zeros(10)
        tensor.counted = Counted()  # type: ignore[attr-defined]
        return tensor

    tensors = {f"t{i}": StoredTensor(tmp_path, (10,), torch.float32, load) for i in range(12)}
    write_folder(tmp_path / "out", tensors, shard_bytes=120)
    assert most[0] == 3
    assert len(list((tmp_path / "out").glob("*.safetensors"))) == 4


def test_a_tensor_larger_than_a_shard_has_its_own() -> None:
    assert plan_shards({"a": 1, "b": 9, "c": 1}, 2) == [["a"], ["b"], ["c"]]
    assert plan_shards({}, 2) == [[]]


def test_an_element_type_that_we_do_not_know_is_said(tmp_path: Path) -> None:
    save_file({"a": torch.zeros(2, dtype=torch.float8_e4m3fn)}, tmp_path / "a.safetensors")
    with pytest.raises(EnvironmentProblem, match=r"a.safetensors: cannot be read as weights: 'F8_E4M3'"):
        read_file(tmp_path / "a.safetensors")


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(main, ["convert", *map(str, arguments)])


def test_the_command_converts_both_ways(written: Path, tmp_path: Path) -> None:
    result = run(written, tmp_path / "ours")
    assert result.exit_code == 0, result.output
    assert re.fullmatch(r".*ours: \d+ tensors of a float32 model, and 124 that have no effect\n", result.stdout)
    result = run(tmp_path / "ours", tmp_path / "back", "--to-release", "--shard-size", "0.001")
    assert result.exit_code == 0, result.output
    assert (tmp_path / "back/vlm/model.safetensors.index.json").is_file()


def test_the_command_says_what_is_missing_with_its_exit_code(tmp_path: Path) -> None:
    result = run(tmp_path / "nowhere", tmp_path / "out")
    assert result.exit_code == 4
    assert "nowhere: no such folder. Give the folder of a checkpoint." in result.stderr
    assert "Traceback" not in result.output


def test_help_does_not_wait_for_torch() -> None:
    program = "import sys; from geopix.cli import main; main(['convert', '--help'], standalone_mode=False); "
    program += "sys.exit('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "--to-release" in done.stdout


def test_the_command_prints_notes(ours: Path, tmp_path: Path) -> None:
    result = run(ours, tmp_path / "back", "--to-release")
    assert result.exit_code == 0
    assert "note: 124 tensors without effect are written as zeros, since " in result.stderr
