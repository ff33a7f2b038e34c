"""The commands `compare` and `bless`: from paths to a verdict, its files and the exit code."""

from collections.abc import Callable
from pathlib import Path

from rich.console import Console
from rich.text import Text

from harness.comparison.baseline import bless, write_baseline
from harness.comparison.gates import Gates, read_gates
from harness.comparison.outputs.junit import junit
from harness.comparison.outputs.machine import as_json, bencher
from harness.comparison.outputs.markdown import COMMENT, markdown
from harness.comparison.outputs.terminal import terminal
from harness.comparison.sides import load_sides
from harness.comparison.verdict import Verdicts, judge
from harness.comparison.wording import inline
from harness.errors import ConfigurationError, MissingDataError
from harness.store import RUN_FILE, RunDirectory, write_atomically

WRITERS: dict[str, Callable[[Verdicts], bytes]] = {
    "junit": junit,
    "json": as_json,
    "bencher": bencher,
    "markdown": lambda verdicts: markdown(verdicts).encode(),
    "comment": lambda verdicts: markdown(verdicts, COMMENT).encode(),
}


def compare(*, base: Path, head: Path, gates: Path | None, seed: int, **outputs: Path | None) -> int:
    """Compares two runs, prints the verdict, writes the files that are asked for, and returns the exit code.

    Args:
        base: the baseline: a run's folder or a blessed file.
        head: the run that is judged; likewise.
        gates: a gates file; without one, no metric may drop significantly.
        seed: of the bootstrap and the test.
        outputs: files to write, by the names of `WRITERS`.

    Raises:
        GeoPixError: a mistake of the user's, or something missing.
    """
    rules = read_gates(gates) if gates else Gates()
    verdicts = judge(*load_sides(base, head), rules, seed=seed)
    for name, file in outputs.items():
        if file is not None:
            _write(file, WRITERS[name](verdicts))
    Console().print(terminal(verdicts))
    return verdicts.exit_code


def _write(file: Path, content: bytes) -> None:
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(file, content)
    except OSError as error:
        raise ConfigurationError(
            f"{file} cannot be written: {error.strerror}. Name a file in a folder you may write to."
        ) from error


def bless_run(path: Path, output: Path) -> None:
    """Writes a run as a baseline, and says what it holds.

    Raises:
        GeoPixError: the run is absent, unfinished or damaged, or the file cannot be written.
    """
    if not (path / RUN_FILE).exists():
        raise MissingDataError(
            f"{path} is no run (it has no {RUN_FILE}). Expected a folder made by `geopix-eval --tasks .. --model .. "
            f"--output {path}`."
        )
    baseline = bless(RunDirectory(path))
    size = write_baseline(baseline, output)
    samples = sum(len(task.sample_ids) for task in baseline.tasks)
    names = ", ".join(task.result.task for task in baseline.tasks)
    console = Console()
    console.print(Text(inline(f"{output} ({size / 1e3:.1f} kB): {baseline.model}, {names}, {samples:,} samples", 4000)))
    failed = sum(task.result.counts.failed for task in baseline.tasks)
    if failed:
        console.print(Text(f"{failed:,} samples failed and will not be compared: run again, then bless, if you can."))
