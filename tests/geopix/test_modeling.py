"""The model as a whole: losses, packing, saving, and gradients, on tiny random weights."""

from pathlib import Path

import pytest
import torch
from torch import Tensor
from transformers import AutoConfig, AutoModel, AutoModelForCausalLM, AutoModelForImageTextToText

from geopix.configuration import GeoPixConfig
from geopix.modeling import GeoPixForConditionalGeneration, GeoPixOutput
from geopix.sizes import mini, released_7b, tiny

RUN = [4, 5, 6, 7, 8, 9]
PREFIX = [1] + [3] * 16 + [10]
SHIP = [*[20, 21], *RUN, 2]
PLANE = [*[22, 23, 24], *RUN, 25, *RUN, 2]
PLAIN = [26, 27, 2]


def build(seed: int = 0, attention: str = "sdpa", **changes: object) -> GeoPixForConditionalGeneration:
    torch.manual_seed(seed)
    model = GeoPixForConditionalGeneration._from_config(tiny(**changes), attn_implementation=attention)
    with torch.no_grad():  # sharpen the logits, so that equality is not equality of noise
        for parameter in model.language_model.parameters():
            parameter.mul_(4)
    return model.eval()


def picture(count: int = 1, seed: int = 1) -> Tensor:
    return torch.randn(count, 3, 32, 32, generator=torch.Generator().manual_seed(seed))


def packed(branches: list[list[int]]) -> tuple[Tensor, Tensor, Tensor]:
    """One row that holds all branches behind one prefix: ids, bool[1, 1, T, T] mask, restarted positions."""
    owner = [0] * len(PREFIX) + [n for n, branch in enumerate(branches, 1) for _ in branch]
    who = torch.tensor(owner)
    sees = (who[None] == 0) | (who[None] == who[:, None])
    mask = sees & torch.ones_like(sees).tril()
    positions = list(range(len(PREFIX))) + [len(PREFIX) + i for branch in branches for i in range(len(branch))]
    ids = PREFIX + [token for branch in branches for token in branch]
    return torch.tensor([ids]), mask[None, None], torch.tensor([positions])


@pytest.mark.parametrize("attention", ["sdpa", "eager"])
def test_a_packed_branch_gets_what_it_gets_alone(attention: str) -> None:
    model = build(attention=attention)
    ids, mask, positions = packed([SHIP, PLAIN, PLANE])
    with torch.no_grad():
        together = model(ids, picture(), attention_mask=mask, position_ids=positions)
        alone = [model(torch.tensor([PREFIX + branch]), picture()) for branch in (SHIP, PLAIN, PLANE)]
    start = len(PREFIX)
    for branch, single in zip((SHIP, PLAIN, PLANE), alone, strict=True):
        torch.testing.assert_close(
            together.logits[:, start : start + len(branch)], single.logits[:, len(PREFIX) :], atol=1e-4, rtol=1e-4
        )
        start += len(branch)
    masks = torch.cat([single.mask_logits for single in alone])
    assert masks.shape == (3, 16, 16)
    torch.testing.assert_close(together.mask_logits, masks, atol=1e-4, rtol=1e-4)
    assert masks.std() > 1e-3


def test_eager_and_sdpa_agree() -> None:
    ids, mask, positions = packed([SHIP, PLANE])
    outputs = [
        build(attention=name)(ids, picture(), attention_mask=mask, position_ids=positions) for name in ("sdpa", "eager")
    ]
    torch.testing.assert_close(outputs[0].logits, outputs[1].logits, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("side", ["left", "right"])
def test_padding_on_either_side_changes_nothing(side: str) -> None:
    model = build()
    row = PREFIX + SHIP
    pad = [0] * 4
    ids = torch.tensor([pad + row if side == "left" else row + pad])
    mask = (ids != 0).long()
    with torch.no_grad():
        alone = model(torch.tensor([row]), picture())
        padded = model(ids, picture(), attention_mask=mask)
    torch.testing.assert_close(padded.logits[mask.bool()], alone.logits[0], atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(padded.mask_logits, alone.mask_logits, atol=1e-4, rtol=1e-4)


def training_output(model: GeoPixForConditionalGeneration, classes: list[int]) -> GeoPixOutput:
    ids = torch.tensor([PREFIX + PLANE, PREFIX + PLAIN + [0] * (len(PLANE) - len(PLAIN))])
    labels = ids.masked_fill((ids == 3) | (ids == 0), -100)
    return model(
        ids,
        picture(2),
        attention_mask=(ids != 0).long(),
        labels=labels,
        target_masks=torch.rand(2, 20, 24).round(),
        target_classes=torch.tensor(classes),
    )


def test_losses_are_weighted_and_several_targets_in_one_row_need_none_in_another() -> None:
    output = training_output(build(), [0, -100])
    assert output.logits is None
    assert output.mask_rows.tolist() == [0, 0]
    parts = (output.ce_loss, 2 * output.bce_loss, 0.5 * output.dice_loss, 0.1 * output.class_loss)
    assert output.loss.item() == pytest.approx(sum(part.item() for part in parts), rel=1e-5)
    assert all(part.item() > 0 for part in parts)


def test_language_loss_on_supervised_positions_equals_the_full_one() -> None:
    model = build()
    ids = torch.tensor([PREFIX + SHIP])
    labels = ids.masked_fill(ids == 3, -100)
    with torch.no_grad():
        loss = model(ids, picture(), labels=labels).ce_loss
        logits = model(ids, picture()).logits
    expected = torch.nn.functional.cross_entropy(logits[0, :-1], labels[0, 1:], ignore_index=-100)
    torch.testing.assert_close(loss, expected)


def test_a_batch_without_targets_has_no_masks_and_a_finite_loss() -> None:
    model = build().train()
    ids = torch.tensor([PREFIX + PLAIN])
    output = model(
        ids,
        picture(),
        labels=ids,
        target_masks=torch.zeros(0, 16, 16),
        target_classes=torch.zeros(0, dtype=torch.long),
    )
    output.loss.backward()
    assert output.mask_logits.shape == (0, 16, 16)
    assert output.bce_loss.item() == output.dice_loss.item() == output.class_loss.item() == 0
    assert torch.isfinite(output.loss)


@pytest.mark.parametrize(("name", "count"), [("target_masks", 3), ("target_classes", 1)])
def test_targets_that_do_not_fit_the_runs_are_refused_with_both_counts(name: str, count: int) -> None:
    targets = {"target_masks": torch.zeros(count, 8, 8), "target_classes": torch.zeros(count, dtype=torch.long)}
    with pytest.raises(ValueError, match=f"{name}: {count} targets for 2 runs"):
        build()(torch.tensor([PREFIX + PLANE]), picture(), **{name: targets[name]})


def test_a_broken_run_among_targets_is_named() -> None:
    ids = torch.tensor([[*PREFIX, 20, 4, 5, 6, 7, 8, 2]])
    with pytest.raises(ValueError, match=r"1 targets for 0 runs .* Rows with broken runs: \[0\]"):
        build()(ids, picture(), target_masks=torch.zeros(1, 8, 8))


def test_image_tokens_must_fit_the_images() -> None:
    with pytest.raises(ValueError, match=r"expected 16 tokens of id 3 in each of 1 rows, found \[15\]"):
        build()(torch.tensor([[1] + [3] * 15 + [10]]), picture())
    with pytest.raises(ValueError, match="in each of 2 rows"):
        build()(torch.tensor([PREFIX]), picture(2))


#: Parts that no loss reaches, and why.
UNREACHED = (
    "vision_tower.clip.post_layernorm",  # CLIP's pooled output, which nobody reads
    "mask_head.mask_decoder.output_hypernetworks_mlps.1",  # as released, the first mask is the answer
    "mask_head.mask_decoder.iou_prediction_head",  # as released, quality is not trained
)


@pytest.mark.parametrize("memory", ["intended", "released_noop", "none"])
def test_gradient_reaches_every_parameter(memory: str) -> None:
    model = build(memory_attention=memory).train()
    training_output(model, [0, 1]).loss.backward()
    silent = {name for name, p in model.named_parameters() if p.grad is None or not p.grad.abs().max() > 0}
    assert silent == {name for name, _ in model.named_parameters() if name.startswith(UNREACHED)}


def test_saved_and_loaded_it_answers_the_same(tmp_path: Path) -> None:
    model = build(tie_word_embeddings=False)
    training_output(model.train(), [0, 1])  # moves the batch normalisations' statistics
    model.eval().save_pretrained(tmp_path)
    assert (tmp_path / "model.safetensors").is_file()
    ids = torch.tensor([PREFIX + PLANE])
    with torch.no_grad():
        expected = model(ids, picture())
        for auto in (GeoPixForConditionalGeneration, AutoModel, AutoModelForCausalLM, AutoModelForImageTextToText):
            loaded = auto.from_pretrained(tmp_path)
            assert isinstance(loaded, GeoPixForConditionalGeneration)
            output = loaded(ids, picture())
            assert torch.equal(output.logits, expected.logits)
            assert torch.equal(output.mask_logits, expected.mask_logits)
    assert isinstance(AutoConfig.from_pretrained(tmp_path), GeoPixConfig)


def test_tied_embeddings_survive_saving(tmp_path: Path) -> None:
    config = tiny(tie_word_embeddings=True)
    config.text_config.tie_word_embeddings = True
    model = GeoPixForConditionalGeneration(config)
    model.save_pretrained(tmp_path)
    loaded = GeoPixForConditionalGeneration.from_pretrained(tmp_path)
    assert loaded.get_output_embeddings().weight is loaded.get_input_embeddings().weight
    assert torch.equal(loaded.get_input_embeddings().weight, model.get_input_embeddings().weight)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
def test_the_weights_type_is_respected(dtype: torch.dtype) -> None:
    model = build().to(dtype)
    with torch.no_grad():
        output = model(torch.tensor([PREFIX + SHIP]), picture().to(dtype))
    assert output.logits.dtype == output.mask_logits.dtype == dtype
    assert torch.isfinite(output.mask_logits).all()


def test_the_same_seed_gives_the_same_model_and_masks() -> None:
    ids = torch.tensor([PREFIX + SHIP])
    with torch.no_grad():
        first, second = (build()(ids, picture()).mask_logits for _ in range(2))
    assert torch.equal(first, second)


def test_the_mini_fits_into_sixteen_megabytes() -> None:
    config = mini(640, image_token_id=3, seg_token_ids=((4, 5, 6), (7, 8, 9)), memory_num_classes=7)  # the recipe's
    weights = sum(p.numel() for p in GeoPixForConditionalGeneration(config).parameters())
    assert 4 * weights <= 15_900_000  # the tokenizer and the settings take the rest


def test_the_released_size_comes_from_the_configuration_alone() -> None:
    with torch.device("meta"):
        model = GeoPixForConditionalGeneration(released_7b())
    parts = {name: sum(p.numel() for p in part.parameters()) for name, part in model.named_children()}
    assert parts["language_model"] == 6_738_415_616 + 2 * 64 * 4096  # Vicuna-7B and 64 more tokens
    assert parts["vision_tower"] == 303_966_208  # CLIP ViT-L/14 with 1024 patches
    assert model.mask_head.necks[0].conv1[0].weight.shape == (512, 1024, 3, 3)


def test_two_synthetic_pictures_are_learnt() -> None:
    model = build(3, mask_hidden_size=32).train()
    ids = torch.tensor([PREFIX + SHIP] * 2)
    pixels = torch.zeros(2, 3, 32, 32)
    targets = torch.zeros(2, 16, 16)
    pixels[0, :, 4:20, 4:16], targets[0, 2:10, 2:8] = 1, 1
    pixels[1, :, 14:28, 16:28], targets[1, 7:14, 8:14] = 1, 1
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
    for _ in range(80):
        optimizer.zero_grad()
        model(ids, pixels, labels=ids.masked_fill(ids == 3, -100), target_masks=targets).loss.backward()
        optimizer.step()
    with torch.no_grad():
        masks = model.eval()(ids, pixels).mask_logits > 0
    union = (masks | targets.bool()).sum(dim=(1, 2))
    iou = (masks & targets.bool()).sum(dim=(1, 2)) / union
    assert iou.min() > 0.8
