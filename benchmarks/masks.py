"""Masks: all presets over run lengths against RMSIN's way over dense arrays, and the bootstrap of oIoU.

    python benchmarks/masks.py [--pairs 3481] [--side 800] [--runs 3] [--samples 17402] [--replicates 10000]

The first table scores as many pairs as RRSIS-D's test split has, at its size. Every way gets the masks as records hold
them, as run lengths. RMSIN's test script takes dense arrays, counts both logical results of each pair and compares five
thresholds; its time is given with the decoding that records need, and without it, as if all masks lay in memory. The
ways must agree before a time is printed. The second table resamples oIoU over all of RRSIS-D, one image a sample.
"""

import argparse
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pycocotools import mask as coco

from harness.masks import area, checked, encode, overlap
from harness.metrics.conventions import THRESHOLDS, by_every_convention
from harness.metrics.segmentation import CumulativeIoU, MeanIoU, PrecisionAt
from harness.records import Mask, Prediction, Target
from harness.statistics import _kept, interval

Pairs = list[tuple[Mask, Mask]]
Bools = NDArray[np.bool_]


def draw(pairs: int, side: int) -> Pairs:
    """Draws wobbly discs, a sixth of them large, and for each one shifted, grown or shrunk a little."""
    random = np.random.default_rng(0)
    return [_pair(random, side) for _ in range(pairs)]


def _pair(random: np.random.Generator, side: int) -> tuple[Mask, Mask]:
    radius = random.uniform(100, side / 3) if random.random() < 1 / 6 else random.uniform(8, 80)
    centre = random.uniform(0, side, 2)
    moved = centre + random.uniform(-0.3, 0.3, 2) * radius
    return _disc(centre, radius, side), _disc(moved, radius * random.uniform(0.8, 1.2), side)


def _disc(centre: NDArray[np.float64], radius: float, side: int) -> Mask:
    low = np.clip(np.floor(centre - 1.3 * radius), 0, side - 1).astype(int)
    high = np.clip(np.ceil(centre + 1.3 * radius), low + 1, side).astype(int)
    down, right = np.mgrid[low[0] : high[0], low[1] : high[1]] - centre[:, None, None]
    angle = np.arctan2(down, right)
    pixels = np.zeros((side, side), dtype=bool)
    edge = radius * (1 + 0.2 * np.sin(5 * angle) + 0.04 * np.sin(31 * angle))
    pixels[low[0] : high[0], low[1] : high[1]] = np.hypot(down, right) < edge
    return encode(pixels)


def dense_scores(pairs: list[tuple[Bools, Bools]]) -> dict[str, float]:
    """Scores as RMSIN's test script does: both logical results summed, every IoU compared with five thresholds."""
    ious, reached, both, either = [], np.zeros(len(THRESHOLDS)), 0, 0
    for truth, answer in pairs:
        intersection = np.sum(np.logical_and(answer, truth))
        union = np.sum(np.logical_or(answer, truth))
        iou = intersection * 1.0 / union if union else 0.0
        ious.append(iou)
        both, either = both + intersection, either + union
        for place, threshold in enumerate(THRESHOLDS):
            reached[place] += iou >= threshold
    precision = {f"P@{threshold}": hits / len(ious) for threshold, hits in zip(THRESHOLDS, reached, strict=True)}
    return {"mIoU": float(np.mean(ious)), "oIoU": both / either, **precision}


def decoded(pairs: Pairs) -> list[tuple[Bools, Bools]]:
    return [(_dense(truth), _dense(answer)) for truth, answer in pairs]


def _dense(mask: Mask) -> Bools:
    pixels: Bools = coco.decode({"size": list(mask.size), "counts": mask.counts}).astype(bool)
    return pixels


def table_scores(pairs: Pairs) -> dict[str, float]:
    found = by_every_convention([truth for truth, _ in pairs], [answer for _, answer in pairs])["rmsin"]
    precision = {f"P@{threshold}": found.precision[threshold] for threshold in THRESHOLDS}
    return {"mIoU": found.mean_iou, "oIoU": found.cumulative_iou, **precision}  # type: ignore[dict-item]


def metric_scores(pairs: Pairs) -> dict[str, float]:
    """Scores as a run does, sample by sample, with the seven metrics of the task rrsis."""
    metrics = {"mIoU": MeanIoU(), "oIoU": CumulativeIoU(), **{f"P@{at}": PrecisionAt(at) for at in THRESHOLDS}}
    rows = [
        {
            name: metric.score(Target(masks=(truth,)), Prediction("ok", masks=(answer,)), {})
            for name, metric in metrics.items()
        }
        for truth, answer in pairs
    ]
    columns = {name: {key: np.array([row[name][key] for row in rows]) for key in rows[0][name]} for name in metrics}
    return {name: metric.reduce(columns[name]) for name, metric in metrics.items()}  # type: ignore[misc]


def check_all(pairs: Pairs) -> None:
    for truth, answer in pairs:
        checked(truth), checked(answer)


def forget() -> None:
    """Empties what is kept of earlier calls, so that each run starts anew."""
    for kept in (overlap, area, checked, _kept):
        kept.cache_clear()


def least(runs: int, work: Callable[[], Any]) -> tuple[float, float, Any]:
    """Returns the least wall and CPU seconds of some runs, and the last result."""
    wall, cpu, result = [], [], None
    for _ in range(runs):
        forget()
        started, used = time.perf_counter(), time.process_time()
        result = work()
        wall.append(time.perf_counter() - started)
        cpu.append(time.process_time() - used)
    return min(wall), min(cpu), result


def show(name: str, wall: float, cpu: float, per: int) -> None:
    print(f"| {name} | {wall:.3f} | {cpu:.3f} | {1e6 * cpu / per:.1f} |", flush=True)


def compare_masks(pairs: int, side: int, runs: int) -> None:
    drawn = draw(pairs, side)
    letters = np.mean([len(truth.counts) for truth, _ in drawn])
    print(f"{pairs:,} pairs of {side} x {side} pixels, {letters:.0f} letters a mask\n")
    print("| way | least wall seconds | least CPU seconds | CPU microseconds a pair |\n|---|---:|---:|---:|")
    fast_wall, fast, every = least(runs, lambda: table_scores(drawn))
    show("run lengths, all ten presets at once", fast_wall, fast, pairs)
    run_wall, run_cpu, sample_by_sample = least(runs, lambda: metric_scores(drawn))
    show("run lengths, sample by sample, the 7 metrics of rrsis", run_wall, run_cpu, pairs)
    check_wall, check_cpu, _ = least(runs, lambda: check_all(drawn))
    show("checking the encodings, once a mask, before either", check_wall, check_cpu, pairs)
    # Dense masks of all pairs would need gigabytes, so they are decoded and scored in parts.
    parts = [drawn[start : start + 200] for start in range(0, pairs, 200)]
    both = [least(1, lambda part=part: dense_scores(decoded(part))) for part in parts]  # type: ignore[misc]
    show("dense numpy, RMSIN's way, decoding first", sum(w for w, _, _ in both), sum(c for _, c, _ in both), pairs)
    dense_cpu, dense_wall = 0.0, 0.0
    for part in parts:
        arrays = decoded(part)
        wall, cpu, _ = least(1, lambda arrays=arrays: dense_scores(arrays))  # type: ignore[misc]
        dense_cpu, dense_wall = dense_cpu + cpu, dense_wall + wall
    show("dense numpy, RMSIN's way, masks in memory already", dense_wall, dense_cpu, pairs)
    agree(drawn[:200], every, sample_by_sample)
    print(f"\nall presets at once: {sum(c for _, c, _ in both) / fast:.0f} times as fast with decoding, ", end="")
    print(f"{dense_cpu / fast:.0f} times without (CPU seconds)\n")


def agree(part: Pairs, every: Any, sample_by_sample: Any) -> None:
    """Stops where two ways give two numbers."""
    assert all(abs(every[name] - value) < 1e-12 for name, value in sample_by_sample.items()), (every, sample_by_sample)
    dense, table = dense_scores(decoded(part)), table_scores(part)
    assert all(abs(dense[name] - table[name]) < 1e-12 for name in dense), (dense, table)


def bootstrap(samples: int, replicates: int, runs: int) -> None:
    random = np.random.default_rng(0)
    union = random.integers(100, 100_000, samples).astype(np.float64)
    columns = {"intersection": union * random.random(samples), "union": union}
    clusters = np.arange(samples)
    wall, cpu, _ = least(runs, lambda: interval(CumulativeIoU(), columns, clusters, replicates=replicates))
    print(f"{replicates:,} resamples of oIoU over {samples:,} clusters: {wall:.2f} s wall, {cpu:.2f} s CPU")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, default in (("pairs", 3481), ("side", 800), ("runs", 3), ("samples", 17402), ("replicates", 10000)):
        parser.add_argument(f"--{name}", type=int, default=default)
    given = parser.parse_args()
    compare_masks(given.pairs, given.side, given.runs)
    bootstrap(given.samples, given.replicates, given.runs)


if __name__ == "__main__":
    main()
