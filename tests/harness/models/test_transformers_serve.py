"""A real server: `transformers serve` with a tiny vision-language model, asked, and killed while it is asked."""

import json
import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from PIL import Image

from harness.cli import main
from harness.records import Record
from harness.store import RunDirectory
from tests.harness.small_data import write_data, write_task

pytestmark = pytest.mark.slow
pytest.importorskip("fastapi", reason="needs fastapi, which `transformers serve` is made with")

WORDS = "<pad> <unknown> <begin> <end> <image> user assistant : ? yes no a few many is thing here ship road"
VOCABULARY = WORDS.split()
TEMPLATE = (
    "{% for message in messages %}{{ message['role'] }} : {% for part in message['content'] %}"
    "{% if part['type'] == 'image' %}<image> {% else %}{{ part['text'] }} {% endif %}{% endfor %}{% endfor %}"
    "{% if add_generation_prompt %}assistant : {% endif %}"
)


def write_checkpoint(folder: Path) -> Path:
    """Writes a LLaVA with random weights, drawn so that its answers depend on the picture and the question."""
    import torch
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import (
        CLIPImageProcessorPil,
        CLIPVisionConfig,
        LlamaConfig,
        LlavaConfig,
        LlavaForConditionalGeneration,
        PreTrainedTokenizerFast,
    )

    plain = Tokenizer(models.WordLevel({word: place for place, word in enumerate(VOCABULARY)}, "<unknown>"))
    plain.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    words = PreTrainedTokenizerFast(
        tokenizer_object=plain, pad_token="<pad>", unk_token="<unknown>", bos_token="<begin>", eos_token="<end>",
        additional_special_tokens=["<image>"],
    )  # fmt: skip
    vision = {"hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2}
    text = {"hidden_size": 32, "intermediate_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4}
    torch.manual_seed(0)
    model = LlavaForConditionalGeneration(
        LlavaConfig(
            vision_config=CLIPVisionConfig(image_size=28, patch_size=14, **vision),
            text_config=LlamaConfig(vocab_size=len(VOCABULARY), bos_token_id=2, eos_token_id=3, pad_token_id=0, **text),
            image_token_index=VOCABULARY.index("<image>"), tie_word_embeddings=False,
        )
    )  # fmt: skip
    with torch.no_grad():
        for weights in model.parameters():
            weights.mul_(8.0 if weights.ndim == 2 else 1.0)
    model.save_pretrained(folder)
    words.save_pretrained(folder)
    CLIPImageProcessorPil(size={"shortest_edge": 28}, crop_size={"height": 28, "width": 28}).save_pretrained(folder)
    settings = {"patch_size": 14, "vision_feature_select_strategy": "default", "num_additional_image_tokens": 1}
    (folder / "processor_config.json").write_text(json.dumps({"processor_class": "LlavaProcessor", **settings}))
    (folder / "chat_template.jinja").write_text(TEMPLATE)
    return folder


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_checkpoint(tmp_path_factory.mktemp("served") / "llava")


@contextmanager
def served(checkpoint: Path, port: int) -> Iterator[subprocess.Popen[bytes]]:
    program = "from transformers.cli.transformers import main; main()"
    words = ["serve", str(checkpoint), "--host", "127.0.0.1", "--port", str(port), "--device", "cpu"]
    environment = {**os.environ, "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"}
    process = subprocess.Popen(
        [sys.executable, "-c", program, *words], env=environment,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        _wait(process, f"http://127.0.0.1:{port}/health")
        yield process
    finally:
        process.kill()
        process.wait()


def _wait(process: subprocess.Popen[bytes], url: str) -> None:
    since = time.monotonic()
    while True:
        try:
            with urllib.request.urlopen(url, timeout=5):
                return
        except OSError:
            assert process.poll() is None, "the server has ended"
            assert time.monotonic() - since < 240, "the server does not start"
            time.sleep(0.2)


@pytest.fixture
def port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_data(tmp_path / "data", questions=16)
    for number in range(4):
        name = tmp_path / "data" / "SMALL" / "Data" / f"{number}.tif"
        Image.effect_noise((40, 30), 40.0 * (number + 1)).convert("RGB").save(name)
    task = write_task(tmp_path, prompt="is thing a ship here ?")
    task.write_text(task.read_text() + "generation: {max_new_tokens: 12}\n")
    return tmp_path


def command(folder: Path, checkpoint: Path, port: int, output: str) -> list[str]:
    return [
        "--tasks", str(folder / "small.yaml"), "--model", f"openai:{checkpoint}@http://127.0.0.1:{port}/v1",
        "--data-dir", str(folder / "data"), "--output", str(folder / output),
        "--model-option", "parallel=2", "--model-option", "retries=0", "--model-option", "price_out=1",
    ]  # fmt: skip


def records(folder: Path, output: str) -> list[Record]:
    found = RunDirectory(folder / output).records("small")
    return [replace(one, response=one.response and replace(one.response, seconds=None)) for one in found]


def said_in_this_process(checkpoint: Path, image: Path, question: str) -> str:
    from transformers import AutoModelForImageTextToText, AutoProcessor

    processor: Any = AutoProcessor.from_pretrained(checkpoint)
    model: Any = AutoModelForImageTextToText.from_pretrained(checkpoint)
    content = [{"type": "image", "image": Image.open(image).convert("RGB")}, {"type": "text", "text": question}]
    inputs = processor.apply_chat_template(
        [{"role": "user", "content": content}], add_generation_prompt=True, tokenize=True, return_dict=True,
        return_tensors="pt",
    )  # fmt: skip
    answer = model.generate(**inputs, max_new_tokens=12, do_sample=False)
    return str(processor.decode(answer[0, inputs["input_ids"].shape[1] :], skip_special_tokens=True))


def test_it_answers_as_the_model_does_and_a_kill_of_the_server_loses_nothing(
    checkpoint: Path, folder: Path, port: int
) -> None:
    with served(checkpoint, port) as process:
        quiet = CliRunner().invoke(main, command(folder, checkpoint, port, "quiet"))
        assert quiet.exit_code == 0, quiet.output
        running = subprocess.Popen(
            [sys.executable, "-c", "from harness.cli import main; main()", *command(folder, checkpoint, port, "run")],
            env={**os.environ, "PYTHONPATH": str(Path.cwd())}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        written = folder / "run" / "small" / "records.jsonl"
        while not written.exists() or written.read_bytes().count(b"\n") < 3:
            assert running.poll() is None
            time.sleep(0.005)
        process.kill()
        assert running.wait(timeout=120) == 3, "the rest has failed, and the run says so"
    failed = [record for record in records(folder, "run") if record.response is None]
    assert 0 < len(failed) < 16
    assert all("cannot be reached" in str(record.prediction.reason) for record in failed)
    with served(checkpoint, port):
        again = CliRunner().invoke(main, command(folder, checkpoint, port, "run"))
    assert again.exit_code == 0, again.output
    assert records(folder, "run") == records(folder, "quiet")
    assert RunDirectory(folder / "run").result("small").scores == RunDirectory(folder / "quiet").result("small").scores
    by_image = {record.images[0]: record for record in records(folder, "quiet")}
    assert len({str(record.response and record.response.text) for record in by_image.values()}) > 1
    for image, record in by_image.items():
        assert record.response is not None
        assert record.response.text == said_in_this_process(
            checkpoint, folder / "data" / "SMALL" / "Data" / f"{image}.tif", record.prompt
        )
        assert record.response.tokens
        assert record.response.prompt_tokens
        assert record.response.cost == pytest.approx(record.response.tokens / 1e6)
