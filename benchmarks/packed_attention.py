"""What attention costs where questions are packed behind an image: torch's fused kernel, products, products in blocks.

    python -m benchmarks.packed_attention [--images 6] [--heads 4] [--width 48] [--image-tokens 256] [--question 37]

A row is an image's tokens, then questions that see the image and themselves. Each cell is the least CPU time of three
rounds on one thread, forward and backward through one layer.
"""

import argparse
import time
from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional

from geopix.attention import attend

ROUNDS, WARM = 3, 1


def packed_scores(image: int, questions: int, question: int) -> Tensor:
    """Returns float[1, 1, L, L]: zero where a token of a packed row may look, the least number elsewhere."""
    length = image + questions * question
    row = torch.arange(length)
    owner = (row - image).div(question, rounding_mode="floor").clamp(min=-1)
    seen = (owner[None] == owner[:, None]) | (owner[None] == -1)
    return torch.zeros(1, 1, length, length).masked_fill(~(seen & (row[None] <= row[:, None])), torch.finfo().min)


def whole(queries: Tensor, keys: Tensor, values: Tensor, scores: Tensor) -> Tensor:
    """Every query with every key."""
    return attend(queries, keys, values, scores=scores, block=queries.shape[-2])


def in_blocks(queries: Tensor, keys: Tensor, values: Tensor, scores: Tensor) -> Tensor:
    """As recipes with `attention: products` do."""
    return attend(queries, keys, values, scores=scores)


def fused(queries: Tensor, keys: Tensor, values: Tensor, scores: Tensor) -> Tensor:
    """As recipes with `attention: sdpa` do."""
    return functional.scaled_dot_product_attention(queries, keys, values, attn_mask=scores.to(queries.dtype))


WAYS = {"torch's fused kernel": fused, "products, whole": whole, "products, in blocks": in_blocks}


def seconds(way: Callable[..., Tensor], states: list[Tensor], scores: Tensor) -> float:
    """Returns the least CPU time of a forward and a backward pass."""
    taken = []
    for _ in range(WARM + ROUNDS):
        began = time.process_time()
        torch.autograd.grad(way(*states, scores).sum(), states)
        taken.append(time.process_time() - began)
    return min(taken[WARM:])


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=6)
    parser.add_argument("--heads", type=int, default=4)
    parser.add_argument("--width", type=int, default=48, help="of a head")
    parser.add_argument("--image-tokens", type=int, default=256)
    parser.add_argument("--question", type=int, default=37, help="tokens of a question with its answer")
    given = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    print("| questions | tokens | type |", " | ".join(WAYS), "| times as fast as fused | as whole |")
    print("|---:|---:|---|" + "---:|" * (len(WAYS) + 2))
    for questions in (4, 10, 20):
        scores = packed_scores(given.image_tokens, questions, given.question).expand(given.images, -1, -1, -1)
        for dtype in (torch.float32, torch.bfloat16):
            shape = (given.images, given.heads, scores.shape[-1], given.width)
            states = [torch.randn(shape, dtype=dtype, requires_grad=True) for _ in range(3)]
            took = [seconds(way, states, scores) for way in WAYS.values()]
            cells = " | ".join(f"{each:.3f}" for each in took)
            name = str(dtype).removeprefix("torch.")
            ratios = f"{took[0] / took[2]:.1f} | {took[1] / took[2]:.1f}"
            print(f"| {questions} | {scores.shape[-1]} | {name} | {cells} | {ratios} |")


if __name__ == "__main__":
    main()
