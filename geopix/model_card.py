"""The model card of a checkpoint: README.md with the metadata that model hubs read, rendered from its own files."""

import math
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from jinja2 import PackageLoader, StrictUndefined
from jinja2.sandbox import SandboxedEnvironment

from geopix.checkpoint import CARD_FILE, FINGERPRINTS_FILE, TRAINING_FILE, read_json
from geopix.configuration import GeoPixConfig
from geopix.conversion.tensors import read_folder
from harness.errors import ConfigurationError, EnvironmentProblem

#: Stands in every card written here, and so tells one that may be written again from one that people wrote.
MARKER = "<!-- written by `geopix card` from the checkpoint's own files -->"
TAGS = ("geopix", "remote-sensing", "referring-segmentation", "visual-question-answering")

_MARKS = re.compile(r"([\\`*_{}\[\]<>()#|!~&])")


def write_card(
    checkpoint: Path, *, name: str | None = None, licence: str | None = None, base_model: str | None = None
) -> Path:
    """Writes a checkpoint's card and returns its path.

    Args:
        checkpoint: the folder.
        name: what the card calls it; the folder's name when None.
        licence: SPDX name of the weights' licence, in small letters as hubs spell it; left out when None.
        base_model: the hub's name of the model it was trained from; left out when None.

    Raises:
        ConfigurationError: there is a card that people wrote.
        EnvironmentProblem: the folder is no checkpoint, or cannot be written.
    """
    path = checkpoint / CARD_FILE
    if path.is_file() and MARKER not in path.read_text("utf-8", errors="replace"):
        raise ConfigurationError(
            f"{path.resolve()}: is there already, and `geopix card` has not written it. Move it, and try again."
        )
    text = render_card(checkpoint, name=name, licence=licence, base_model=base_model)
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise EnvironmentProblem(
            f"{path.resolve()}: cannot be written: {error}. Mend the cause and try again."
        ) from error
    return path


def render_card(
    checkpoint: Path, *, name: str | None = None, licence: str | None = None, base_model: str | None = None
) -> str:
    """Returns the text of a checkpoint's card; see `write_card`."""
    config = _read_config(checkpoint)
    tensors = [tensor for tensor in read_folder(checkpoint).values() if tensor.dtype.is_floating_point]
    fingerprints = checkpoint / FINGERPRINTS_FILE
    environment = SandboxedEnvironment(  # Markdown: the filter `plain` escapes its marks
        loader=PackageLoader("geopix"),
        undefined=StrictUndefined,
        autoescape=False,
        keep_trailing_newline=True,
    )
    environment.filters["plain"] = plain
    return environment.get_template("model_card.md").render(
        metadata=yaml.safe_dump(_metadata(licence, base_model), sort_keys=False, allow_unicode=True),
        marker=MARKER,
        name=name or checkpoint.resolve().name,
        millions=sum(math.prod(tensor.shape) for tensor in tensors) / 1e6,
        dtypes=sorted({str(tensor.dtype).removeprefix("torch.") for tensor in tensors}),
        config=config,
        vision=config.vision_config,
        text=config.text_config,
        training=training_facts(checkpoint),
        fingerprints=len(fingerprints.read_bytes().splitlines()) if fingerprints.is_file() else 0,
    )


def _read_config(checkpoint: Path) -> GeoPixConfig:
    path = checkpoint / "config.json"
    if not path.is_file() or (kind := read_json(path).get("model_type")) != GeoPixConfig.model_type:
        found = f"a model of type {kind!r}" if path.is_file() else "no config.json"
        raise EnvironmentProblem(f"{checkpoint.resolve()}: expected a checkpoint of GeoPix, found {found}.")
    return GeoPixConfig.from_pretrained(checkpoint)


def _metadata(licence: str | None, base_model: str | None) -> dict[str, Any]:
    told = {"license": licence, "base_model": base_model}
    return {
        "library_name": "transformers",
        "pipeline_tag": "image-text-to-text",
        "language": ["en"],
        "tags": list(TAGS),
    } | {key: value for key, value in told.items() if value}


def training_facts(checkpoint: Path) -> dict[str, str]:
    """What `training.json` tells, in words; empty without it, and of a fact it lacks nothing is said."""
    path = checkpoint / TRAINING_FILE
    if not path.is_file():
        return {}
    story = read_json(path)
    recipe = _mapping(story.get("recipe"))
    tasks = [_mapping(entry).get("task") for entry in _list(recipe.get("data"))]
    facts = {
        "recipe": recipe.get("name"),
        "purpose": recipe.get("purpose"),
        "tasks": ", ".join(dict.fromkeys(str(task) for task in tasks if task)),
        "steps": story.get("step"),
        "images": story.get("images"),
        "questions": story.get("questions"),
        "device": story.get("device"),
        "versions": ", ".join(f"{name} {number}" for name, number in _mapping(story.get("versions")).items()),
    }
    return {name: str(fact) for name, fact in facts.items() if fact not in (None, "")}


def plain(text: object) -> str:
    r"""Returns text that Markdown and HTML show as it is, on one line.

    >>> plain("<b>ship</b>\n| [a](http://x) |")
    '\\<b\\>ship\\</b\\> \\| \\[a\\]\\(http://x\\) \\|'
    """
    return _MARKS.sub(r"\\\1", " ".join(str(text).split()))


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []
