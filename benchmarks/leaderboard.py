"""How large a leaderboard of many samples is, how long it takes to make, and how long Chromium takes to have it ready.

    python benchmarks/leaderboard.py [--samples 10000] [--runs 5] [--format single|folder] [--keep DIR]

The runs are drawn: yes-or-no, count and area questions in the manner of RSVQA-HR, five to an image, without pictures,
answered right by chance with a different skill each. "Ready" is from opening the file to the first rows of the table
of all samples on the screen: the page is loaded with an address that opens that table.
"""

import argparse
import shutil
import statistics
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from playwright.sync_api import sync_playwright

from harness.records import Prediction, Record, Response, Target
from harness.report.leaderboard import PAGE, write_leaderboard
from harness.results import Counts, MetricCard, RunManifest, Score, Slice, TaskResult
from harness.store import RunDirectory

QUESTIONS = (
    ("presence", "Is there a {} in the image?", ("yes", "no")),
    ("count", "What is the number of {}s?", tuple(map(str, range(20)))),
    ("area", "What is the area covered by {}s?", ("0m2", "between 0m2 and 10m2", "between 10m2 and 100m2")),
    ("comp", "Are there more {}s than roads?", ("yes", "no")),
)
THINGS = (
    "building",
    "road",
    "parking",
    "residential area",
    "water area",
    "commercial building",
    "small square building",
)
CARD = MetricCard("oa", "accuracy", {}, True, "percent", "higher", "right answers / questions", "arXiv:2003.07333")


def records(count: int, skill: float, seed: int) -> Iterator[Record]:
    random = np.random.default_rng(seed)
    asked = np.random.default_rng(0)
    for index in range(count):
        kind, words, answers = QUESTIONS[int(asked.integers(len(QUESTIONS)))]
        thing, truth = THINGS[int(asked.integers(len(THINGS)))], answers[int(asked.integers(len(answers)))]
        said = truth if random.random() < skill else answers[int(random.integers(len(answers)))]
        yield Record(
            key=f"{index:064x}",
            sample_id=str(index),
            cluster=str(index // 5),
            images=(str(index // 5),),
            image_files=(),
            prompt=words.format(thing) + "\nAnswer the question using a single word or phrase.",
            fields={},
            target=Target(texts=(truth,)),
            response=Response(text=said.capitalize(), seconds=0.1, tokens=3),
            prediction=Prediction("ok", text=said),
            statistics={"oa": {"correct": float(said == truth), "count": 1.0}},
            tags={"type": kind},
        )


def score(found: list[Record]) -> Score:
    value = statistics.fmean(record.statistics["oa"]["correct"] for record in found)
    return Score("oa", value, value - 0.01, value + 0.01, len(found), len({record.cluster for record in found}))


def write_runs(folder: Path, samples: int, runs: int) -> None:
    for number in range(runs):
        found = list(records(samples, 0.5 + 0.02 * number, seed=number + 1))
        run = RunDirectory(folder / f"checkpoint-{number}")
        about = RunManifest(
            f"checkpoint-{number}", "", f"{number:064x}", {"step": str(100 * number)}, {}, (), "", 0, ""
        )
        run.open(about)
        slices = [
            Slice("type", kind, (score([r for r in found if r.tags["type"] == kind]),)) for kind, _, _ in QUESTIONS
        ]
        counts = Counts(**Counter(record.prediction.status for record in found))
        result = TaskResult(
            "questions", "Drawn questions", 1, "vqa", "t" * 64, "d" * 64, "p" * 64, "image_id", counts, (CARD,),
            (score(found),), tuple(slices),
        )  # fmt: skip
        (run.path / "questions").mkdir(exist_ok=True)
        run.close_task(result, found)


def ready(page: Path, times: int = 3) -> tuple[float, float]:
    """Seconds until the page is loaded, and until the table of all samples shows rows: medians."""
    program = shutil.which("chromium")
    if program is None:
        sys.exit("chromium is not installed")
    loaded, listed = [], []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox", "--disable-gpu"])
        for _ in range(times):
            tab = browser.new_page()
            tab.set_default_timeout(300_000)
            start = time.perf_counter()
            tab.goto(page.resolve().as_uri() + "#task=questions")
            loaded.append(time.perf_counter() - start)
            tab.wait_for_selector(".samples-table tbody tr")
            listed.append(time.perf_counter() - start)
            tab.close()
        browser.close()
    return statistics.median(loaded), statistics.median(listed)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--samples", type=int, default=10_000)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--format", choices=["single", "folder"], default="single")
    parser.add_argument("--keep", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.keep or Path(temporary)
        write_runs(folder / "runs", options.samples, options.runs)
        output = folder / ("board" if options.format == "folder" else "board.html")
        start, cpu = time.perf_counter(), time.process_time()
        summary = write_leaderboard(
            [folder / "runs"], output, baseline="checkpoint-0", samples_per_task=0, form=options.format
        )
        made, worked = time.perf_counter() - start, time.process_time() - cpu
        page = output / PAGE if options.format == "folder" else output
        loaded, listed = ready(page)
    print(f"{options.samples:,} samples, {options.runs} checkpoints, {options.format}")
    print(f"size {summary.bytes / 1e6:.2f} MB; page {page.name}")
    print(f"made in {made:.1f} s ({worked:.1f} s of CPU time)")
    print(f"loaded in {loaded:.2f} s, all samples listed in {listed:.2f} s")


if __name__ == "__main__":
    main()
