"""How answers are generated: greedy unless the task says otherwise, else as the checkpoint's authors set it."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from copy import deepcopy
from typing import Any

# transformers takes what is None from the checkpoint, or its own 50 best: each is said. Greedy, these are its defaults.
_GREEDY = {"do_sample": False, "temperature": 1.0, "top_p": 1.0, "top_k": 50, "typical_p": 1.0}
_SAMPLED = {"do_sample": True, "top_k": 0, "typical_p": 1.0, "min_p": 0.0, "epsilon_cutoff": 0.0, "eta_cutoff": 0.0}


def generation_config(model: Any, processor: Any, generation: Mapping[str, Any]) -> Any:
    """Returns transformers' `GenerationConfig` for a task's settings.

    The checkpoint's own one is kept in what is not said here: tokens that end an answer or may not occur, and a
    penalty on repetition where its authors set one.

    Args:
        model: the model, with its `generation_config`.
        processor: its tokenizer's pad token fills the places after an answer's end.
        generation: `max_new_tokens`, `temperature` (0 is greedy) and `top_p`.
    """
    config = deepcopy(model.generation_config)
    drawn = {"temperature": float(generation["temperature"]), "top_p": float(generation["top_p"])}
    config.update(**_SAMPLED | drawn if drawn["temperature"] > 0 else _GREEDY)
    config.update(max_new_tokens=int(generation["max_new_tokens"]), max_length=None, num_beams=1)
    if config.pad_token_id is None:
        config.pad_token_id = processor.tokenizer.pad_token_id
    if config.eos_token_id is None:
        config.eos_token_id = processor.tokenizer.eos_token_id
    return config


def stop_tokens(config: Any) -> frozenset[int]:
    """Returns the tokens that end an answer."""
    ends = config.eos_token_id
    return frozenset(ends if isinstance(ends, list) else [] if ends is None else [ends])


def count_tokens(row: Sequence[int], stops: Collection[int]) -> tuple[int, bool]:
    """Returns how many tokens an answer has, its end included, and whether it came to an end.

    >>> count_tokens([5, 6, 2, 0, 0], {2}), count_tokens([5, 6, 7], {2})
    ((3, True), (3, False))
    """
    for place, token in enumerate(row, 1):
        if token in stops:
            return place, True
    return len(row), False
