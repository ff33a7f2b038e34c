"""From what is typed after --model or --judge to a model or a judge."""

import json
import re
from collections.abc import Mapping
from pathlib import Path

from harness.errors import ConfigurationError, EnvironmentProblem, nearest
from harness.interfaces import Judge, Model
from harness.models.second_stage import second_stage
from harness.plugins import Registry, installed

CHECKPOINT_FILE = "config.json"


def load_model(
    argument: str, options: Mapping[str, str], registry: Registry, segmenters: Registry | None = None
) -> Model:
    """Returns the model named `WORD:ARGUMENT`, `WORD`, or by the path of a checkpoint folder.

    A checkpoint folder is handed to the plugin registered under the `model_type` of its config.json. `+WORD:ARGUMENT`
    behind it names a second stage, which turns its boxes into masks; the options that begin with `WORD.` are its own.

    Args:
        argument: what was typed after --model.
        options: what was typed after --model-option.
        registry: the models.
        segmenters: the second stages; those that are installed by default.

    Raises:
        ConfigurationError: no such model; the nearest name is suggested.
        EnvironmentProblem: the folder is no checkpoint, or the model's extra is missing.
    """
    places = installed().segmenters if segmenters is None else segmenters
    if found := _second_stage(argument, places):
        first, stage, rest = found
        own = {key.removeprefix(f"{stage}."): value for key, value in options.items() if key.startswith(f"{stage}.")}
        others = {key: value for key, value in options.items() if not key.startswith(f"{stage}.")}
        boxes = own.pop("boxes", None)
        return second_stage(load_model(first, others, registry, places), places.load(stage)(rest, own), boxes)
    word, colon, rest = argument.partition(":")
    model: Model
    if word in registry.places and (colon or not Path(argument).is_dir()):
        model = registry.load(word)(rest, options)
        return model
    if Path(argument).is_dir():
        model = registry.load(_model_type(Path(argument), registry))(argument, options)
        return model
    names = [*registry.places, "baseline:constant", "baseline:whole-image"]
    raise ConfigurationError(
        f"unknown model {argument!r}: no folder of this name ({Path(argument).resolve()}) and no registered model."
        f"{nearest(argument, names)} Known: {', '.join(sorted(registry.places))}, or the path of a checkpoint folder."
    )


def _second_stage(argument: str, segmenters: Registry) -> tuple[str, str, str] | None:
    """The first model, the second stage's word and its argument; None where no stage is named."""
    if not segmenters.places:
        return None
    words = "|".join(map(re.escape, segmenters.places))
    found = re.fullmatch(rf"(.+)\+({words}):(.*)", argument, re.DOTALL)
    return (found[1], found[2], found[3]) if found else None


def load_judge(argument: str, options: Mapping[str, str], registry: Registry) -> Judge:
    """Returns the judge named `WORD:ARGUMENT`.

    Raises:
        ConfigurationError: no such judge; the nearest name is suggested.
        EnvironmentProblem: its extra, folder or key is missing.
    """
    word, colon, rest = argument.partition(":")
    if not colon or word not in registry.places:
        raise ConfigurationError(
            f"unknown judge {word!r}.{nearest(word, registry.places)} Known: {', '.join(sorted(registry.places))}, "
            "each followed by a colon and its model, openai:MODEL@URL for example."
        )
    judge: Judge = registry.load(word)(rest, options)
    return judge


def _model_type(folder: Path, registry: Registry) -> str:
    config = folder / CHECKPOINT_FILE
    try:
        kind = str(json.loads(config.read_text(encoding="utf-8")).get("model_type", ""))
    except (OSError, ValueError, AttributeError) as error:
        present = ", ".join(sorted(path.name for path in folder.iterdir())[:10]) or "nothing"
        raise EnvironmentProblem(
            f"{folder.resolve()} is no checkpoint folder: {CHECKPOINT_FILE} cannot be read ({error}). Found there: "
            f"{present}. Expected what `save_pretrained` writes: {CHECKPOINT_FILE}, model.safetensors, the processor."
        ) from error
    if kind not in registry.places:
        raise ConfigurationError(
            f"{config}: model_type {kind!r} has no adapter.{nearest(kind, registry.places)} "
            f"Known: {', '.join(sorted(registry.places))}. A vision-language model is named hf:{folder}."
        )
    return kind


def parse_options(pairs: tuple[str, ...]) -> dict[str, str]:
    """Returns the options typed as KEY=VALUE.

    Raises:
        ConfigurationError: a pair has no equals sign.
    """
    for pair in pairs:
        if "=" not in pair:
            raise ConfigurationError(f"expected KEY=VALUE, found {pair!r}.")
    return dict(pair.split("=", 1) for pair in pairs)
