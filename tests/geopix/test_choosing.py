"""How the next token is chosen: the likeliest, drawn, and with a bound on the masks."""

import pytest
import torch

from geopix.choosing import AtMost, Drawn, Likeliest, chooser
from harness.errors import ConfigurationError

LOGITS = torch.tensor([[0.0, 1.0, 3.0, 2.0]])
NOTHING = torch.empty(1, 0, dtype=torch.long)


def drawn(temperature: float, top_p: float, times: int = 2000) -> list[float]:
    choose = Drawn(temperature, top_p, torch.Generator().manual_seed(0))
    tokens = choose(LOGITS.expand(times, -1), NOTHING.expand(times, 0))
    return (torch.bincount(tokens, minlength=4) / times).tolist()


def test_drawing_follows_the_softmax() -> None:
    assert drawn(1.0, 1.0) == pytest.approx(LOGITS[0].softmax(0).tolist(), abs=0.03)
    assert drawn(2.0, 1.0) == pytest.approx((LOGITS[0] / 2).softmax(0).tolist(), abs=0.03)


def test_the_nucleus_is_the_fewest_tokens_that_reach_top_p() -> None:
    chances = LOGITS[0].softmax(0)  # 0.03, 0.09, 0.64, 0.24
    assert drawn(1.0, 0.6)[2] == 1.0
    two = drawn(1.0, 0.8)
    assert two[:2] == [0.0, 0.0]
    assert two[2] == pytest.approx((chances[2] / (chances[2] + chances[3])).item(), abs=0.03)


def test_zero_temperature_is_greedy_and_a_seed_repeats() -> None:
    assert isinstance(chooser(0.0, 1.0, 3), Likeliest)
    draws = [chooser(1.0, 1.0, seed)(LOGITS.expand(50, -1), NOTHING.expand(50, 0)).tolist() for seed in (1, 1, 2)]
    assert draws[0] == draws[1] != draws[2]


def test_a_row_with_enough_masks_begins_no_other() -> None:
    choose = AtMost(Likeliest(), 2, run=(2,))
    said = torch.tensor([[2, 9, 9, 2, 9], [2, 9, 9, 9, 9]])
    assert choose(LOGITS.expand(2, -1), said).tolist() == [3, 2]
    assert LOGITS[0, 2] == 3.0


def test_a_row_with_enough_masks_ends_the_one_it_is_at_and_then_says_words() -> None:
    choose = AtMost(Likeliest(), 1, run=(2, 3))
    likes_masks = torch.tensor([[0.0, 1.0, 4.0, 5.0]])
    assert choose(likes_masks, torch.tensor([[2]])).tolist() == [3]
    assert choose(likes_masks, torch.tensor([[2, 3]])).tolist() == [1]
    assert AtMost(Likeliest(), 0, run=(2, 3))(likes_masks, NOTHING).tolist() == [1]


@pytest.mark.parametrize(
    ("temperature", "top_p", "message"),
    [
        (-1.0, 1.0, "temperature: expected 0 .*, found -1.0"),
        (float("nan"), 1.0, "temperature: .* found nan"),
        (float("inf"), 1.0, "temperature: .* found inf"),
        (1.0, 0.0, r"top_p: expected a share above 0 and at most 1, found 0.0"),
        (0.0, 2.0, r"top_p: .* found 2.0"),
    ],
)
def test_what_cannot_be_drawn_from_is_refused(temperature: float, top_p: float, message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        chooser(temperature, top_p, 0)
