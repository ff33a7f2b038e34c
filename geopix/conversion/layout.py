"""The released folder: its parts, and how what is found in them is held against what must be there."""

from collections.abc import Iterable, Mapping
from pathlib import Path

import torch

from geopix.conversion.names import Shapes
from geopix.conversion.tensors import StoredTensor, read_file, read_folder, write_folder
from harness.errors import EnvironmentProblem

FOLDERS = ("vlm", "seg", "pec", "clm")
#: Pickled parts, and whether each is a list of numbers (else a dictionary of tensors).
PICKLES = {
    "image_neck_rough.pth": False,
    "image_neck_detail.pth": False,
    "text_hidden_fcs.pth": False,
    "multiseg_scalar.pth": True,
    "multiscale_scalar.pth": True,
}
PARTS = (*FOLDERS, *PICKLES)
CONFIGURATIONS = (
    "config.json",
    "vlm/config.json",
    "vlm/text/config.json",
    "vlm/vision/config.json",
    "seg/config.json",
    "pec/config.json",
    "clm/config.json",
)


def read_release(folder: Path) -> tuple[dict[str, StoredTensor], dict[str, str]]:
    """Lists the tensors of all parts by `part/name`, and by part what is wrong with parts that cannot be read."""
    tensors: dict[str, StoredTensor] = {}
    problems: dict[str, str] = {}
    for part in PARTS:
        try:
            found = read_folder(folder / part) if part in FOLDERS else read_file(folder / part)
        except EnvironmentProblem as problem:
            problems[part] = str(problem)
        else:
            tensors |= {f"{part}/{name}": tensor for name, tensor in found.items()}
    return tensors, problems


def write_release(folder: Path, tensors: Mapping[str, StoredTensor], shard_bytes: int) -> None:
    """Writes all parts from tensors named `part/name`."""
    for part in PARTS:
        own = {name.removeprefix(f"{part}/"): tensor for name, tensor in tensors.items() if _part(name) == part}
        if part in FOLDERS:
            write_folder(folder / part, own, shard_bytes)
        else:
            loaded = {name: tensor.load().clone() for name, tensor in own.items()}
            torch.save(list(loaded.values()) if PICKLES[part] else loaded, folder / part)


def differences(expected: Shapes, found: Mapping[str, StoredTensor], unread: Iterable[str] = ()) -> list[str]:
    """Says which tensors are missing, surplus or of another shape, each with its file.

    Args:
        expected: names and shapes that must be there, as `part/name`.
        found: what is there.
        unread: the parts whose files could not be read; their tensors are not called missing on top of that.
    """
    skipped = set(unread)
    missing = [name for name in expected if name not in found and _part(name) not in skipped]
    surplus = [name for name in found if name not in expected]
    problems = [
        f"{_files_of(_part(name), found)}: tensor {_own(name)} is missing; expected shape {list(expected[name])}"
        for name in missing
    ]
    problems += [
        f"{found[name].file}: tensor {_own(name)} is surplus; its shape is {list(found[name].shape)}"
        for name in surplus
    ]
    return problems + [
        f"{found[name].file}: tensor {_own(name)} has shape {list(found[name].shape)}, expected {list(shape)}"
        for name, shape in expected.items()
        if name in found and found[name].shape != shape
    ]


def _part(name: str) -> str:
    return name.partition("/")[0]


def _own(name: str) -> str:
    return name.partition("/")[2]


def _files_of(part: str, found: Mapping[str, StoredTensor]) -> str:
    """The file that lacks a tensor; of several shards, any could hold it."""
    files = sorted({str(tensor.file) for name, tensor in found.items() if _part(name) == part})
    return files[0] if len(files) == 1 else f"{part}, in none of {len(files)} files"
