"""One sample of a run in the terminal: all of its record, nothing of it able to steer the terminal."""

from dataclasses import replace
from pathlib import Path

from click.testing import CliRunner, Result

from harness.cli import main
from harness.records import Mask, Prediction, Record, Response, Target
from harness.store import RunDirectory
from tests.harness.report import factory

HOSTILE = "\x1b[2J\x1b]0;owned\x07[red]x[/red]\nstatus        ok\r\x9b31m\u202eevil"


def show(*arguments: object) -> Result:
    result = CliRunner().invoke(main, ["show", *map(str, arguments)])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result


def write(path: Path, task: str, *records: Record) -> Path:
    run = RunDirectory(path)
    run.open(factory.manifest("model", path / "data"))
    run.records_path(task).parent.mkdir()
    run.close_task(factory.result(task, [factory.OA], list(records)), list(records))
    return path


def record(sample_id: str = "7", **changes: object) -> Record:
    mask = factory.rectangle(0, 0, 10, 4)
    plain = Record(
        key="k1",
        sample_id=sample_id,
        cluster="c3",
        images=("i9",),
        image_files=("Data/i9.tif",),
        prompt="How many?\nOne word.",
        fields={"question": "How many?"},
        target=Target(("2", "two"), (mask,)),
        response=Response("There are 2.", (mask, mask), ((1.0, 2.0, 30.5, 40.0),), 0.5, 7, "cut at 7 tokens"),
        prediction=Prediction("ok", "2 masks, united", "2", (mask,), ()),
        statistics={"oa": {"correct": 1.0, "count": 1.0}, "left_out": {}},
        tags={"type": "count"},
        raw_target=Target(("Two",), (mask, mask)),
    )
    return replace(plain, **changes)  # type: ignore[arg-type]


def test_a_sample_is_shown_whole(tmp_path: Path) -> None:
    run = write(tmp_path / "run", "small", record())
    result = show(run, "7")
    assert result.exit_code == 0
    mask = "  mask        160 x 160 pixels (height x width), 40 of them marked"
    assert result.stdout.splitlines() == [
        "sample        7 of task small",
        f"run           {run} (model)",
        f"image         i9: {run / 'data' / 'Data' / 'i9.tif'} (not there any more)",
        "tags          type=count",
        "prompt",
        "  | How many?",
        "  | One word.",
        "raw answer",
        "  | There are 2.",
        mask,
        mask,
        "  box         1, 2 to 30.5, 40",
        "model says    cut at 7 tokens",
        "status        ok",
        "why           2 masks, united",
        "read as",
        "  | 2",
        mask,
        "right answer  2",
        "  or          two",
        mask,
        "in the data   Two",
        mask,
        mask,
        "statistics",
        "  left_out    not scored",
        "  oa          correct 1, count 1",
        "cluster       c3",
        "key           k1",
    ]


def test_pictures_are_named_where_they_are_there(tmp_path: Path) -> None:
    run = write(tmp_path / "run", "small", record(image_files=("../../etc/passwd",)))
    assert f"image         i9: ../../etc/passwd (outside {run / 'data'})" in show(run, "7").stdout
    run = write(tmp_path / "other", "small", record())
    (run / "data" / "Data").mkdir(parents=True)
    (run / "data" / "Data" / "i9.tif").write_bytes(b"")
    assert f"image         i9: {run / 'data' / 'Data' / 'i9.tif'}\n" in show(run, "7").stdout


def test_a_sample_without_an_answer_says_why(tmp_path: Path) -> None:
    failed = record(response=None, prediction=Prediction("failed", "the picture is torn"), statistics={})
    text = show(write(tmp_path / "run", "small", failed), "7").stdout
    for line in ("raw answer    none", "status        failed", "why           the picture is torn"):
        assert f"{line}\n" in text
    assert "statistics\n  none: the sample is not scored\n" in text


def test_hostile_words_are_inert(tmp_path: Path) -> None:
    hostile = record(
        prompt=HOSTILE,
        response=Response(HOSTILE, reason=HOSTILE),
        prediction=Prediction("unparsed", HOSTILE, HOSTILE),
        target=Target((HOSTILE,), (Mask((2, 2), "\x1b"),)),
        tags={HOSTILE: HOSTILE},
        images=(HOSTILE,),
        image_files=(HOSTILE,),
        statistics={HOSTILE: {HOSTILE: 1.0}},
    )
    text = show(write(tmp_path / "run", "small", hostile), "7").stdout
    assert not set(text) & {"\x1b", "\x07", "\x9b", "\r", "\u202e"}
    assert "[red]x[/red]" in text
    # The answer's own line break cannot make a line that looks like one of the view.
    assert [line for line in text.splitlines() if line.startswith("status")] == ["status        unparsed"]
    assert "malformed" in text


def test_the_nearest_sample_and_task_are_suggested(tmp_path: Path) -> None:
    run = write(tmp_path / "run", "small", record("17-3"), record("204-1"))
    result = show(run, "17-2")
    assert (result.exit_code, result.stdout) == (2, "")
    assert "has no sample '17-2'. Did you mean '17-3'? Its samples: 17-3, 204-1." in result.stderr
    assert "no answers to task 'smal'. Did you mean 'small'?" in show(run, "17-3", "--task", "smal").stderr
    assert show(run, "17-3", "--task", "small").exit_code == 0


def test_a_sample_of_several_tasks_is_shown_of_each(tmp_path: Path) -> None:
    run = write(tmp_path / "run", "one", record())
    other = RunDirectory(run)
    other.records_path("two").parent.mkdir()
    other.close_task(factory.result("two", [factory.OA], [record()]), [record()])
    assert [line for line in show(run, "7").stdout.splitlines() if line.startswith("sample")] == [
        "sample        7 of task one",
        "sample        7 of task two",
    ]
    assert "of task two" not in show(run, "7", "--task", "one").stdout


def test_a_run_without_a_sample_and_a_place_that_is_no_run_are_refused(tmp_path: Path) -> None:
    run = write(tmp_path / "run", "small", record())
    result = show(run)
    assert result.exit_code == 2
    assert f"{run} is a run: say which of its samples to show, `geopix-eval show {run} SAMPLE`" in result.stderr
    result = show(tmp_path / "absent", "7")
    assert result.exit_code == 4
    assert "run.json cannot be read: No such file or directory. Is this a run directory?" in result.stderr
