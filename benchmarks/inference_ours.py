"""Our side of `inference.py`: a converted checkpoint with all optimisations, or composed without one of them.

    python benchmarks/inference_ours.py CHECKPOINT WORKLOADS THREADS WAY

A way without an optimisation plugs a part into the model that does the same work as it was done before.
"""

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from inference_worker import Answers, Forced, serve
from torch import Tensor, nn
from transformers import Cache, DynamicCache

from geopix.class_memory import ClassSelector
from geopix.generation import AnswerDecoder
from geopix.mask_head import MaskHead, MaskPrediction
from geopix.modeling import Generated, GeoPixForConditionalGeneration
from geopix.vision import VisionFeatures, VisionTower

Model = GeoPixForConditionalGeneration


class TwiceLooking(nn.Module):
    """Runs the tower once for the language model and once for the masks."""

    def __init__(self, tower: VisionTower) -> None:
        super().__init__()
        self.tower = tower

    def forward(self, pixels: Tensor) -> VisionFeatures:
        return VisionFeatures(self.tower(pixels).language, self.tower(pixels).levels)


class AllLayers(nn.Module):
    """Runs every layer of the tower, and keeps what each says."""

    def __init__(self, tower: VisionTower) -> None:
        super().__init__()
        self.tower = tower

    def forward(self, pixels: Tensor) -> VisionFeatures:
        states = self.tower.clip(pixels, output_hidden_states=True).hidden_states
        return self.tower.features(dict(enumerate(states)))


class TargetByTarget(nn.Module):
    """Makes one mask at a time."""

    def __init__(self, head: MaskHead) -> None:
        super().__init__()
        self.head = head

    def forward(self, levels: Any, states: Tensor, image_index: Tensor, select_class: ClassSelector) -> MaskPrediction:
        if len(states) < 2:
            return self.head(levels, states, image_index, select_class)  # type: ignore[no-any-return]
        parts = [self.head(levels, states[i][None], image_index[i][None], select_class) for i in range(len(states))]
        return MaskPrediction(*(torch.cat(part) for part in zip(*parts, strict=True)))


class CopiedPrefixes(AnswerDecoder):
    """Copies an image's keys and values for each question about it."""

    def _packs(self, cache: Cache) -> bool:
        return False


class CopiedCache(AnswerDecoder):
    """Copies the whole cache for each new token, as transformers does."""

    def new_cache(self) -> Cache:
        return DynamicCache(config=self.decoder.config)


def look_twice(model: Model) -> None:
    model.vision_tower = TwiceLooking(model.vision_tower)


def all_layers(model: Model) -> None:
    model.vision_tower = AllLayers(model.vision_tower)


def target_by_target(model: Model) -> None:
    model.mask_head = TargetByTarget(model.mask_head)


def every_state(model: Model) -> None:
    """Keeps the states of all layers at all steps, and computes the logits of every position."""
    kept: list[Any] = []
    head = model.get_output_embeddings()

    def before(_decoder: nn.Module, _arguments: Any, inputs: dict[str, Any]) -> Any:
        if inputs["past_key_values"].get_seq_length() == 0:
            kept.clear()
        return (), inputs | {"output_hidden_states": True}

    def behind(_decoder: nn.Module, _arguments: Any, output: Any) -> None:
        kept.append(output.hidden_states)
        head(output.last_hidden_state[:, :-1])

    decoder = model.language_model.get_decoder()
    decoder.register_forward_pre_hook(before, with_kwargs=True)
    decoder.register_forward_hook(behind)


def copied_prefixes(model: Model) -> None:
    model.answer_decoder = CopiedPrefixes


def copied_cache(model: Model) -> None:
    model.answer_decoder = CopiedCache


def eager(model: Model) -> None:
    model.set_attn_implementation("eager")


@dataclass(frozen=True)
class Way:
    """How questions are answered.

    Attributes:
        batch: how many at a time.
        shares: whether questions about one image share its reading.
        change: takes an optimisation out of the model.
    """

    batch: int = 32
    shares: bool = True
    change: Callable[[Model], None] = lambda model: None


WAYS = {
    "all": Way(),
    "batches of 4": Way(batch=4),
    "one question at a time": Way(batch=1),
    "no shared prefix": Way(shares=False),
    "prefix copied for each question": Way(change=copied_prefixes),
    "cache copied for each token": Way(change=copied_cache),
    "vision twice": Way(change=look_twice),
    "all vision layers": Way(change=all_layers),
    "every state and logit": Way(change=every_state),
    "one mask at a time": Way(change=target_by_target),
    "eager attention": Way(change=eager),
}


def answer(model: Model, way: Way, workload: dict[str, Any]) -> Answers:
    """Answers a workload in batches."""
    questions = range(len(workload["prompts"]))
    batches = [questions[start : start + way.batch] for start in range(0, len(questions), way.batch)]
    return [one for batch in batches for one in answer_batch(model, way, workload, list(batch))]


def answer_batch(model: Model, way: Way, workload: dict[str, Any], questions: list[int]) -> Answers:
    prompts = [workload["prompts"][number] for number in questions]
    images = [workload["image"][number] for number in questions]
    shown = sorted(set(images)) if way.shares else images
    index = [shown.index(image) for image in images] if way.shares else list(range(len(images)))
    ids = nn.utils.rnn.pad_sequence(prompts, batch_first=True, padding_side="left")
    mask = nn.utils.rnn.pad_sequence([torch.ones_like(p) for p in prompts], batch_first=True, padding_side="left")
    head = model.get_output_embeddings()
    if workload["forced"]:
        model.set_output_embeddings(Forced(head, [workload["forced"][number].tolist() for number in questions]))
    with torch.inference_mode():
        said = model.generate(
            ids,
            workload["pixels"][shown],
            attention_mask=mask,
            image_index=torch.tensor(index),
            max_new_tokens=workload["max_new_tokens"],
        )
    model.set_output_embeddings(head)
    return split(said)


def split(said: Generated) -> Answers:
    rows = enumerate(said.token_ids)
    return [{"tokens": tokens, "masks": said.mask_logits[said.mask_rows == row]} for row, tokens in rows]


def main() -> None:
    checkpoint, workloads, threads, name = sys.argv[1:]
    torch.set_num_threads(int(threads))
    way = WAYS[name]
    model = Model.from_pretrained(checkpoint, dtype=torch.float32).eval()
    way.change(model)
    serve(Path(workloads), lambda workload: answer(model, way, workload))


if __name__ == "__main__":
    main()
