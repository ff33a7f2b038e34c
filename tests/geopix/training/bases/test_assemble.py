"""A GeoPix of a CLIP and a language model: their weights, fresh mask parts, tokens that fit."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from transformers import CLIPVisionModel, LlamaForCausalLM, LlavaForConditionalGeneration

from geopix.checkpoint import load_checkpoint
from geopix.predictor import GeoPix
from geopix.training.bases.assemble import resized_positions
from geopix.training.bases.build import build_base, build_processor, sketch_base
from geopix.training.memory import on_meta, weigh
from geopix.training.schema import Recipe
from harness.errors import ConfigurationError, EnvironmentProblem

Make = Callable[..., Path]
Pair = Callable[..., Recipe]
ADDITIONS = 2 * 2 * 2 * 8 * 16  # A and B for q and v in two blocks, rank 8, width 16


def recipe(small: dict[str, Any], base: dict[str, Any], **others: Any) -> Recipe:
    whole = {"image_size": 32, "config": small, **base}
    return Recipe.model_validate({"name": "t", "base": whole, "data": [{"task": "rrsis"}], "steps": 1, **others})


@pytest.fixture
def pair(clip: Path, make_llama: Make, small: dict[str, Any]) -> Pair:
    def make(parts: dict[str, str] | None = None, **changes: Any) -> Recipe:
        base = {"vision": str(clip), "language": str(make_llama(**changes))}
        return recipe(small, base, parts=parts or {})

    return make


@pytest.mark.parametrize("tied", [False, True])
def test_it_answers_and_is_saved_and_loaded_as_any_checkpoint(pair: Pair, tmp_path: Path, tied: bool) -> None:
    model, processor = build_base(pair(tie_word_embeddings=tied), list)
    own = model.state_dict()
    assert not [name for name, tensor in own.items() if tensor.device.type == "meta"]
    model.save_pretrained(tmp_path)
    processor.save_pretrained(tmp_path)
    loaded, _ = load_checkpoint(tmp_path, torch.device("cpu"))
    stored = loaded.state_dict()
    assert all(torch.equal(stored[name], own[name]) for name in own)
    answer = GeoPix(loaded, processor).respond(np.zeros((20, 30, 3), np.uint8), "Is there a ship?", max_new_tokens=4)
    assert 1 <= answer.tokens <= 4


def test_words_keep_their_embeddings_and_new_tokens_lie_among_them(pair: Pair) -> None:
    chosen = pair()
    model, processor = build_base(chosen, list)
    old = LlamaForCausalLM.from_pretrained(chosen.base.language)
    for new, before in (
        (model.get_input_embeddings(), old.get_input_embeddings()),
        (model.get_output_embeddings(), old.get_output_embeddings()),
    ):
        assert torch.equal(new.weight[: len(before.weight)], before.weight)
        assert len(new.weight) % 64 == 0
        rows = new.weight[list(model.config.run_token_ids)]
        assert len(rows.unique(dim=0)) == 6
        assert rows.std().item() == pytest.approx(before.weight.std().item(), rel=0.5)
    assert processor.seg_token_ids == model.config.seg_token_ids
    text, tokenizer = model.config.text_config, processor.tokenizer
    assert (text.bos_token_id, text.eos_token_id) == (tokenizer.bos_token_id, tokenizer.eos_token_id)


def test_a_language_model_with_room_for_the_tokens_is_not_grown(pair: Pair) -> None:
    model, _ = build_base(pair(vocab_size=300), list)
    assert len(model.get_input_embeddings().weight) == 300


def test_the_tower_reads_the_new_size_with_its_old_weights(pair: Pair, clip: Path) -> None:
    model, processor = build_base(pair(), list)
    before, after = CLIPVisionModel.from_pretrained(clip).state_dict(), model.vision_tower.clip.state_dict()
    (places,) = (name for name in before if name.endswith("position_embedding.weight"))
    assert all(torch.equal(before[name], after[name]) for name in before if name != places)
    assert after[places].shape == (1 + 16, 16)
    assert processor.num_image_tokens == 16
    assert processor.image_processor.image_mean == [0.1, 0.2, 0.3]


def test_positions_of_a_slope_stay_a_slope() -> None:
    slope = torch.arange(6.0).repeat(6)[:, None]
    resized = resized_positions(torch.cat([torch.tensor([[9.0]]), slope]), 12)
    assert resized[0].item() == 9
    rows = resized[1:].reshape(12, 12)
    assert torch.allclose(rows, rows[:1])
    # The cubic kernel of torch (a = -0.75) bends a line by less than a tenth.
    torch.testing.assert_close(rows[0, 4:8].diff(), torch.full((3,), 0.5), atol=0.1, rtol=0)


def test_a_llava_lends_its_projector_too(llava: Path, small: dict[str, Any]) -> None:
    model, _ = build_base(recipe(small, {"llava": str(llava)}), list)
    source = LlavaForConditionalGeneration.from_pretrained(llava)
    theirs, ours = source.model.multi_modal_projector.state_dict(), model.multi_modal_projector.state_dict()
    assert theirs.keys() == ours.keys()
    assert all(torch.equal(theirs[name], ours[name]) for name in theirs)
    head, rows = model.get_output_embeddings().weight, len(source.lm_head.weight)
    assert torch.equal(head[: rows - 5], source.lm_head.weight[: rows - 5])
    assert not [name for name, tensor in model.named_buffers() if tensor.device.type == "meta"]


@pytest.mark.parametrize("tied", [False, True])
def test_the_sketch_weighs_what_the_model_does(pair: Pair, tied: bool) -> None:
    chosen = pair({"language_model": "lora", "necks": "frozen"}, tie_word_embeddings=tied)
    config = sketch_base(chosen)
    assert config is not None
    sizes = {part.name: part for part in weigh(on_meta(config, chosen), chosen.optimiser)}
    model, _ = build_base(chosen, list)
    assert sum(part.total for part in sizes.values()) == sum(p.numel() for p in model.parameters()) + ADDITIONS
    assert sizes["necks"].learning == 0
    assert sizes["language_model"].learning == ADDITIONS


def test_a_processor_can_be_made_without_the_weights(pair: Pair) -> None:
    chosen = pair()
    alone, (_, whole) = build_processor(chosen, list), build_base(chosen, list)
    assert alone.encode_prefix() == whole.encode_prefix()
    assert alone.seg_token_ids == whole.seg_token_ids


def test_unknown_fields_of_the_configuration_are_named(clip: Path, make_llama: Make) -> None:
    base = {"vision": str(clip), "language": str(make_llama())}
    with pytest.raises(ConfigurationError, match="base.config: .*field 'memory_lenght'. Did you mean 'memory_length'"):
        build_base(recipe({"memory_lenght": 4}, base), list)


def test_what_is_no_causal_language_model_is_refused(clip: Path, small: dict[str, Any]) -> None:
    with pytest.raises(EnvironmentProblem, match="cannot be loaded as a causal language model"):
        build_base(recipe(small, {"vision": str(clip), "language": str(clip)}), list)
