"""What `--model-option` may say to a Hugging Face model."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Self

from harness.errors import ConfigurationError, nearest
from harness.parsers.box_spellings import FAMILIES

DTYPES = ("auto", "float32", "bfloat16", "float16")
IMAGES = ("shown", "blank", "none")
SWITCH = ("false", "true")
#: What `boxes` may be besides a family's name.
BY_FAMILY, BY_TASK = "auto", "task"
PLACE = "{prompt}"
NO_TEXTS = ("batch_size", "trust_remote_code")
#: Options that begin so are the image processor's own.
IMAGE = "image."


@dataclass(frozen=True)
class Options:
    """A Hugging Face model's options, checked.

    Attributes:
        device: `cuda`, `cuda:1`, `cpu`; by default a GPU where there is one.
        device_map: how accelerate spreads the weights, `auto` for example; in the place of `device`.
        dtype: of the weights; `auto` is the stored one.
        attention: transformers' name of an attention implementation, `sdpa` or `flash_attention_2` for example.
        batch_size: requests answered at a time; found by measuring where None.
        images: `shown`; `blank`, a grey picture of the same size; or `none`, words alone.
        boxes: how boxes are written, a name of `harness.parsers.box_spellings.FAMILIES`; `task`, as the task says; or
            `auto`, as the model's family does.
        system: a system prompt.
        prompt: words around the task's, for which `{prompt}` stands, in the place of the family's own.
        revision: branch, tag or commit on the hub.
        trust_remote_code: whether code that comes with the checkpoint is run.
        image: settings of the checkpoint's image processor, typed as `image.NAME=VALUE`, the value as JSON.
    """

    device: str | None = None
    device_map: str | None = None
    dtype: str = "auto"
    attention: str | None = None
    batch_size: int | None = None
    images: str = "shown"
    boxes: str = BY_FAMILY
    system: str | None = None
    prompt: str | None = None
    revision: str | None = None
    trust_remote_code: bool = False
    image: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def parse(cls, typed: Mapping[str, str]) -> Self:
        """Returns the options of what was typed.

        Raises:
            ConfigurationError: an unknown option, with the nearest one, or a value it cannot have.
        """
        image = {name.removeprefix(IMAGE): value for name, value in typed.items() if name.startswith(IMAGE)}
        typed = {name: value for name, value in typed.items() if not name.startswith(IMAGE)}
        known = [option.name for option in fields(cls) if option.name != "image"]
        for name in typed:
            if name not in known:
                raise ConfigurationError(
                    f"a Hugging Face model has no option {name!r}.{nearest(name, known)} "
                    f"Known: {', '.join(known)}, {IMAGE}NAME."
                )
        _check_choice(typed, "dtype", DTYPES)
        _check_choice(typed, "images", IMAGES)
        _check_choice(typed, "trust_remote_code", SWITCH)
        _check_choice(typed, "boxes", (BY_FAMILY, BY_TASK, *FAMILIES))
        if PLACE not in typed.get("prompt", PLACE):
            raise ConfigurationError(
                f"option prompt: expected {PLACE} where the task's words are to stand, found {typed['prompt']!r}."
            )
        if "device" in typed and "device_map" in typed:
            raise ConfigurationError("options device and device_map: name one; a device map places the weights itself.")
        texts: dict[str, Any] = {key: value for key, value in typed.items() if key not in NO_TEXTS}
        return cls(
            **texts,
            batch_size=_count(typed["batch_size"]) if "batch_size" in typed else None,
            trust_remote_code=typed.get("trust_remote_code") == "true",
            image={name: _json(name, value) for name, value in image.items()},
        )


def _check_choice(typed: Mapping[str, str], name: str, known: tuple[str, ...]) -> None:
    value = typed.get(name, known[0])
    if value not in known:
        raise ConfigurationError(f"option {name}: expected {', '.join(known)}, found {value!r}.{nearest(value, known)}")


def _json(name: str, text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError as error:
        raise ConfigurationError(
            f"option {IMAGE}{name}: expected JSON, 6 or false for example, found {text!r}: {error}"
        ) from error


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise ConfigurationError(f"option batch_size: expected a whole number above 0, found {text!r}.")
    return int(text)
