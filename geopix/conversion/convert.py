"""The two roads: a released folder into ours, and ours back into a released one."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError

from geopix.checkpoint import let_everybody_read, quiet
from geopix.configuration import GeoPixConfig
from geopix.conversion.layout import (
    CONFIGURATIONS,
    FOLDERS,
    PARTS,
    PICKLES,
    differences,
    read_release,
    write_release,
)
from geopix.conversion.names import EMBEDDING, Shapes, our_shapes, released_shapes
from geopix.conversion.pieces import gather, scatter, zeros
from geopix.conversion.processors import Processor, load_our_processor, read_processor, write_processor
from geopix.conversion.settings import check_writable, config_of, read_settings, write_settings
from geopix.conversion.tensors import StoredTensor, read_folder, read_json, write_folder
from geopix.conversion.unused import unused_shapes
from geopix.image_processing import GeoPixImageProcessor
from geopix.model_card import write_card
from harness.errors import ConfigurationError, EnvironmentProblem, GeoPixError

_OURS = GeoPixConfig.model_type
_ADVICE = "Download or copy the whole folder again; a part from elsewhere must be of the same model."

#: The folder of our checkpoint with what only the released layout needs.
UNUSED = "unused"
SHARD_BYTES = 2_000_000_000

_NO_TOKENIZER = (
    "the folder has no tokenizer.json, so the model is written without words; "
    "put the release's tokenizer files there and convert again to ask it questions"
)


@dataclass(frozen=True)
class Conversion:
    """What was done.

    Attributes:
        tensors: how many tensors the model has.
        unused: how many more the released layout has, which have no effect.
        dtype: the element type of the language model's weights.
        notes: what the user should know.
    """

    tensors: int
    unused: int
    dtype: torch.dtype
    notes: tuple[str, ...]


def convert(released: Path, out: Path, shard_bytes: int = SHARD_BYTES) -> Conversion:
    """Writes our checkpoint from a released one; it answers as the released code did.

    Args:
        released: a folder in the released layout.
        out: a new or empty folder.
        shard_bytes: how large a weight file may become; as much is held in memory.

    Raises:
        ConfigurationError: if `out` has files.
        EnvironmentProblem: if the release is incomplete or contradicts itself; all problems are named with their files.
    """
    _check_folders(released, out)
    _check_released(released)
    config, tensors, processor = _read_all(released)
    ours = {name: gather(name, shape, tensors) for name, shape in our_shapes(config).items()}
    unused = {name: tensors[name] for name in unused_shapes(config)}
    with _writing(out):
        write_folder(out / UNUSED, unused, shard_bytes)
        write_folder(out, ours, shard_bytes)
        processor.save_pretrained(out)
        config.save_pretrained(out)
        write_card(out)
    notes = (_NO_TOKENIZER,) if isinstance(processor, GeoPixImageProcessor) else ()
    return Conversion(len(ours), len(unused), ours[EMBEDDING].dtype, notes)


def convert_back(ours: Path, out: Path, shard_bytes: int = SHARD_BYTES) -> Conversion:
    """Writes the released layout from our checkpoint; what only that layout has is zero where `unused/` is absent.

    Args:
        ours: a folder that `convert` or `save_pretrained` wrote.
        out: a new or empty folder.
        shard_bytes: how large a weight file may become; as much is held in memory.

    Raises:
        ConfigurationError: if `out` has files, or the released layout cannot say what the model does.
        EnvironmentProblem: if the checkpoint is incomplete; all problems are named with their files.
    """
    _check_folders(ours, out)
    _check_ours(ours)
    config = GeoPixConfig.from_pretrained(ours)
    check_writable(config)
    shapes = our_shapes(config)
    tensors = _read_ours(ours, config, shapes)
    language = tensors[EMBEDDING]
    released = {name: piece for our, shape in shapes.items() for name, piece in scatter(our, shape, tensors[our])}
    unused = {name: tensors.get(name) or zeros(shape, language) for name, shape in unused_shapes(config).items()}
    processor = load_our_processor(ours)
    with _writing(out):
        write_release(out, released | unused, shard_bytes)
        notes = [] if processor is None else write_processor(out, processor, config)
        write_settings(out, config, language.dtype)
    if not (ours / UNUSED).is_dir():
        notes.append(f"{len(unused)} tensors without effect are written as zeros, since {ours / UNUSED} is not there")
    return Conversion(len(shapes), len(unused), language.dtype, tuple(notes))


def _check_folders(source: Path, out: Path) -> None:
    if not source.is_dir():
        raise EnvironmentProblem(f"{source.resolve()}: no such folder. Give the folder of a checkpoint.")
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise ConfigurationError(f"{out.resolve()}: is there already. Give a new folder, or empty this one.")


def _check_released(folder: Path) -> None:
    if _model_type(folder) == _OURS:
        raise EnvironmentProblem(
            f"{folder.resolve()}: is a converted checkpoint already. Use it as it is, or give --to-release to write "
            "the released layout from it."
        )
    if not any((folder / part).exists() for part in PARTS):
        raise EnvironmentProblem(
            f"{folder.resolve()}: not a released GeoPix checkpoint. Give the folder that holds config.json, "
            f"{', '.join(f'{part}/' for part in FOLDERS)} and {', '.join(PICKLES)}."
        )


def _check_ours(folder: Path) -> None:
    kind = _model_type(folder)
    if kind != _OURS:
        raise EnvironmentProblem(
            f"{folder.resolve()}: expected config.json of a model of type {_OURS!r}, found {kind}. With --to-release, "
            "give a folder that `geopix convert` wrote; to read a released folder, leave --to-release out."
        )


def _model_type(folder: Path) -> str:
    path = folder / "config.json"
    return str(read_json(path).get("model_type", "no type")) if path.is_file() else "no such file"


def _read_all(released: Path) -> tuple[GeoPixConfig, dict[str, StoredTensor], Processor]:
    """Reads what there is of a release and makes sure that it is whole."""
    settings, problems = read_settings(released)
    tensors, unread = read_release(released)
    problems += unread.values()
    if len(settings) < len(CONFIGURATIONS):
        raise _incomplete(released, problems)
    try:
        config = config_of(settings, tensors)
        problems += differences(released_shapes(config), tensors, unread)
        processor = read_processor(released, config)
    except GeoPixError as error:
        raise _incomplete(released, [*problems, str(error)]) from error
    if problems:
        raise _incomplete(released, problems)
    return config, tensors, processor


def _incomplete(folder: Path, problems: list[str]) -> EnvironmentProblem:
    problems = "\n".join(problems).splitlines()
    count = f"{len(problems)} problem{'s' if len(problems) > 1 else ''}"
    return EnvironmentProblem(
        f"{folder.resolve()}: not a whole GeoPix checkpoint in this layout, {count}:\n  "
        + "\n  ".join(problems)
        + f"\n{_ADVICE}"
    )


def _read_ours(folder: Path, config: GeoPixConfig, shapes: Shapes) -> dict[str, StoredTensor]:
    """Reads the model's tensors, and those without effect where they are kept, and makes sure that all fit."""
    found = {f"model/{name}": tensor for name, tensor in read_folder(folder).items()}
    expected = {f"model/{name}": shape for name, shape in shapes.items()}
    if (folder / UNUSED).is_dir():
        found |= {f"{UNUSED}/{name}": tensor for name, tensor in read_folder(folder / UNUSED).items()}
        expected |= {f"{UNUSED}/{name}": shape for name, shape in unused_shapes(config).items()}
    if problems := differences(expected, found):
        raise _incomplete(folder, problems)
    return {name.partition("/")[2]: tensor for name, tensor in found.items()}


@contextmanager
def _writing(out: Path) -> Iterator[None]:
    """Makes the folder, whose files everybody may read, and says what to do when the disk is full."""
    try:
        out.mkdir(parents=True, exist_ok=True)
        with quiet():
            yield
        let_everybody_read(out)
    except (OSError, SafetensorError) as error:
        raise EnvironmentProblem(
            f"{out.resolve()}: cannot be written: {error}. Mend the cause, delete the folder and convert again."
        ) from error
