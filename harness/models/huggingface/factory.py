"""From what is typed after `--model hf:` to the model."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping

from harness.errors import ConfigurationError, nearest
from harness.models.huggingface.families import ModelFamily, family_of
from harness.models.huggingface.loading import Checkpoint, load
from harness.models.huggingface.model import HuggingFaceModel
from harness.models.huggingface.options import IMAGE, Options
from harness.models.huggingface.prompts import PrefixPrompt, Prompt, chat_prompt

#: Options that change answers, or how their boxes are read.
ANSWERING = ("dtype", "attention", "images", "boxes", "system", "prompt")


def huggingface(argument: str, options: Mapping[str, str]) -> HuggingFaceModel:
    """Returns the model of `--model hf:ID-or-folder`.

    Args:
        argument: a folder that `save_pretrained` of a model and of its processor wrote, or an id on the hub.
        options: `device`, `device_map`, `dtype`, `attention`, `batch_size`, `images`, `boxes`, `system`, `prompt`,
            `revision`, `trust_remote_code` and `image.NAME`; docs/models.md says what each does.

    Raises:
        ConfigurationError: an unknown option or value, one that the checkpoint's family cannot have, or no checkpoint
            of a model of images and text.
        EnvironmentProblem: an extra or a file is missing, or the checkpoint cannot be loaded.
    """
    chosen = Options.parse(options)
    checkpoint = load(argument, chosen)
    _check_image_options(checkpoint, chosen)
    family = family_of(checkpoint.model_type)
    settings = _settings(checkpoint, chosen)
    name = checkpoint.source.name
    return HuggingFaceModel(
        checkpoint=checkpoint,
        family=family,
        prompt=_prompt(checkpoint, family, chosen),
        options=chosen,
        name=name if chosen.images == "shown" else f"{name} (blind)",
        digest=_digest(checkpoint.source.digest, family, settings),
        settings=settings,
    )


def _check_image_options(checkpoint: Checkpoint, options: Options) -> None:
    pictures = checkpoint.processor.image_processor
    known = getattr(pictures, "valid_kwargs", None)
    for name in options.image:
        if known is not None and name not in known.__annotations__:
            raise ConfigurationError(
                f"option {IMAGE}{name}: {type(pictures).__name__} has no such setting."
                f"{nearest(name, known.__annotations__)} Known: {', '.join(sorted(known.__annotations__))}."
            )


def _prompt(checkpoint: Checkpoint, family: ModelFamily, options: Options) -> Prompt:
    if family.chats:
        return chat_prompt(checkpoint.processor, checkpoint.source.place, options.system)
    for option, refused in {"system": options.system is not None, "images": options.images == "none"}.items():
        if refused:
            raise ConfigurationError(
                f"option {option}: {checkpoint.source.place} is a {checkpoint.model_type} model, which reads a picture "
                "and a prefix. It has no system prompt and is never asked without a picture; images=blank shows grey."
            )
    return PrefixPrompt(checkpoint.processor.image_token)


def _settings(checkpoint: Checkpoint, options: Options) -> dict[str, str]:
    model = checkpoint.model
    typed = {name: getattr(options, name) for name in ANSWERING}
    typed |= {f"{IMAGE}{name}": json.dumps(value, sort_keys=True) for name, value in options.image.items()}
    return {name: str(value) for name, value in typed.items() if value is not None} | {
        "checkpoint": checkpoint.source.place,
        "model_type": checkpoint.model_type,
        **checkpoint.source.at,
        "device": str(model.device) if options.device_map is None else f"device_map={options.device_map}",
        "dtype": str(model.dtype).removeprefix("torch."),
        "image_processor": type(checkpoint.processor.image_processor).__name__,
    }


def _digest(checkpoint: str, family: ModelFamily, settings: Mapping[str, str]) -> str:
    names = [name for name in settings if name in (*ANSWERING, "image_processor") or name.startswith(IMAGE)]
    answering = [f"{name}={settings[name]}\n" for name in sorted(names)]
    words = json.dumps([family.boxes, dict(family.ask)])
    return hashlib.sha256("".join([f"{checkpoint}\n{words}\n", *answering]).encode()).hexdigest()
