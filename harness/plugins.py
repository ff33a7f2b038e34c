"""The registries of readers, parsers, metrics, models and judges, and the hooks through which plugins fill them.

A plugin package names a module under the entry point group `geopix_eval`; the module implements one or more of the
hooks below with `@harness.plugins.hookimpl`. Each hook returns names with the place of a class as text,
"module:Class", so that nothing is imported before it is used. Built-in parts come in through the same hooks, see
harness/builtin.py.
"""

import importlib
import inspect
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import Any, get_type_hints

import pluggy

from harness.errors import ConfigurationError, EnvironmentProblem, nearest

GROUP = "geopix_eval"
KINDS = ("readers", "parsers", "metrics", "models", "segmenters", "judges", "generators", "scorers")

hookspec = pluggy.HookspecMarker(GROUP)
hookimpl = pluggy.HookimplMarker(GROUP)


class Hooks:
    """What a plugin may provide."""

    @hookspec
    def geopix_eval_readers(self) -> Mapping[str, str]:  # type: ignore[empty-body]
        """Readers by name: {"name": "module:Class"}."""

    @hookspec
    def geopix_eval_parsers(self) -> Mapping[str, str]:  # type: ignore[empty-body]
        """Parsers by name: {"name": "module:Class"}."""

    @hookspec
    def geopix_eval_metrics(self) -> Mapping[str, str]:  # type: ignore[empty-body]
        """Metrics by name: {"name": "module:Class"}."""

    @hookspec
    def geopix_eval_models(self) -> Mapping[str, str]:  # type: ignore[empty-body]
        """Models by the word before the colon in --model: {"name": "module:factory"}, factory(argument, options)."""

    @hookspec
    def geopix_eval_segmenters(self) -> Mapping[str, str]:  # type: ignore[empty-body]
        """Second stages by the word after the plus in --model: {"name": "module:factory"}, called as models' are."""

    @hookspec
    def geopix_eval_judges(self) -> Mapping[str, str]:  # type: ignore[empty-body]
        """Judges by the word before the colon in --judge: {"name": "module:factory"}, factory(argument, options)."""

    @hookspec
    def geopix_eval_generators(self) -> Mapping[str, str]:  # type: ignore[empty-body]
        """Text-to-image models that metrics use by name: {"name": "module:factory"}, factory(argument)."""

    @hookspec
    def geopix_eval_scorers(self) -> Mapping[str, str]:  # type: ignore[empty-body]
        """Perceptual distances that metrics use by name: {"name": "module:factory"}, factory(argument)."""


@dataclass(frozen=True)
class Registry:
    """Names of one kind of plugin and where each class is.

    Attributes:
        kind: one of `KINDS`.
        places: "module:Class" by name.
    """

    kind: str
    places: Mapping[str, str]

    @property
    def noun(self) -> str:
        """The kind in the singular, for messages."""
        return self.kind.removesuffix("s")

    def load(self, name: str) -> Any:
        """Returns the class, or factory, registered under a name, importing its module.

        Raises:
            ConfigurationError: no such name; the nearest one is suggested.
            EnvironmentProblem: its module cannot be imported, a missing extra for example.
        """
        if name not in self.places:
            known = ", ".join(sorted(self.places))
            raise ConfigurationError(f"unknown {self.noun} {name!r}.{nearest(name, self.places)} Known: {known}.")
        module, _, attribute = self.places[name].partition(":")
        try:
            return getattr(importlib.import_module(module), attribute)
        except (ImportError, AttributeError) as error:
            raise EnvironmentProblem(
                f"{self.noun} {name!r} ({self.places[name]}) cannot be loaded: {error}. "
                "Install the extra it needs, for example `pip install 'geopix[model]'`."
            ) from error

    def option_types(self, name: str) -> dict[str, tuple[Any, Any]]:
        """Returns the options that the class takes: name to (annotation, default or ...)."""
        return _option_types(self.load(name))


# Many task files use the same few parts.
@cache
def _option_types(target: Any) -> dict[str, tuple[Any, Any]]:
    hints = get_type_hints(target.__init__)
    return {
        parameter.name: (
            hints.get(parameter.name, Any),
            ... if parameter.default is inspect.Parameter.empty else parameter.default,
        )
        for parameter in inspect.signature(target).parameters.values()
    }


@dataclass(frozen=True)
class Plugins:
    """All registries, filled."""

    readers: Registry
    parsers: Registry
    metrics: Registry
    models: Registry
    segmenters: Registry
    judges: Registry
    generators: Registry
    scorers: Registry


def collect(manager: pluggy.PluginManager) -> Plugins:
    """Returns the registries filled from a manager's hooks.

    Raises:
        ConfigurationError: two plugins give the same name of one kind.
    """
    registries = {}
    for kind in KINDS:
        places: dict[str, str] = {}
        for contribution in getattr(manager.hook, f"geopix_eval_{kind}")():
            for name, place in contribution.items():
                if places.setdefault(name, place) != place:
                    raise ConfigurationError(
                        f"two plugins register the {kind.removesuffix('s')} {name!r}: {places[name]} and {place}. "
                        "Rename one, or uninstall its package."
                    )
        registries[kind] = Registry(kind, places)
    return Plugins(**registries)


@cache
def installed() -> Plugins:
    """Returns the registries of the built-in parts and every installed plugin package."""
    from harness import builtin  # noqa: PLC0415 - the built-in parts import this module for its hook marker

    manager = pluggy.PluginManager(GROUP)
    manager.add_hookspecs(Hooks)
    manager.register(builtin)
    for entry in entry_points(group=GROUP):
        module = _imported(entry)
        if not manager.is_registered(module):
            manager.register(module)
    return collect(manager)


def _imported(entry: EntryPoint) -> Any:
    try:
        return entry.load()
    except Exception as error:
        package = f"{entry.dist.name} {entry.dist.version}" if entry.dist else "unknown"
        raise EnvironmentProblem(
            f"the installed plugin {entry.name!r} ({entry.value}, of the package {package}) cannot be imported: "
            f"{error}. Mend or uninstall the package."
        ) from error
