"""The options by which the commands name a model: the same in all of them."""

from pathlib import Path

import pytest
import torch
from click.testing import CliRunner

from geopix.cli import main
from geopix.model_options import DTYPES, load_model
from tests.geopix.test_peft_adapters import train_adapter


@pytest.mark.parametrize("command", ["predict", "serve"])
def test_the_commands_name_a_model_alike(command: str) -> None:
    shown = CliRunner().invoke(main, [command, "--help"]).output
    for option in ("--model", "--adapter", "--device", "--dtype"):
        assert f"{option} " in shown


@pytest.mark.parametrize("command", [["predict", "a.png", "Is there a ship?"], ["serve", "--no-open"]])
def test_an_unknown_type_is_refused_with_those_that_there_are(command: list[str]) -> None:
    done = CliRunner().invoke(main, [*command, "--dtype", "fp16"])
    assert done.exit_code == 2
    assert all(name in done.output for name in ("fp16", *DTYPES))


def test_a_model_is_loaded_as_the_options_say(checkpoint: Path, tmp_path: Path) -> None:
    assert load_model(str(checkpoint), None, "cpu", None).model.dtype == torch.float32
    adapter = train_adapter(checkpoint, tmp_path / "adapter")
    adapted = load_model(str(checkpoint), str(adapter), "cpu", "bfloat16")
    assert adapted.model.dtype == torch.bfloat16
    assert "default" in adapted.model.peft_config
    assert load_model("geopix-mini", None, "cpu", None).model.config.memory_class_names is not None
