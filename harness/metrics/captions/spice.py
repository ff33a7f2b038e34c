"""SPICE: what a caption says of things, their attributes and relations; needs Java and CoreNLP's models."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import orjson

from harness.errors import EnvironmentProblem
from harness.interfaces import MetricInfo
from harness.metrics.additive import Together, ratio
from harness.metrics.captions.java import java_and_package
from harness.metrics.captions.ngrams import caption
from harness.metrics.captions.ptb import words
from harness.records import Answered

if TYPE_CHECKING:
    from harness.metrics.additive import Floats, Totals

MODELS = ("stanford-corenlp-3.6.0.jar", "stanford-corenlp-3.6.0-models.jar")


@dataclass(frozen=True)
class Spice(Together):
    """The mean over captions of SPICE, by the jar in pycocoevalcap (extra `captions`).

    The jar needs Stanford's CoreNLP 3.6.0 and its models, which are in no package: without them the score is n/a and
    says where they are looked for. Nothing is downloaded.
    """

    @property
    def info(self) -> MetricInfo:
        """What a report prints beside the score."""
        return MetricInfo(
            "percent", "higher", "mean of F of the tuples of two scene graphs",
            "Anderson et al., ECCV 2016: spice-1.0.jar of pycocoevalcap 1.2, on Penn Treebank words",
        )  # fmt: skip

    def score_all(self, samples: Sequence[Answered]) -> list[dict[str, float]]:
        """Returns each caption's `spice` and a `count` of 1; nothing where the jar gives no number.

        Raises:
            EnvironmentProblem: Java, the extra or the models are missing, or Java ended with an error.
        """
        asked = [
            {
                "image_id": index,
                "test": _words(caption(sample.prediction)),
                "refs": list(map(_words, sample.target.texts)),
            }
            for index, sample in enumerate(samples)
            if sample.target.texts
        ]
        found = {row["image_id"]: row["scores"]["All"]["f"] for row in parsed(asked)} if asked else {}
        # The jar writes NaN, which JSON does not know, as null or as a text.
        return [
            {"spice": float(value), "count": 1.0} if isinstance(value := found.get(index), int | float) else {}
            for index in range(len(samples))
        ]

    def from_totals(self, totals: Totals) -> Floats:
        """Returns the means."""
        return ratio(totals["spice"], totals["count"])


def _words(text: str) -> str:
    return " ".join(words(text)).encode(errors="replace").decode()


def command() -> list[str]:
    """Returns the command line of the jar, without its files.

    Raises:
        EnvironmentProblem: Java, the extra or the models are missing; says which.
    """
    java, package = java_and_package("SPICE")
    library = package / "spice" / "lib"
    if lacking := [name for name in MODELS if not (library / name).is_file()]:
        raise EnvironmentProblem(
            f"SPICE cannot run: {' and '.join(lacking)} of Stanford's CoreNLP (stanford-corenlp-full-2015-12-09) are "
            f"not in {library}. Put them there, or leave the metric out"
        )
    return [java, "-Xmx8G", "-jar", str(package / "spice" / "spice-1.0.jar")]


def parsed(asked: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Returns what the jar writes about some captions.

    Raises:
        EnvironmentProblem: something is missing, or Java ended with an error; with its own words.
    """
    start = command()
    with TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "cache").mkdir()
        (folder / "in.json").write_bytes(orjson.dumps(asked))
        files = [str(folder / "in.json"), "-cache", str(folder / "cache"), "-out", str(folder / "out.json")]
        done = subprocess.run(  # noqa: S603 - java by its full path, with fixed arguments
            [*start, *files, "-subset", "-silent"], capture_output=True, check=False
        )
        if done.returncode or not (folder / "out.json").is_file():
            said = done.stderr.decode(errors="replace").strip().splitlines()
            raise EnvironmentProblem(
                f"SPICE's Java process ended with code {done.returncode}: {said[-1] if said else 'it said nothing'}"
            )
        found: list[dict[str, Any]] = orjson.loads((folder / "out.json").read_bytes().replace(b"NaN", b"null"))
    return found
