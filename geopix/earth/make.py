"""Makes a Mini Earth: scenes on disk as RSVQA-HR and RRSIS-D keep theirs."""

import json
import re
import shutil
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from functools import partial
from multiprocessing import get_context
from pathlib import Path

import numpy as np

from geopix.earth.language import questions, references
from geopix.earth.loveda import write_loveda
from geopix.earth.rrsisd import ReferredImage, ReferredInstance, coded, write_jpeg, write_rrsisd
from geopix.earth.rsvqa import AskedImage, write_rsvqa, write_tiff
from geopix.earth.scene import Scene, make_scene
from geopix.earth.seeds import QUESTIONS, REFERENCES, seed_of
from harness.errors import ConfigurationError, nearest

VERSION = 1  # of the scenes and their language: another version makes other bytes
FORMATS = ("rsvqa_hr", "rrsisd", "loveda")
USUAL_FORMATS = ("rsvqa_hr", "rrsisd")
MANIFEST = "mini_earth.json"
SMALLEST, LARGEST = 64, 2048
Splits = tuple[tuple[str, int], ...]
STANDARD_SPLITS: Splits = (("train", 8), ("val", 1), ("test", 1))
Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class SplitSummary:
    """What one split holds."""

    split: str
    images: int
    questions: int
    references: int


@dataclass(frozen=True)
class Summary:
    """What a Mini Earth holds, and whether this call made it (False: it was there already)."""

    directory: Path
    splits: tuple[SplitSummary, ...]
    made: bool


@dataclass(frozen=True)
class Arguments:
    """Everything that decides the bytes."""

    seed: int
    images: int
    size: int
    splits: Splits
    formats: tuple[str, ...]


@dataclass(frozen=True)
class _Task:
    """One scene to make."""

    split: str
    index: int
    image_id: int


@dataclass(frozen=True)
class _Made:
    """What the files say of one finished scene; its pictures are on disk already."""

    asked: AskedImage
    referred: ReferredImage


def make_earth(
    directory: Path,
    *,
    seed: int,
    images: int,
    size: int = 256,
    splits: Splits = STANDARD_SPLITS,
    formats: tuple[str, ...] = USUAL_FORMATS,
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
        formats: Of `FORMATS`; the formats show the same scenes.
        workers: Processes.
        progress: Called with (done, total) after each scene.

    Returns:
        The number of images, questions and references of each split.

    Raises:
        ConfigurationError: For arguments out of range, or a directory that holds anything else.
    """
    arguments = Arguments(seed, images, size, tuple(splits), tuple(formats))
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
    if "rsvqa_hr" in arguments.formats:
        write_tiff(staging, task.image_id, scene.image)
    if "rrsisd" in arguments.formats:
        write_jpeg(staging, task.image_id, scene.image)
    if "loveda" in arguments.formats:
        write_loveda(staging, task.split, task.image_id, scene)
    asked = tuple(questions(scene, np.random.default_rng(seed_of(*key, QUESTIONS))))
    return _Made(
        AskedImage(task.image_id, scene.metres_per_pixel, asked),
        ReferredImage(task.image_id, task.split, arguments.size, _referred(scene, seed_of(*key, REFERENCES))),
    )


def _referred(scene: Scene, seed: int) -> tuple[ReferredInstance, ...]:
    found = references(scene, np.random.default_rng(seed))
    return tuple(
        ReferredInstance(
            reference.instance, reference.category, reference.expression, coded(instance.mask),
            int(instance.mask.sum()), instance.box,
        )
        for reference in found
        for instance in [scene.instances[reference.instance]]
    )  # fmt: skip


def _write_tables(staging: Path, arguments: Arguments, made: list[_Made]) -> tuple[SplitSummary, ...]:
    summaries: list[SplitSummary] = []
    for split, _ in arguments.splits:
        own = [scene for scene in made if scene.referred.split == split]
        asked = [scene.asked for scene in own] if "rsvqa_hr" in arguments.formats else []
        if asked:
            write_rsvqa(staging, split, asked)
        referred = [scene.referred for scene in own] if "rrsisd" in arguments.formats else []
        counts = sum(len(image.questions) for image in asked), sum(len(image.references) for image in referred)
        summaries.append(SplitSummary(split, len(own), *counts))
    if "rrsisd" in arguments.formats:
        write_rrsisd(staging, [scene.referred for scene in made])
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
    differences = [f"{name}: {old.get(name)} there, {new[name]} asked" for name in new if old.get(name) != new[name]]
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
        if name not in FORMATS:
            raise ConfigurationError(
                f"Unknown format {name!r}; known are {', '.join(FORMATS)}.{nearest(name, FORMATS)}"
            )
    if not arguments.formats:
        raise ConfigurationError(f"No format was asked for; known are {', '.join(FORMATS)}.")
    return _shares(arguments.images, arguments.splits)


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
