"""METEOR 1.5: words of a caption aligned with a reference's, also by stem, synonym and paraphrase; needs Java."""

from __future__ import annotations

import subprocess
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from tempfile import TemporaryFile
from threading import Thread
from typing import IO, TYPE_CHECKING

from harness.deferred import Deferred
from harness.errors import EnvironmentProblem
from harness.interfaces import MetricInfo
from harness.metrics.additive import Together
from harness.metrics.captions.java import java_and_package
from harness.metrics.captions.ngrams import caption
from harness.metrics.captions.ptb import words
from harness.records import Answered

if TYPE_CHECKING:
    import numpy as np

    from harness.metrics.additive import Floats, Totals
else:
    np = Deferred("numpy")

# English, ranking task: the jar's defaults (Denkowski and Lavie, WMT 2014, table 1).
ALPHA, BETA, GAMMA, DELTA = 0.85, 0.2, 0.6, 0.75
MODULES = {"exact": 1.0, "stem": 0.6, "synonym": 0.8, "paraphrase": 0.6}
#: The numbers that the jar answers for one caption, in its order; `said` is the caption, `meant` the best reference.
STATISTICS = (
    "said", "meant", "said_function", "meant_function",
    *(f"{side}_{module}{kind}" for module in MODULES for kind in ("", "_function") for side in ("said", "meant")),
    "chunks", "said_matched", "meant_matched",
)  # fmt: skip


@dataclass(frozen=True)
class Meteor(Together):
    """METEOR over all captions together, from the sums of what its aligner counts in each.

    The aligner is the jar in pycocoevalcap (extra `captions`), one Java process for all captions of a task. It reads
    the words that the other caption metrics count. Of several references the one that fits best is taken.
    """

    @property
    def info(self) -> MetricInfo:
        """What a report prints beside the score."""
        return MetricInfo(
            "percent", "higher",
            f"(1 - {GAMMA} (chunks / matches)^{BETA}) P R / ({ALPHA} P + {1 - ALPHA:.2f} R); P, R = weighted matched "
            f"words / words, content words {DELTA}, function words {1 - DELTA}; exact 1, stem 0.6, synonym 0.8, "
            "paraphrase 0.6",
            "Denkowski and Lavie, WMT 2014: meteor-1.5.jar of pycocoevalcap 1.2, -l en -norm, on Penn Treebank words",
        )  # fmt: skip

    def score_all(self, samples: Sequence[Answered]) -> list[dict[str, float]]:
        """Returns the aligner's counts of each caption, those that are not 0, and a `count` of 1.

        Raises:
            EnvironmentProblem: Java or the extra is missing, or Java ended with an error.
        """
        lines = [_line(sample) if sample.target.texts else "" for sample in samples]
        # A data set's images often share their references, and a model its captions.
        different = list(dict.fromkeys(filter(None, lines)))
        found = dict(zip(different, aligned(different), strict=True)) if different else {}
        return [found.get(line, {}) for line in lines]

    def from_totals(self, totals: Totals) -> Floats:
        """Returns METEOR of the sums."""
        zero = np.zeros_like(totals["count"])
        sums = {name: totals.get(name, zero) for name in STATISTICS}
        precision, recall = (_matched_share(sums, side) for side in ("said", "meant"))
        mean = _quotient(precision * recall, ALPHA * precision + (1 - ALPHA) * recall)
        matched = (sums["said_matched"] + sums["meant_matched"]) / 2
        return mean * (1 - GAMMA * _quotient(sums["chunks"], matched) ** BETA)


def _matched_share(sums: Mapping[str, Floats], side: str) -> Floats:
    """Weighted matched words over words of one side, content words weighing more than function words."""
    function = sums[f"{side}_function"]
    length = DELTA * (sums[side] - function) + (1 - DELTA) * function
    matched = sum(
        weight * (DELTA * sums[f"{side}_{module}"] + (1 - DELTA) * sums[f"{side}_{module}_function"])
        for module, weight in MODULES.items()
    )
    return _quotient(np.asarray(matched), length)


def _quotient(above: Floats, below: Floats) -> Floats:
    return np.divide(above, below, out=np.zeros_like(below), where=below > 0)


def _line(sample: Answered) -> str:
    texts = [*sample.target.texts, caption(sample.prediction)]
    return " ||| ".join(["SCORE", *(" ".join(words(text)) for text in texts)])


def command() -> list[str]:
    """Returns the command line of the aligner.

    Raises:
        EnvironmentProblem: Java or the extra `captions` is missing; says which, and how to get it.
    """
    java, package = java_and_package("METEOR")
    jar = package / "meteor" / "meteor-1.5.jar"
    if not jar.is_file():
        raise EnvironmentProblem(f"METEOR cannot run: {jar} is missing. Install pycocoevalcap 1.2 again")
    return [java, "-Xmx2G", "-Dfile.encoding=UTF-8", "-jar", str(jar), "-", "-", "-stdio", "-l", "en", "-norm"]


def aligned(lines: Sequence[str]) -> list[dict[str, float]]:
    """Returns the counts that one Java process answers for some lines, and a `count` of 1 with each.

    Raises:
        EnvironmentProblem: Java or the extra is missing, or Java ended early; with its own words.
    """
    with (
        TemporaryFile() as complaints,
        subprocess.Popen(  # noqa: S603 - java by its full path, with fixed arguments
            command(), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=complaints
        ) as process,
    ):
        assert process.stdin is not None and process.stdout is not None  # noqa: S101, PT018 - both are pipes
        # Written by a thread while the answers are read: neither side waits for the other, and no pipe fills up.
        writer = Thread(target=_write, args=(process.stdin, lines), daemon=True)
        writer.start()
        try:
            answers = [_numbers(line) for line in process.stdout]
            writer.join()
        except BaseException:
            process.kill()
            raise
        code = process.wait()
        if code or len(answers) != len(lines):
            complaints.seek(0)
            said = complaints.read().decode(errors="replace").strip().splitlines()
            raise EnvironmentProblem(
                f"METEOR's Java process ended with code {code} after {len(answers)} of {len(lines)} captions: "
                f"{said[-1] if said else 'it said nothing'}"
            )
    return answers


def _write(pipe: IO[bytes], lines: Iterable[str]) -> None:
    try:
        with pipe:
            pipe.writelines(f"{line}\n".encode(errors="replace") for line in lines)
    except BrokenPipeError:
        pass  # Java has ended: who reads its answers finds too few and says why


def _numbers(line: bytes) -> dict[str, float]:
    """The counts of one answer; a caption that matches as a whole has no chunk, as in the jar's own sums."""
    numbers = dict(zip(STATISTICS, map(float, line.split()), strict=True))
    whole = numbers["said_matched"] == numbers["said"] and numbers["meant_matched"] == numbers["meant"]
    if whole and numbers["chunks"] == 1:
        numbers["chunks"] = 0.0
    return {name: value for name, value in numbers.items() if value} | {"count": 1.0}
