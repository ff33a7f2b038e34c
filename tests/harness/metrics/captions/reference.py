"""Captions with the scores that pycocoevalcap gave them, see ../shared/parity/README.md."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.records import Answered, Prediction, Target

SETS = ("coco_fakecap_1000", "ucm_earthdial", "sydney_earthdial", "edge", "edge_single_image")


@dataclass(frozen=True)
class Reference:
    """One of the recorded sets."""

    samples: list[Answered]
    corpus: Mapping[str, float]
    per_image: Mapping[str, list[float]]


def reference(shared: Path, name: str) -> Reference:
    found = json.loads((shared / f"parity/metrics/captions_{name}.json").read_text("utf-8"))
    samples = [
        Answered(Target(texts=tuple(found["gts"][key])), Prediction("ok", text=found["res"][key][0]))
        for key in found["gts"]
    ]
    return Reference(samples, found["expected"]["corpus"], found["expected"]["per_image"])


def columns(metric: Any, samples: Sequence[Answered]) -> dict[str, NDArray[np.float64]]:
    together = hasattr(metric, "score_all")
    rows = metric.score_all(samples) if together else [metric.score(s.target, s.prediction, s.tags) for s in samples]
    return as_columns(rows)


def as_columns(rows: Sequence[Mapping[str, float]]) -> dict[str, NDArray[np.float64]]:
    return {name: np.array([row.get(name, 0.0) for row in rows]) for name in sorted(set().union(*rows))}
