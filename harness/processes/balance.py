"""What each of several processes answers: whole images, as many expected tokens as the others.

Nothing here depends on who has answered what, or on what runs at the moment, so every process finds the same division
by itself. And nothing that a model sees depends on the number of processes: images are put into packs, batches are cut
within a pack, and packs are what is divided.
"""

import heapq
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from harness.records import Request, Sample

#: What a vision tower of 336 pixels a side with patches of 14 makes of a picture.
IMAGE_TOKENS = 576
LETTERS_PER_TOKEN = 4
#: What a mask or a box is worth: a segmentation token with words around it, or four numbers.
SHAPE_TOKENS = 12
#: A generated token passes through the model alone, one of the prompt together with all others.
GENERATION_WEIGHT = 8
#: A pack ends where a batch does, if images allow, and after twice as many batches at the latest.
BATCHES_PER_PACK = 4


def expected_tokens(sample: Sample, request: Request) -> int:
    """Returns what answering a question is expected to cost, in tokens of a prompt.

    An estimate from what is known before anything is asked: 576 tokens an image and a token for four letters of the
    prompt. The answer is taken to be as long as the right one, a token for four letters and 12 for each mask or box, at
    most max_new_tokens of them. An answer's token counts 8 times, for it is made alone.

    Args:
        sample: the question with its right answer.
        request: what the model is asked.
    """
    target = sample.target
    letters = len(target.texts[0]) if target.texts else 0
    answer = 1 + letters // LETTERS_PER_TOKEN + SHAPE_TOKENS * (len(target.masks) + len(target.boxes))
    most = int(request.generation.get("max_new_tokens", answer))
    prompt = IMAGE_TOKENS * len(request.images) + len(request.prompt) // LETTERS_PER_TOKEN
    return prompt + GENERATION_WEIGHT * min(answer, most)


@dataclass(frozen=True, slots=True)
class Image:
    """The questions about one image.

    Attributes:
        id: the image's id.
        questions: how many there are.
        tokens: what they are expected to cost together.
    """

    id: str
    questions: int
    tokens: int


def images_of(asked: Iterable[tuple[Sample, Request]]) -> list[Image]:
    """Returns the images of a task in the order in which they are first asked about; no sample is kept."""
    found: dict[str, list[int]] = {}
    for sample, request in asked:
        sums = found.setdefault(sample.image_id, [0, 0])
        sums[0] += 1
        sums[1] += expected_tokens(sample, request)
    return [Image(name, questions, tokens) for name, (questions, tokens) in found.items()]


def packs(images: Sequence[Image], batch_size: int) -> Iterator[list[Image]]:
    """Yields images that follow each other in packs of 4 to 8 batches, which end with a whole batch where they can.

    >>> [len(pack) for pack in packs([Image(str(n), 3, 30) for n in range(50)], batch_size=4)]
    [8, 8, 8, 8, 8, 8, 2]
    """
    pack: list[Image] = []
    questions = 0
    for image in images:
        pack.append(image)
        questions += image.questions
        whole, rest = divmod(questions, batch_size)
        if whole >= 2 * BATCHES_PER_PACK or (whole >= BATCHES_PER_PACK and not rest):
            yield pack
            pack, questions = [], 0
    if pack:
        yield pack


def divide(costs: Sequence[int], shares: int) -> list[int]:
    """Returns for each cost the share that takes it: the dearest first, each to the share with the least so far.

    No share costs more than 4/3 of the least that is possible (Graham, Bounds on multiprocessing timing anomalies,
    SIAM J. Appl. Math. 17, 1969). Equal costs go by their order, so every process finds the same.

    >>> divide([5, 3, 3, 2, 2, 1], 2)
    [0, 1, 1, 0, 1, 0]
    """
    taken = [0] * len(costs)
    sums = [(0, share) for share in range(shares)]
    for index in sorted(range(len(costs)), key=lambda index: (-costs[index], index)):
        total, share = heapq.heappop(sums)
        taken[index] = share
        heapq.heappush(sums, (total + costs[index], share))
    return taken


def share(images: Sequence[Image], batch_size: int, index: int, count: int) -> dict[str, int]:
    """Returns the images of one of several shares, each with the number of its pack.

    Args:
        images: all of a task's images.
        batch_size: questions that the model is asked at a time.
        index: which share, from 0.
        count: how many there are.
    """
    packed = list(packs(images, batch_size))
    takers = divide([sum(image.tokens for image in pack) for pack in packed], count)
    own = (number for number, taker in enumerate(takers) if taker == index)
    return {image.id: number for number in own for image in packed[number]}
