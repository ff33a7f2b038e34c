"""What it takes to close a task that several processes have answered: seconds and memory for N records.

    python benchmarks/merge.py [--records 1000000] [--files 8] [--per-image 100]

Yes-or-no questions, answered and kept in as many files as there were processes, as a kill leaves them before the
closing. A process of its own then does what `geopix-eval merge` does: it finds each sample's record, parses and scores
it anew, writes all in the data set's order, and draws the intervals. It holds neither questions nor records. The
questions come from this script, so that no reader's memory is measured, and no image is opened.
"""

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from harness.catalog import Catalogue, shipped
from harness.evaluate import close_gathered
from harness.plugins import installed
from harness.preparation import prepare
from harness.processes.attendance import Plan
from harness.processes.merging import Absent
from harness.records import ImageFile, Response, Sample, Target
from harness.results import TaskResult
from harness.scoring import record
from harness.settings import Settings
from harness.spec import Task
from harness.store import RunDirectory, encode

NAME = "rsvqa_hr"
MODEL = Absent("m1", reads_images=False)


@dataclass(frozen=True)
class Drawn:
    """Questions as a data set's reader gives them, one at a time."""

    count: int
    per_image: int

    def samples(self, root: Path) -> Iterator[Sample]:
        for number in range(self.count):
            image = str(number // self.per_image)
            yield Sample(
                id=str(number),
                images=(ImageFile(image, root / "Data" / f"{image}.tif"),),
                fields={"question": f"Is the thing {number} next to a road, or to the left of a building?"},
                target=Target(texts=("yes" if number % 3 else "no",)),
                tags={"type": ("presence", "comp")[number % 2]},
            )


def task_of(options: argparse.Namespace) -> Task:
    task = Catalogue([shipped("tasks")], installed()).task(NAME)
    return replace(task, reader=Drawn(options.records, options.per_image))


def write(options: argparse.Namespace, folder: Path) -> None:
    """Writes the records of all processes, whole images in turns."""
    task = task_of(options)
    places = RunDirectory(folder / "run").path / NAME
    places.mkdir(parents=True)
    (folder / task.spec.dataset.root).mkdir()
    files = [(places / f"records.{n + 1}-of-{options.files}.jsonl").open("wb") for n in range(options.files)]
    for number, work in enumerate(prepare(task, MODEL, Settings(folder))):
        answer = Response(text="yes" if number % 5 else "no", seconds=0.25, tokens=2)
        files[number // options.per_image % options.files].write(encode(record(task, work, answer)))
    for file in files:
        file.close()


def merge(options: argparse.Namespace, folder: Path) -> None:
    task = task_of(options)
    plan = Plan(task.digest, MODEL.digest, options.files, None, options.records, MODEL.reads_images, 16)
    start, busy = time.perf_counter(), time.process_time()
    result = close_gathered(task, MODEL, RunDirectory(folder / "run"), Settings(folder, previews=0), plan)
    assert isinstance(result, TaskResult)
    assert result.counts.total == options.records
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    busy = time.process_time() - busy
    print(
        f"| {options.records:,} | {options.files} | {time.perf_counter() - start:.0f} | {busy:.0f} | "
        f"{1e6 * busy / options.records:.0f} | {most:.2f} |"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--records", type=int, default=1_000_000)
    parser.add_argument("--files", type=int, default=8)
    parser.add_argument("--per-image", type=int, default=100)
    parser.add_argument("--folder", type=Path, help="Where the records are already; writes and measures by default.")
    options = parser.parse_args()
    if options.folder:
        merge(options, options.folder)
        return
    print("| records | files | wall seconds | CPU seconds | CPU microseconds a record | most memory, GiB |")
    print("|---:|---:|---:|---:|---:|---:|", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        write(options, Path(folder))
        again = [sys.executable, __file__, *sys.argv[1:], "--folder", folder]
        subprocess.run(again, check=True)


if __name__ == "__main__":
    main()
