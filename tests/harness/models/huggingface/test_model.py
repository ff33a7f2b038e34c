"""Options, prompts, memory and generation of a Hugging Face model."""

from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from harness.cli import main
from harness.errors import ConfigurationError, SampleError
from harness.models.huggingface.factory import huggingface
from harness.models.room import Room
from harness.records import ImageFile
from harness.store import RunDirectory
from tests.harness.models.huggingface.conftest import Ask, Checkpoint
from tests.harness.small_data import write_data, write_task

Pictures = tuple[ImageFile, ImageFile]
# PaliGemma's processor makes a numpy array of a tensor, which numpy 2 warns of.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy keyword")


def prompt_of(model: Any, request: Any) -> str:
    return str(model.prompt.text(model._words(request), len(model._images(request))))


def test_the_chat_template_goes_around_system_prompt_pictures_and_words(
    checkpoint: Checkpoint, pictures: Pictures, ask: Ask
) -> None:
    folder = str(checkpoint("llava"))
    request = ask("is it a ship ?", *pictures)
    assert prompt_of(huggingface(folder, {}), request) == "user : <image> <image> is it a ship ? assistant : "
    system = huggingface(folder, {"system": "you are brief"})
    assert prompt_of(system, request) == ("system : you are brief user : <image> <image> is it a ship ? assistant : ")
    worded = huggingface(folder, {"prompt": "answer in JSON . {prompt}"})
    assert prompt_of(worded, request) == "user : <image> <image> answer in JSON . is it a ship ? assistant : "
    assert len({huggingface(folder, {}).digest, system.digest, worded.digest}) == 3


def test_paligemma_reads_a_prefix(checkpoint: Checkpoint, pictures: Pictures, ask: Ask) -> None:
    model = huggingface(str(checkpoint("paligemma")), {})
    assert prompt_of(model, ask("is\nit ?", pictures[0])) == "<image>answer en is it ?"
    inputs = model._inputs([ask("is it ?", pictures[0])], [[model._picture(pictures[0])]])
    read = model.checkpoint.processor.tokenizer.decode(inputs["input_ids"][0]).split()
    assert read == ["<image>"] * 4 + ["<begin>", "answer", "en", "is", "it", "?"]  # the tokenizer drops the new line
    assert "labels" not in inputs
    with pytest.raises(SampleError, match="about pictures only, and the sample has none"):
        model.respond([ask("is it ?")])


@pytest.mark.parametrize("option", [{"system": "you are brief"}, {"images": "none"}])
def test_paligemma_has_neither_system_prompt_nor_words_alone(option: dict[str, str], checkpoint: Checkpoint) -> None:
    with pytest.raises(ConfigurationError, match=f"option {next(iter(option))}: .* is a paligemma model, which reads"):
        huggingface(str(checkpoint("paligemma")), option)


def test_a_blind_run_shows_no_picture(checkpoint: Checkpoint, pictures: Pictures, ask: Ask, tmp_path: Path) -> None:
    from PIL import Image

    Image.new("RGB", (200, 100), "red").save(tmp_path / "red.png")
    red = ImageFile("red", tmp_path / "red.png")
    folder = str(checkpoint("qwen3_vl"))
    texts = {}
    for images in ("shown", "blank", "none"):
        model = huggingface(folder, {"images": images})
        texts[images] = [model.respond([ask("where is it ?", image)])[0].text for image in (pictures[0], red)]
        assert model.reads_images == (images == "shown")
        assert model.name == ("qwen3_vl" if images == "shown" else "qwen3_vl (blind)")
    assert texts["shown"][0] != texts["shown"][1]
    assert texts["blank"][0] == texts["blank"][1]
    assert texts["none"][0] == texts["none"][1]
    assert prompt_of(model, ask("where ?", red)) == "user : where ? assistant : "


@pytest.mark.parametrize(
    ("family", "name", "value"),
    [
        ("qwen2_5_vl", "size", '{"longest_edge": 784, "shortest_edge": 784}'),
        ("internvl", "max_patches", "1"),
        ("smolvlm", "do_image_splitting", "false"),
    ],
)
def test_the_image_processor_has_settings_of_its_own(  # noqa: PLR0917
    family: str, name: str, value: str, checkpoint: Checkpoint, pictures: Pictures, ask: Ask
) -> None:
    usual = huggingface(str(checkpoint(family)), {})
    small = huggingface(str(checkpoint(family)), {f"image.{name}": value})
    request = ask("where is it ?", pictures[0])
    longer, shorter = (
        model._inputs([request], [[model._picture(pictures[0])]])["input_ids"] for model in (usual, small)
    )
    assert shorter.shape[1] < longer.shape[1]
    assert small.respond([request])[0].tokens
    assert small.digest != usual.digest
    assert small.settings[f"image.{name}"] == value
    if family == "qwen2_5_vl":
        assert small.respond([request])[0].seen == (28, 28)


def test_a_setting_that_the_image_processor_has_not_is_refused(checkpoint: Checkpoint) -> None:
    with pytest.raises(ConfigurationError, match=r"image.merge_siz: Qwen2VL.* Did you mean 'merge_size'\?"):
        huggingface(str(checkpoint("qwen2_5_vl")), {"image.merge_siz": "2"})
    with pytest.raises(ConfigurationError, match="option image.size: expected JSON, .*found 'small'"):
        huggingface(str(checkpoint("qwen2_5_vl")), {"image.size": "small"})


def test_a_picture_that_cannot_be_read_fails_its_request(checkpoint: Checkpoint, ask: Ask, tmp_path: Path) -> None:
    (tmp_path / "torn.png").write_bytes(b"\x89PNG torn")
    model = huggingface(str(checkpoint("llava")), {})
    with pytest.raises(SampleError, match=r"image torn: .*torn.png cannot be read: .*Check or replace the file"):
        model.respond([ask("what ?", ImageFile("torn", tmp_path / "torn.png"))])


def test_a_batch_that_does_not_fit_is_halved_and_stays_so(
    checkpoint: Checkpoint, pictures: Pictures, ask: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch

    model = huggingface(str(checkpoint("llava")), {"batch_size": "8"})
    asked = [ask(f"{'a ' * count}ship ?", pictures[0]) for count in range(7)]
    expected = [response.text for response in model.respond(asked)]
    sizes: list[int] = []
    generate = model.checkpoint.model.generate

    def cramped(**inputs: Any) -> Any:
        sizes.append(len(inputs["input_ids"]))
        if sizes[-1] > room:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB")
        return generate(**inputs)

    monkeypatch.setattr(model.checkpoint.model, "generate", cramped)
    room = 2
    fitting = Room(8)
    assert [response.text for response in fitting.answer(asked, model.respond)] == expected
    assert sizes == [7, 3, 1, 1, 1, 1, 1, 1, 1]
    sizes.clear()
    fitting.answer(asked[:2], model.respond)
    assert sizes == [1, 1], "what did not fit once is not tried again"
    room = 0
    with pytest.raises(SampleError, match="one request does not fit into memory. Choose a smaller dtype"):
        fitting.answer(asked[:1], model.respond)


def test_other_errors_are_not_taken_for_a_lack_of_memory(
    checkpoint: Checkpoint, pictures: Pictures, ask: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = huggingface(str(checkpoint("llava")), {})

    def broken(**inputs: Any) -> Any:
        raise RuntimeError("shapes do not match")

    monkeypatch.setattr(model.checkpoint.model, "generate", broken)
    with pytest.raises(RuntimeError, match="shapes do not match"):
        model.respond([ask("what ?", pictures[0])] * 2)


def test_answers_are_greedy_and_as_long_as_the_task_allows(
    checkpoint: Checkpoint, pictures: Pictures, ask: Ask, tmp_path: Path
) -> None:
    import torch

    model = huggingface(str(checkpoint("llava")), {})
    model.checkpoint.model.generation_config.update(do_sample=True, temperature=0.7, top_k=5, num_beams=3)
    short, long = (model.respond([ask("what ?", pictures[0], max_new_tokens=count)])[0] for count in (2, 6))
    assert (short.tokens, short.reason) == (2, "the answer was cut off after 2 tokens")
    assert long.text.startswith(short.text)
    state = torch.get_rng_state()
    drawn = {model.respond([ask("what ?", pictures[0], temperature=50.0)])[0].text for _ in range(3)}
    assert len(drawn) == 1, "what is drawn for a batch depends on the batch alone"
    assert drawn != {long.text}
    assert torch.equal(torch.get_rng_state(), state)
    assert model.repeats(ask("what ?"))
    assert not model.repeats(ask("what ?", temperature=0.5))


def test_a_draw_is_from_all_tokens_that_the_task_leaves(checkpoint: Checkpoint, ask: Ask) -> None:
    model = huggingface(str(checkpoint("llava")), {"batch_size": "100"})
    model.checkpoint.model.generation_config.update(top_k=3, top_p=0.1, min_p=0.5)
    asked = [ask("what ?", max_new_tokens=1, temperature=1e4)] * 100
    assert len({response.text for response in model.respond(asked)}) > 20
    nucleus = [ask("what ?", max_new_tokens=1, temperature=1.0, top_p=1e-6)] * 20
    greedy = model.respond([ask("what ?", max_new_tokens=1)])[0].text
    assert {response.text for response in model.respond(nucleus)} == {greedy}


def test_dtype_and_device_map(checkpoint: Checkpoint, pictures: Pictures, ask: Ask) -> None:
    folder = str(checkpoint("llava"))
    half = huggingface(folder, {"dtype": "bfloat16", "device_map": "cpu", "attention": "eager"})
    assert half.settings["dtype"] == "bfloat16"
    assert half.settings["device"] == "device_map=cpu"
    assert half.checkpoint.model.config._attn_implementation == "eager"
    assert half.respond([ask("what ?", pictures[0])])[0].tokens
    assert half.digest != huggingface(folder, {}).digest


def test_the_command_scores_a_checkpoint(checkpoint: Checkpoint, tmp_path: Path) -> None:
    from tests.harness.models.huggingface import tiny

    model = huggingface(str(checkpoint("llava")), {})
    words = model.checkpoint.processor.tokenizer
    tiny.teach(model.checkpoint.model, words.convert_tokens_to_ids(["yes"]), words.eos_token_id)
    speaker = tiny.make("llava", tmp_path / "speaker")
    model.checkpoint.model.save_pretrained(speaker)
    write_data(tmp_path / "data")
    write_task(tmp_path / "tasks")
    arguments = ["--tasks", "small", "--task-dir", tmp_path / "tasks", "--data-dir", tmp_path / "data"]
    command = [*arguments, "--model", f"hf:{speaker}", "--output", tmp_path / "run", "--model-option", "batch_size=5"]
    result = CliRunner().invoke(main, list(map(str, command)))
    assert result.exit_code == 0, result.output
    run = RunDirectory(tmp_path / "run")
    assert run.result("small").primary.value == pytest.approx(8 / 12)
    assert (run.manifest().model, run.manifest().settings["model_type"]) == ("speaker", "llava")
