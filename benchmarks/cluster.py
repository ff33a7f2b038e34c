"""What a model of 7 billion parameters costs on the shipped benchmarks, in hours of one card: computed, not measured.

    python benchmarks/cluster.py [--prefill 8900] [--decode 1370] [--cards 8] [--all]

The number of samples is that of each task's file (`expects`). The rest is assumed: a prompt of 576 image tokens and 60
words' tokens, as many answer tokens as the table of capabilities says (or max_new_tokens, where that is less), and two
rates of one card. The defaults are those of 7 billion parameters in bfloat16 on an A100 (312 TFLOP/s, 2.0 TB/s), 16
questions at a time: a token of the prompt takes 14 GFLOP at 40 % of the card's speed, a step of 16 answer tokens reads
14 GB at 60 % of its bandwidth. Reading images, a mask decoder, and the loading of the model come on top.
"""

import argparse
from collections.abc import Iterator
from dataclasses import dataclass

from harness.catalog import Catalogue, shipped
from harness.plugins import installed
from harness.processes.balance import IMAGE_TOKENS
from harness.spec import TaskSpec

PROMPT_TOKENS = IMAGE_TOKENS + 60
ANSWER_TOKENS = {"vqa": 3, "choose": 3, "classify": 5, "caption": 40, "segment": 16, "refer": 24}


@dataclass(frozen=True)
class Cost:
    """One task on one card.

    Attributes:
        task: its name.
        samples: how many there are; None where the task's file does not say.
        answer: tokens of an answer.
        hours: of one card; 0 where the samples are not known.
    """

    task: str
    samples: int | None
    answer: int
    hours: float


def costs(prefill: float, decode: float) -> Iterator[Cost]:
    """Yields the cost of each shipped task.

    Args:
        prefill: tokens of prompts a second.
        decode: tokens of answers a second.
    """
    catalogue = Catalogue([shipped("tasks")], installed())
    for entry in sorted(catalogue.entries, key=lambda entry: entry.name):
        yield cost(catalogue.task(entry.name).spec, prefill, decode)


def cost(spec: TaskSpec, prefill: float, decode: float) -> Cost:
    answer = min(ANSWER_TOKENS[spec.capability], spec.generation.max_new_tokens)
    samples = spec.expects.samples if spec.expects else None
    return Cost(spec.name, samples, answer, (samples or 0) * (PROMPT_TOKENS / prefill + answer / decode) / 3600)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--prefill", type=float, default=8900, help="Tokens of prompts a second and card.")
    parser.add_argument("--decode", type=float, default=1370, help="Tokens of answers a second and card.")
    parser.add_argument("--cards", type=int, default=8)
    parser.add_argument("--all", action="store_true", help="Also tasks of less than a tenth of an hour.")
    options = parser.parse_args()
    found = sorted(costs(options.prefill, options.decode), key=lambda one: -one.hours)
    print("| task | samples | answer tokens | hours of one card |")
    print("|---|---:|---:|---:|")
    shown = [one for one in found if one.samples and (options.all or one.hours >= 0.1)]
    for one in shown:
        print(row(f"`{one.task}`", [one], str(one.answer)))
    rest = [one for one in found if one not in shown and one.samples]
    if rest:
        print(row(f"{len(rest)} others", rest))
    known = [one for one in found if one.samples]
    print(row(f"all {len(known)} tasks of known size", known))
    print(f"\nOn {options.cards} cards: {sum(one.hours for one in known) / options.cards:.2f} hours.")
    print(f"Size not known: {', '.join(one.task for one in found if not one.samples) or 'none'}.")


def row(name: str, costs: list[Cost], answer: str = "") -> str:
    samples = sum(one.samples or 0 for one in costs)
    return f"| {name} | {samples:,} | {answer} | {sum(one.hours for one in costs):.2f} |"


if __name__ == "__main__":
    main()
