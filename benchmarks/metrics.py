"""What the metrics cost, side by side with the code that they are equal to.

    python benchmarks/metrics.py [SECTION ..] [--runs 3]

Each section is one function; without a name all of them run.
"""

import argparse
import contextlib
import io
import os
import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from pycocoevalcap.bleu.bleu import Bleu as CocoBleu
from pycocoevalcap.cider.cider import Cider as CocoCider
from pycocoevalcap.meteor.meteor import Meteor as CocoMeteor
from pycocoevalcap.rouge.rouge import Rouge as CocoRouge
from pycocoevalcap.tokenizer.ptbtokenizer import PTBTokenizer

from harness.metrics.captions import bleu, ngrams, ptb
from harness.metrics.captions.cider import Cider
from harness.metrics.captions.meteor import Meteor
from harness.metrics.captions.rouge import RougeL
from harness.records import Answered, Prediction, Target


@dataclass
class Times:
    """The least seconds of several runs; CPU seconds are those of this process and of the ones it started."""

    wall: float = float("inf")
    cpu: float = float("inf")


IMAGES, REFERENCES = 1093, 5
THINGS = (
    "planes",
    "buildings",
    "trees",
    "cars",
    "ships",
    "storage tanks",
    "baseball fields",
    "ponds",
    "houses",
    "roads",
)
COLOURS = ("white", "green", "gray", "red", "blue", "many", "several", "some", "two", "three", "dense", "large")
PLACES = (
    "in an airport", "near a road", "on both sides of a river", "in a residential area", "next to the sea",
    "in a park", "around a lake", "on a piece of bareland", "by the railway station", "in two rows",
)  # fmt: skip


def sentence(choose: random.Random) -> str:
    """A caption of about the length and the vocabulary of RSICD's; a third of them are said again and again."""
    few = choose.random() < 0.35
    pick = (lambda words: words[choose.randrange(3)]) if few else choose.choice
    parts = [f"{pick(COLOURS)} {pick(THINGS)}" for _ in range(1 if few else choose.randint(1, 3))]
    return f"{' and '.join(parts)} are {pick(PLACES)} ."


def captions(runs: int) -> tuple[Times, Times]:
    """BLEU-1 to 4, ROUGE-L and CIDEr of 1,093 captions with 5 references each, tokenizing included."""
    references, answers = caption_data()

    def theirs() -> list[float]:
        tokenizer = PTBTokenizer()
        rows = {key: [{"caption": text} for text in texts] for key, texts in references.items()}
        right = tokenizer.tokenize(rows)
        said = tokenizer.tokenize({key: [{"caption": text}] for key, text in answers.items()})
        with contextlib.redirect_stdout(io.StringIO()):
            bleus = CocoBleu(4).compute_score(right, said)[0]
        others = (scorer.compute_score(right, said)[0] for scorer in (CocoRouge(), CocoCider()))
        return [*bleus, *map(float, others)]

    return compared(theirs, lambda: ours(references, answers, PLAIN), runs)


def captions_with_meteor(runs: int) -> tuple[Times, Times]:
    """The same with METEOR, against pycocoevalcap's METEOR alone: its one Java process."""
    references, answers = caption_data()
    right = {key: [" ".join(ptb.words(text)) for text in texts] for key, texts in references.items()}
    said = {key: [" ".join(ptb.words(text))] for key, text in answers.items()}

    def theirs() -> list[float]:
        return [CocoMeteor().compute_score(right, said)[0]]

    return compared(theirs, lambda: ours(references, answers, [Meteor(), *PLAIN]), runs)


def caption_data() -> tuple[dict[int, list[str]], dict[int, str]]:
    choose = random.Random(3)
    references = {image: [sentence(choose) for _ in range(REFERENCES)] for image in range(IMAGES)}
    return references, {image: sentence(choose) for image in range(IMAGES)}


PLAIN: list[Any] = [*(bleu.Bleu(order=order) for order in (1, 2, 3, 4)), RougeL(), Cider()]


def ours(references: dict[int, list[str]], answers: dict[int, str], metrics: list[Any]) -> list[float]:
    """The harness's metrics, with nothing left in their caches from an earlier run."""
    for cached in (ptb.words, ngrams.counted, bleu.matches):
        cached.cache_clear()
    samples = [
        Answered(Target(texts=tuple(texts)), Prediction("ok", text=answers[key])) for key, texts in references.items()
    ]
    scores = []
    for metric in metrics:
        together = hasattr(metric, "score_all")
        rows = metric.score_all(samples) if together else [metric.score(s.target, s.prediction, {}) for s in samples]
        names = sorted(set().union(*rows))
        scores.append(metric.reduce({name: np.array([row.get(name, 0.0) for row in rows]) for name in names}))
    return scores


def compared(theirs: Callable[[], list[float]], our_own: Callable[[], list[float]], runs: int) -> tuple[Times, Times]:
    """Runs both in turns; the scores that both give must be equal."""
    least = Times(), Times()
    for _ in range(runs):
        scores = [timed(work, times) for work, times in zip((theirs, our_own), least, strict=True)]
        difference = max(abs(one - other) for one, other in zip(*scores, strict=False))
        if difference > 1e-6:
            raise SystemExit(f"the scores differ by {difference}: {scores}")
    return least


def timed(work: Callable[[], list[float]], least: Times) -> list[float]:
    wall, cpu = time.perf_counter(), sum(os.times()[:4])
    scores = work()
    least.wall = min(least.wall, time.perf_counter() - wall)
    least.cpu = min(least.cpu, sum(os.times()[:4]) - cpu)
    return scores


SECTIONS = {"captions": captions, "captions_with_meteor": captions_with_meteor}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sections", nargs="*", metavar="SECTION", help=", ".join(SECTIONS))
    parser.add_argument("--runs", type=int, default=3)
    options = parser.parse_args()
    if unknown := set(options.sections) - set(SECTIONS):
        parser.error(f"unknown section {', '.join(sorted(unknown))}; known: {', '.join(SECTIONS)}")
    print("| section | theirs: wall | CPU s | ours: wall | CPU s | times as fast: wall | CPU |")
    print("|---|---:|---:|---:|---:|---:|---:|")
    for name in options.sections or SECTIONS:
        their, our = SECTIONS[name](options.runs)
        cells = [their.wall, their.cpu, our.wall, our.cpu]
        ratios = [their.wall / our.wall, their.cpu / our.cpu]
        print("|", name, *(f"| {cell:.2f}" for cell in cells), *(f"| {ratio:.1f}" for ratio in ratios), "|", flush=True)


if __name__ == "__main__":
    main()
