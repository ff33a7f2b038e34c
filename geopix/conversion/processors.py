"""Tokenizer and image settings of a released checkpoint, where its folder has them."""

from pathlib import Path
from typing import Any

from transformers import PreTrainedTokenizerFast

from geopix.checkpoint import quiet
from geopix.configuration import GeoPixConfig
from geopix.conversion.tensors import read_json, write_json
from geopix.image_processing import CLIP_MEAN, CLIP_STD, GeoPixImageProcessor
from geopix.processing import PROMPT_TEMPLATE, GeoPixProcessor
from geopix.tokenizer import SEG_TOKENS
from harness.errors import EnvironmentProblem

IMAGES, TOKENIZER, PROCESSOR = "preprocessor_config.json", "tokenizer.json", "processor_config.json"
#: LLaVA v1's system prompt, with which the released code begins every prompt (`dataset/conversation.py`).
SYSTEM_PROMPT = (
    "A chat between a curious human and an artificial intelligence assistant. "
    "The assistant gives helpful, detailed, and polite answers to the human's questions."
)
#: The released code gives CLIP's processor what `cv2.imread` returns.
CHANNEL_ORDER = "bgr"
_BICUBIC = 3

Processor = GeoPixProcessor | GeoPixImageProcessor


def read_processor(folder: Path, config: GeoPixConfig) -> Processor:
    """Builds our processor from the released files; the image part alone where there is no tokenizer.

    Raises:
        EnvironmentProblem: if the files cannot be used, or do not fit the model; all reasons are given.
    """
    settings = read_json(folder / IMAGES) if (folder / IMAGES).is_file() else {}
    problems = [f"{folder / IMAGES}: {problem}" for problem in _image_problems(settings, config)]
    images = _image_processor(settings, config.vision_config.image_size)
    processor: Processor = images
    if (folder / TOKENIZER).is_file():
        processor = _with_tokenizer(folder, images, config)
        problems += [f"{folder / TOKENIZER}: {problem}" for problem in _token_problems(processor, config)]
    elif (folder / "tokenizer.model").is_file():
        problems.append(
            f"{folder}: has tokenizer.model but no {TOKENIZER}; make it with transformers: "
            f"AutoTokenizer.from_pretrained(FOLDER).save_pretrained(FOLDER)"
        )
    if problems:
        raise EnvironmentProblem("\n".join(problems))
    return processor


def _image_processor(settings: dict[str, Any], side: int) -> GeoPixImageProcessor:
    size = settings.get("size")
    cropped = settings.get("do_center_crop", False) and isinstance(size, dict) and "shortest_edge" in size
    return GeoPixImageProcessor(
        size=side,
        image_mean=settings.get("image_mean", CLIP_MEAN),
        image_std=settings.get("image_std", CLIP_STD),
        fit="crop" if cropped else "squeeze",
        channel_order=CHANNEL_ORDER,
    )


def _image_problems(settings: dict[str, Any], config: GeoPixConfig) -> list[str]:
    """What of CLIP's image settings we do not do, and sizes that the vision tower does not read."""
    side = config.vision_config.image_size
    problems = [
        f"{key} is {settings[key]!r}, expected {value!r}"
        for key, value in {"do_resize": True, "do_rescale": True, "do_normalize": True, "resample": _BICUBIC}.items()
        if settings.get(key, value) != value
    ]
    if abs(settings.get("rescale_factor", 1 / 255) * 255 - 1) > 1e-4:
        problems.append(f"rescale_factor is {settings['rescale_factor']!r}, expected 1/255")
    sizes = {key: settings[key] for key in ("size", "crop_size") if key in settings}
    return problems + [
        f"{key} is {size!r}, but the vision tower reads {side} pixels"
        for key, size in sizes.items()
        if set(size.values() if isinstance(size, dict) else [size]) != {side}
    ]


def _with_tokenizer(folder: Path, images: GeoPixImageProcessor, config: GeoPixConfig) -> GeoPixProcessor:
    try:
        tokenizer = PreTrainedTokenizerFast.from_pretrained(folder, local_files_only=True)
    except Exception as error:  # the tokenizers library raises nothing more exact
        raise EnvironmentProblem(f"{folder / TOKENIZER}: cannot be read: {error}") from error
    return GeoPixProcessor(images, tokenizer, num_image_tokens=config.num_image_tokens, system_prompt=SYSTEM_PROMPT)


def _token_problems(processor: GeoPixProcessor, config: GeoPixConfig) -> list[str]:
    expected = dict(zip(SEG_TOKENS, config.run_token_ids, strict=True)) | {"<image>": config.image_token_id}
    found = dict(zip(SEG_TOKENS, sum(processor.seg_token_ids, ()), strict=True))
    found["<image>"] = processor.image_token_id
    return [
        f"{token} has the id {found[token]}, expected {number}"
        for token, number in expected.items()
        if found[token] != number
    ]


def load_our_processor(folder: Path) -> Processor | None:
    """Loads what `read_processor` made and `save_pretrained` wrote; None where there is neither part."""
    kinds: tuple[tuple[str, type[Any]], ...] = ((TOKENIZER, GeoPixProcessor), (IMAGES, GeoPixImageProcessor))
    for file, kind in kinds:
        if (folder / file).is_file():
            with quiet():
                return kind.from_pretrained(folder)  # type: ignore[no-any-return]
    return None


def write_processor(folder: Path, processor: Processor, config: GeoPixConfig) -> list[str]:
    """Writes the released files; returns what the released code will do otherwise than this processor."""
    images = processor.image_processor if isinstance(processor, GeoPixProcessor) else processor
    write_json(folder / IMAGES, _clip_settings(images))
    notes = []
    if images.channel_order != CHANNEL_ORDER:
        notes.append(f"this model reads pictures as {images.channel_order}; the released code reads bgr")
    if isinstance(processor, GeoPixProcessor):
        processor.tokenizer.save_pretrained(folder)
        own = read_json(folder / "tokenizer_config.json")
        write_json(folder / "tokenizer_config.json", own | {"tokenizer_class": "PreTrainedTokenizerFast"})
        write_json(folder / PROCESSOR, _llava_settings(config))
        if (processor.system_prompt, processor.prompt_template) != (SYSTEM_PROMPT, PROMPT_TEMPLATE):
            notes.append("this model has prompt words of its own; the released code has LLaVA v1's")
    return notes


def _clip_settings(images: GeoPixImageProcessor) -> dict[str, Any]:
    square = {"height": images.size, "width": images.size}
    return {
        "image_processor_type": "CLIPImageProcessor",
        "size": {"shortest_edge": images.size} if images.fit == "crop" else square,
        "crop_size": square,
        "do_center_crop": images.fit == "crop",
        "do_convert_rgb": True,
        "do_normalize": True,
        "do_rescale": True,
        "do_resize": True,
        "image_mean": images.image_mean,
        "image_std": images.image_std,
        "resample": _BICUBIC,
        "rescale_factor": 1 / 255,
    }


def _llava_settings(config: GeoPixConfig) -> dict[str, Any]:
    return {
        "processor_class": "GeoPixValidProcessor",
        "image_token": "<image>",
        "patch_size": config.vision_config.patch_size,
        "seg_token_ids": list(config.run_token_ids),
        "vision_feature_select_strategy": "default",
    }
