"""Writes tasks as folders that lmms-eval runs with --include_path, scored there by our functions."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import orjson
import yaml

from harness.errors import ConfigurationError
from harness.exchange.lmms_eval.wire import pack_sample
from harness.judging import judged_metrics
from harness.preparation import data_root
from harness.prompts import PromptTemplate
from harness.records import Sample
from harness.spec import Task
from harness.store import write_atomically

#: lmms-eval gives its own task of a name precedence, without a word; so ours are called otherwise.
PREFIX = "geopix_"
SCORING = '''\
"""Written by `geopix-eval export lmms`: {name} scored by GeoPix's own parser and metrics, in lmms-eval's process."""

from harness.exchange.lmms_eval.bridge import Bridge

bridge = Bridge(
    name={name!r},
    digest={digest!r},
    data_dir={data_dir!r},
    task_dirs={task_dirs!r},
)
doc_to_visual = bridge.doc_to_visual
process_results = bridge.process_results
{aggregations}
'''


class _Function(str):
    """A function that lmms-eval imports: `!function module.name`."""


class _Dumper(yaml.SafeDumper):
    """Writes YAML with functions."""


_Dumper.add_representer(_Function, lambda dumper, value: dumper.represent_scalar("!function", str(value)))


def _function(index: int) -> str:
    # Names of scores may hold what names in Python may not.
    return f"aggregate_{index}"


@dataclass(frozen=True)
class Exported:
    """A task that was written.

    Attributes:
        name: what lmms-eval calls it.
        samples: how many documents it has.
        left_out: how many samples have a defect; lmms-eval has no place for them.
    """

    name: str
    samples: int
    left_out: int


def export_task(task: Task, folder: Path, data_dir: Path, task_dirs: Sequence[Path] = ()) -> Exported:
    """Writes one task.

    Args:
        task: the task.
        folder: holds a folder a task; made when absent.
        data_dir: the folder with the data sets; the documents name images relative to it.
        task_dirs: the further folders of task files among which the task was found.

    Raises:
        ConfigurationError: a metric of the task asks a judge, which lmms-eval cannot hand it.
        MissingDataError: the data set is not below the data directory.
    """
    if judged := judged_metrics(task):
        raise ConfigurationError(
            f"task {task.spec.name}: {', '.join(judged)} asks a judge, and lmms-eval has none to ask. Run it with "
            "geopix-eval, or export a task without."
        )
    name = PREFIX + task.spec.name
    place = folder / name
    place.mkdir(parents=True, exist_ok=True)
    samples = list(task.reader.samples(data_root(task, data_dir)))
    usable = [sample for sample in samples if sample.defect is None]
    write_atomically(place / "documents.jsonl", _documents(task, usable, data_dir))
    write_atomically(place / "scoring.py", _scoring(task, data_dir, task_dirs).encode())
    write_atomically(
        place / f"{name}.yaml", yaml.dump(_description(task, name), Dumper=_Dumper, sort_keys=False).encode()
    )
    return Exported(name, len(usable), len(samples) - len(usable))


def _documents(task: Task, samples: Sequence[Sample], data_dir: Path) -> Iterator[bytes]:
    template = PromptTemplate(task.spec.prompt)
    for sample in samples:
        document = {
            "sample": pack_sample(sample, data_dir),
            "prompt": template.render(sample.fields),
            "images": [str(image.path.relative_to(data_dir)) for image in sample.images],
            "target": " | ".join(sample.target.texts),
            "capability": task.spec.capability,
        }
        yield orjson.dumps(document, option=orjson.OPT_APPEND_NEWLINE)


def _scoring(task: Task, data_dir: Path, task_dirs: Sequence[Path]) -> str:
    return SCORING.format(
        name=task.spec.name,
        digest=task.digest,
        data_dir=str(data_dir.resolve()),
        task_dirs=tuple(str(place.resolve()) for place in task_dirs),
        aggregations="\n".join(f"{_function(i)} = bridge.aggregation({name!r})" for i, name in enumerate(task.metrics)),
    )


def _description(task: Task, name: str) -> dict[str, object]:
    generation = task.spec.generation
    sampling = generation.temperature > 0
    return {
        "task": name,
        "tag": "geopix",
        "dataset_path": "json",
        "dataset_kwargs": {"data_files": {"test": "documents.jsonl"}},
        "test_split": "test",
        "output_type": "generate_until",
        "doc_to_visual": _Function("scoring.doc_to_visual"),
        "doc_to_text": "prompt",
        "doc_to_target": "target",
        "process_results": _Function("scoring.process_results"),
        "generation_kwargs": {
            "max_new_tokens": generation.max_new_tokens,
            "temperature": generation.temperature,
            "top_p": generation.top_p,
            "do_sample": sampling,
            "until": [],
        },
        "metric_list": [
            {
                "metric": score,
                "aggregation": _Function(f"scoring.{_function(index)}"),
                "higher_is_better": metric.info.direction == "higher",
            }
            for index, (score, metric) in enumerate(task.metrics.items())
        ],
        "cluster_key": "image_id",
        "score_key": "score",
        "metadata": {"version": float(task.spec.version)},
    }
