"""What a recipe may say: the keys of the YAML, with their types, ranges and defaults."""

from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

Learns = Literal["frozen", "full"]
PartName = Literal[
    "vision_tower", "necks", "projector", "language_model", "embeddings", "mask_decoder", "memory"
]  # fmt: skip


class Strict(BaseModel):
    """A mapping of a recipe: unknown keys are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Base(Strict):
    """What training starts from: a checkpoint, a LLaVA, a CLIP with a language model, or a size with fresh weights."""

    checkpoint: Path | None = Field(default=None, description="A GeoPix checkpoint folder, or geopix-mini.")
    memory: str | None = Field(
        default=None,
        description="A class memory with fresh weights, instead of the checkpoint's: intended, released_noop or none.",
    )
    fresh: list[str] = Field(
        default=[], description="Parts of the checkpoint, by module name, whose weights are drawn anew from the seed."
    )
    llava: str | None = Field(
        default=None, description="A LLaVA-1.5 by folder or hub id: its CLIP, projector and language model."
    )
    vision: str | None = Field(default=None, description="A CLIP by folder or hub id, to go with `language`.")
    language: str | None = Field(default=None, description="A causal language model by folder or hub id.")
    size: Literal["mini"] | None = Field(default=None, description="A ready-made size with fresh weights.")
    image_size: int = Field(
        default=448, ge=1, description="Side in pixels of what an assembled base's vision tower reads."
    )
    config: dict[str, Any] = Field(
        default={},
        description="Fields of GeoPixConfig that an assembled or fresh base has otherwise, `memory_length` say; of a "
        "checkpoint, fields of its mask head, with `fresh: [mask_head]`.",
    )
    vocabulary: int = Field(
        default=1024, ge=266, description="Tokens of the tokenizer trained on the mixture's words, with `size`."
    )
    memory_classes: list[str] = Field(default=[], description="Names of the memory's classes, as the data calls them.")


class Parts(Strict):
    """Which parts of the model learn."""

    vision_tower: Learns = Field(default="full", description="CLIP.")
    necks: Learns = Field(default="full", description="What brings CLIP's layers to the mask decoder.")
    projector: Learns = Field(default="full", description="From CLIP's width to the language model's.")
    language_model: Literal["frozen", "lora", "full"] = Field(
        default="full", description="The language model's blocks; `lora` keeps them and learns low-rank additions."
    )
    embeddings: Learns = Field(default="full", description="Token embeddings and the language model's head.")
    mask_decoder: Learns = Field(
        default="full", description="From segmentation embeddings and features to masks, with its prompt encoder."
    )
    memory: Learns = Field(default="full", description="The class memory: bank, fuser, encoder, attention, classifier.")


class LowRank(Strict):
    """Low-rank additions to the language model (arXiv:2106.09685), with peft; the defaults are PixelLM's."""

    rank: int = Field(default=8, ge=1)
    alpha: float = Field(default=16.0, gt=0, description="The addition counts alpha / rank.")
    dropout: float = Field(default=0.05, ge=0, lt=1)
    targets: list[str] = Field(
        default=["q_proj", "v_proj"], min_length=1, description="Linear layers of each block, by their last name."
    )


class Augmentation(Strict):
    """How pictures are turned and mirrored, each time they are drawn; masks, boxes and words stay true."""

    horizontal_flip: float = Field(default=0.0, ge=0, le=1, description="The chance that left and right are swapped.")
    vertical_flip: float = Field(default=0.0, ge=0, le=1, description="The chance that top and bottom are swapped.")
    rotation: float = Field(default=0.0, ge=0, le=1, description="The chance of a turn by 90, 180 or 270 degrees.")


class Instances(Strict):
    """Objects in COCO's format of instances."""

    root: str = Field(description="The data set's folder, below the data folder.")
    file: str = Field(description="The JSON file, below `root`.")
    images: str = Field(description="The folder of the images, below `root`.")
    crowds: bool = Field(default=False, description="Whether annotations of many objects at once are taught too.")


class Source(Strict):
    """One data set of the mixture: a task of the harness, read in another split, or a file of one's own."""

    task: str | None = Field(default=None, description="The task whose reader, prompt and parser are used.")
    conversations: str | None = Field(
        default=None,
        description="A file of conversations, JSON Lines, below the data folder, its images beside it.",
    )
    instances: Instances | None = Field(default=None, description="Objects in COCO's format of instances.")
    dataset: dict[str, Any] = Field(default={}, description="Keys of the task's data set to set otherwise.")
    templates: list[str] = Field(
        default=[], description="Files of templates that conversations are built from, by shipped name or path."
    )
    augment: Augmentation = Augmentation()
    weight: float = Field(default=1.0, gt=0, description="How often an image of this source is drawn, per image.")
    prompt: str | None = Field(default=None, description="A Jinja template in the place of the task's prompt.")
    phrasings: list[str] = Field(
        default=[], description="Other ways to put the task's prompt, Jinja templates like it; half the questions."
    )


class Optimiser(Strict):
    """How weights learn; the learning rate warms up in a line."""

    kind: Literal["adamw", "muon"] = Field(
        default="adamw", description="`muon` takes orthogonal steps of the matrices within, AdamW's of all else."
    )
    learning_rate: float = Field(default=1e-3, gt=0)
    weight_decay: float = Field(default=0.05, ge=0, description="Of matrices; vectors are not decayed.")
    betas: tuple[float, float] = (0.9, 0.95)
    schedule: Literal["cosine", "linear", "constant"] = Field(
        default="cosine", description="How the rate goes on after the warm-up; the first two end at zero."
    )
    warmup_share: float = Field(default=0.05, ge=0, lt=1, description="Share of the steps spent warming up.")
    clip: float = Field(default=1.0, gt=0, description="Largest norm of a gradient.")
    rates: dict[PartName, float] = Field(
        default={}, description="What the learning rate is multiplied by for a part, `{projector: 0.1}` say."
    )


class Tower(Strict):
    """A first step for a vision tower with fresh weights: which class is where, and what it is called."""

    maps: str = Field(description="A split's folder in LoveDA's layout, below the data directory.")
    words: list[list[str]] = Field(
        min_length=2, description="The words for each class number of the maps, the first for 0, which is not known."
    )
    colours: dict[str, tuple[int, int, int]] = Field(
        default={}, description="Colour words that a patch is also turned towards, with their red, green and blue."
    )
    steps: int = Field(ge=1, description="Optimiser steps.")
    images_per_step: int = Field(default=32, ge=1, description="Images of one step.")
    optimiser: Optimiser = Optimiser()


class Losses(Strict):
    """Weights of the loss components."""

    ce: float = Field(default=1.0, ge=0, description="Cross-entropy of the words.")
    bce: float = Field(default=2.0, ge=0, description="Binary cross-entropy of the masks.")
    dice: float = Field(default=0.5, ge=0, description="Dice loss of the masks.")
    class_: float = Field(default=0.1, ge=0, alias="class", description="Cross-entropy of the memory's class.")
    ce_over: Literal["tokens", "answers", "roots"] = Field(
        default="tokens",
        description="What counts the same in ce: each token, as in LLaVA, or each answer; with `roots` an answer "
        "counts as the root of its length.",
    )


class Examination(Strict):
    """A task that the model is examined on while it trains."""

    task: str = Field(description="The task.")
    dataset: dict[str, Any] = Field(default={}, description="Keys of its data set to set otherwise, the split say.")


class Evaluation(Strict):
    """Evaluation in the run, through the harness; the best checkpoint is kept in `best`."""

    tasks: list[Examination] = Field(min_length=1)
    every: int = Field(ge=1, description="Steps from one evaluation to the next; the last step is always evaluated.")
    limit: int | None = Field(default=200, ge=1, description="Samples of each task; all where null.")
    best: str | None = Field(
        default=None, description="`TASK.SCORE` that decides which is best; the first task's primary score by default."
    )


class Pictures(Strict):
    """Training samples with predicted masks, written as pictures into `pictures` while training."""

    every: int = Field(ge=1, description="Steps from one set of pictures to the next.")
    count: int = Field(default=4, ge=1, description="How many; always the same samples.")


class Defects(Strict):
    """What happens when a sample cannot be used; what is skipped is counted, and another one is drawn instead."""

    image: Literal["stop", "skip"] = Field(default="stop", description="An image that cannot be read.")
    mask: Literal["stop", "skip", "keep"] = Field(
        default="stop", description="A target's mask without a pixel; `keep` teaches an empty mask."
    )
    sample: Literal["stop", "skip"] = Field(default="stop", description="A sample that its reader calls defective.")
    at_most: int = Field(default=100, ge=0, description="More skips than this in a run stop it.")


class Recipe(Strict):
    """Everything a training run depends on."""

    name: str
    purpose: str = Field(default="", description="What the run is for, and why its choices are what they are.")
    base: Base
    parts: Parts = Parts()
    lora: LowRank = LowRank()
    tower: Tower | None = Field(default=None, description="A first step that teaches the vision tower alone.")
    data: list[Source] = Field(min_length=1)
    frozen: list[str] = Field(
        default=[], description="Modules of the model, by name, that rest for the first share `thaw` of the steps."
    )
    thaw: float = Field(
        default=1.0, ge=0, le=1, description="Share of the steps after which the frozen modules learn with the others."
    )
    losses: Losses = Losses()
    optimiser: Optimiser = Optimiser()
    steps: int = Field(ge=0, description="Optimiser steps; 0 stops behind the tower's.")
    images_per_step: int = Field(default=16, ge=1, description="Images of one step, over all processes.")
    accumulate: int = Field(
        default=1, ge=1, description="Parts that a step's images are worked on in, one after the other."
    )
    questions_per_image: int = Field(default=8, ge=1, description="Questions packed behind one image.")
    same_picture: Literal["path", "number"] = Field(
        default="path",
        description="Which files are packed as one image: each its own, or all of one kind of picture whose names end "
        "in the same number, as those of benchmarks that share their pictures. With `number`, the `weight` of a source "
        "says how many of an image's questions come from it, relative to the others.",
    )
    pairs: float = Field(default=0.0, ge=0, le=1, description="Share of segmentation questions that name two targets.")
    precision: Literal["float32", "bfloat16"] = Field(
        default="float32", description="`bfloat16` computes in it where that is safe, and keeps weights at rest in it."
    )
    attention: Literal["sdpa", "products"] = Field(
        default="sdpa",
        description="Torch's fused kernels, or plain matrix products, which a CPU computes faster in `bfloat16`.",
    )
    gradient_checkpointing: bool = Field(
        default=False, description="Computes each block a second time on the way back, and keeps less in memory."
    )
    batch_norm: Literal["batch", "stored"] = Field(
        default="batch",
        description="What batch normalisation uses: each process's images, or the stored means, which learn no more.",
    )
    blank_images: bool = Field(default=False, description="Hides every image: the text-only ablation.")
    workers: int = Field(default=0, ge=0, description="Processes that prepare the data, for each training process.")
    defects: Defects = Defects()
    evaluation: Evaluation | None = Field(
        default=None, description="Evaluation in the run, through the harness; the best checkpoint is kept in `best`."
    )
    pictures: Pictures | None = Field(
        default=None, description="Training samples with predicted masks, written into `pictures` while training."
    )
    trackers: list[Literal["tensorboard", "wandb"]] = Field(
        default=[], description="Where losses and pictures are sent besides `history.jsonl`."
    )
    seed: int = Field(default=0, ge=0)
    log_every: int = Field(default=50, ge=1, description="Steps from one line of losses to the next.")
    save_every: int = Field(default=500, ge=1, description="Steps from one saved state to the next.")
    keep: int = Field(default=2, ge=1, description="Saved states that are kept, the latest ones.")
    checkpoint_at: Literal["saves", "end"] = Field(
        default="saves", description="When a whole checkpoint is written: at each saved state, or at the end alone."
    )
