"""From a recipe's `base` to a model and its processor; and to its configuration alone, for a dry run."""

from collections.abc import Callable, Iterable
from pathlib import Path

import torch

from geopix.checkpoint import changed_config, quiet
from geopix.configuration import GeoPixConfig
from geopix.image_processing import GeoPixImageProcessor
from geopix.modeling import GeoPixForConditionalGeneration
from geopix.processing import GeoPixProcessor, train_tokenizer
from geopix.sizes import mini
from geopix.training.bases.assemble import join, load_llava, load_pair, make_processor, sketch
from geopix.training.bases.places import Pretrained, find_pretrained
from geopix.training.bases.starting import changes_of, checkpoint_folder, starting_point
from geopix.training.schema import Base, Losses, Recipe
from harness.errors import EnvironmentProblem

Built = tuple[GeoPixForConditionalGeneration, GeoPixProcessor]
Texts = Callable[[], Iterable[str]]


def pretrained(base: Base) -> list[Pretrained]:
    """Returns the models on a hub or in folders that a base is assembled from; none for a checkpoint or a size."""
    names = (("llava", base.llava), ("vision", base.vision), ("language", base.language))
    return [find_pretrained(f"base.{key}", name) for key, name in names if name is not None]


def obstacles(base: Base) -> list[str]:
    """Returns why a base cannot be built on this machine, and what to do; all reasons."""
    if base.checkpoint is not None and not (checkpoint_folder(base) / "config.json").is_file():
        folder = base.checkpoint.absolute()
        return [f"base.checkpoint: {folder} is no checkpoint folder. Train it first, or name another."]
    return [found.problem for found in pretrained(base) if found.problem]


def build_base(recipe: Recipe, texts: Texts) -> Built:
    """Builds the model and its processor, weights in float32 unless they rest in bfloat16.

    Args:
        recipe: says what.
        texts: yields the mixture's words, from which a fresh model's tokenizer is learnt.

    Raises:
        GeoPixError: the base cannot be loaded.
    """
    base = recipe.base
    if base.checkpoint is not None:
        model, processor = starting_point(base, recipe.seed)
        model.config.update(loss_weights(recipe.losses))
        return model, processor
    if base.size is not None:
        return _fresh(recipe, texts)
    if problems := obstacles(base):
        raise EnvironmentProblem("\n".join(problems))
    dtype = torch.bfloat16 if rests_in_bfloat16(recipe) else torch.float32
    folders = {found.key: Path(found.folder or "") for found in pretrained(base)}
    if base.llava is not None:
        pieces = load_llava(folders["base.llava"], dtype)
    else:
        pieces = load_pair(folders["base.vision"], folders["base.language"], dtype)
    return join(pieces, base.image_size, _changes(recipe))


def build_processor(recipe: Recipe, texts: Texts) -> GeoPixProcessor:
    """Builds the processor alone, for a dry run; see `build_base`.

    Raises:
        GeoPixError: the base's files cannot be used.
    """
    base = recipe.base
    if base.checkpoint is not None:
        with quiet():
            return GeoPixProcessor.from_pretrained(checkpoint_folder(base))
    if base.size is not None:
        processor = GeoPixProcessor(GeoPixImageProcessor(256), train_tokenizer(texts(), base.vocabulary))
    else:
        folders = [Path(found.folder or "") for found in pretrained(base)]
        processor = make_processor(folders[-1], folders[0], base.image_size)
    config = sketch_base(recipe)
    if config is not None:
        processor.num_image_tokens = config.num_image_tokens
    return processor


def rests_in_bfloat16(recipe: Recipe) -> bool:
    """Whether the language model's blocks are kept in 16 bits: they do not learn, and the recipe computes so."""
    return recipe.precision == "bfloat16" and recipe.parts.language_model != "full"


def sketch_base(recipe: Recipe) -> GeoPixConfig | None:
    """Returns the configuration that the model will have; None where nothing at hand tells.

    Raises:
        ConfigurationError: the configurations cannot be used.
    """
    base = recipe.base
    if base.checkpoint is not None:
        if obstacles(base):
            return None
        return changed_config(checkpoint_folder(base), changes_of(base))
    if base.size is not None:
        return mini(base.vocabulary, image_token_id=3, seg_token_ids=((4, 5, 6), (7, 8, 9)), **_changes(recipe))
    configs = [found.config for found in pretrained(base)]
    if not all(configs):
        return None
    vision, text = (configs[0]["vision_config"], configs[0]["text_config"]) if base.llava else configs
    return sketch(vision, text, base.image_size, _changes(recipe))


def _changes(recipe: Recipe) -> dict[str, object]:
    names = {"memory_class_names": tuple(recipe.base.memory_classes)} if recipe.base.memory_classes else {}
    return {**recipe.base.config, **names, **loss_weights(recipe.losses)}


def _fresh(recipe: Recipe, texts: Texts) -> Built:
    tokenizer = train_tokenizer(texts(), recipe.base.vocabulary)
    processor = GeoPixProcessor(GeoPixImageProcessor(256), tokenizer)
    config = mini(
        vocab_size=len(tokenizer),
        image_token_id=processor.image_token_id,
        seg_token_ids=processor.seg_token_ids,
        pad_token_id=tokenizer.pad_token_id,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        **_changes(recipe),
    )
    processor.num_image_tokens = config.num_image_tokens
    model = GeoPixForConditionalGeneration(config)
    # Entries near one: what a narrow model's first blocks add would drown the words at LLaMA's 0.02.
    torch.nn.init.normal_(model.get_input_embeddings().get_parameter("weight"))
    return model, processor


def loss_weights(losses: Losses) -> dict[str, float]:
    """Returns the losses' weights as the model's configuration calls them."""
    return {
        "ce_loss_weight": losses.ce,
        "bce_loss_weight": losses.bce,
        "dice_loss_weight": losses.dice,
        "class_loss_weight": losses.class_,
    }
