"""From an id or a folder to a model and its processor, with errors that say what to do."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.errors import ConfigurationError, EnvironmentProblem, nearest
from harness.models.huggingface.options import Options
from harness.models.huggingface.processors import load_processor

CONFIG_FILE = "config.json"
_HUB_ID = re.compile(r"[\w.-]+(?:/[\w.-]+)?")


@dataclass(frozen=True)
class Checkpoint:
    """A vision-language model, loaded.

    Attributes:
        model: what `AutoModelForImageTextToText` gave, in evaluation mode.
        processor: it pads on the left.
        source: the folder or the id on the hub.
        digest: sha256 of the folder's files, or the id and the commit on the hub.
    """

    model: Any
    processor: Any
    source: str
    digest: str

    @property
    def model_type(self) -> str:
        """The `model_type` of its config.json."""
        return str(self.model.config.model_type)


def load(source: str, options: Options) -> Checkpoint:
    """Returns the model of a folder that `save_pretrained` wrote, or of an id on the hub.

    Raises:
        ConfigurationError: nothing or no id stands there, or its model type is not one of images and text.
        EnvironmentProblem: an extra or a file is missing, or it cannot be loaded.
    """
    check_source(source, "hf")
    try:
        import torch  # noqa: PLC0415 - an extra, and slow to import
        from transformers import AutoConfig, AutoModelForImageTextToText  # noqa: PLC0415 - likewise
    except ImportError as error:
        raise EnvironmentProblem(
            f"Hugging Face models need the extra `hf`: {error}. Install it: pip install 'geopix[hf]'."
        ) from error
    hub: dict[str, Any] = {"trust_remote_code": options.trust_remote_code}
    if options.revision:
        hub["revision"] = options.revision
    with told(f"hf:{source}", own_code=options.trust_remote_code):
        config = AutoConfig.from_pretrained(source, **hub)
        _check_type(config, source)
        commit = getattr(config, "_commit_hash", None)
        if commit:  # whatever a branch is moved to meanwhile, all files are those of one commit
            hub["revision"] = commit
        processor = load_processor(source, config, **hub)
        model = whole_model(AutoModelForImageTextToText, source, **hub, **_weights(options))
        if options.device_map is None:
            model = model.to(options.device or ("cuda" if torch.cuda.is_available() else "cpu"))
    _pad_left(processor.tokenizer)
    return Checkpoint(model.eval(), processor, source, f"{source} {commit}" if commit else folder_digest(Path(source)))


def folder_digest(folder: Path) -> str:
    """Returns the sha256 over every file's path and sha256."""
    digest = hashlib.sha256()
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        with path.open("rb") as file:
            digest.update(f"{path.relative_to(folder)} {hashlib.file_digest(file, 'sha256').hexdigest()}\n".encode())
    return digest.hexdigest()


def check_source(source: str, word: str) -> None:
    """Refuses what is neither a checkpoint folder nor looks like an id of the hub.

    Args:
        source: what was typed after the colon.
        word: what was typed before it.

    Raises:
        EnvironmentProblem: says what is there.
    """
    folder = Path(source)
    if folder.is_dir():
        _check_folder(folder)
    elif not _HUB_ID.fullmatch(source) or source.startswith("."):
        raise EnvironmentProblem(
            f"{word}:{source}: no folder {folder.resolve()}, and no id of the hub either, such as "
            "Qwen/Qwen2.5-VL-7B-Instruct."
        )


def _check_folder(folder: Path) -> None:
    try:
        if not isinstance(json.loads((folder / CONFIG_FILE).read_text(encoding="utf-8")), dict):
            raise ValueError("it holds no object")
    except (OSError, ValueError) as error:
        present = ", ".join(sorted(path.name for path in folder.iterdir())[:10]) or "nothing"
        raise EnvironmentProblem(
            f"{folder.resolve()} is no checkpoint folder: {CONFIG_FILE} cannot be read ({error}). Found there: "
            f"{present}. Expected what `save_pretrained` of a model and of its processor write."
        ) from error


def _check_type(config: Any, source: str) -> None:
    from transformers.models.auto.modeling_auto import (  # noqa: PLC0415 - an extra, and slow to import
        MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING_NAMES as KNOWN,
    )

    own_code = "AutoModelForImageTextToText" in getattr(config, "auto_map", {})
    if config.model_type not in KNOWN and not own_code:
        raise ConfigurationError(
            f"{source}: model_type {config.model_type!r} is no model of images and text in the installed transformers."
            f"{nearest(config.model_type, KNOWN)} It has {len(KNOWN)} of them, llava and qwen2_5_vl for example."
        )


def whole_model(kind: Any, source: str, **settings: Any) -> Any:
    """Returns what `from_pretrained` of one of transformers' classes loads.

    Raises:
        EnvironmentProblem: weights are missing, in whose place there would be random ones.
    """
    model, found = kind.from_pretrained(source, output_loading_info=True, **settings)
    if missing := sorted(found["missing_keys"]):
        raise EnvironmentProblem(
            f"{source}: {len(missing)} weights are missing, {', '.join(missing[:3])} for example; they would be random. "
            "Copy or download the checkpoint again."
        )
    return model


def _weights(options: Options) -> dict[str, Any]:
    named = {"device_map": options.device_map, "attn_implementation": options.attention}
    return {"dtype": options.dtype} | {name: value for name, value in named.items() if value is not None}


def _pad_left(tokenizer: Any) -> None:
    """Answers go on where prompts end, so that a batch's prompts have to end together."""
    tokenizer.padding_side = "left"
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token


@contextmanager
def told(what: str, *, own_code: bool = False) -> Iterator[None]:
    """Says in our words what transformers, the hub or torch has to complain about.

    Args:
        what: what is being loaded.
        own_code: whether the user has allowed the checkpoint's own code.

    Raises:
        EnvironmentProblem: it cannot be loaded.
    """
    try:
        yield
    except (OSError, ValueError, RuntimeError, KeyError, TypeError, AttributeError, ImportError) as error:
        reason = " ".join(str(error).split())[:400]
        hint = ""
        if "trust_remote_code" in reason and not own_code:
            hint = " Read that code first; `--model-option trust_remote_code=true` then runs it."
        raise EnvironmentProblem(f"{what} cannot be loaded: {reason}{hint}") from error
