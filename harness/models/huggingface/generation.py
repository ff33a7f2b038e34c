"""How answers are generated: greedy unless the task says otherwise, else as the checkpoint's authors set it."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from copy import deepcopy
from typing import Any

_SAMPLING = ("temperature", "top_p", "top_k", "min_p", "typical_p", "epsilon_cutoff", "eta_cutoff")


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
    for name in _SAMPLING:
        setattr(config, name, None)
    config.max_length = None
    config.max_new_tokens = int(generation["max_new_tokens"])
    config.num_beams = 1
    config.do_sample = float(generation["temperature"]) > 0
    if config.do_sample:
        config.temperature = float(generation["temperature"])
        config.top_p = float(generation["top_p"])
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
