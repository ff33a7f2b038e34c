"""Inside lmms-eval: what an exported task's YAML calls, scored by the task's own parser and metrics.

lmms-eval scores a document in threads, and adds up in the end; so each document's score carries the statistics that
our corpus metrics add up, and nothing is kept between calls.
"""

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import nan
from pathlib import Path
from typing import Any

from harness.corpus import score_corpus
from harness.errors import ConfigurationError
from harness.exchange.lmms_eval.wire import unpack_response, unpack_sample
from harness.images import picture_of
from harness.records import Record, Request, Response, Sample
from harness.run import catalogue_of
from harness.scoring import Work, cluster_of, record
from harness.spec import Task
from harness.store import decode, encode
from harness.together import score_together

#: Under this key each line of lmms-eval's log of samples has our record; it is no metric of the task.
RECORD = "geopix_record"
DATA = "GEOPIX_DATA"


@dataclass(frozen=True)
class Bridge:
    """One task, as lmms-eval sees it.

    Attributes:
        name: the task's name here.
        digest: the digest of the task when it was exported; a task that changed since would score by other rules.
        data_dir: the folder that holds the data sets; the variable GEOPIX_DATA overrides it.
        task_dirs: further folders of task files.
    """

    name: str
    digest: str
    data_dir: str
    task_dirs: tuple[str, ...] = ()

    @cached_property
    def task(self) -> Task:
        """The task.

        Raises:
            ConfigurationError: there is none of the name any more, or it scores by other rules than when it was
                exported.
        """
        task = catalogue_of(tuple(map(Path, self.task_dirs))).task(self.name)
        if task.digest != self.digest:
            raise ConfigurationError(
                f"the task {self.name} is not the one that was exported: its digest was {self.digest[:12]} and is "
                f"{task.digest[:12]}. Export it again: geopix-eval export lmms .. --tasks {self.name}"
            )
        return task

    def sample(self, doc: Mapping[str, Any]) -> Sample:
        """Returns the sample of a document."""
        return unpack_sample(doc["sample"], Path(os.environ.get(DATA, self.data_dir)))

    def doc_to_visual(self, doc: Mapping[str, Any]) -> list[Any]:
        """Returns a document's images as all models are shown them.

        Raises:
            SampleError: one cannot be read.
        """
        images = []
        for image in self.sample(doc).images:
            rgb = picture_of(image)
            vars(rgb)["filename"] = str(image.path)  # as Pillow notes it, for models that read the file themselves
            images.append(rgb)
        return images

    def process_results(self, doc: Mapping[str, Any], results: Sequence[str]) -> dict[str, Any]:
        """Returns a document's part of each metric, and its record.

        It never raises for what a model wrote: lmms-eval would try five times and then give up the whole run.
        """
        scored = self._record(doc, unpack_response(results[0]))
        line = encode(scored).decode()
        parts: dict[str, Any] = {
            name: {"record": line, "score": self._score(scored, name), "image_id": scored.cluster}
            for name in self.task.metrics
        }
        return parts | {RECORD: line}

    def aggregation(self, metric: str) -> Callable[[Sequence[Mapping[str, Any]]], float]:
        """Returns what makes a metric's score of all documents' parts; NaN where it is undefined."""

        def aggregate(parts: Sequence[Mapping[str, Any]]) -> float:
            value = self.scores([decode(part["record"].encode()) for part in parts])[metric]
            return nan if value is None else value

        return aggregate

    def scores(self, records: Sequence[Record]) -> dict[str, float | None]:
        """Returns each metric's score of some records, as `geopix-eval` computes it: fractions, not percent."""
        together = score_together(self.task, list(records), [()] * len(records))
        whole = score_corpus(self.task, together.records, 0, together.undefined).whole
        return {score.name: score.value for score in whole}

    def _record(self, doc: Mapping[str, Any], response: Response) -> Record:
        sample = self.sample(doc)
        request = Request(sample.id, sample.images, doc["prompt"], self.task.spec.capability, {})
        work = Work(sample, request, "", {}, tuple(doc["images"]), cluster_of(self.task, sample))
        return record(self.task, work, response)

    def _score(self, scored: Record, metric: str) -> float | None:
        """A sample's own score, for lmms-eval's spread over clusters; None where it has none."""
        columns = scored.statistics.get(metric)
        if not columns:
            return None
        import numpy as np  # noqa: PLC0415

        return self.task.metrics[metric].reduce({name: np.array([value]) for name, value in columns.items()})
