"""One side of `training.py`: a process that trains a few steps each time it is told to, and says what they took.

    python -m benchmarks.training_side plain|geopix SETTINGS

Both sides read the same images with the same questions, in the same order and with the same code, into the same tokens.
"""

import json
import os
import resource
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
import torch
from accelerate.data_loader import DataLoaderShard
from peft import inject_adapter_in_model
from torch import Tensor, nn
from transformers import LlavaConfig, LlavaForConditionalGeneration, Trainer, TrainerCallback, TrainingArguments

from benchmarks.training_arithmetic import Arithmetic, Row
from geopix.configuration import GeoPixConfig
from geopix.image_processing import GeoPixImageProcessor
from geopix.modeling import GeoPixForConditionalGeneration
from geopix.processing import GeoPixProcessor, train_tokenizer
from geopix.sizes import mini, released_7b, tiny
from geopix.training.collator import IGNORED, Collator
from geopix.training.examples import Example, Examples
from geopix.training.machine import join_processes
from geopix.training.mixture import Mixture, read_mixture, texts
from geopix.training.parts import choose_attention, learning_parts, lora_config, settle
from geopix.training.preparation import Run, collator_for, drawing_of
from geopix.training.schema import Recipe
from geopix.training.sources import find_data
from geopix.training.trainer import train
from harness.plugins import installed
from harness.run import catalogue_of

ENDLESS = 1_000_000
PLAIN_PARTS = {
    "vision_tower": "model.vision_tower.",
    "projector": "model.multi_modal_projector.",
    "embeddings": ("model.language_model.embed_tokens.", "lm_head."),
    "language_model": "model.language_model.",
}


@dataclass(frozen=True)
class Settings:
    """What both sides train alike.

    Attributes:
        size: tiny, mini or 7b.
        device: cpu or cuda.
        precision: float32 or bfloat16.
        attention: how `geopix train` computes it, sdpa or products; the Trainer's is always torch's fused one.
        workers: processes that prepare the data.
        lora: whether CLIP rests and the language model learns by low-rank additions, as in `stage1`.
        gradient_checkpointing: whether blocks are computed a second time on the way back.
        images: images at once.
        accumulate: how many times that is one step.
        questions: questions about an image.
        steps: steps a round.
        threads: threads of arithmetic.
        masks: whether half of the images ask for masks; none does otherwise.
        data: the Mini Earth.
        scratch: a folder to write into.
    """

    size: str
    device: str
    precision: str
    attention: str
    workers: int
    lora: bool
    gradient_checkpointing: bool
    images: int
    accumulate: int
    questions: int
    steps: int
    threads: int
    masks: bool
    data: str
    scratch: str

    @property
    def recipe(self) -> Recipe:
        """Questions of RSVQA-HR, and masks of RRSIS-D where some are to be made."""
        words = {"task": "rsvqa_hr", "dataset": {"prefix": "USGS_split_train"}}
        masks = {"task": "rrsis", "dataset": {"split": "train"}}
        values = {
            "name": "benchmark",
            "base": {"size": "mini"},  # not asked: each side builds its own
            "data": [words, masks] if self.masks else [words],
            "parts": {"vision_tower": "frozen", "language_model": "lora"} if self.lora else {},
            "steps": ENDLESS,
            "save_every": ENDLESS,
            "images_per_step": self.images * self.accumulate,
            "accumulate": self.accumulate,
            "questions_per_image": self.questions,
            "precision": self.precision,
            "attention": self.attention,
            "gradient_checkpointing": self.gradient_checkpointing,
            "workers": self.workers,
        }
        return Recipe.model_validate(values)


def size_config(size: str) -> GeoPixConfig:
    """The model's sizes; the tokens' numbers are set when the tokenizer is there."""
    sizes: dict[str, Callable[[], GeoPixConfig]] = {
        "tiny": tiny,
        "mini": lambda: mini(640, image_token_id=3, seg_token_ids=((4, 5, 6), (7, 8, 9))),
        "7b": released_7b,
    }
    return sizes[size]()


@dataclass(frozen=True)
class Material:
    """What both sides begin with."""

    settings: Settings
    recipe: Recipe
    mixture: Mixture
    processor: GeoPixProcessor
    config: GeoPixConfig

    @classmethod
    def of(cls, settings: Settings) -> "Material":
        recipe = settings.recipe
        found = find_data(
            recipe.data, Path(settings.data), catalogue_of(()), installed(), on_defect="stop", seed=recipe.seed
        )
        mixture = read_mixture(found)
        tokenizer = train_tokenizer(texts(mixture.lessons), 640)
        config = size_config(settings.size)
        processor = GeoPixProcessor(GeoPixImageProcessor(config.vision_config.image_size), tokenizer)
        processor.num_image_tokens = config.num_image_tokens
        config.image_token_id, config.seg_token_ids = processor.image_token_id, processor.seg_token_ids
        text = config.text_config
        text.vocab_size = max(text.vocab_size, len(tokenizer))
        text.pad_token_id, text.bos_token_id = tokenizer.pad_token_id, tokenizer.bos_token_id
        text.eos_token_id = tokenizer.eos_token_id
        return cls(settings, recipe, mixture, processor, config)

    @property
    def collate(self) -> Collator:
        return collator_for(self.recipe, self.config, self.processor)

    @property
    def examples(self) -> Examples:
        count = ENDLESS * self.recipe.images_per_step
        return Examples(drawing_of(self.recipe, self.mixture), self.recipe.defects, 0, count)

    def build(self, make: Callable[[], Any]) -> Any:
        """Builds a model with fresh weights on its device, in 16 bits where most of it will rest so."""
        before = torch.get_default_dtype()
        torch.manual_seed(self.recipe.seed)
        try:
            torch.set_default_dtype(getattr(torch, self.settings.precision) if self.settings.lora else torch.float32)
            with torch.device(self.settings.device):
                return make()
        finally:
            torch.set_default_dtype(before)


@dataclass
class Meter:
    """Stops a training after every round until it is told to go on, and says what the round took.

    Rows are counted when the clocks have stopped.

    Attributes:
        settings: how long a round is, and where it runs.
        arithmetic: counts the rows' operations.
        masks: whether this side makes masks.
    """

    settings: Settings
    arithmetic: Arithmetic
    masks: bool
    waited: float = 0.0
    taken: int = 0
    batches: list[tuple[Tensor, Tensor]] = field(default_factory=list)

    def watch(self, model: nn.Module) -> None:
        """Notes what the model reads."""

        def note(_model: nn.Module, _arguments: Any, inputs: dict[str, Any]) -> None:
            self.batches.append((inputs["input_ids"], inputs["labels"]))

        model.register_forward_pre_hook(note, with_kwargs=True)

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """Clocks how long loops wait for batches; accelerate's loader feeds both sides."""
        begin = DataLoaderShard.__iter__

        def clocked(loader: DataLoaderShard) -> Iterator[Any]:
            batches = begin(loader)
            while True:
                began = time.perf_counter()
                batch = next(batches, None)
                self.waited += time.perf_counter() - began
                if batch is None:
                    return
                yield batch

        DataLoaderShard.__iter__ = clocked
        try:
            yield
        finally:
            DataLoaderShard.__iter__ = begin

    def start(self) -> None:
        """Waits until it is told to go on."""
        sys.stdin.readline()
        self.taken, self.waited, self.batches = 0, 0.0, []
        self._workers, self._cpu, self._began = worker_seconds(), time.process_time(), time.perf_counter()

    def stepped(self) -> None:
        """Counts a step; at the round's end, reports and waits."""
        self.taken += 1
        if self.taken < self.settings.steps:
            return
        if self.settings.device == "cuda":
            torch.cuda.synchronize()
        wall, cpu = time.perf_counter() - self._began, time.process_time() - self._cpu
        workers = worker_seconds() - self._workers
        said = {"wall": wall, "cpu": cpu, "workers": workers, "waited": self.waited, "memory": self._memory()}
        said |= self._work()
        if self.settings.device == "cuda":
            torch.cuda.empty_cache()  # both sides may not fit at once
        print("report", json.dumps(said), flush=True)
        self.start()

    def _memory(self) -> int:
        if self.settings.device == "cuda":
            return torch.cuda.max_memory_allocated()
        return 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

    def _work(self) -> dict[str, int]:
        config = self.arithmetic.config
        rows = [row for ids, labels in self.batches for row in rows_of(ids, labels, config)]
        words = sum(map(self.arithmetic.words, rows))
        return {
            "samples": len(rows),
            "tokens": sum(row.tokens for row in rows),
            "operations": words + (sum(map(self.arithmetic.masks, rows)) if self.masks else 0),
        }


def rows_of(ids: Tensor, labels: Tensor, config: GeoPixConfig) -> list[Row]:
    """Counts what is in a batch's rows: ids and labels int64[B, T]."""
    pad, first = config.text_config.pad_token_id, config.run_token_ids[0]
    counts = zip((ids != pad).sum(1), (labels != IGNORED).sum(1), (labels == first).sum(1), strict=True)
    return [Row(*map(int, row)) for row in counts]


def worker_seconds() -> float:
    """CPU seconds of the processes that prepare the data."""
    times = [child.cpu_times() for child in psutil.Process().children(recursive=True)]
    return sum(each.user + each.system for each in times)


def train_geopix(material: Material, meter: Meter) -> None:
    """`geopix train`'s whole run, its log included."""
    model = material.build(lambda: GeoPixForConditionalGeneration(material.config))
    choose_attention(model, material.recipe)
    settle(model, material.recipe)
    meter.watch(model)
    output = Path(material.settings.scratch) / "geopix"
    output.mkdir(parents=True)
    accelerator = join_processes(material.recipe, output)
    data = Path(material.settings.data)
    run = Run(material.recipe, model, material.processor, material.mixture, None, data, output, accelerator)
    meter.start()
    train(run, lambda step, steps, values: meter.stepped())


@dataclass(frozen=True)
class PlainCollator:
    """The same rows as our collator's, without what is ours: each token sees all before it, and there are no masks."""

    ours: Collator

    def __call__(self, examples: Sequence[Example]) -> dict[str, Tensor]:
        rows = [self.ours.pack(example.turns) for example in examples]
        width = max(len(row.ids) for row in rows)
        pad = self.ours.processor.tokenizer.pad_token_id
        return {
            "input_ids": torch.tensor([row.ids + [pad] * (width - len(row.ids)) for row in rows]),
            "labels": torch.tensor([row.labels + [IGNORED] * (width - len(row.ids)) for row in rows]),
            "attention_mask": torch.tensor([[1] * len(row.ids) + [0] * (width - len(row.ids)) for row in rows]),
            "pixel_values": self.ours.pixels([example.picture for example in examples])["pixel_values"],
        }


def plain_model(material: Material) -> LlavaForConditionalGeneration:
    """A LLaVA of the same sizes, of which the same parts learn in the same types."""
    config, recipe = material.config, material.recipe
    llava = LlavaConfig(
        vision_config=config.vision_config,
        text_config=config.text_config,
        image_token_id=config.image_token_id,
        vision_feature_layer=config.vision_feature_layer,
        image_seq_length=config.num_image_tokens,
    )
    model = material.build(lambda: LlavaForConditionalGeneration(llava))
    learning = learning_parts(recipe.parts)
    for name, parameter in model.named_parameters():
        part = next(part for part, beginnings in PLAIN_PARTS.items() if name.startswith(beginnings))
        parameter.requires_grad_(part in learning)
    if recipe.parts.language_model == "lora":
        frozen = {id(parameter) for parameter in model.parameters() if not parameter.requires_grad}
        inject_adapter_in_model(lora_config(recipe.lora), model.model.language_model)
        for parameter in model.parameters():
            parameter.requires_grad_(id(parameter) not in frozen)
    resting = torch.bfloat16 if recipe.precision == "bfloat16" else torch.float32
    for parameter in model.parameters():
        parameter.data = parameter.data.to(torch.float32 if parameter.requires_grad else resting)
    return model


class Stepping(TrainerCallback):
    """Tells the meter of every step."""

    def __init__(self, meter: Meter) -> None:
        self.meter = meter

    def on_step_end(self, *_arguments: Any, **_others: Any) -> None:
        self.meter.stepped()


def train_plain(material: Material, meter: Meter) -> None:
    """transformers' Trainer as it is, its own choice of AdamW's implementation included."""
    settings, optimiser = material.settings, material.recipe.optimiser
    model = plain_model(material)
    meter.watch(model)
    arguments = TrainingArguments(
        output_dir=str(Path(settings.scratch) / "plain"),
        per_device_train_batch_size=settings.images,
        gradient_accumulation_steps=settings.accumulate,
        max_steps=ENDLESS,
        learning_rate=optimiser.learning_rate,
        weight_decay=optimiser.weight_decay,
        adam_beta1=optimiser.betas[0],
        adam_beta2=optimiser.betas[1],
        max_grad_norm=optimiser.clip,
        lr_scheduler_type="cosine",
        bf16=settings.precision == "bfloat16",
        activation_checkpointing=settings.gradient_checkpointing,
        activation_checkpointing_kwargs={"use_reentrant": False},
        dataloader_num_workers=settings.workers,
        dataloader_pin_memory=settings.device == "cuda",
        train_sampling_strategy="sequential",
        logging_steps=material.recipe.log_every,
        save_strategy="no",
        report_to="none",
        remove_unused_columns=False,
        use_cpu=settings.device == "cpu",
        disable_tqdm=True,
        seed=material.recipe.seed,
    )
    trainer = Trainer(
        model,
        arguments,
        data_collator=PlainCollator(material.collate),
        train_dataset=material.examples,
        callbacks=[Stepping(meter)],
    )
    meter.start()
    trainer.train()


SIDES = {"plain": train_plain, "geopix": train_geopix}


def main() -> None:
    side, given = sys.argv[1:]
    settings = Settings(**json.loads(given))
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    torch.set_num_threads(settings.threads)
    material = Material.of(settings)
    arithmetic = Arithmetic(material.config, material.recipe)
    meter = Meter(settings, arithmetic, masks=side == "geopix")
    print("ready", flush=True)
    with meter.waiting():
        SIDES[side](material, meter)


if __name__ == "__main__":
    main()
