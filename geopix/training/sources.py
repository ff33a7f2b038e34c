"""What a recipe's `data` names, found: tasks in another split, objects in COCO's format, files of conversations."""

from collections.abc import Sequence
from pathlib import Path

from geopix.training.conversations import ConversationFile
from geopix.training.mixture import DataSet, raise_all
from geopix.training.samples import SampleData, TalkWording, TaskWording
from geopix.training.schema import Instances, Source
from geopix.training.talks.files import load_talks
from harness.catalog import Catalogue
from harness.errors import ConfigurationError, GeoPixError, MissingDataError
from harness.located_yaml import Document
from harness.paths import spelt_below
from harness.plugins import Plugins
from harness.preparation import data_root
from harness.readers.coco import CocoReader
from harness.spec import Task, build

DEFAULT_TEMPLATES = ("instances",)


def find_data(
    sources: Sequence[Source],
    data_dir: Path,
    catalogue: Catalogue,
    plugins: Plugins,
    *,
    on_defect: str = "stop",
    seed: int = 0,
) -> list[DataSet]:
    """Returns a recipe's data sets, their folders found.

    Args:
        sources: what the recipe says of each.
        data_dir: the folder with the data sets.
        catalogue: finds tasks.
        plugins: readers and parsers.
        on_defect: `stop` or `skip` samples that a reader calls defective.
        seed: decides what is said where conversations are built from templates.

    Raises:
        GeoPixError: a source names an unknown task, option or template, or its data is not there; all such reasons.
    """
    found: list[DataSet] = []
    problems: list[GeoPixError] = []
    for source in sources:
        try:
            found.append(_find(source, data_dir, catalogue, plugins, on_defect, seed))
        except GeoPixError as error:
            problems.append(error)
    raise_all(problems)
    return found


def _find(  # noqa: PLR0917
    source: Source, data_dir: Path, catalogue: Catalogue, plugins: Plugins, on_defect: str, seed: int
) -> DataSet:
    if source.conversations is not None:
        return ConversationFile(source, _there(data_dir, source.conversations), on_defect)
    if source.instances is not None:
        return _instances(source, source.instances, data_dir, on_defect, seed)
    if source.task is None:
        raise ConfigurationError("a data set is given by `task`, `instances` or `conversations`; found none of them.")
    task = changed_task(source.task, source.dataset, catalogue, plugins)
    wording = (
        TalkWording(
            load_talks(source.templates, seed), task.spec.capability, getattr(task.parser, "scored_in", "pixels")
        )
        if source.templates
        else TaskWording(task, source.prompt, tuple(source.phrasings))
    )
    return SampleData(task.spec.name, source, task.reader, data_root(task, data_dir), wording, on_defect)


def _instances(source: Source, settings: Instances, data_dir: Path, on_defect: str, seed: int) -> DataSet:
    root = spelt_below(data_dir, settings.root)
    _there(root, settings.file)
    reader = CocoReader(settings.file, each="category", images=settings.images, crowds=settings.crowds)
    wording = TalkWording(load_talks(source.templates or DEFAULT_TEMPLATES, seed), "segment", "pixels")
    return SampleData(settings.root, source, reader, root, wording, on_defect)


def _there(folder: Path, file: str) -> Path:
    path = spelt_below(folder, file)
    if not path.is_file():
        raise MissingDataError(
            f"{path.absolute()} does not exist; the recipe's `data` names it. Put it there, name another folder with "
            "--data-dir, or correct the recipe."
        )
    return path


def changed_task(name: str, dataset: dict[str, object], catalogue: Catalogue, plugins: Plugins) -> Task:
    """Returns a task with keys of its data set set otherwise.

    Raises:
        ConfigurationError: the task or an option is unknown.
    """
    entry = catalogue.find(name)
    written = catalogue.resolve(entry)
    changed = Document({"dataset": dataset}, {(): written.place(())})
    return build(changed.over(written), entry.file, plugins)
