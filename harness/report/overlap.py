"""Test samples whose image a checkpoint may have been trained on, told by the bytes of the image files.

A checkpoint that keeps `fingerprints.jsonl`, one JSON object a line with the `sha256` of a training image's file, names
it in its settings as `fingerprints`, relative to its folder, which they name as `checkpoint`.
"""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import orjson

from harness.comparison.evidence import metric_of
from harness.corpus import Table
from harness.errors import DataError
from harness.paths import below
from harness.records import Record
from harness.results import MetricCard, RunManifest, Score
from harness.statistics import interval


@dataclass(frozen=True)
class Overlap:
    """Samples of a test set that a checkpoint has seen in training.

    Attributes:
        seen: ids of samples of which an image is among the training images.
        unread: how many samples have an image that is not at hand, so that nothing is known of them.
    """

    seen: frozenset[str]
    unread: int


def fingerprints(manifest: RunManifest) -> frozenset[str] | None:
    """Returns the sha256 of a checkpoint's training images; None where its settings name no such file.

    Raises:
        DataError: the file is absent or outside the checkpoint, or a line of it is no fingerprint.
    """
    name = manifest.settings.get("fingerprints")
    if not name:
        return None
    file = below(Path(manifest.settings.get("checkpoint", ".")), name)
    try:
        lines = file.read_bytes().splitlines()
    except OSError as error:
        raise DataError(
            f"{file}: the training images' fingerprints cannot be read: {error.strerror}. Put the file back, or take "
            "`fingerprints` out of the run's settings."
        ) from error
    return frozenset(_fingerprint(file, number, line) for number, line in enumerate(lines, 1) if line.strip())


def _fingerprint(file: Path, number: int, line: bytes) -> str:
    try:
        digest = orjson.loads(line)["sha256"]
    except (orjson.JSONDecodeError, KeyError, TypeError):
        digest = None
    if not isinstance(digest, str) or len(digest) != 64:
        raise DataError(f'{file}:{number}: expected an object such as {{"sha256": "64 hexadecimal digits"}}.')
    return digest.lower()


def find_overlap(known: frozenset[str], data_dir: Path, records: Iterable[Record]) -> Overlap:
    """Returns which samples have an image among the training images.

    Args:
        known: sha256 of the training images' files.
        data_dir: the folder that the records' image files are relative to.
        records: the run's records of one task.
    """
    digests: dict[str, str | None] = {}
    seen, unread = set(), 0
    for record in records:
        for name in record.image_files:
            if name not in digests:
                digests[name] = _digest(data_dir, name)
        found = [digests[name] for name in record.image_files]
        if any(digest in known for digest in found):
            seen.add(record.sample_id)
        elif not found or None in found:
            unread += 1
    return Overlap(frozenset(seen), unread)


def _digest(data_dir: Path, name: str) -> str | None:
    try:
        return hashlib.sha256(below(data_dir, name).read_bytes()).hexdigest()
    except (DataError, OSError, ValueError):
        return None


def score_without(seen: frozenset[str], table: Mapping[str, Record], card: MetricCard, seed: int) -> Score:
    """Returns a run's score over the samples that the checkpoint has not seen.

    Args:
        seen: ids of samples to leave out.
        table: the run's records by sample id.
        card: the metric.
        seed: of the bootstrap.

    Raises:
        GeoPixError: the metric is not installed.
    """
    kept = [record for name, record in table.items() if name not in seen]
    _, clusters = np.unique(np.array([record.cluster for record in kept], dtype=np.str_), return_inverse=True)
    scored = Table.of(kept, card.name, clusters.astype(np.int64)).scored()
    count = len(scored.clusters)
    if not count:
        return Score(card.name, None, None, None, 0, 0, "no other sample is scored")
    metric = metric_of(card)
    bounds = interval(metric, scored.columns, scored.clusters, seed=seed)
    value = metric.reduce(scored.columns)
    return Score(card.name, value, bounds.low, bounds.high, count, bounds.clusters, bounds.reason)
