"""The command `geopix-eval`."""

import atexit
import gc
import sys
import traceback
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any, NoReturn, ParamSpec, TypeVar

import click

from harness.errors import NO_ROOM, EnvironmentProblem, GeoPixError

# Only what every command needs is imported above; `--help` and `ls` must not wait for numpy or a model.

P = ParamSpec("P")
R = TypeVar("R")


# As in BSD's sysexits.h, and as a shell reports a command that Ctrl-C has ended.
INTERNAL_ERROR = 70
INTERRUPTED = 130


class Group(click.Group):
    """A group of commands that all end in the same ways.

    A mistake of the user's ends with its message and exit code, and no traceback. Anything unexpected, a bug here or in
    a plugin, keeps its traceback, and must not end with Python's code 1, which says that a gate failed.
    """

    def invoke(self, context: click.Context) -> Any:
        """Runs the command."""
        try:
            return super().invoke(context)
        except GeoPixError as error:
            click.echo(f"Error: {error}", err=True)
            context.exit(error.exit_code)
        except KeyboardInterrupt:
            click.echo("Interrupted. The same command goes on where a run stopped.", err=True)
            context.exit(INTERRUPTED)
        except (click.ClickException, click.exceptions.Exit, click.Abort, BrokenPipeError):
            raise  # click's own ways to end
        except OSError as error:
            if error.errno not in NO_ROOM:
                self._report(context)
            click.echo(f"Error: {error}. Make room and run the same command again.", err=True)
            context.exit(EnvironmentProblem.exit_code)
        except Exception:  # noqa: BLE001 - whatever it is, its traceback is printed
            self._report(context)

    @staticmethod
    def _report(context: click.Context) -> NoReturn:
        traceback.print_exc()
        click.echo("This is a bug, here or in a plugin. Please report it with the lines above.", err=True)
        context.exit(INTERNAL_ERROR)


data_dir_option = click.option(
    "--data-dir",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("data"),
    show_default=True,
    envvar="GEOPIX_DATA",
    show_envvar=True,
    help="The folder that holds the data sets.",
)

policy_option = click.option(
    "--fail-on-error",
    "policy",
    default="any",
    show_default=True,
    metavar="POLICY",
    help="When failed samples end the run with exit code 3: any, never, a number, or a share such as 1%.",
)


def judge_options(function: Callable[P, R]) -> Callable[P, R]:
    """Adds the options that name the judge which metrics ask."""
    options = (
        click.option("--judge", metavar="JUDGE", help="Who judges: openai:MODEL@URL, transformers:FOLDER, a plugin's."),
        click.option("--judge-option", "judge_options", multiple=True, metavar="KEY=VALUE", help="One of the judge's."),
        click.option(
            "--judge-cache", type=click.Path(path_type=Path, dir_okay=False), help="Verdicts.  [default: in the run]"
        ),
    )
    for option in reversed(options):
        function = option(function)
    return function


@click.group(cls=Group, invoke_without_command=True, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="geopix")
@click.option("--tasks", metavar="NAME,..", help="Tasks to run: names, aliases or paths of task files.")
@click.option(
    "--model",
    metavar="MODEL",
    help="A checkpoint folder, geopix-mini, openai:NAME@URL, replay:FILE, baseline:constant, baseline:whole-image, or "
    "a plugin's.",
)
@click.option("--model-option", "model_options", multiple=True, metavar="KEY=VALUE", help="An option of the model.")
@data_dir_option
@click.option("--output", type=click.Path(path_type=Path), help="The run's folder.  [default: runs/MODEL]")
@click.option("--task-dir", "task_dirs", multiple=True, type=click.Path(path_type=Path), help="More task files.")
@click.option("--cache", metavar="FILE|on|off", help="Share answers between runs.  [default: off; see cache on]")
@judge_options
@click.option("--limit", type=click.IntRange(min=1), help="Only the first N samples of each task.")
@click.option("--previews", type=click.IntRange(min=0), default=200, show_default=True, help="Images kept for reports.")
@click.option("--seed", type=int, default=0, show_default=True, help="Seed of the bootstrap.")
@click.option(
    "--shard",
    metavar="I/N",
    help="Answer one of N shares of each task.  [default: as torchrun, accelerate or SLURM say, else 1/1]",
)
@policy_option
@click.pass_context
def main(context: click.Context, /, **options: Any) -> None:
    """Evaluate remote-sensing models that answer with words, boxes and masks.

    \b
    geopix-eval --tasks rsvqa_hr,rrsis --model ckpt/    run tasks; the same command again goes on where it stopped
    torchrun --nproc-per-node 8 -m harness --tasks ..   the same with eight processes
    geopix-eval leaderboard runs/ -o board.html         compare runs
    geopix-eval compare baseline.json.gz runs/new       say what regressed; exit code 1 stops a pipeline

    Exit codes: 0 done; 1 a gate failed; 2 usage or configuration; 3 samples failed; 4 missing data, extra or
    device; 70 a bug, here or in a plugin; 130 interrupted.
    """  # noqa: D301 - click reads the backspace itself
    _collect_seldom()
    if context.invoked_subcommand is not None:
        return
    if not options["tasks"] or not options["model"]:
        missing = " and ".join(f"--{name}" for name in ("tasks", "model") if not options[name])
        raise click.UsageError(f"{missing} missing: name what to run, or a command. See `geopix-eval --help`.")
    from harness.run import run_tasks  # noqa: PLC0415 - keeps numpy and the registries out of --help

    context.exit(run_tasks(command=tuple(sys.argv), **options))


def _collect_seldom() -> None:
    """Spares the search for cycles, of which imports, samples and records make none: an eighth of a replay's time."""
    gc.set_threshold(200_000)
    # Python searches all that is alive when it ends.
    atexit.register(gc.freeze)


def task_folders(function: Callable[P, R]) -> Callable[P, R]:
    """Adds the option that names further folders of task files."""
    option = click.option(
        "--task-dir", "task_dirs", multiple=True, type=click.Path(path_type=Path), help="More task files."
    )
    return wraps(function)(option(function))


@main.command("ls")
@task_folders
def list_tasks(task_dirs: tuple[Path, ...]) -> None:
    """List the tasks."""
    from harness.listing import print_tasks  # noqa: PLC0415

    print_tasks(task_dirs)


@main.command("show")
@click.argument("what", metavar="TASK|RUN")
@click.argument("sample", required=False)
@click.option("--task", metavar="NAME", help="The task of the run that the sample belongs to.  [default: any]")
@task_folders
def show(what: str, sample: str | None, task: str | None, task_dirs: tuple[Path, ...]) -> None:
    """Show a task: data, prompt, parser, metrics with their formulas. Or one SAMPLE of a run: question and answer."""
    if sample is not None:
        from harness.sample_view import print_sample  # noqa: PLC0415

        print_sample(Path(what), sample, task)
    else:
        from harness.listing import print_task  # noqa: PLC0415

        print_task(what, task_dirs)


@main.command("validate")
@click.argument("places", nargs=-1, required=True, type=click.Path(path_type=Path))
def validate(places: tuple[Path, ...]) -> None:
    """Check task files, or folders of them, and say all their mistakes with file:line."""
    from harness.listing import validate_files  # noqa: PLC0415

    validate_files(places)


@main.command("new")
@click.argument("name")
@click.option("--like", required=True, metavar="TASK", help="The task to start from; see `geopix-eval ls`.")
@click.option("-o", "--output", type=click.Path(path_type=Path), help="File or folder.  [default: NAME.yaml]")
@task_folders
def new(name: str, like: str, output: Path | None, task_dirs: tuple[Path, ...]) -> None:
    """Write a task file for a benchmark of your own, like that of another task, with a comment for each key."""
    from harness.scaffold import new_task  # noqa: PLC0415

    new_task(name, like, output, task_dirs)


@main.group("data")
def data() -> None:
    """Look after the data sets."""


@data.command("status")
@data_dir_option
@click.option("--tasks", "names", metavar="NAME,..", help="Only these tasks.  [default: all]")
@task_folders
def data_status(data_dir: Path, names: str | None, task_dirs: tuple[Path, ...]) -> None:
    """Say for each task what is there, what is missing, its size, licence and address."""
    from harness.data_status import print_status  # noqa: PLC0415

    print_status(data_dir, names, task_dirs)


@main.group("cache")
def cache() -> None:
    """Look after the answers that runs share (--cache)."""


cache_option = click.option(
    "--cache", "file", type=click.Path(path_type=Path, dir_okay=False), help="The file.  [default: the usual one]"
)


@cache.command("list")
@cache_option
def cache_list(file: Path | None) -> None:
    """Say where the cache is, whether runs use it, and what it holds of each model."""
    from harness.cache.command import print_cache  # noqa: PLC0415

    print_cache(file)


@cache.command("prune")
@cache_option
@click.option("--older-than", "days", type=click.FloatRange(min=0), metavar="DAYS", help="Answers older than this.")
@click.option("--model", metavar="MODEL", help="Answers of the model of this name or digest.")
@click.option("--all", "everything", is_flag=True, help="All answers.")
def cache_prune(file: Path | None, days: float | None, model: str | None, everything: bool) -> None:
    """Take answers out of the cache: those that all given options name."""
    if days is None and not model and not everything:
        raise click.UsageError("name what to take away: --older-than DAYS, --model MODEL, or --all.")
    from harness.cache.command import prune_cache  # noqa: PLC0415

    prune_cache(file, days, model)


@cache.command("on")
def cache_on() -> None:
    """Let all later runs of this user share answers; --cache off leaves one out."""
    from harness.cache.command import turn_cache  # noqa: PLC0415

    turn_cache(on=True)


@cache.command("off")
def cache_off() -> None:
    """Let later runs share no answers any more, as is usual. What is kept stays; `cache prune --all` takes it away."""
    from harness.cache.command import turn_cache  # noqa: PLC0415

    turn_cache(on=False)


@main.command("import")
@click.argument("source", nargs=-1, required=True, metavar="FILE | lmms FOLDER | lm-eval FOLDER | vlmevalkit FOLDER")
@click.option("--task", metavar="NAME", help="The task whose parser and metrics score the answers; a FILE needs one.")
@click.option(
    "--map",
    "mapping",
    multiple=True,
    metavar="KEY=FIELD",
    help="Where a FILE keeps a value: prompt, text (the answer), target (one field or several with commas), id, "
    "image, or tag.NAME.",
)
@click.option("--output", required=True, type=click.Path(path_type=Path), help="The run's folder.")
@click.option(
    "--model-name", metavar="NAME", help="The model's name in tables.  [default: the file's stem, or the log's]"
)
@click.option("--seed", type=int, default=0, show_default=True, help="Seed of the bootstrap.")
@judge_options
@task_folders
@click.pass_context
def import_answers(
    context: click.Context, /, source: tuple[str, ...], mapping: tuple[str, ...], **options: Any
) -> None:
    """Turn other people's answers into a run.

    A FILE of JSON Lines holds questions, right answers and a model's answers; --task and --map say how to score them.
    A FOLDER holds the logs of samples of lmms-eval, lm-evaluation-harness or VLMEvalKit. Tasks that `export` wrote are
    scored by our metrics; others by --task, or else keep the scores that they have.
    """
    command = tuple(sys.argv)
    if len(source) == 1:
        if not options["task"]:
            raise click.UsageError("a FILE needs --task NAME: the task whose parser and metrics score the answers.")
        from harness.importing import import_file  # noqa: PLC0415

        context.exit(import_file(command=command, file=Path(source[0]), mapping=mapping, **options))
    if len(source) > 2 or mapping:
        raise click.UsageError("give a FILE with --map, or a format and a FOLDER: geopix-eval import lmms logs/")
    from harness.exchange.import_command import import_logs  # noqa: PLC0415

    context.exit(import_logs(command=command, form=source[0], folder=Path(source[1]), **options))


@main.command("export")
@click.argument("form", metavar="lmms", type=click.Choice(["lmms"]))
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--tasks", "names", required=True, metavar="NAME,..", help="Tasks to write.")
@data_dir_option
@task_folders
def export(form: str, folder: Path, names: str, data_dir: Path, task_dirs: tuple[Path, ...]) -> None:
    """Write tasks as folders that lmms-eval runs with --include_path, scored there by our own functions."""
    from harness.exchange.export_command import export_lmms  # noqa: PLC0415

    export_lmms(folder, names, data_dir, task_dirs)


@main.command("rescore")
@click.argument("run", type=click.Path(path_type=Path))
@click.option("--task", metavar="NAME", help="Only this task of the run.  [default: all that are finished]")
@click.option(
    "--metrics",
    metavar="NAME,..|FILE",
    help="Metrics to add to the task's own, or a task file whose parser and metrics are used.",
)
@click.option("-o", "--output", type=click.Path(path_type=Path), help="A new run folder.  [default: RUN itself]")
@policy_option
@judge_options
@task_folders
@click.pass_context
def rescore(context: click.Context, /, **options: Any) -> None:
    """Score the stored answers of a run anew: other metrics, another parser; no model is asked."""
    from harness.rescoring import rescore_run  # noqa: PLC0415

    context.exit(rescore_run(command=tuple(sys.argv), **options))


@main.command("merge")
@click.argument("run", type=click.Path(path_type=Path))
@click.option("--task", metavar="NAME", help="Only this task.  [default: all that are not finished]")
@click.option("--data-dir", type=click.Path(path_type=Path, file_okay=False), help="The data.  [default: as the run's]")
@policy_option
@judge_options
@task_folders
@click.pass_context
def merge(context: click.Context, /, **options: Any) -> None:
    """Close the tasks of a run that several processes have answered, without the model.

    Whoever is last at work does so by itself; this is for a run whose last process was killed, or that was answered on
    machines that know nothing of each other. Exit code 3 when samples have no record yet.
    """
    from harness.processes.merging import merge_run  # noqa: PLC0415

    context.exit(merge_run(**options))


@main.command("diff")
@click.argument("before", metavar="RUN", type=click.Path(path_type=Path))
@click.argument("after", metavar="RUN", type=click.Path(path_type=Path))
@click.option("--task", metavar="NAME", help="Only this task.  [default: all that both have finished]")
@click.option(
    "--samples", "most", type=click.IntRange(min=0), default=20, show_default=True, help="Flipped samples per task."
)
def diff(before: Path, after: Path, task: str | None, most: int) -> None:
    """Say what differs between two runs: settings, versions, digests, scores, and the samples that flipped.

    It passes no verdict and ends with 0, whether or not the runs differ.
    """
    from harness.diff_command import print_differences  # noqa: PLC0415

    print_differences(before, after, task, most)


@main.command("leaderboard")
@click.argument("runs", nargs=-1, type=click.Path(path_type=Path))
@click.option("-o", "--output", type=click.Path(path_type=Path), help="The page.  [default: leaderboard.html]")
@click.option("--board", metavar="NAME", help="A shipped board or a board's file.  [default: all tasks of the runs]")
@click.option("--baseline", metavar="NAME", help="The run that the others are compared with.")
@click.option(
    "--format", "form", type=click.Choice(["single", "folder"]), default="single", show_default=True,
    help="One file, or a folder with pictures and masks of all samples.",
)  # fmt: skip
@click.option(
    "--embed-samples", "--samples", "samples", type=click.IntRange(min=0), default=60, show_default=True,
    help="Samples of each task that stand on the page in full.",
)  # fmt: skip
def leaderboard(runs: tuple[Path, ...], output: Path | None, **options: Any) -> None:
    """Write an HTML page that compares runs, or all runs below a folder, and all its numbers as JSON beside it."""
    if not runs and not options["board"]:
        raise click.UsageError("name a run, a folder that holds runs, or a --board.")
    from harness.report.leaderboard import write_leaderboard  # noqa: PLC0415

    place = output or Path("leaderboard" if options["form"] == "folder" else "leaderboard.html")
    summary = write_leaderboard(list(runs), place, samples_per_task=options.pop("samples"), **options)
    parts = (f"{summary.bytes / 1e6:.1f} MB", counted(summary.runs, "run"), counted(summary.tasks, "task"))
    click.echo(f"{summary.path} ({', '.join(parts)})")
    if summary.large:
        click.echo(
            "The page is large; --format folder keeps pictures beside it, --embed-samples takes fewer.", err=True
        )


@main.command("watch", context_settings={"ignore_unknown_options": True})
@click.argument("folder", metavar="CHECKPOINTS", type=click.Path(path_type=Path))
@click.argument("further", nargs=-1, type=click.UNPROCESSED, metavar="[-- OPTION..]")
@click.option("--tasks", required=True, metavar="NAME,..", help="Tasks to run with each checkpoint.")
@data_dir_option
@click.option(
    "--model", default="{checkpoint}", show_default=True,
    help="What each evaluation's --model is; {checkpoint} stands for the folder: hf:{checkpoint}.",
)  # fmt: skip
@click.option("--runs", type=click.Path(path_type=Path), help="Holds a run a checkpoint.  [default: runs/CHECKPOINTS]")
@click.option(
    "-o", "--output", type=click.Path(path_type=Path), default=Path("leaderboard.html"), show_default=True,
    help="The page, renewed after each.",
)  # fmt: skip
@click.option(
    "--every", type=click.FloatRange(min=0.1), default=10.0, show_default=True, help="Seconds between two looks."
)
@click.option(
    "--settled", type=click.FloatRange(min=0), default=5.0, show_default=True,
    help="Seconds for which a checkpoint's files must have stayed as they are.",
)  # fmt: skip
@click.option(
    "--idle", type=click.FloatRange(min=0), metavar="SECONDS",
    help="End when no checkpoint has come for so long; 0 takes what is there.  [default: never]",
)  # fmt: skip
@task_folders
@click.pass_context
def watch(context: click.Context, /, folder: Path, further: tuple[str, ...], **options: Any) -> None:
    """Evaluate each checkpoint of a training as it is saved, and keep a leaderboard of them up to date.

    What stands after -- goes to each evaluation: geopix-eval watch training/mine --tasks rrsis -- --limit 200. The same
    command again takes up where it ended. Exit code 3 says that some checkpoint could not be evaluated.
    """
    from harness.watching import watch_checkpoints  # noqa: PLC0415

    context.exit(watch_checkpoints(folder, further, **options))


@main.command("compare")
@click.argument("base", type=click.Path(path_type=Path))
@click.argument("head", type=click.Path(path_type=Path))
@click.option("--gates", type=click.Path(path_type=Path), help="A YAML file of gates.  [default: no significant drop]")
@click.option("--junit", type=click.Path(path_type=Path), help="Write JUnit XML.")
@click.option("--markdown", type=click.Path(path_type=Path), help="Write Markdown, complete up to 1,000 kB.")
@click.option("--comment", type=click.Path(path_type=Path), help="Write Markdown of at most 60 kB, for a comment.")
@click.option("--json", type=click.Path(path_type=Path), help="Write everything as JSON.")
@click.option("--bencher", type=click.Path(path_type=Path), help="Write HEAD's scores in Bencher's metric format.")
@click.option("--seed", type=int, default=0, show_default=True, help="Seed of the bootstrap and the test.")
@click.pass_context
def compare_runs(context: click.Context, /, **options: Any) -> None:
    """Say whether HEAD is worse than BASE, metric by metric on the same samples, and whether gates hold.

    BASE and HEAD are runs' folders; a file that `geopix-eval bless` wrote may stand in their place.

    Exit codes: 0 nothing regressed and the gates hold; 1 something regressed, or a gate failed or could not be
    evaluated; 2 usage or configuration; 4 a run or a file is missing or damaged.
    """
    from harness.comparison.command import compare  # noqa: PLC0415

    context.exit(compare(**options))


@main.command("bless")
@click.argument("run", type=click.Path(path_type=Path))
@click.option("-o", "--output", type=click.Path(path_type=Path), default=Path("baseline.json.gz"), show_default=True)
def bless(run: Path, output: Path) -> None:
    """Write a run's statistics as a baseline that is small enough to commit: no image, no prompt, no answer."""
    from harness.comparison.command import bless_run  # noqa: PLC0415

    bless_run(run, output)


def counted(number: int, noun: str) -> str:
    """Returns a number with its noun.

    >>> counted(1, "run"), counted(2, "run")
    ('1 run', '2 runs')
    """
    return f"{number} {noun}{'' if number == 1 else 's'}"
