"""What is no such model is refused with what to do, and what is one has a digest."""

import json
import shutil
import sys
from dataclasses import fields
from pathlib import Path

import pytest

from harness.errors import ConfigurationError, EnvironmentProblem
from harness.model_names import load_model
from harness.models.huggingface.factory import huggingface
from harness.models.huggingface.families import BY_MODEL_TYPE
from harness.models.huggingface.options import Options
from harness.plugins import installed
from harness.records import ImageFile
from tests.harness.models.huggingface.conftest import Ask, Checkpoint


def copy(checkpoint: Checkpoint, family: str, goal: Path) -> Path:
    return Path(shutil.copytree(checkpoint(family), goal / family))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"devise": "cpu"}, "no option 'devise'. Did you mean 'device'. Known: device, device_map, dtype, attention"),
        ({"dtype": "float61"}, "dtype: expected auto, float32, bfloat16, float16, found 'float61'. Did you mean 'floa"),
        ({"images": "hidden"}, "images: expected shown, blank, none, found 'hidden'"),
        ({"trust_remote_code": "yes"}, "trust_remote_code: expected false, true, found 'yes'"),
        ({"boxes": "intern"}, "boxes: expected auto, task, geopix, .*found 'intern'. Did you mean 'internvl'"),
        ({"batch_size": "0"}, "batch_size: expected a whole number above 0, found '0'"),
        ({"batch_size": "many"}, "batch_size: expected a whole number above 0, found 'many'"),
        ({"prompt": "Answer briefly."}, "prompt: expected {prompt} where the task's words are to stand, found 'Answer"),
        ({"device": "cpu", "device_map": "auto"}, "device and device_map: name one"),
    ],
)
def test_options_that_cannot_be_are_refused_before_anything_is_loaded(options: dict[str, str], message: str) -> None:
    with pytest.raises(ConfigurationError, match=message.replace("{", r"\{").replace("'device'.", r"'device'\?")):
        huggingface("absent", options)


def test_the_page_says_what_every_option_is() -> None:
    page = (Path(__file__).parents[4] / "docs" / "models.md").read_text("utf-8")
    names = [option.name for option in fields(Options) if option.name != "image"]
    assert [name for name in [*names, "image.NAME"] if f"| `{name}` |" not in page] == []
    assert [family for family in BY_MODEL_TYPE if f"`{family}`" not in page] == []


def test_nothing_is_trusted_that_is_not_typed() -> None:
    assert not Options.parse({}).trust_remote_code
    assert not Options.parse({"trust_remote_code": "false"}).trust_remote_code
    assert Options.parse({"trust_remote_code": "true"}).trust_remote_code


@pytest.mark.parametrize("argument", ["", "./absent", "/absent/folder", "a/b/c", "https://example.org/x"])
def test_what_is_neither_folder_nor_id_is_refused(argument: str) -> None:
    with pytest.raises(EnvironmentProblem, match="no folder .* and no id of the hub either, such as Qwen/"):
        huggingface(argument, {}) if argument else huggingface("a b", {})


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({}, "is no checkpoint folder: config.json cannot be read .*Found there: nothing. Expected what `save_pretr"),
        ({"model.bin": "", "config.json": "{"}, "config.json cannot be read .*Found there: config.json, model.bin"),
        ({"config.json": "[]"}, "config.json cannot be read .it holds no object"),
        ({"config.json": "{}"}, "cannot be loaded: Unrecognized model"),
        ({"config.json": '{"model_type": "lava_vl"}'}, "cannot be loaded: .*lava_vl"),
        ({"config.json": '{"model_type": "llava"}'}, "cannot be loaded: "),
    ],
)
def test_folders_that_are_no_checkpoint_are_refused(files: dict[str, str], message: str, tmp_path: Path) -> None:
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    with pytest.raises(EnvironmentProblem, match=message):
        huggingface(str(tmp_path), {})


def test_a_model_of_words_alone_is_refused(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"model_type": "qwen2"}')
    with pytest.raises(ConfigurationError, match="'qwen2' is no model of images and text .*Did you mean 'qwen2_vl'"):
        huggingface(str(tmp_path), {})


def test_a_device_that_is_not_there_is_refused(checkpoint: Checkpoint) -> None:
    for device, message in (("gpu", "cannot be loaded: .*device"), ("cuda:99", "cannot be loaded: .*(CUDA|device)")):
        with pytest.raises(EnvironmentProblem, match=message):
            huggingface(str(checkpoint("llava")), {"device": device})


def test_a_checkpoint_without_its_image_processor_is_refused(checkpoint: Checkpoint, tmp_path: Path) -> None:
    folder = copy(checkpoint, "llava", tmp_path)
    (folder / "preprocessor_config.json").unlink()
    with pytest.raises(EnvironmentProblem, match="llava cannot be loaded: .*image processor"):
        huggingface(str(folder), {})


def test_a_type_without_a_processor_is_refused(checkpoint: Checkpoint) -> None:
    from transformers import AutoTokenizer

    from harness.models.huggingface.loading import _check_processor

    tokenizer = AutoTokenizer.from_pretrained(checkpoint("llava"))
    with pytest.raises(EnvironmentProblem, match="my/model has a .* and no processor of images and words. Expected"):
        _check_processor(tokenizer, "my/model")


def test_a_missing_extra_is_named(checkpoint: Checkpoint, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = str(checkpoint("llava"))
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(EnvironmentProblem, match=r"need the extra `hf`: .*Install it: pip install 'geopix\[hf\]'"):
        huggingface(folder, {})
    with pytest.raises(EnvironmentProblem, match="sam needs the extra `hf`"):
        load_model(f"baseline:constant+sam:{folder}", {}, installed().models)


def test_weights_that_are_missing_are_not_made_up(checkpoint: Checkpoint, tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    folder = copy(checkpoint, "llava", tmp_path)
    weights = load_file(folder / "model.safetensors")
    lost = next(name for name in weights if "lm_head" in name)
    save_file({name: weight for name, weight in weights.items() if name != lost}, folder / "model.safetensors")
    with pytest.raises(EnvironmentProblem, match="llava: 1 weights are missing, lm_head.weight for example"):
        huggingface(str(folder), {})


@pytest.mark.parametrize(
    ("template", "system", "message"),
    [
        (None, None, "has no chat template, so it cannot be asked: it is a base model, or a file is missing"),
        ("{{ messages[0]['content'][-1]['text'] }}", None, "the chat template of .* leaves the picture out"),
        ("{{ raise_exception('no pictures, please') }}", None, "refuses a question about a picture: no pictures, pl"),
        ("{{ messages[-1]['content'] }}", "you are brief", "leaves a system prompt out. Write it before the task's"),
        (
            "{% if messages[1] %}{{ raise_exception('users only') }}{% endif %}{{ messages[0]['content'] }}",
            "you are brief",
            "refuses a system prompt: users only",
        ),
    ],
)
def test_chat_templates_are_tried_at_once(
    template: str | None, system: str | None, message: str, checkpoint: Checkpoint, tmp_path: Path
) -> None:
    folder = copy(checkpoint, "llava", tmp_path)
    (folder / "chat_template.jinja").unlink()
    if template:
        (folder / "chat_template.jinja").write_text(template)
    with pytest.raises(ConfigurationError, match=message):
        huggingface(str(folder), {"system": system} if system else {})


OWN_CODE = """\
from transformers import PreTrainedConfig

open({trace!r}, "w").close()


class OwnConfig(PreTrainedConfig):
    model_type = "own_vl"
"""


def test_code_of_a_checkpoint_is_run_only_when_that_is_typed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder, trace = tmp_path / "own", tmp_path / "trace"
    folder.mkdir()
    (folder / "config.json").write_text(
        json.dumps({"model_type": "own_vl", "auto_map": {"AutoConfig": "configuration_own.OwnConfig"}})
    )
    (folder / "configuration_own.py").write_text(OWN_CODE.format(trace=str(trace)))
    with pytest.raises(EnvironmentProblem, match="Read that code first; `--model-option trust_remote_code=true` then"):
        huggingface(str(folder), {})
    assert not trace.exists()
    monkeypatch.setattr("transformers.dynamic_module_utils.HF_MODULES_CACHE", str(tmp_path / "modules"))
    monkeypatch.setattr(sys, "path", [*sys.path])
    with pytest.raises(ConfigurationError, match="model_type 'own_vl' is no model of images and text"):
        huggingface(str(folder), {"trust_remote_code": "true"})
    assert trace.exists()


def test_the_digest_follows_every_file_and_what_changes_answers(checkpoint: Checkpoint, tmp_path: Path) -> None:
    folder = copy(checkpoint, "llava", tmp_path)
    first = huggingface(str(folder), {})
    assert first.digest == huggingface(str(folder), {"batch_size": "2"}).digest == huggingface(f"{folder}/", {}).digest
    others = [{"dtype": "float16"}, {"images": "blank"}, {"boxes": "task"}, {"prompt": "{prompt} !"}]
    digests = {huggingface(str(folder), options).digest for options in others}
    (folder / "chat_template.jinja").write_text((folder / "chat_template.jinja").read_text() + " ")
    digests.add(huggingface(str(folder), {}).digest)
    assert len(digests | {first.digest}) == 6


@pytest.fixture
def hub(checkpoint: Checkpoint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A hub's cache with one checkpoint in it, and no way to the hub; its commit."""
    from huggingface_hub import constants

    commit = "0123456789abcdef0123456789abcdef01234567"
    place = tmp_path / "hub" / "models--team--tiny-llava"
    (place / "refs").mkdir(parents=True)
    (place / "refs" / "main").write_text(commit)
    shutil.copytree(checkpoint("llava"), place / "snapshots" / commit)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    return commit


def test_a_checkpoint_of_the_hub_is_known_by_its_commit(
    hub: str, checkpoint: Checkpoint, pictures: tuple[ImageFile, ImageFile], ask: Ask
) -> None:
    model = huggingface("team/tiny-llava", {})
    assert (model.name, model.checkpoint.source.digest) == ("team/tiny-llava", f"team/tiny-llava {hub}")
    at_commit = huggingface("team/tiny-llava", {"revision": hub})
    assert at_commit.digest == model.digest
    local = huggingface(str(checkpoint("llava")), {})
    request = ask("is it a ship ?", pictures[0])
    assert model.respond([request])[0].text == local.respond([request])[0].text


def test_an_id_that_is_not_there_says_so(hub: str) -> None:
    with pytest.raises(EnvironmentProblem, match=r"hf:team/absent cannot be loaded: .* no folder .*absent either\."):
        huggingface("team/absent", {})


def test_a_checkpoint_folder_without_its_word_is_told_the_word(checkpoint: Checkpoint) -> None:
    folder = checkpoint("llava")
    with pytest.raises(
        ConfigurationError, match=f"'llava' has no adapter.* A vision-language model is named hf:{folder}"
    ):
        load_model(str(folder), {}, installed().models)
    assert load_model(f"hf:{folder}", {}, installed().models).name == "llava"
