"""Adapters that PEFT trained: added to the checkpoint they were trained on, or merged into its weights.

An adapter folder is PEFT's own: `adapter_config.json`, which names the base it was trained on, and
`adapter_model.safetensors`. Low-rank adapters (arXiv:2106.09685) are read, with the modules they hold whole.
"""

import shutil
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from safetensors import SafetensorError, safe_open

from geopix.checkpoint import (
    FINGERPRINTS_FILE,
    TRAINING_FILE,
    DeviceMap,
    load_checkpoint,
    read_json,
    save_checkpoint,
)
from geopix.model_card import write_card
from geopix.modeling import GeoPixForConditionalGeneration
from geopix.processing import GeoPixProcessor
from harness.errors import ConfigurationError, EnvironmentProblem

if TYPE_CHECKING:
    from peft import PeftModel

ADAPTER_CONFIG, ADAPTER_WEIGHTS = "adapter_config.json", "adapter_model.safetensors"
_KIND = "LORA"
_BROKEN = (OSError, ValueError, KeyError, TypeError, RuntimeError, SafetensorError)


@dataclass(frozen=True)
class Source:
    """Where a model comes from.

    Attributes:
        base: the folder of a whole checkpoint.
        adapter: the folder of an adapter for it, if any.
    """

    base: Path
    adapter: Path | None = None

    @property
    def folders(self) -> tuple[Path, ...]:
        """All folders whose files decide the answers."""
        return (self.base,) if self.adapter is None else (self.base, self.adapter)


def source(directory: str | Path, adapter: str | Path | None = None) -> Source:
    """Finds base and adapter: `directory` may be either a whole checkpoint or an adapter that names its base.

    Raises:
        ConfigurationError: `directory` is an adapter, and another one is given.
        EnvironmentProblem: there is no such adapter, or its base cannot be found.
    """
    folder = Path(directory).resolve()
    if (folder / ADAPTER_CONFIG).is_file():
        if adapter is not None:
            raise ConfigurationError(
                f"{folder} is itself an adapter, so {Path(adapter).resolve()} cannot be added to it. "
                f"Write its whole checkpoint first with `geopix merge {folder} OUT`, or give the base of both."
            )
        return Source(base_of(folder), folder)
    if adapter is None:
        return Source(folder)
    adapter = Path(adapter).resolve()
    _check_adapter(adapter)
    return Source(folder, adapter)


def base_of(adapter: Path) -> Path:
    """Returns the folder of the checkpoint that an adapter says it was trained on.

    Raises:
        EnvironmentProblem: it names none, or none that is here.
    """
    name = _check_adapter(adapter).get("base_model_name_or_path")
    places: list[Path] = []
    if isinstance(name, str) and name and name.isprintable():
        places = [Path(name).resolve(), (adapter / name).resolve()]
    for place in places:
        if place.is_dir():
            return place
    looked = f"the base {name!r}, which is neither {' nor '.join(map(str, places))}" if places else "no base"
    raise EnvironmentProblem(
        f"{adapter}: {ADAPTER_CONFIG} names {looked}. Give the checkpoint it was trained on: "
        f"--model BASE --adapter {adapter} of geopix predict and serve, --model BASE --model-option adapter={adapter} "
        "of geopix-eval, --base BASE of geopix merge, "
        "from_pretrained(BASE, adapter=..) in Python."
    )


def load(
    origin: Source, device: torch.device, dtype: torch.dtype | None = None, device_map: DeviceMap | None = None
) -> tuple[GeoPixForConditionalGeneration, GeoPixProcessor]:
    """Loads a checkpoint and, where there is one, puts the adapter's layers beside the base's.

    Args:
        origin: base and adapter.
        device: where the model goes.
        dtype: the weights' type; the stored one when None.
        device_map: see `geopix.checkpoint.load_checkpoint`.

    Raises:
        ConfigurationError: an adapter and a device map are given.
        EnvironmentProblem: if files are missing or damaged, or the adapter does not fit.
    """
    if origin.adapter is not None and device_map is not None:
        raise ConfigurationError(
            f"device_map spreads whole checkpoints only, and {origin.adapter} is an adapter. Write a whole one with "
            f"`geopix merge {origin.adapter} OUT` and load that."
        )
    model, processor = load_checkpoint(origin.base, device, dtype, device_map)
    if origin.adapter is None:
        return model, processor
    adapted: Any = add_adapter(model, origin.adapter).get_base_model()
    return adapted.eval(), processor


def add_adapter(model: GeoPixForConditionalGeneration, adapter: Path) -> "PeftModel":
    """Puts an adapter's layers into a model, in place.

    Raises:
        EnvironmentProblem: peft is not installed, files are missing or damaged, or the adapter is of another model.
    """
    try:
        from peft import PeftModel, get_peft_model_state_dict  # noqa: PLC0415 - only adapters need it
    except ImportError as error:
        raise EnvironmentProblem(
            f"{adapter} is an adapter, and peft is not installed. Install it: pip install 'geopix[model]'."
        ) from error
    _check_adapter(adapter)
    try:
        with _quiet_peft():
            adapted = PeftModel.from_pretrained(
                model, str(adapter), torch_device=str(model.device), autocast_adapter_dtype=False
            )
            with safe_open(adapter / ADAPTER_WEIGHTS, "pt") as file:
                stored = set(file.keys())
        expected = set(get_peft_model_state_dict(adapted, save_embedding_layers=False))
    except _BROKEN as error:
        raise EnvironmentProblem(
            f"{adapter}: the adapter cannot be added to this model: {_short(error)}. {_ADVICE}"
        ) from error
    if differing := sorted(stored ^ expected):
        raise EnvironmentProblem(
            f"{adapter}: {ADAPTER_WEIGHTS} and {ADAPTER_CONFIG} disagree about {len(differing)} tensors "
            f"({', '.join(differing[:5])}). {_ADVICE}"
        )
    return adapted


def merge(origin: Source, out: Path, max_shard_size: int | str = "2GB") -> Path:
    """Writes the whole checkpoint that an adapter makes of its base: `W + (alpha / r) B A` for each low-rank layer.

    Args:
        origin: base and adapter.
        out: a new or empty folder.
        max_shard_size: how large a weight file may become.

    Raises:
        ConfigurationError: there is no adapter, or `out` has files.
        EnvironmentProblem: if files are missing or damaged, do not fit, or cannot be written.
    """
    if origin.adapter is None:
        raise ConfigurationError(f"{origin.base}: is no adapter: it has no {ADAPTER_CONFIG}. Nothing is to be merged.")
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise ConfigurationError(f"{out.resolve()}: is there already. Give a new folder, or empty this one.")
    model, processor = load_checkpoint(origin.base, torch.device("cpu"))
    try:
        merged: Any = add_adapter(model, origin.adapter).merge_and_unload(safe_merge=True)
    except ValueError as error:
        raise EnvironmentProblem(f"{origin.adapter}: cannot be merged: {_short(error)}. {_ADVICE}") from error
    fresh = out.absolute().with_name(f".{out.name}.fresh")
    try:
        shutil.rmtree(fresh, ignore_errors=True)
        save_checkpoint(merged, processor, fresh, max_shard_size)
        _tell_of_training(origin, fresh)
        write_card(fresh, name=out.name)
        if out.is_dir():
            out.rmdir()
        fresh.rename(out)
    except (OSError, SafetensorError) as error:
        shutil.rmtree(fresh, ignore_errors=True)
        raise EnvironmentProblem(
            f"{out.resolve()}: cannot be written: {error}. Mend the cause and merge again."
        ) from error
    return out


def _tell_of_training(origin: Source, out: Path) -> None:
    """The merged model has seen the images of both; its recipe and step are the adapter's."""
    story = origin.folders[-1] / TRAINING_FILE
    if story.is_file():
        shutil.copyfile(story, out / TRAINING_FILE)
    files = [folder / FINGERPRINTS_FILE for folder in origin.folders]
    lines = [line for file in files if file.is_file() for line in file.read_bytes().splitlines()]
    if lines:
        (out / FINGERPRINTS_FILE).write_bytes(b"".join(line + b"\n" for line in dict.fromkeys(lines)))


def _check_adapter(folder: Path) -> dict[str, Any]:
    """Reads an adapter's configuration, once its files are there and of a kind that is read here."""
    missing = [name for name in (ADAPTER_CONFIG, ADAPTER_WEIGHTS) if not (folder / name).is_file()]
    if missing:
        raise EnvironmentProblem(
            f"{folder}: no adapter: it lacks {', '.join(missing)}. Give a folder that `geopix train` with low-rank "
            "layers, or save_pretrained of a PEFT model, has written; weights in pickles (.bin) are not read."
        )
    settings = read_json(folder / ADAPTER_CONFIG)
    if settings.get("peft_type") != _KIND:
        raise EnvironmentProblem(
            f"{folder / ADAPTER_CONFIG}: expected an adapter of peft_type {_KIND}, found "
            f"{settings.get('peft_type')!r}. Train a low-rank adapter, or merge this one with peft itself."
        )
    return settings


_ADVICE = "Copy the adapter's whole folder again, and give the base it was trained on."


def _short(error: Exception) -> str:
    """What an error says, on one line; PEFT names each tensor that does not fit."""
    words = " ".join(str(error).split())
    return (words if len(words) <= 300 else f"{words[:300]} ..").removesuffix(".")


@contextmanager
def _quiet_peft() -> Iterator[None]:
    """Drops what PEFT warns of: that a tensor is missing is refused below, the rest concerns its own code."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*is_gradient_checkpointing.*", category=FutureWarning)
        warnings.filterwarnings("ignore", message=".*missing adapter keys.*", category=UserWarning)
        yield
