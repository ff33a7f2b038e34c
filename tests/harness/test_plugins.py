"""Registries and hooks: what plugins may give, and what goes wrong with them."""

import os
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType

import pluggy
import pytest

from harness import builtin
from harness.errors import ConfigurationError, EnvironmentProblem
from harness.plugins import GROUP, Hooks, Plugins, collect, hookimpl, installed
from tests.harness.entry_points import install
from tests.harness.small_data import write_data, write_task


def registries(*metrics: Mapping[str, str]) -> Plugins:
    manager = pluggy.PluginManager(GROUP)
    manager.add_hookspecs(Hooks)
    manager.register(builtin)
    for index, places in enumerate(metrics):
        module = ModuleType(f"plugin_{index}")
        module.geopix_eval_metrics = hookimpl(lambda places=places: places)  # type: ignore[attr-defined]
        manager.register(module)
    return collect(manager)


def test_a_plugin_adds_to_the_built_in_names() -> None:
    found = registries({"ours": "harness.metrics.accuracy:Accuracy"}).metrics
    assert found.load("ours") is found.load("accuracy")


def test_two_plugins_of_one_name_are_refused_with_both_places() -> None:
    with pytest.raises(ConfigurationError, match="two plugins register the metric 'accuracy': ") as refusal:
        registries({"accuracy": "elsewhere:Accuracy"})
    assert "elsewhere:Accuracy" in str(refusal.value)
    assert "harness.metrics.accuracy:Accuracy" in str(refusal.value)


def test_an_unknown_name_is_told_the_nearest() -> None:
    words = r"unknown parser 'maks'. Did you mean 'mask'\? Known: .*mask, .*rsvqa_"
    with pytest.raises(ConfigurationError, match=words):
        installed().parsers.load("maks")


@pytest.mark.parametrize("place", ["no_such_module:X", "harness.errors:NoSuchClass"])
def test_a_part_that_cannot_be_imported_names_its_place(place: str) -> None:
    with pytest.raises(EnvironmentProblem, match=f"metric 'ours' \\({place}\\) cannot be loaded: .*Install the extra"):
        registries({"ours": place}).metrics.load("ours")


def test_options_are_told_by_name_type_and_default() -> None:
    types = installed().metrics.option_types("precision_at")
    assert types["threshold"] == (float, ...)
    assert types["preset"][1] != ...


PLUGIN = """
from harness.interfaces import MetricInfo
from harness.metrics.additive import Additive, ratio
from harness.plugins import hookimpl
from harness.records import Response
import numpy as np

@hookimpl
def geopix_eval_metrics():
    return {"letters": "ours:Letters"}

@hookimpl
def geopix_eval_models():
    return {"parrot": "ours:parrot"}

class Letters(Additive):
    info = MetricInfo("score", "lower", "mean number of letters", "made up")
    def score(self, target, prediction, tags):
        return {"letters": np.float32(len(prediction.text or "")), "count": 1}
    def from_totals(self, totals):
        return ratio(totals["letters"], totals["count"])

class Parrot:
    name, digest, settings, reads_images, batch_size = "parrot", "p1", {}, False, 5
    def __init__(self, word):
        self.word = word
    def respond(self, requests):
        return [Response(text=self.word) for request in requests]

def parrot(argument, options):
    return Parrot(argument)
"""


def geopix_eval(*arguments: str, packages: Path, cwd: Path) -> subprocess.CompletedProcess[str]:
    program = "import sys; from harness.cli import main; sys.argv[0] = 'geopix-eval'; main()"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(packages), str(Path.cwd())])}
    command = [sys.executable, "-c", program, *arguments]
    return subprocess.run(command, capture_output=True, text=True, cwd=cwd, env=environment, check=False)


def test_an_installed_package_gives_a_metric_and_a_model(tmp_path: Path) -> None:
    packages = install(tmp_path / "site", "ours", PLUGIN)
    write_data(tmp_path / "data")
    task = write_task(tmp_path)
    task.write_text(task.read_text().replace("slices:", "  - {name: letters}\nslices:"))
    done = geopix_eval("--tasks", str(task), "--model", "parrot:yes", packages=packages, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert re.search(r"small +oa ↑ +66\.67 ", done.stdout)
    assert re.search(r"letters ↓ +3\.000 +3\.000 to 3\.000 +12", done.stdout)


def test_a_package_that_cannot_be_imported_is_named(tmp_path: Path) -> None:
    packages = install(tmp_path / "site", "ours", "import no_such_module")
    done = geopix_eval("validate", str(write_task(tmp_path)), packages=packages, cwd=tmp_path)
    assert done.returncode == 4
    assert done.stderr.startswith(
        "Error: the installed plugin 'ours' (ours, of the package ours 1.0) cannot be imported"
    )
    assert "No module named 'no_such_module'" in done.stderr
    assert "Traceback" not in done.stderr
