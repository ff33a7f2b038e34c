"""Makes a Mini Earth: scenes on disk as the benchmarks keep theirs."""

import json
import re
import shutil
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np

from geopix.earth.language import many_references, questions, references, shipped_priors
from geopix.earth.layouts import LAYOUTS, USUAL
from geopix.earth.picture import Picture
from geopix.earth.scene import make_scene
from geopix.earth.seeds import QUESTIONS, REFERENCES, seed_of
from harness.errors import ConfigurationError, nearest

VERSION = 1  # of the scenes and their language: another version makes other bytes
MANIFEST = "mini_earth.json"
SMALLEST, LARGEST = 64, 2048
Splits = tuple[tuple[str, int], ...]
STANDARD_SPLITS: Splits = (("train", 8), ("val", 1), ("test", 1))
Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class SplitSummary:
    """What one split holds: its images, and for each layout the samples that a reader finds."""

    split: str
    images: int
    samples: Mapping[str, int]


@dataclass(frozen=True)
class Summary:
    """What a Mini Earth holds, and whether this call made it (False: it was there already)."""

    directory: Path
    splits: tuple[SplitSummary, ...]
    made: bool


@dataclass(frozen=True)
class Talk:
    """How much is said of a scene; the usual amounts are those of the benchmarks, more is for training.

    Attributes:
        expressions: The most for each instance; 0 draws one to four references a scene, each of another instance.
        rates: The chance from 0 to 1 that a claim of a group is asked, before its answers are evened out; groups
            that are not named keep the usual one. A rate of 1 asks all that balance allows.
    """

    expressions: int = 0
    rates: tuple[tuple[str, float], ...] = ()


USUAL_TALK = Talk()


@dataclass(frozen=True)
class Arguments:
    """Everything that decides the bytes."""

    seed: int
    images: int
    size: int
    splits: Splits
    formats: tuple[str, ...]
    talk: Talk


@dataclass(frozen=True)
class _Task:
    """One scene to make."""

    split: str
    index: int
    image_id: int


@dataclass(frozen=True)
class _Made:
    """A finished scene, its pictures on disk: for each layout, what the tables will say of it."""

    split: str
    rows: Mapping[str, Any]


def make_earth(
    directory: Path,
    *,
    seed: int,
    images: int,
    size: int = 256,
    splits: Splits = STANDARD_SPLITS,
    formats: tuple[str, ...] = USUAL,
    talk: Talk = USUAL_TALK,
    workers: int = 1,
    progress: Progress | None = None,
) -> Summary:
    """Makes a Mini Earth in a directory; the same arguments give the same bytes whatever the number of workers.

    Everything is written beside the directory and renamed at the end, so a directory that is there is whole.

    Args:
        directory: Absent, empty, or a Mini Earth made with the same arguments, which is then left as it is.
        seed: Not negative.
        images: Over all splits.
        size: Width and height in pixels, 64 to 2048.
        splits: Names with their shares of the images; no two splits share a scene's seed.
        formats: Of `LAYOUTS`; all show the same scenes.
        talk: How much is said of a scene.
        workers: Processes.
        progress: Called with (done, total) after each scene.

    Returns:
        The number of images and samples of each split.

    Raises:
        ConfigurationError: For arguments out of range, or a directory that holds anything else.
    """
    arguments = Arguments(seed, images, size, tuple(splits), tuple(formats), talk)
    shares = _checked(arguments, workers)
    existing = _existing(directory, arguments)
    if existing is not None:
        return existing
    staging = directory.parent / f".{directory.name}.partial"
    shutil.rmtree(staging, ignore_errors=True)
    staging.mkdir(parents=True)
    tasks = [
        _Task(split, index, 1 + index * len(shares) + ordinal)
        for ordinal, (split, count) in enumerate(shares)
        for index in range(count)
    ]
    made: list[_Made] = []
    for result in _made(staging, arguments, tasks, workers):
        made.append(result)
        if progress is not None:
            progress(len(made), len(tasks))
    summary = Summary(directory, _write_tables(staging, arguments, made), made=True)
    _write_manifest(staging, arguments, summary)
    staging.replace(directory)
    return summary


def _made(staging: Path, arguments: Arguments, tasks: list[_Task], workers: int) -> Iterator[_Made]:
    work = partial(_make_one, staging, arguments)
    if workers == 1:
        yield from map(work, tasks)
        return
    # Spawned, not forked: the caller may run threads.
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        yield from pool.map(work, tasks, chunksize=max(1, min(16, len(tasks) // (4 * workers))))


def _make_one(staging: Path, arguments: Arguments, task: _Task) -> _Made:
    key = (arguments.seed, task.split, task.index)
    scene = make_scene(seed_of(*key), arguments.size)
    talk = arguments.talk
    priors = shipped_priors().asking(dict(talk.rates))
    naming = np.random.default_rng(seed_of(*key, REFERENCES))
    picture = Picture(
        *key, task.image_id, scene,
        questions=tuple(questions(scene, np.random.default_rng(seed_of(*key, QUESTIONS)), priors)),
        references=tuple(
            many_references(scene, naming, talk.expressions) if talk.expressions else references(scene, naming)
        ),
    )  # fmt: skip
    rows = {name: LAYOUTS[name].write_picture(staging, picture) for name in arguments.formats}
    return _Made(task.split, rows)


def _write_tables(staging: Path, arguments: Arguments, made: list[_Made]) -> tuple[SplitSummary, ...]:
    for name in arguments.formats:
        LAYOUTS[name].write_tables(staging, [(scene.split, scene.rows[name]) for scene in made])
    summaries = []
    for split, _ in arguments.splits:
        own = [scene.rows for scene in made if scene.split == split]
        samples = {name: sum(LAYOUTS[name].samples(rows[name]) for rows in own) for name in arguments.formats}
        summaries.append(SplitSummary(split, len(own), samples))
    return tuple(summaries)


def _write_manifest(staging: Path, arguments: Arguments, summary: Summary) -> None:
    manifest = {
        "mini_earth": VERSION,
        "arguments": _plain(arguments),
        "splits": [asdict(split) for split in summary.splits],
    }
    (staging / MANIFEST).write_text(json.dumps(manifest, indent=1, sort_keys=True) + "\n", "utf-8")


def _plain(arguments: Arguments) -> dict[str, object]:
    plain: dict[str, object] = json.loads(json.dumps(asdict(arguments)))
    if arguments.talk == USUAL_TALK:
        del plain["talk"]
    return plain


def _existing(directory: Path, arguments: Arguments) -> Summary | None:
    if directory.is_file():
        raise ConfigurationError(f"{directory} is a file; expected a folder for Mini Earth. Choose another path.")
    if not directory.exists() or not any(directory.iterdir()):
        return None
    manifest = directory / MANIFEST
    if not manifest.is_file():
        raise ConfigurationError(
            f"{directory} is not empty and is no Mini Earth (it has no {MANIFEST}). Choose an empty or a new folder."
        )
    try:
        found = json.loads(manifest.read_text("utf-8"))
        version, old = found["mini_earth"], dict(found["arguments"])
        splits = tuple(SplitSummary(**split) for split in found["splits"])
    except (ValueError, KeyError, TypeError) as error:
        raise ConfigurationError(
            f"{manifest} cannot be read ({error}). Remove {directory} and run the same command again."
        ) from error
    _refuse_difference(directory, {"version": version, **old}, {"version": VERSION, **_plain(arguments)})
    return Summary(directory, splits, made=False)


def _refuse_difference(directory: Path, old: dict[str, object], new: dict[str, object]) -> None:
    differences = [
        f"{name}: {old.get(name, 'usual')} there, {new.get(name, 'usual')} asked"
        for name in {**new, **old}
        if old.get(name) != new.get(name)
    ]
    if differences:
        raise ConfigurationError(
            f"{directory} holds a Mini Earth made otherwise ({'; '.join(differences)}). "
            "Choose another folder, or remove this one first."
        )


def _checked(arguments: Arguments, workers: int) -> Splits:
    """Refuses arguments out of range and returns how many images each split gets."""
    if arguments.seed < 0:
        raise ConfigurationError(f"The seed must not be negative; found {arguments.seed}.")
    if not SMALLEST <= arguments.size <= LARGEST:
        raise ConfigurationError(f"The size must be from {SMALLEST} to {LARGEST} pixels; found {arguments.size}.")
    if workers < 1:
        raise ConfigurationError(f"At least one worker is needed; found {workers}.")
    for name in arguments.formats:
        if name not in LAYOUTS:
            raise ConfigurationError(
                f"Unknown format {name!r}; known are {', '.join(LAYOUTS)}.{nearest(name, LAYOUTS)}"
            )
    _check_talk(arguments.talk)
    if not arguments.formats:
        raise ConfigurationError(f"No format was asked for; known are {', '.join(LAYOUTS)}.")
    return _shares(arguments.images, arguments.splits)


def _check_talk(talk: Talk) -> None:
    if talk.expressions < 0:
        raise ConfigurationError(f"The number of expressions must not be negative; found {talk.expressions}.")
    groups = shipped_priors().rates
    for group, rate in talk.rates:
        if group not in groups:
            raise ConfigurationError(
                f"Unknown group of questions {group!r}; known are {', '.join(groups)}.{nearest(group, groups)}"
            )
        if not 0 <= rate <= 1:
            raise ConfigurationError(f"The rate of {group} must be from 0 to 1; found {rate:g}.")


def _shares(images: int, splits: Splits) -> Splits:
    names = [name for name, _ in splits]
    wrong = [name for name in names if not re.fullmatch(r"[a-z][a-z0-9_]*", name)]
    if not splits or wrong or len(set(names)) < len(names) or min(share for _, share in splits) < 1:
        raise ConfigurationError(
            "Splits are different names in small letters, each with a share of at least 1, such as "
            f"train:8,val:1,test:1; found {','.join(f'{name}:{share}' for name, share in splits) or 'none'}."
        )
    total = sum(share for _, share in splits)
    bounds = np.cumsum([0, *(share for _, share in splits)])
    edges = [round(float(bound) * images / total) for bound in bounds]
    counts = tuple((name, edges[at + 1] - edges[at]) for at, name in enumerate(names))
    if min(count for _, count in counts) < 1:
        needed = -(-total // min(share for _, share in splits))
        raise ConfigurationError(f"{images} images leave a split empty; ask for at least {needed}.")
    return counts
