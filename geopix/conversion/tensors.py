"""Tensors in files: what there is, without reading it; and writing shards, one in memory at a time."""

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from harness.errors import EnvironmentProblem

#: How the weights of one folder may be stored: names of the single file and of the shards' index.
_FORMATS = (
    ("model.safetensors", "model.safetensors.index.json"),
    ("pytorch_model.bin", "pytorch_model.bin.index.json"),
)
_UNREADABLE = (OSError, EOFError, ValueError, TypeError, KeyError, RuntimeError, UnpicklingError, SafetensorError)


@dataclass(frozen=True)
class StoredTensor:
    """A tensor that stays in its file until it is loaded.

    Attributes:
        file: where it is stored.
        shape: its sizes.
        dtype: its element type.
        load: reads it.
    """

    file: Path
    shape: tuple[int, ...]
    dtype: torch.dtype
    load: Callable[[], Tensor]

    @property
    def nbytes(self) -> int:
        """Its size in memory."""
        return torch.Size(self.shape).numel() * self.dtype.itemsize


def read_folder(folder: Path) -> dict[str, StoredTensor]:
    """Lists the weights of a folder in which transformers has saved a model.

    Raises:
        EnvironmentProblem: if files are missing or unreadable; all of them are named.
    """
    files = _weight_files(folder)
    tensors: dict[str, StoredTensor] = {}
    problems = []
    for file in files:
        try:
            tensors |= read_file(file)
        except EnvironmentProblem as problem:
            problems.append(str(problem))
    if problems:
        raise EnvironmentProblem("\n".join(problems))
    return tensors


def _weight_files(folder: Path) -> list[Path]:
    for single, index in _FORMATS:
        if (folder / index).is_file():
            places = read_json(folder / index).get("weight_map")
            if not isinstance(places, dict) or not all(isinstance(name, str) for name in places.values()):
                raise EnvironmentProblem(f"{folder / index}: expected a weight_map from tensors to files")
            names = sorted(set(places.values()))
            outside = [name for name in names if Path(name).name != name]
            if outside:
                raise EnvironmentProblem(f"{folder / index}: names files outside its folder: {', '.join(outside)}")
            return [folder / name for name in names]
        if (folder / single).is_file():
            return [folder / single]
    return [folder / _FORMATS[0][0]]


def read_file(path: Path) -> dict[str, StoredTensor]:
    """Lists the tensors of a safetensors file, or of a pickled dictionary or list; a list's are named 0, 1, ...

    Pickles are read with `weights_only`, so that no code in them runs.

    Raises:
        EnvironmentProblem: if the file is missing, unreadable, or holds something else.
    """
    if not path.is_file():
        raise EnvironmentProblem(f"{path}: no such file")
    try:
        return _read_safetensors(path) if path.suffix == ".safetensors" else _read_pickle(path)
    except _UNREADABLE as error:
        raise EnvironmentProblem(f"{path}: cannot be read as weights: {str(error).splitlines()[0]}") from error


def _read_safetensors(path: Path) -> dict[str, StoredTensor]:
    with safe_open(path, "pt") as content:
        slices = {name: content.get_slice(name) for name in content.keys()}  # noqa: SIM118 - it is no mapping
        return {
            name: StoredTensor(path, tuple(part.get_shape()), _DTYPES[part.get_dtype()], partial(_load, path, name))
            for name, part in slices.items()
        }


def _load(path: Path, name: str) -> Tensor:
    with safe_open(path, "pt") as content:
        return content.get_tensor(name)  # type: ignore[no-any-return]


_DTYPES = {
    "F64": torch.float64,
    "F32": torch.float32,
    "F16": torch.float16,
    "BF16": torch.bfloat16,
    "I64": torch.int64,
    "I32": torch.int32,
    "I16": torch.int16,
    "I8": torch.int8,
    "U8": torch.uint8,
    "BOOL": torch.bool,
}


def _read_pickle(path: Path) -> dict[str, StoredTensor]:
    content = _unpickle(path)
    named = dict(enumerate(content)) if isinstance(content, list | tuple) else content
    if not isinstance(named, Mapping) or not all(isinstance(value, Tensor) for value in named.values()):
        raise TypeError(f"expected a dictionary or a list of tensors, found {type(content).__name__}")
    return {
        str(name): StoredTensor(path, tuple(value.shape), value.dtype, value.detach().clone)
        for name, value in named.items()
    }


def _unpickle(path: Path) -> Any:
    with path.open("rb") as file:  # only torch's present format, a zip archive, can stay on the disk
        mapped = file.read(2) == b"PK"
    return torch.load(path, map_location="cpu", weights_only=True, mmap=mapped)


def read_json(path: Path) -> dict[str, Any]:
    """Reads a JSON object.

    Raises:
        EnvironmentProblem: if the file is missing or holds something else.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise EnvironmentProblem(f"{path}: no such file") from error
    except (OSError, ValueError) as error:
        raise EnvironmentProblem(f"{path}: not valid JSON: {error}") from error
    if not isinstance(content, dict):
        raise EnvironmentProblem(f"{path}: expected a JSON object, found {type(content).__name__}")
    return content


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """Writes a JSON object."""
    path.write_text(json.dumps(content, indent=2, sort_keys=True) + "\n", encoding="utf-8")


def write_folder(folder: Path, tensors: Mapping[str, StoredTensor], shard_bytes: int) -> None:
    """Writes weights as transformers does, in as many safetensors files as needed; holds one of them in memory.

    Args:
        folder: made when it is not there.
        tensors: what to write, by name.
        shard_bytes: how large a file may become; a larger tensor has a file to itself.
    """
    folder.mkdir(parents=True, exist_ok=True)
    shards = plan_shards({name: tensor.nbytes for name, tensor in tensors.items()}, shard_bytes)
    if len(shards) == 1:
        _write_shard(folder / "model.safetensors", shards[0], tensors)
        return
    places: dict[str, str] = {}
    for number, names in enumerate(shards, 1):
        file = f"model-{number:05}-of-{len(shards):05}.safetensors"
        _write_shard(folder / file, names, tensors)
        places |= dict.fromkeys(names, file)
    size = sum(tensor.nbytes for tensor in tensors.values())
    write_json(folder / "model.safetensors.index.json", {"metadata": {"total_size": size}, "weight_map": places})


def _write_shard(path: Path, names: Iterable[str], tensors: Mapping[str, StoredTensor]) -> None:
    save_file({name: tensors[name].load().contiguous() for name in names}, path, metadata={"format": "pt"})


def plan_shards(sizes: Mapping[str, int], limit: int) -> list[list[str]]:
    """Cuts names into runs whose sizes add up to at most `limit`, except where one alone is larger.

    >>> plan_shards({"a": 3, "b": 1, "c": 2, "d": 9, "e": 1}, 4)
    [['a', 'b'], ['c'], ['d'], ['e']]
    """
    shards: list[list[str]] = [[]]
    used = 0
    for name, size in sizes.items():
        if shards[-1] and used + size > limit:
            shards.append([])
            used = 0
        shards[-1].append(name)
        used += size
    return shards
