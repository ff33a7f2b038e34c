"""One command line from pictures and questions to answers: on the terminal, or in a folder."""

import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import click

from geopix.adapter import GeoPixModel, checkpoint, shipped_mini
from geopix.halving import MemoryShortage
from geopix.model_options import SHIPPED
from geopix.prediction.asking import Answerer, Finished, Manner, Questioner
from geopix.prediction.inputs import InputImage, Question, find_images, guess_task, read_questions, split_words
from geopix.prediction.options import Output, read_manner, read_mask_formats
from geopix.prediction.outputs import Header, PredictionFolder, file_digest
from geopix.prediction.overlays import overlay
from geopix.prediction.scenes import measured
from harness.console import task_progress
from harness.errors import ConfigurationError, EnvironmentProblem, SampleError
from harness.policy import ErrorPolicy

SAMPLES_FAILED = 3
REASONS_SHOWN = 3
LIBRARIES = ("geopix", "numpy", "pillow", "rasterio", "torch", "transformers")


def predict(words: Sequence[str], **options: Any) -> int:
    """Answers as the command line says; returns the exit code.

    Everything that can be refused is refused before the model is loaded.

    Args:
        words: pictures, folders, and the question when there is no file of questions.
        options: the values of the command's options, by name.

    Raises:
        GeoPixError: a mistake of the user's, or something missing.
    """
    policy = ErrorPolicy.parse(options["policy"])
    places, text = split_words(words, options["questions"])
    images = find_images(places, leave_out=options["output"])
    texts = read_questions(options["questions"]) if text is None else [text]
    questions = [Question(line, options["task"] or guess_task(line)) for line in texts]
    output = Output.parse(options["output"], alone=len(images) == len(questions) == 1 and not places[0].is_dir())
    manner, formats = read_manner(options, output), read_mask_formats(options["masks"])
    model = _load(options)
    _check_questions(model, questions)
    with _warnings_as_notes():
        if output.folder is None:
            return answer_one(model.geopix, images[0], questions[0], manner, output.drawing)
        with PredictionFolder(output.folder, _header(model, manner, options), formats) as folder:
            return answer_all(model.geopix, images, questions, manner=manner, folder=folder, policy=policy)


def answer_one(model: Answerer, image: InputImage, question: Question, manner: Manner, drawing: Path | None) -> int:
    """Prints the answer to one question about one picture, and draws it where asked; returns the exit code.

    Raises:
        SampleError: the picture cannot be read.
    """
    (finished,) = Questioner(model, manner).answers([(image, [question])])
    if finished.failure is not None or finished.seen is None:
        raise SampleError(finished.failure or "")
    for note in finished.seen.notes:
        click.echo(f"note: {note}", err=True)
    for line in _shown(finished):
        click.echo(line)
    if finished.status == "empty":
        click.echo("note: the model answered nothing; try other words, or the phrasing it was trained on", err=True)
    elif finished.reason:
        click.echo(f"note: {finished.reason}", err=True)
    drawn = overlay(finished) if drawing is not None else None
    if drawn is not None and drawing is not None:
        drawn.save(drawing)
        click.echo(drawing)
    return 0


def _shown(finished: Finished) -> Iterator[str]:
    """The answer as a terminal shows it: words, the masks' pixels, boxes."""
    many = len(finished.tiles) > 1
    for tile in finished.tiles:
        yield f"tile at {tile.window.x},{tile.window.y}: {tile.text}" if many else tile.text
    for number, mask in enumerate(finished.masks, 1):
        height, width = mask.size
        yield f"mask {number}: {mask.area} of {width * height} pixels ({width}x{height})"
    for box in finished.boxes:
        yield "box x0 y0 x1 y1: " + " ".join(f"{value:.0f}" for value in box)


def answer_all(
    model: Answerer,
    images: Sequence[InputImage],
    questions: Sequence[Question],
    *,
    manner: Manner,
    folder: PredictionFolder,
    policy: ErrorPolicy,
) -> int:
    """Asks what the folder has no answer to, writes it there, and prints how it ended; returns the exit code.

    Raises:
        EnvironmentProblem: an extra or memory is missing, or the folder cannot be written; what is written stays.
    """
    digests: dict[InputImage, str] = {}
    with _progress(sum(_windows(image, manner) for image in images) * len(questions)) as advance:

        def missing() -> Iterator[tuple[InputImage, list[Question]]]:
            for image in images:
                digests[image] = file_digest(image.path)
                asked = [question for question in questions if not folder.holds(image, question, digests[image])]
                advance(_windows(image, manner) * (len(questions) - len(asked)))
                if asked:
                    yield image, asked

        for finished in Questioner(model, manner, advance).answers(missing()):
            try:
                folder.add(finished, digests[finished.image])
            except OSError as error:
                raise EnvironmentProblem(
                    f"--output: {folder.path.resolve()} cannot be written: {error}. Make room, and run the same "
                    "command again; it goes on where it stopped."
                ) from error
    lines = folder.close((image, question) for image in images for question in questions)
    return _conclude(lines, folder, policy)


def _conclude(lines: Sequence[dict[str, Any]], folder: PredictionFolder, policy: ErrorPolicy) -> int:
    counts = dict.fromkeys(("ok", "unparsed", "empty", "failed"), 0)
    for line in lines:
        counts[line["status"]] += 1
    told = ", ".join(f"{count} {status}" for status, count in counts.items())
    click.echo(f"{folder.path}: {told} of {len(lines)}")
    failed = [line for line in lines if line["status"] == "failed"]
    for line in failed[:REASONS_SHOWN]:
        click.echo(line["reason"], err=True)
    if len(failed) > REASONS_SHOWN:
        click.echo(f"and {len(failed) - REASONS_SHOWN} more, in {folder.lines_path}", err=True)
    if failed:
        click.echo("The same command asks the failed ones again.", err=True)
    return SAMPLES_FAILED if policy.broken(len(failed), len(lines)) else 0


def _windows(image: InputImage, manner: Manner) -> int:
    size = measured(image.path) if manner.tiling else None
    return sum(1 for _ in manner.windows(*size)) if size else 1


@contextmanager
def _progress(total: int) -> Iterator[Callable[[int], None]]:
    """Gives a callback that draws a bar on the error stream: how many questions are done with, and the time left."""
    done = 0
    with task_progress() as show:

        def advance(count: int) -> None:
            nonlocal done
            done = min(done + count, total)
            show("answers", done, total)

        yield advance
        show("answers", total, total)


@contextmanager
def _warnings_as_notes() -> Iterator[None]:
    """Tells of a shortage of memory in a line; leaves out Pillow's warnings, whose reasons stand in the answers."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", category=UserWarning, module=r"PIL\.")
        warnings.simplefilter("always", MemoryShortage)
        show = warnings.showwarning

        def tell(message: Warning | str, category: type[Warning], *place: Any, **more: Any) -> None:
            if issubclass(category, MemoryShortage):
                click.echo(f"note: {message}", err=True)
            else:
                show(message, category, *place, **more)

        warnings.showwarning = tell
        yield


def _load(options: dict[str, Any]) -> GeoPixModel:
    names = ("device", "dtype", "memory_class", "adapter")
    given = {name: options[name] for name in names if options[name] is not None}
    if options["model"] == SHIPPED:
        return shipped_mini("", given)
    return checkpoint(options["model"], given)


def _check_questions(model: GeoPixModel, questions: Sequence[Question]) -> None:
    """Refuses questions that can be asked about no picture, all of them at once."""
    problems = [
        f"the question {question.text[:60]!r} {problem}"
        for question in questions
        if (problem := model.geopix.question_problem(question.text, question.task))
    ]
    if problems:
        raise ConfigurationError("\n".join(problems))


def _header(model: GeoPixModel, manner: Manner, options: dict[str, Any]) -> Header:
    settings = {
        "bands": options["bands"],
        "stretch": options["stretch"],
        "tile": manner.tiling.side if manner.tiling else None,
        "overlap": manner.tiling.overlap if manner.tiling else None,
        "max_new_tokens": manner.max_new_tokens,
        "dtype": model.settings["dtype"],
        "memory_class": model.settings["memory_class"],
    }
    return Header(model.name, model.digest, settings, dict(_versions()))


def _versions() -> Iterator[tuple[str, str]]:
    for library in LIBRARIES:
        try:
            yield library, version(library)
        except PackageNotFoundError:
            continue
