"""What each of several processes answers."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.processes.balance import BATCHES_PER_PACK, Image, divide, expected_tokens, images_of, packs, share
from harness.records import ImageFile, Mask, Request, Sample, Target

NOTHING = Target()
IMAGES = st.lists(st.integers(1, 40), max_size=60).map(
    lambda sizes: [Image(str(number), size, 700 * size) for number, size in enumerate(sizes)]
)


def asked(image: str, prompt: str = "", target: Target = NOTHING, most: int = 512) -> tuple[Sample, Request]:
    files = (ImageFile(image, Path(image)),)
    return Sample(image, files, {}, target), Request(image, files, prompt, "vqa", {"max_new_tokens": most})


@pytest.mark.parametrize(
    ("question", "tokens"),
    [
        (asked("1"), 576 + 8),
        (asked("1", "p" * 40), 576 + 10 + 8),
        (asked("1", target=Target(texts=("w" * 20,))), 576 + 8 * (1 + 5)),
        (asked("1", target=Target(texts=("w" * 20,)), most=2), 576 + 8 * 2),
        (asked("1", target=Target(masks=(Mask((1, 1), "0"),) * 2)), 576 + 8 * (1 + 24)),
    ],
)
def test_tokens_are_estimated_from_the_question_and_its_right_answer(
    question: tuple[Sample, Request], tokens: int
) -> None:
    assert expected_tokens(*question) == tokens


def test_questions_are_summed_by_image_in_the_order_of_their_coming() -> None:
    found = images_of([asked("b"), asked("a"), asked("b", "p" * 8)])
    assert found == [Image("b", 2, 2 * 584 + 2), Image("a", 1, 584)]


@given(IMAGES, st.integers(1, 20))
def test_packs_hold_every_image_once_in_order_and_waste_little(images: list[Image], batch_size: int) -> None:
    found = list(packs(images, batch_size))
    assert [image for pack in found for image in pack] == images
    for pack in found[:-1]:
        questions = sum(image.questions for image in pack)
        assert questions >= BATCHES_PER_PACK * batch_size
        assert questions % batch_size == 0 or questions >= 2 * BATCHES_PER_PACK * batch_size


@given(st.lists(st.integers(0, 1000), max_size=80), st.integers(1, 20))
def test_no_share_is_far_above_the_mean(costs: list[int], shares: int) -> None:
    takers = divide(costs, shares)
    sums = [sum(cost for cost, taker in zip(costs, takers, strict=True) if taker == index) for index in range(shares)]
    assert sum(sums) == sum(costs)
    # Whoever has most was least when it took its last, so without that it is no more than the mean.
    assert max(sums) <= sum(costs) / shares + max(costs, default=0)


@given(IMAGES, st.integers(1, 20), st.integers(1, 9))
def test_shares_hold_every_image_once_and_the_same_packs(images: list[Image], batch_size: int, count: int) -> None:
    alone = share(images, batch_size, 0, 1)
    shares = [share(images, batch_size, index, count) for index in range(count)]
    together = {image: pack for found in shares for image, pack in found.items()}
    assert together == alone
    assert sum(map(len, shares)) == len(images)
