"""Greedy answers: a batch says what each row says alone, with the same masks."""

import pytest
import torch
from torch import Tensor, nn

from geopix.choosing import chooser
from geopix.class_memory import GivenClass
from geopix.modeling import Generated, GeoPixForConditionalGeneration
from geopix.sizes import tiny

PREFIX = [1] + [3] * 16 + [10]
QUESTIONS = [[20, 21], [22, 23, 24, 25], [20], [30, 31, 32]]


def build(seed: int = 0, attention: str = "sdpa") -> GeoPixForConditionalGeneration:
    torch.manual_seed(seed)
    model = GeoPixForConditionalGeneration._from_config(tiny(), attn_implementation=attention)
    with torch.no_grad():  # far apart logits, so that rounding cannot turn a choice
        for parameter in model.language_model.parameters():
            parameter.mul_(6)
    return model.eval()


def pictures(count: int) -> Tensor:
    return torch.randn(count, 3, 32, 32, generator=torch.Generator().manual_seed(1))


def left_padded(rows: list[list[int]]) -> tuple[Tensor, Tensor]:
    width = max(map(len, rows))
    ids = torch.tensor([[0] * (width - len(row)) + row for row in rows])
    return ids, torch.tensor([[0] * (width - len(row)) + [1] * len(row) for row in rows])


class Spelling(nn.Module):
    """A language head that spells a given answer for each question, whatever it is shown.

    It looks up the hidden states it has met while the answers were forced through the model.
    """

    def __init__(self, states: Tensor, tokens: Tensor) -> None:
        super().__init__()
        self.states, self.tokens = states, tokens

    def forward(self, states: Tensor) -> Tensor:
        nearest = torch.cdist(states, self.states).argmin(dim=-1)
        return nn.functional.one_hot(self.tokens[nearest], 64).float()


def spell(model: GeoPixForConditionalGeneration, prompts: list[list[int]], answers: list[list[int]]) -> None:
    """Makes the model answer each prompt (about picture 0, 1, ...) with the given tokens."""
    states, tokens = [], []
    for picture, prompt, answer in zip(pictures(len(prompts)), prompts, answers, strict=True):
        ids = torch.tensor([prompt + answer])
        with torch.no_grad():
            read = model._read(ids, model.vision_tower(picture[None]), None, None)[0]
        states.append(read[len(prompt) - 1 : -1])
        tokens += answer
    model.language_model.lm_head = Spelling(torch.cat(states), torch.tensor(tokens))


def assert_same(together: Generated, row: int, alone: Generated) -> None:
    assert together.token_ids[row].tolist() == alone.token_ids[0].tolist()
    assert together.reasons[row] == alone.reasons[0]
    torch.testing.assert_close(together.mask_logits[together.mask_rows == row], alone.mask_logits, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("attention", ["sdpa", "eager"])
def test_a_batch_says_what_each_row_says_alone(attention: str) -> None:
    model = build(attention=attention)
    rows = [PREFIX + question for question in QUESTIONS]
    ids, mask = left_padded(rows)
    together = model.generate(ids, pictures(4), attention_mask=mask, max_new_tokens=12)
    for row, prompt in enumerate(rows):
        alone = model.generate(torch.tensor([prompt]), pictures(4)[row : row + 1], max_new_tokens=12)
        assert_same(together, row, alone)
    assert len({tuple(ids.tolist()) for ids in together.token_ids}) > 1


@pytest.mark.parametrize("index", [[0, 0, 0, 0], [1, 0, 1, 0]])
def test_questions_about_one_picture_say_what_each_says_alone(index: list[int]) -> None:
    model = build()
    rows = [PREFIX + question for question in QUESTIONS]
    ids, mask = left_padded(rows)
    count = max(index) + 1
    together = model.generate(
        ids, pictures(count), attention_mask=mask, image_index=torch.tensor(index), max_new_tokens=12
    )
    for row, prompt in enumerate(rows):
        picture = pictures(count)[index[row]][None]
        assert_same(together, row, model.generate(torch.tensor([prompt]), picture, max_new_tokens=12))


def test_questions_whose_heads_differ_are_not_merged() -> None:
    model = build()
    rows = [[*PREFIX, 20], [1, 40, *PREFIX[1:], 20], [41, *PREFIX[1:], 20]]
    ids, mask = left_padded(rows)
    index = torch.tensor([0, 0, 0])
    together = model.generate(ids, pictures(1), attention_mask=mask, image_index=index, max_new_tokens=8)
    for row, prompt in enumerate(rows):
        assert_same(together, row, model.generate(torch.tensor([prompt]), pictures(1), max_new_tokens=8))


def test_the_picture_and_the_shared_prefix_are_read_once() -> None:
    model = build()
    seen: list[tuple[int, ...]] = []
    model.language_model.model.register_forward_pre_hook(
        lambda _, args, kwargs: seen.append(tuple(kwargs["inputs_embeds"].shape[:2])), with_kwargs=True
    )
    ids, mask = left_padded([PREFIX + question for question in QUESTIONS])
    model.generate(
        ids, pictures(1), attention_mask=mask, image_index=torch.zeros(4, dtype=torch.long), max_new_tokens=1
    )
    assert seen == [(1, 17), (1, 4 * 5)]  # once up to the image's end, then the rest of the questions side by side


RUN = [4, 5, 6, 7, 8, 9]


def test_masks_follow_the_runs_and_broken_runs_give_a_reason() -> None:
    model = build()
    prompts = [PREFIX + question for question in QUESTIONS]
    answers = [[50, *RUN, 51, *RUN, 2], [52, 53, 2], [*RUN, 54, 4, 5, 6, 2], [55, 4, 5, 6, 7, 9, 8, 2]]
    spell(model, prompts, answers)
    ids, mask = left_padded(prompts)
    together = model.generate(ids, pictures(4), attention_mask=mask, max_new_tokens=20)
    assert [row.tolist() for row in together.token_ids] == answers
    assert together.mask_rows.tolist() == [0, 0, 2]
    assert together.mask_logits.shape == (3, 16, 16)
    assert together.reasons == (
        None,
        None,
        "3 of 9 segmentation tokens stand for no mask: a mask is a run of exactly 6 of them, in order.",
        "6 of 6 segmentation tokens stand for no mask: a mask is a run of exactly 6 of them, in order.",
    )
    for row, prompt in enumerate(prompts):
        alone = model.generate(torch.tensor([prompt]), pictures(4)[row][None], max_new_tokens=20)
        assert_same(together, row, alone)


class Saying(nn.Module):
    """A language head that says the given tokens, one a step, in every row."""

    def __init__(self, tokens: list[int]) -> None:
        super().__init__()
        self.tokens = iter(tokens)

    def forward(self, states: Tensor) -> Tensor:
        return nn.functional.one_hot(torch.full((len(states),), next(self.tokens)), 64).to(states.dtype)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_sixteen_bits_make_the_masks_of_thirty_two_but_for_rounding(dtype: torch.dtype) -> None:
    ids, mask = left_padded([PREFIX + question for question in QUESTIONS])
    index = torch.tensor([0, 0, 1, 1])
    logits = []
    for kind in (torch.float32, dtype):
        torch.manual_seed(0)
        model = GeoPixForConditionalGeneration(tiny()).eval().to(kind)
        model.set_output_embeddings(Saying([50, *RUN, 2]))
        said = model.generate(ids, pictures(2).to(kind), attention_mask=mask, image_index=index)
        assert said.mask_logits.dtype == kind
        logits.append(said.mask_logits.float())
    assert logits[0].shape == (4, 16, 16)
    assert logits[1].isfinite().all()
    # A place whose channels are almost alike is normalised all the same, and its rounding with it.
    far = (logits[1] - logits[0]).abs() > 0.05 * logits[0].abs().max()
    assert far.float().mean() < 0.02


def test_generated_masks_are_those_of_the_forward_pass() -> None:
    model = build()
    prompt, answer = PREFIX + QUESTIONS[0], [50, *RUN, 2]
    spell(model, [prompt], [answer])
    generated = model.generate(torch.tensor([prompt]), pictures(1))
    with torch.no_grad():
        forced = model(torch.tensor([prompt + answer]), pictures(1))
    torch.testing.assert_close(generated.mask_logits, forced.mask_logits, atol=1e-4, rtol=1e-4)


def test_no_more_masks_than_asked_for_are_begun() -> None:
    model = build()
    prompt = PREFIX + QUESTIONS[0]
    spell(model, [prompt], [[50, *RUN, *RUN, 51, *RUN, 2]])
    bounded = model.generate(torch.tensor([prompt]), pictures(1), max_masks=2, max_new_tokens=20)
    assert bounded.token_ids[0].tolist()[:14] == [50, *RUN, *RUN, 51]
    assert len(bounded.mask_logits) == 2
    assert 4 not in bounded.token_ids[0].tolist()[14:]


def test_drawn_answers_differ_and_repeat_under_their_seed() -> None:
    model = build()
    with torch.no_grad():
        model.language_model.lm_head.weight.mul_(0.1)
    prompt = torch.tensor([PREFIX + QUESTIONS[0]])
    answers = [
        model.generate(prompt, pictures(1), max_new_tokens=12, choose=chooser(1.0, 1.0, seed)).token_ids[0].tolist()
        for seed in (0, 0, 1)
    ]
    assert answers[0] == answers[1] != answers[2]


def test_a_cut_answer_keeps_its_whole_runs_only() -> None:
    model = build()
    prompt = PREFIX + QUESTIONS[0]
    spell(model, [prompt], [[50, *RUN, *RUN, 2]])
    cut = model.generate(torch.tensor([prompt]), pictures(1), max_new_tokens=10)
    assert cut.token_ids[0].tolist() == [50, *RUN, 4, 5, 6]
    assert len(cut.mask_logits) == 1
    assert cut.reasons[0].startswith("3 of 9 segmentation tokens")


def test_the_given_class_changes_the_mask() -> None:
    model = build()
    prompt = PREFIX + QUESTIONS[0]
    spell(model, [prompt], [[*RUN, 2]])
    masks = [
        model.generate(torch.tensor([prompt]), pictures(1), class_selector=GivenClass(torch.tensor(number))).mask_logits
        for number in (0, 1)
    ]
    assert (masks[0] - masks[1]).abs().max() > 1e-5
