"""Loading a checkpoint folder, with messages that say what is wrong with it and what to do."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import Any

import torch
from safetensors import SafetensorError
from transformers.utils import logging as transformers_logging

from geopix.configuration import GeoPixConfig
from geopix.modeling import GeoPixForConditionalGeneration
from geopix.processing import GeoPixProcessor
from harness.errors import ConfigurationError, EnvironmentProblem, nearest

#: What a checkpoint tells of its training: recipe, step and versions; and one line for each image it has seen.
TRAINING_FILE, FINGERPRINTS_FILE = "training.json", "fingerprints.jsonl"
#: What people read about it; it changes no answer.
CARD_FILE = "README.md"
_FILES = ("config.json", "processor_config.json", "tokenizer.json", "tokenizer_config.json")
_WEIGHTS, _INDEX = "model.safetensors", "model.safetensors.index.json"

_MAPS = ("auto", "balanced", "balanced_low_0", "sequential")
#: Which device each part goes to: one of these words of transformers, or a device for each module's name.
DeviceMap = str | Mapping[str, int | str]

_BROKEN = (OSError, ValueError, KeyError, TypeError, RuntimeError, SafetensorError)


def load_checkpoint(
    directory: str | Path,
    device: torch.device,
    dtype: torch.dtype | None = None,
    device_map: DeviceMap | None = None,
    *,
    changes: Mapping[str, Any] = MappingProxyType({}),
    fresh: Sequence[str] = (),
) -> tuple[GeoPixForConditionalGeneration, GeoPixProcessor]:
    """Loads model and processor from a folder that `save_pretrained` of both wrote.

    Args:
        directory: the folder.
        device: where the model goes, when there is no device map.
        dtype: the weights' type; the stored one when None.
        device_map: which part goes where; parts on "disk" stay in the checkpoint's own files until they are used.
        changes: fields of the model's configuration to set otherwise.
        fresh: parts, by module name, for which other weights than the stored ones will be used; these alone may have
            other shapes than the stored ones.

    Raises:
        ConfigurationError: if the device map is none, or the changes contradict the rest of the configuration.
        EnvironmentProblem: if files are missing, damaged or of another model; names the folder and the files.
    """
    folder = Path(directory).resolve()
    _check_files(folder)
    if isinstance(device_map, str) and device_map not in _MAPS:
        raise ConfigurationError(
            f"device_map: expected {', '.join(_MAPS[:-1])} or {_MAPS[-1]}, or a device for each part, "
            f"found {device_map!r}.{nearest(device_map, _MAPS)}"
        )
    try:
        changed = changed_config(folder, changes) if changes else None
        with quiet(reports=not fresh):
            processor = GeoPixProcessor.from_pretrained(folder)
            loaded: Any = GeoPixForConditionalGeneration.from_pretrained(
                folder,
                dtype=dtype or "auto",
                device_map=dict(device_map) if isinstance(device_map, Mapping) else device_map,
                output_loading_info=True,
                local_files_only=True,
                ignore_mismatched_sizes=bool(fresh),
                config=changed,
            )
    except _BROKEN as error:
        raise EnvironmentProblem(f"{folder}: the checkpoint cannot be loaded: {error}. {_ADVICE}") from error
    model, report = loaded
    _check_parts(model, device_map)
    reshaped = (f"{name} in its shape" for name, *_ in report["mismatched_keys"])
    _check_missing(folder, (*report["missing_keys"], *reshaped), fresh)
    _check_fit(folder, model.config, processor)
    return (model.to(device) if device_map is None else model).eval(), processor


def changed_config(folder: Path, changes: Mapping[str, Any]) -> GeoPixConfig:
    """Reads a checkpoint's configuration, and sets some of its fields otherwise.

    Raises:
        ConfigurationError: they contradict the others, or are of another type.
    """
    stored = GeoPixConfig.from_pretrained(folder)
    try:
        return GeoPixConfig(**{**stored.to_dict(), **changes})
    except (TypeError, ValueError) as error:
        raise ConfigurationError(f"{folder}: its configuration cannot have {dict(changes)}: {error}") from error


def _check_missing(folder: Path, names: Iterable[str], fresh: Sequence[str]) -> None:
    """Refuses weights that lack tensors outside the parts that are to be drawn anew."""
    inside = tuple(f"{part}." for part in fresh)
    if missing := sorted(name for name in names if not name.startswith(inside)):
        raise EnvironmentProblem(
            f"{folder}: the weights lack {len(missing)} tensors of this model ({', '.join(missing[:5])}). {_ADVICE}"
        )


def _check_parts(model: GeoPixForConditionalGeneration, device_map: DeviceMap | None) -> None:
    """Refuses a map of parts that are none: transformers would leave them where they are."""
    known = dict(model.named_modules())
    for name in device_map if isinstance(device_map, Mapping) else ():
        if name not in known:
            tops = ", ".join(top for top, _ in model.named_children())
            raise ConfigurationError(
                f"device_map: the model has no part {name!r}.{nearest(name, known)} Its parts: {tops}."
            )


def save_checkpoint(
    model: GeoPixForConditionalGeneration, processor: GeoPixProcessor, folder: Path, max_shard_size: int | str
) -> None:
    """Writes model and processor so that everybody may read the files."""
    with quiet():
        model.save_pretrained(folder, max_shard_size=max_shard_size)
    processor.save_pretrained(folder)
    let_everybody_read(folder)


def let_everybody_read(folder: Path) -> None:
    """Gives all files below a folder the rights that files usually have; safetensors keeps its own from others."""
    for path in folder.rglob("*"):
        if path.is_file():
            path.chmod(0o644)


def _check_fit(folder: Path, config: GeoPixConfig, processor: GeoPixProcessor) -> None:
    """Refuses a processor that speaks of other tokens or pictures than the model."""
    vision, text = config.vision_config, config.text_config
    facts = (
        ("tokens of one image", processor.num_image_tokens, config.num_image_tokens),
        ("side of the square picture", processor.image_processor.size, vision.image_size),
        ("id of <image>", processor.image_token_id, config.image_token_id),
        ("ids of [SEG0] and so on", sum(processor.seg_token_ids, ()), config.run_token_ids),
    )
    problems = [
        f"{what}: {ours} in the processor, {theirs} in the model" for what, ours, theirs in facts if ours != theirs
    ]
    if len(processor.tokenizer) > text.vocab_size:
        problems.append(f"the tokenizer has {len(processor.tokenizer)} tokens, the model words for {text.vocab_size}")
    if problems:
        raise EnvironmentProblem(f"{folder}: the processor does not fit the model: {'; '.join(problems)}. {_ADVICE}")


_ADVICE = "Copy the whole folder again, or train it anew with `geopix train`."


def _check_files(folder: Path) -> None:
    if not folder.is_dir():
        raise EnvironmentProblem(f"{folder}: no such checkpoint folder. Give a folder with {', '.join(_FILES)}.")
    missing = [name for name in (*_FILES, *_weight_files(folder)) if not (folder / name).is_file()]
    if missing:
        raise EnvironmentProblem(f"{folder}: the checkpoint lacks {', '.join(missing)}. {_ADVICE}")
    kind = read_json(folder / "config.json").get("model_type")
    if kind != "geopix":
        raise EnvironmentProblem(
            f"{folder}: config.json describes a model of type {kind!r}, not 'geopix'. "
            "Give a folder that `geopix train` or `save_pretrained` of a GeoPix has written."
        )


def _weight_files(folder: Path) -> list[str]:
    if not (folder / _INDEX).is_file():
        return [_WEIGHTS]
    shards = read_json(folder / _INDEX).get("weight_map")
    if not isinstance(shards, dict) or not shards or not all(isinstance(name, str) for name in shards.values()):
        raise EnvironmentProblem(
            f"{folder / _INDEX}: expected `weight_map` with the file of each tensor, found {str(shards)[:80]}. "
            f"{_ADVICE}"
        )
    outside = sorted(name for name in set(shards.values()) if Path(name).name != name)
    if outside:
        raise EnvironmentProblem(
            f"{folder / _INDEX}: weight files lie in the checkpoint's own folder; {outside[0]!r} does not. {_ADVICE}"
        )
    return sorted(set(shards.values()))


def read_json(path: Path) -> dict[str, Any]:
    """Reads a JSON object of a checkpoint.

    Raises:
        EnvironmentProblem: it is none.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise EnvironmentProblem(f"{path}: not valid JSON: {error}. {_ADVICE}") from error
    if not isinstance(content, dict):
        raise EnvironmentProblem(f"{path}: expected a JSON object, found {type(content).__name__}. {_ADVICE}")
    return content


@contextmanager
def quiet(*, reports: bool = True) -> Iterator[None]:
    """Keeps transformers' own progress bar out of the caller's terminal, and its warnings too without `reports`."""
    shown, level = transformers_logging.is_progress_bar_enabled(), transformers_logging.get_verbosity()
    transformers_logging.disable_progress_bar()
    if not reports:
        transformers_logging.set_verbosity_error()
    try:
        yield
    finally:
        transformers_logging.set_verbosity(level)
        if shown:
            transformers_logging.enable_progress_bar()
