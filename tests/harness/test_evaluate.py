"""The loop: what is asked, what is asked again, and what one bad sample does to the others."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from harness.errors import ConfigurationError, DataError, MissingDataError, SampleError
from harness.evaluate import evaluate
from harness.interfaces import Columns, MetricInfo
from harness.metrics.accuracy import Accuracy
from harness.preparation import data_root
from harness.records import Prediction, Record, Request, Response, Sample, Target
from harness.results import TaskResult
from harness.settings import Settings
from harness.spec import Task
from harness.store import RunDirectory
from tests.harness.small_data import small_task, write_data

Answer = Callable[[Request], Any]


def yes(request: Request) -> Response:
    return Response(text="yes", seconds=0.25, tokens=2)


@dataclass
class Asked:
    """A model that remembers what it was asked."""

    answer: Answer = yes
    batch_size: int = 5
    reads_images: bool = False
    digest: str = "d1"
    name: str = "asked"
    settings: Mapping[str, str] = field(default_factory=dict)
    batches: list[list[str]] = field(default_factory=list)

    def respond(self, requests: Sequence[Request]) -> list[Any]:
        self.batches.append([request.sample_id for request in requests])
        return [self.answer(request) for request in requests]

    @property
    def ids(self) -> list[str]:
        return [sample_id for batch in self.batches for sample_id in batch]


class Folder:
    """A data set, its task and a run, in a temporary folder."""

    def __init__(self, path: Path) -> None:
        self.data = write_data(path / "data")
        self.run = RunDirectory(path / "run")
        self.task = small_task(path)
        self.path = path

    def evaluate(self, model: Asked, task: Task | None = None, **settings: Any) -> TaskResult:
        return evaluate(task or self.task, model, self.run, Settings(self.data, **settings))

    def records(self) -> dict[str, Record]:
        return {found.sample_id: found for found in self.run.records("small")}

    def files(self) -> dict[str, bytes]:
        return {name: (self.run.path / "small" / name).read_bytes() for name in ("records.jsonl", "result.json")}


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path)


def failing(*sample_ids: str) -> Answer:
    def answer(request: Request) -> Response:
        if request.sample_id in sample_ids:
            raise RuntimeError("shapes differ")
        return yes(request)

    return answer


def test_questions_of_an_image_follow_each_other_in_batches(folder: Folder) -> None:
    model = Asked()
    result = folder.evaluate(model)
    assert model.batches == [["0", "4", "8", "1", "5"], ["9", "2", "6", "10", "3"], ["7", "11"]]
    assert list(folder.records()) == [str(number) for number in range(12)]
    assert (result.primary.value, result.primary.n, result.primary.clusters) == (8 / 12, 12, 4)
    assert (result.seconds, result.tokens, result.counts.ok) == (3.0, 24, 12)
    assert [(part.value, part.scores[0].n) for part in result.slices] == [("comp", 6), ("presence", 6)]


def test_the_same_command_again_asks_nothing_and_writes_the_same_bytes(folder: Folder) -> None:
    folder.evaluate(Asked())
    first = folder.files()
    again = Asked()
    folder.evaluate(again)
    assert again.batches == []
    assert folder.files() == first


def test_after_a_kill_only_what_is_missing_is_asked(folder: Folder) -> None:
    folder.evaluate(Asked())
    whole = folder.files()
    log = folder.run.records_path("small")
    log.write_bytes(b"".join(log.read_bytes().splitlines(keepends=True)[:7])[:-5])
    folder.run.reopen_task("small")
    again = Asked()
    folder.evaluate(again)
    assert sorted(again.ids, key=int) == ["6", "7", "8", "9", "10", "11"]
    assert folder.files() == whole


def test_one_bad_request_does_not_take_its_batch_with_it(folder: Folder) -> None:
    result = folder.evaluate(Asked(failing("5", "6")))
    assert (result.counts.ok, result.counts.failed, result.primary.n) == (10, 2, 10)
    bad = folder.records()["5"]
    assert bad.prediction == Prediction("failed", "RuntimeError: shapes differ")
    assert (bad.response, bad.statistics) == (None, {})


def test_failed_samples_are_asked_again_and_only_they(folder: Folder) -> None:
    folder.evaluate(Asked(failing("5", "6")))
    again = Asked()
    assert folder.evaluate(again).counts.ok == 12
    assert again.ids == ["5", "6"]


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (lambda request: "yes", "the model gave a str, expected a Response"),
        (lambda request: None, "the model gave a NoneType, expected a Response"),
    ],
)
def test_answers_of_the_wrong_kind_fail_with_a_reason(folder: Folder, answer: Answer, reason: str) -> None:
    assert folder.evaluate(Asked(answer)).counts.failed == 12
    assert folder.records()["0"].prediction.reason == reason


def test_a_model_that_gives_too_few_answers_is_asked_one_by_one(folder: Folder) -> None:
    class Forgetful(Asked):
        def respond(self, requests: Sequence[Request]) -> list[Any]:
            return super().respond(requests)[: 4 if requests[0].sample_id != "7" else 0]

    assert folder.evaluate(Forgetful()).counts.failed == 1
    assert folder.records()["7"].prediction.reason == "the model gave 0 answers to 1 requests"


@dataclass(frozen=True)
class Broken:
    """A metric that breaks as it is told."""

    score_of: Callable[[Target], Any] = lambda target: {"n": 1.0}
    reduce_to: Callable[[Columns], Any] = lambda columns: 1.0

    @property
    def info(self) -> MetricInfo:
        return MetricInfo("score", "higher", "", "")

    def score(self, target: Target, prediction: Prediction, tags: Mapping[str, str]) -> dict[str, float]:
        found: dict[str, float] = self.score_of(target)
        return found

    def reduce(self, columns: Columns) -> float | None:
        found: float | None = self.reduce_to(columns)
        return found


def broken(folder: Folder, **parts: Any) -> Task:
    return replace(folder.task, metrics={"oa": Broken(**parts)})


@pytest.mark.parametrize(
    ("statistics", "reason"),
    [
        ({"n": float("nan")}, "metric 'oa' gives n = nan; leave the sample out with an empty dict"),
        ({"n": "many"}, "could not convert string to float: 'many'"),
        (None, "'NoneType' object has no attribute 'items'"),
    ],
)
def test_a_metric_that_breaks_on_a_sample_fails_it_and_keeps_the_answer(
    folder: Folder, statistics: Any, reason: str
) -> None:
    def score_of(target: Target) -> Any:
        return {"n": 1.0} if target.texts == ("yes",) else statistics

    result = folder.evaluate(Asked(), broken(folder, score_of=score_of))
    assert (result.counts.ok, result.counts.failed) == (8, 4)
    bad = folder.records()["0"]
    assert bad.prediction.reason is not None
    assert bad.prediction.reason.startswith("could not be scored: ")
    assert bad.prediction.reason.endswith(reason)
    assert bad.response == yes_answer()
    mended = Asked()
    assert folder.evaluate(mended).counts.ok == 12
    assert mended.batches == [], "an answer that was given is not asked for again"


def yes_answer() -> Response:
    return Response(text="yes", seconds=0.25, tokens=2)


def test_a_metric_that_breaks_on_the_corpus_is_named_and_no_answer_is_lost(folder: Folder) -> None:
    def reduce_to(columns: Columns) -> float:
        raise KeyError("m")

    with pytest.raises(ConfigurationError, match="metric 'oa' cannot be computed over 12 samples: KeyError: 'm'"):
        folder.evaluate(Asked(), broken(folder, reduce_to=reduce_to))
    assert folder.run.unfinished() == ["small"]
    again = Asked()
    folder.evaluate(again)
    assert again.batches == []


def test_a_parser_that_breaks_fails_its_sample(folder: Folder) -> None:
    class Fragile:
        def parse(self, response: Response, sample: Sample) -> Prediction:
            if sample.id == "3":
                raise IndexError("pop from an empty list")
            return Prediction("ok", text=response.text)

        def target(self, sample: Sample) -> Target:
            return sample.target

    assert folder.evaluate(Asked(), replace(folder.task, parser=Fragile())).counts.failed == 1
    assert folder.records()["3"].prediction.reason == "could not be scored: IndexError: pop from an empty list"


def test_a_defect_is_recorded_and_never_asked(folder: Folder) -> None:
    (folder.data / "SMALL" / "Data" / "2.tif").unlink()
    model = Asked()
    assert folder.evaluate(model).counts.failed == 3
    assert not {"2", "6", "10"} & set(model.ids)
    reason = folder.records()["6"].prediction.reason
    assert reason is not None
    assert reason.startswith("image 2: 2.tif or 2.png is not in")


def test_an_image_that_cannot_be_read_fails_its_questions_for_a_model_that_looks(folder: Folder) -> None:
    image = folder.data / "SMALL" / "Data" / "2.tif"
    image.unlink()
    image.mkdir()
    assert folder.evaluate(Asked()).counts.failed == 0
    (folder.run.path / "small" / "records.jsonl").unlink()
    model = Asked(reads_images=True)
    assert folder.evaluate(model).counts.failed == 3
    assert folder.records()["6"].prediction.reason == (
        f"image 2: {image} cannot be read: Is a directory. Check or replace the file."
    )
    assert not {"2", "6", "10"} & set(model.ids)


@pytest.mark.parametrize(("reads_images", "asked"), [(True, ["2", "6", "10"]), (False, [])])
def test_a_changed_image_is_asked_about_again_by_a_model_that_looks(
    folder: Folder, reads_images: bool, asked: list[str]
) -> None:
    folder.evaluate(Asked(reads_images=reads_images))
    image = folder.data / "SMALL" / "Data" / "2.tif"
    image.write_bytes(image.read_bytes() + b"\0")
    again = Asked(reads_images=reads_images)
    folder.evaluate(again)
    assert again.ids == asked


@pytest.mark.parametrize(
    "change", [{"prompt": "{{ question }} Answer."}, {"version": 2}], ids=["the prompt", "the version"]
)
def test_a_changed_task_is_asked_anew(folder: Folder, change: dict[str, Any]) -> None:
    first = folder.evaluate(Asked())
    again = Asked()
    result = folder.evaluate(again, small_task(folder.path, **change))
    assert len(again.ids) == 12
    assert len(folder.records()) == 12
    assert result.task_digest != first.task_digest


def test_a_changed_parser_or_metric_is_scored_anew_without_asking(folder: Folder) -> None:
    folder.evaluate(Asked())
    again = Asked()
    result = folder.evaluate(again, replace(folder.task, metrics={"oa": Accuracy(only={"type": ["comp"]})}))
    assert (again.batches, result.primary.n) == ([], 6)


def test_a_limit_takes_the_first_samples_and_says_so(folder: Folder) -> None:
    model = Asked()
    result = folder.evaluate(model, limit=3)
    assert sorted(model.ids) == ["0", "1", "2"]
    assert "Only the first 3 samples were asked (--limit 3)." in result.notes
    again = Asked()
    result = folder.evaluate(again)
    assert len(again.ids) == 9
    assert not any("--limit" in note for note in result.notes)


def test_a_limit_never_throws_answers_away(folder: Folder) -> None:
    folder.evaluate(Asked())
    before = folder.files()
    with pytest.raises(ConfigurationError, match="holds more answers to task small than the first 3"):
        folder.evaluate(Asked(), limit=3)
    assert folder.files() == before


def test_repeated_ids_are_refused(folder: Folder) -> None:
    @dataclass(frozen=True)
    class Twice:
        def samples(self, root: Path) -> Iterator[Sample]:
            yield from [Sample("a", (), {"question": "?"}, Target(("yes",)))] * 2

    with pytest.raises(DataError, match=r"1 sample ids stand more than once, a for example. Answers could not be told"):
        folder.evaluate(Asked(), replace(folder.task, reader=Twice()))


def test_an_empty_data_set_is_refused(folder: Folder) -> None:
    path = folder.data / "SMALL" / "T_questions.json"
    path.write_text(json.dumps({"questions": []}))
    with pytest.raises(MissingDataError, match=r"task small has no sample here. Are these the files of its split?"):
        folder.evaluate(Asked())


def test_absent_data_names_where_it_was_looked_for_and_where_to_get_it(folder: Folder, tmp_path: Path) -> None:
    with pytest.raises(MissingDataError) as refusal:
        data_root(folder.task, tmp_path / "nowhere")
    assert str(refusal.value) == (
        f"task small: the data is not at {tmp_path / 'nowhere' / 'SMALL'}. Get it from https://example.org/small, or "
        "name the folder that holds SMALL/ with --data-dir."
    )


def test_a_misspelt_field_of_the_prompt_is_refused_before_anything_is_asked(folder: Folder) -> None:
    model = Asked()
    with pytest.raises(
        ConfigurationError, match=r"the prompt uses 'qestion'.* Did you mean 'question'\? Known fields: q"
    ):
        folder.evaluate(model, small_task(folder.path, prompt="{{ qestion }}"))
    assert model.batches == []


def test_a_misspelt_cluster_is_refused_before_anything_is_asked(folder: Folder) -> None:
    model = Asked()
    with pytest.raises(ConfigurationError, match=r"`cluster: typ` is no tag of sample 0. Did you mean 'type'\?"):
        folder.evaluate(model, small_task(folder.path, cluster="typ"))
    assert model.batches == []


@pytest.mark.parametrize(("cluster", "clusters"), [("image_id", 4), ("sample_id", 12), ("type", 2)])
def test_samples_are_resampled_by_what_the_task_says(folder: Folder, cluster: str, clusters: int) -> None:
    assert folder.evaluate(Asked(), small_task(folder.path, cluster=cluster)).primary.clusters == clusters


def test_a_score_without_an_interval_says_why(folder: Folder) -> None:
    score = folder.evaluate(Asked(), limit=1).primary
    assert (score.value, score.low, score.reason) == (0.0, None, "an interval needs two clusters or more, found 1")


def test_a_score_of_nothing_says_so(folder: Folder) -> None:
    score = folder.evaluate(Asked(failing(*map(str, range(12))))).primary
    assert (score.value, score.n, score.reason) == (None, 0, "no sample is scored")


def test_a_sample_error_is_recorded_in_its_own_words(folder: Folder) -> None:
    def answer(request: Request) -> Response:
        raise SampleError("image 0 is truncated at byte 12")

    folder.evaluate(Asked(answer))
    assert folder.records()["0"].prediction.reason == "image 0 is truncated at byte 12"


def test_previews_are_kept_only_for_a_model_that_looks(folder: Folder) -> None:
    folder.evaluate(Asked(), previews=2)
    assert not folder.run.previews("small").exists()
    folder.evaluate(Asked(reads_images=True), previews=2)
    assert len(list(folder.run.previews("small").iterdir())) == 2


def test_progress_tells_done_and_total(folder: Folder) -> None:
    seen: list[tuple[str, int, int]] = []
    folder.evaluate(Asked(), progress=lambda task, done, total: seen.append((task, done, total)))
    assert seen == [("small", 0, 12), ("small", 5, 12), ("small", 10, 12), ("small", 12, 12)]
