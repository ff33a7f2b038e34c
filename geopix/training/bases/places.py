"""Where a pretrained model is on this machine, what of it is missing, and where to get it; nothing is downloaded."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from huggingface_hub import constants, snapshot_download
from huggingface_hub.errors import HFValidationError, LocalEntryNotFoundError

_WEIGHTS = ("*.safetensors", "pytorch_model*.bin")


@dataclass(frozen=True)
class Pretrained:
    """A pretrained model that a recipe names.

    Attributes:
        key: the recipe's key, `base.language` for example.
        name: a folder or a hub id.
        folder: where it is; None when it is not on this machine.
        config: its configuration, from its folder, or as known for its hub id; empty where neither is at hand.
        problem: why it cannot be loaded, and what to do; None when it can.
    """

    key: str
    name: str
    folder: Path | None
    config: dict[str, Any]
    problem: str | None


def find_pretrained(key: str, name: str) -> Pretrained:
    """Looks for a folder, then in the Hugging Face cache."""
    folder = _folder(name)
    if folder is None:
        return Pretrained(key, name, None, known_configs().get(name, {}), f"{key}: {_where_to_get(name)}")
    config = _read_config(folder)
    missing = [] if config else ["a readable config.json"]
    if not any(True for pattern in _WEIGHTS for _ in folder.glob(pattern)):
        missing.append("weights (*.safetensors or pytorch_model*.bin)")
    problem = f"{key}: {folder} lacks {' and '.join(missing)}. Copy or download the whole folder." if missing else None
    return Pretrained(key, name, folder, config, problem)


def known_configs() -> dict[str, dict[str, Any]]:
    """Returns the configurations of hub models that shipped recipes name, by id."""
    text = (Path(__file__).parent / "known.yaml").read_text(encoding="utf-8")
    known: dict[str, dict[str, Any]] = yaml.safe_load(text)
    return known


def _folder(name: str) -> Path | None:
    if Path(name).is_dir():
        return Path(name)
    try:
        return Path(snapshot_download(name, local_files_only=True))
    except (LocalEntryNotFoundError, HFValidationError, OSError, ValueError):
        return None


def _read_config(folder: Path) -> dict[str, Any]:
    try:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return config if isinstance(config, dict) else {}


def _where_to_get(name: str) -> str:
    looked = f"{name!r} is not on this machine: no such folder, and not in the cache {constants.HF_HUB_CACHE}."
    if name.count("/") == 1 and not name.startswith((".", "/")):
        return f"{looked} Read its licence at https://huggingface.co/{name}, then get it: hf download {name}"
    return f"{looked} Give a folder that holds config.json and the weights, or a hub id (OWNER/NAME)."
