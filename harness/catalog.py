"""The catalogue of tasks: finds task files, resolves names, aliases and inheritance."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from harness.errors import ConfigurationError, nearest
from harness.located_yaml import Document, Problem, read

if TYPE_CHECKING:
    from harness.plugins import Plugins
    from harness.spec import Task

# harness.spec is imported where a file is checked: listing the tasks must not wait for pydantic and numpy.


def shipped(folder: str) -> Path:
    """Returns a folder that travels with the package, `tasks` or `leaderboards`.

    In a checkout it stands at the root for people to read and edit; in a wheel it lies inside this package.
    """
    package = Path(__file__).resolve().parent
    inside = package / "_data" / folder
    return inside if inside.is_dir() else package.parent / folder


@dataclass(frozen=True)
class Entry:
    """A task file that was found, not yet checked.

    Attributes:
        name: the task's name, or the file's stem when the file cannot be read.
        aliases: its other names.
        title: benchmark and split, for people.
        file: where it is.
        document: its content as written, inheritance not resolved.
    """

    name: str
    aliases: tuple[str, ...]
    title: str
    file: Path
    document: Document

    @property
    def names(self) -> frozenset[str]:
        """All names the task goes by."""
        return frozenset((self.name, *self.aliases))

    def clashes(self, other: "Entry") -> bool:
        """Returns whether two files that share a name mean different tasks; a copy means the same."""
        same_file = self.file.resolve() == other.file.resolve()
        return not same_file and self.document.data != other.document.data


def entry(file: Path) -> Entry:
    """Reads a task file far enough to list it.

    Raises:
        ConfigurationError: the file cannot be read.
    """
    try:
        document = read(file)
    except OSError as error:
        raise ConfigurationError(
            f"{file} cannot be read: {error.strerror}. Expected a task file; see `geopix-eval ls`."
        ) from error
    aliases = document.data.get("aliases")
    return Entry(
        name=str(document.data.get("name", file.stem)),
        aliases=tuple(map(str, aliases)) if isinstance(aliases, list) else (),
        title=str(document.data.get("title", "")),
        file=file,
        document=document,
    )


def entries(folders: Sequence[Path]) -> tuple[Entry, ...]:
    """Returns every task file of some folders, by name.

    Raises:
        ConfigurationError: a folder is absent.
    """
    for folder in folders:
        if not folder.is_dir():
            raise ConfigurationError(f"the task folder {folder.resolve()} does not exist.")
    files = [file for folder in folders for file in sorted(folder.glob("*.yaml"))]
    found = (entry(file) for file in files)
    # A board may lie beside the tasks it names.
    return tuple(sorted((one for one in found if "board" not in one.document.data), key=lambda one: one.name))


class Catalogue:
    """All tasks of some folders.

    Args:
        folders: folders with task files; a later folder's task must not take an earlier one's name.
        plugins: the registries that task files refer to.
    """

    def __init__(self, folders: Sequence[Path], plugins: "Plugins") -> None:
        self.folders = folders
        self.plugins = plugins

    @cached_property
    def entries(self) -> tuple[Entry, ...]:
        """Every task file found, by name.

        Raises:
            ConfigurationError: a folder is absent.
        """
        return entries(self.folders)

    @cached_property
    def _by_file(self) -> dict[Path, Entry]:
        return {found.file: found for found in self.entries}

    @cached_property
    def _by_name(self) -> dict[str, Entry]:
        known: dict[str, Entry] = {}
        for found in self.entries:
            for name in (found.name, *found.aliases):
                if name in known and known[name].clashes(found):
                    raise ConfigurationError(
                        f"{found.file} and {known[name].file} both go by the name {name!r}. Rename one."
                    )
                known[name] = found
        return known

    def task(self, name: str) -> "Task":
        """Returns a checked task by its name, an alias, or the path of a task file.

        Raises:
            ConfigurationError: no such task (the nearest name is suggested), or its file has mistakes (all of them).
        """
        from harness.spec import build  # noqa: PLC0415

        found = self.find(name)
        return build(self.resolve(found), found.file, self.plugins)

    def problems(self, file: Path) -> list[Problem]:
        """Returns every mistake of a task file, in the order of its lines."""
        from harness.spec import find_problems  # noqa: PLC0415

        found = self._by_file.get(file) or entry(file)
        return sorted({*self._name_mistakes(found), *find_problems(self.resolve(found), self.plugins)})

    def _name_mistakes(self, found: Entry) -> Iterator[Problem]:
        document = found.document
        if document.data.get("name") not in (found.file.stem, None):
            expected = f"the file is called {found.file.name}, so its task must be called {found.file.stem!r}"
            yield document.problem(("name",), expected)
        for other in self.entries:
            for name in sorted(other.names & found.names):
                if other.clashes(found):
                    yield document.problem(("name",), f"{other.file} goes by the name {name!r} too. Rename one.")

    def resolve(self, found: Entry, above: tuple[str, ...] = ()) -> Document:
        """Returns a task's content with everything it inherits; what cannot be inherited is noted as a problem."""
        base = found.document.data.get("extends")
        if not isinstance(base, str):
            return found.document
        try:
            inherited = self.resolve(self._base(found, base, above), (*above, found.name))
        except ConfigurationError as error:
            problem = found.document.problem(("extends",), str(error))
            return replace(found.document, problems=(*found.document.problems, problem))
        # Names belong to one task alone, and what a split holds to its data: they are not handed down.
        alone = {"name", "aliases", "extends"} | ({"expects"} if "dataset" in found.document.data else set())
        own = {key: value for key, value in inherited.data.items() if key not in alone}
        return found.document.over(replace(inherited, data=own))

    def _base(self, found: Entry, base: str, above: tuple[str, ...]) -> Entry:
        if found.name in above:
            raise ConfigurationError(f"tasks extend each other in a circle: {' -> '.join((*above, found.name))}")
        return self.find(base)

    def find(self, name: str) -> Entry:
        """Returns a task's file by its name, an alias, or its path, unchecked.

        Raises:
            ConfigurationError: no such task; the nearest name is suggested.
        """
        if name.endswith((".yaml", ".yml")):
            return entry(Path(name))
        if name in self._by_name:
            return self._by_name[name]
        broken = _broken_names(self.entries)
        hint = f" These files cannot be read, see `geopix-eval validate`: {', '.join(broken)}." if broken else ""
        near = nearest(name, self._by_name)
        known = " `geopix-eval ls` lists all." if near else f" Known: {', '.join(sorted(self._by_name))}."
        file = f" To run the file {name}.yaml, give its name whole." if Path(f"{name}.yaml").is_file() else ""
        raise ConfigurationError(f"unknown task {name!r}.{near}{known}{file}{hint}")


def _broken_names(entries: Iterable[Entry]) -> list[str]:
    return [str(found.file) for found in entries if found.document.problems]
