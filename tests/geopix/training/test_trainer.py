"""Whole runs on real files: the tiny checkpoint, and two steps of the real mini."""

import json
import resource
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image

from geopix.adapter import checkpoint as load
from geopix.earth.layouts import BUNDLES
from geopix.earth.make import make_earth
from geopix.training.loop import NonFiniteLossError
from geopix.training.preparation import Run
from geopix.training.trainer import train
from harness.errors import ConfigurationError, DataError, EnvironmentProblem

Begin = Callable[..., Run]

MINI = ("steps=2", "images_per_step=2", "questions_per_image=2", "log_every=1", "base.vocabulary=300", "tower.steps=1")
ROOT = Path(__file__).parents[3]
TIMES = ("seconds", "step_seconds", "waiting_seconds")  # what two runs alike do not share
#: At a high rate, Adam makes a large difference of the last bit of a gradient near zero.
SLOWLY = "optimiser.learning_rate=1e-4"


def history(output: Path) -> list[dict[str, Any]]:
    rows = [json.loads(line) for line in (output / "history.jsonl").read_text().splitlines()]
    return [{name: value for name, value in row.items() if name not in TIMES} for row in rows]


def weights(folder: Path) -> bytes:
    return (folder / "model.safetensors").read_bytes()


def command(recipe: Path, earth: Path, output: Path, *overrides: str) -> list[str]:
    return ["-m", "geopix", "train", str(recipe), *overrides, "--data-dir", str(earth), "--output", str(output)]


@pytest.fixture(scope="module")
def lessons(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All that geopix-mini learns from, in a few small images."""
    directory = tmp_path_factory.mktemp("lessons") / "earth"
    make_earth(directory, seed=1, images=18, size=128, splits=(("train", 1),), formats=BUNDLES["mini"])
    return directory


@pytest.mark.slow
def test_the_mini_leaves_a_checkpoint_that_the_harness_loads(begin: Begin, lessons: Path, tmp_path: Path) -> None:
    seen: list[int] = []
    run = begin(tmp_path / "run", *MINI, recipe="mini", data=lessons)
    folder = train(run, lambda step, steps, losses: seen.append(step))
    story = json.loads((folder / "training.json").read_text())
    assert seen == [1, 1, 2]  # the tower's step, then the model's two
    assert story["recipe"]["steps"] == story["step"] == 2
    assert load(str(folder), {"device": "cpu"}).geopix.model.config.memory_class_names[1] == "ship"
    assert sum(path.stat().st_size for path in folder.iterdir()) < 16_000_000


def test_a_checkpoint_tells_what_it_was_made_of(begin: Begin, tmp_path: Path) -> None:
    folder = train(begin(tmp_path / "run"))
    story = json.loads((folder / "training.json").read_text())
    assert [source["name"] for source in story["data"]] == ["rsvqa_hr", "rrsis"]
    assert all(len(source["sha256"]) == 64 for source in story["data"])
    assert {"python", "torch", "accelerate", "peft"} <= story["versions"].keys()
    assert (story["seed"], story["step"], story["skipped"], story["processes"]) == (0, 6, 0, 1)
    assert story["git"] is None or len(story["git"]["commit"]) == 40
    assert len((folder / "history.jsonl").read_text().splitlines()) == 6
    assert "tiny" in (folder / "README.md").read_text()
    images = {json.loads(line)["sha256"] for line in (folder / "fingerprints.jsonl").read_text().splitlines()}
    assert len(images) == 8  # the train split's four images of each task


def test_a_question_without_a_target_is_answered_in_words(begin: Begin, lessons: Path, tmp_path: Path) -> None:
    asked = "data=[{task: earthreason, dataset: {split: train}}]"
    turns = [turn for lesson in begin(tmp_path / "run", asked, data=lessons).mixture.lessons for turn in lesson.turns]
    without = [turn for turn in turns if turn.answer == "There is no target."]
    assert 0 < len(without) < len(turns)
    assert not any(turn.masks for turn in without)
    assert all(turn.masks for turn in turns if turn not in without)


def test_the_same_recipe_gives_the_same_losses_and_weights(begin: Begin, tmp_path: Path) -> None:
    folders = [train(begin(tmp_path / name, "steps=2")) for name in ("one", "two")]
    assert history(tmp_path / "one") == history(tmp_path / "two")
    assert weights(folders[0]) == weights(folders[1])


def test_the_log_says_what_a_step_took_and_how_long_it_waited_for_data(begin: Begin, tmp_path: Path) -> None:
    train(begin(tmp_path / "run", "steps=3"))
    rows = [json.loads(line) for line in (tmp_path / "run" / "history.jsonl").read_text().splitlines()]
    assert all(0 < row["waiting_seconds"] < row["step_seconds"] <= row["seconds"] + 0.1 for row in rows)


def test_another_seed_is_another_run(begin: Begin, tmp_path: Path) -> None:
    train(begin(tmp_path / "one", "steps=1"))
    train(begin(tmp_path / "two", "steps=1", "seed=1"))
    assert history(tmp_path / "one") != history(tmp_path / "two")


@pytest.mark.slow
def test_data_that_workers_prepare_are_the_same(begin: Begin, tmp_path: Path) -> None:
    train(begin(tmp_path / "one", "steps=2"))
    train(begin(tmp_path / "two", "steps=2", "workers=1"))
    assert history(tmp_path / "one") == history(tmp_path / "two")


def test_images_worked_on_one_after_the_other_give_the_same_step(begin: Begin, tmp_path: Path) -> None:
    """With stored means, since batch normalisation would see other batches."""
    settings = ("images_per_step=4", "batch_norm=stored", "steps=3", SLOWLY)
    train(begin(tmp_path / "one", *settings))
    train(begin(tmp_path / "two", *settings, "accumulate=4"))
    for whole, parts in zip(history(tmp_path / "one"), history(tmp_path / "two"), strict=True):
        assert parts == pytest.approx(whole, rel=1e-3, abs=2e-5)


@pytest.mark.slow
def test_a_run_that_is_killed_goes_on_with_the_same_losses(
    recipe_file: Path, begin: Begin, earth: Path, tmp_path: Path
) -> None:
    """Killed with -9 while it writes and steps, again and again, it ends with the same bytes."""
    train(begin(tmp_path / "whole", "steps=16"))
    killed, line = tmp_path / "killed", command(recipe_file, earth, tmp_path / "killed", "steps=16")
    kills = 0
    for state in ("step-00000002", "step-00000008"):
        process = subprocess.Popen([sys.executable, *line], cwd=ROOT, stderr=subprocess.DEVNULL)
        deadline = time.monotonic() + 120
        while not (killed / "states" / state).is_dir() and process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.002)
        if process.poll() is None:
            process.send_signal(signal.SIGKILL)
            kills += 1
        process.wait()
    assert kills == 2
    assert not (killed / "states" / "step-00000016").is_dir()
    folder = train(begin(killed, "steps=16"))
    assert history(killed) == history(tmp_path / "whole")
    assert weights(folder) == weights(tmp_path / "whole" / "checkpoint")


def test_a_run_killed_before_its_first_state_begins_anew(begin: Begin, tmp_path: Path) -> None:
    train(begin(tmp_path / "whole"))
    cut = tmp_path / "cut"
    shutil.copytree(tmp_path / "whole", cut)
    shutil.rmtree(cut / "states")
    (cut / "states" / ".fresh").mkdir(parents=True)  # half a state
    train(begin(cut))
    assert history(cut) == history(tmp_path / "whole")


def test_a_finished_run_is_left_as_it_is(begin: Begin, tmp_path: Path) -> None:
    folder = train(begin(tmp_path / "run"))
    before = weights(folder)
    assert train(begin(tmp_path / "run")) == folder
    assert weights(folder) == before
    assert len(history(tmp_path / "run")) == 6


def test_only_the_latest_states_are_kept(begin: Begin, tmp_path: Path) -> None:
    train(begin(tmp_path / "run", "keep=1"))
    assert [path.name for path in (tmp_path / "run" / "states").iterdir()] == ["step-00000006"]


def test_a_damaged_state_says_what_to_do(begin: Begin, tmp_path: Path) -> None:
    train(begin(tmp_path / "run"))
    state = tmp_path / "run" / "states" / "step-00000006"
    (state / "learnt.safetensors").write_bytes(b"no")
    with pytest.raises(EnvironmentProblem, match="step-00000006: this saved state cannot be loaded.*Delete its folder"):
        train(begin(tmp_path / "run"))


def test_a_folder_with_another_run_is_refused(begin: Begin, tmp_path: Path) -> None:
    train(begin(tmp_path / "run", "steps=1"))
    with pytest.raises(ConfigurationError, match=r"other settings: optimiser.clip, steps\. Name another folder"):
        begin(tmp_path / "run", "steps=2", "optimiser.clip=2")
    begin(tmp_path / "run", "steps=1", "save_every=1")  # no weight depends on it


def test_a_folder_of_the_earlier_trainer_is_refused(begin: Begin, tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "history.jsonl").write_text("{}\n")
    with pytest.raises(ConfigurationError, match="holds a training run of an earlier version"):
        begin(tmp_path / "run")


def test_other_data_in_the_same_folder_is_refused(begin: Begin, earth: Path, tmp_path: Path) -> None:
    other = tmp_path / "earth"
    shutil.copytree(earth, other)
    train(begin(tmp_path / "run", "steps=1"))
    questions = other / "RSVQA_HR" / "USGS_split_train_questions.json"
    questions.write_text(questions.read_text().replace("Is there", "Is by chance there"))
    with pytest.raises(ConfigurationError, match="other settings: the data's content"):
        begin(tmp_path / "run", "steps=1", data=other)


def test_a_loss_that_is_no_number_stops_before_the_step(begin: Begin, tmp_path: Path) -> None:
    run = begin(tmp_path / "run")
    with torch.no_grad():
        run.model.multi_modal_projector.linear_1.weight.fill_(float("nan"))
    before = {name: value.clone() for name, value in run.model.mask_head.named_parameters()}
    message = r"step 1: the loss is no number .*nan.* Its images \(and samples\): .*\d.*; .*No state was saved before"
    with pytest.raises(NonFiniteLossError, match=message):
        train(run)
    assert all(torch.equal(before[name], value) for name, value in run.model.mask_head.named_parameters())


def test_a_loss_that_is_no_number_names_the_last_good_state(begin: Begin, tmp_path: Path) -> None:
    with pytest.raises(NonFiniteLossError, match="The last good state is .*states/step-00000002; the same command"):
        spoil_after(begin(tmp_path / "run"), 3)
    assert [row["step"] for row in history(tmp_path / "run")] == [1, 2, 3]


def spoil_after(run: Run, last: int) -> None:
    def spoil(step: int, steps: int, losses: dict[str, float]) -> None:
        if step == last:
            with torch.no_grad():
                run.model.multi_modal_projector.linear_1.weight.fill_(float("inf"))

    train(run, spoil)


@pytest.fixture
def corrupt(earth: Path, tmp_path: Path) -> Path:
    """Mini Earth with one image cut off in the middle."""
    folder = tmp_path / "corrupt"
    shutil.copytree(earth, folder)
    first = min((folder / "rrsisd/images/rrsisd/JPEGImages").iterdir())
    first.write_bytes(first.read_bytes()[:600])
    return folder


def test_a_corrupt_image_stops_a_run_with_its_name(begin: Begin, corrupt: Path, tmp_path: Path) -> None:
    message = r"(?s)1 of 8 images cannot be read:\s+.*JPEGImages/00001.jpg: .*defects: .image: skip"
    with pytest.raises(DataError, match=message):
        train(begin(tmp_path / "run", data=corrupt))


def test_an_image_that_is_damaged_while_the_run_goes_on_stops_it(begin: Begin, corrupt: Path, tmp_path: Path) -> None:
    run = begin(tmp_path / "run", data=corrupt)
    damaged, whole, *_ = sorted((corrupt / "rrsisd/images/rrsisd/JPEGImages").iterdir())
    cut = damaged.read_bytes()
    damaged.write_bytes(whole.read_bytes())

    def damage(step: int, steps: int, losses: dict[str, float]) -> None:
        damaged.write_bytes(cut)

    with pytest.raises(DataError, match=r"(?s)step \d+: image .*JPEGImages.*cannot be read.*See `defects:`"):
        train(run, damage)


def test_a_corrupt_image_can_be_skipped_and_is_counted(begin: Begin, corrupt: Path, tmp_path: Path) -> None:
    folder = train(begin(tmp_path / "run", "defects.image=skip", data=corrupt))
    rows = history(tmp_path / "run")
    reasons = [reason for row in rows for reason in row.get("skipped", ())]
    assert json.loads((folder / "training.json").read_text())["skipped"] == len(reasons) > 0
    assert all("JPEGImages/00001.jpg cannot be read" in reason for reason in reasons)
    assert len([row for row in rows if "loss" in row]) == 6


def test_too_many_skips_stop_a_run(begin: Begin, corrupt: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"1 samples could not be used, more than defects.at_most = 0"):
        train(begin(tmp_path / "run", "defects.image=skip", "defects.at_most=0", data=corrupt))


@pytest.mark.slow
def test_a_full_disk_ends_a_run_clearly(recipe_file: Path, earth: Path, tmp_path: Path) -> None:
    """A limit on the size of a file stands for the full disk: writing fails in the middle of the second state."""
    line = command(recipe_file, earth, tmp_path / "run", "save_every=1", "checkpoint_at=end")
    done = subprocess.run(
        [sys.executable, *line], cwd=ROOT, capture_output=True, text=True, timeout=240, check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000)),
    )  # fmt: skip
    assert done.returncode == 4
    assert "cannot be written" in done.stderr
    assert "Make room, then give the same command again" in " ".join(done.stderr.split())
    assert "Traceback" not in done.stderr


def test_training_goes_on_from_a_checkpoint(begin: Begin, checkpoint: Path, tmp_path: Path) -> None:
    run = begin(tmp_path / "two", "losses.dice=0.25")
    assert run.model.config.dice_loss_weight == 0.25
    name = "multi_modal_projector.linear_1.weight"
    assert torch.equal(
        run.model.state_dict()[name], load(str(checkpoint), {"device": "cpu"}).geopix.model.state_dict()[name]
    )


def test_frozen_parts_keep_their_weights(begin: Begin, tmp_path: Path) -> None:
    run = begin(tmp_path / "run", "parts.vision_tower=frozen", "parts.embeddings=frozen", "steps=2")
    before = {name: value.clone() for name, value in run.model.named_parameters()}
    train(run)
    same = {name for name, value in run.model.named_parameters() if torch.equal(before[name], value)}
    still = {name for name in before if name.startswith("vision_tower") or "embed_tokens" in name or "lm_head" in name}
    assert still <= same
    assert "mask_head.text_hidden_fcs.0.weight" not in same


def test_attention_by_products_learns_what_fused_kernels_learn(begin: Begin, tmp_path: Path) -> None:
    for name in ("sdpa", "products"):
        train(begin(tmp_path / name, "steps=2", SLOWLY, f"attention={name}"))
    rows = zip(history(tmp_path / "sdpa"), history(tmp_path / "products"), strict=True)
    assert all(one["loss"] == pytest.approx(other["loss"], rel=1e-4) for one, other in rows)


def test_what_several_data_sets_ask_of_a_picture_is_packed_behind_it(begin: Begin, tmp_path: Path) -> None:
    apart, together = (begin(tmp_path / key, f"same_picture={key}").mixture.lessons for key in ("path", "number"))
    assert (len(apart), len(together)) == (8, 4)
    asked = [{turn.capability for turn in lesson.turns} for lesson in together]
    assert {"vqa", "segment"} in asked


def test_modules_that_rest_learn_once_they_thaw(begin: Begin, tmp_path: Path) -> None:
    run = begin(tmp_path / "run", "frozen=[multi_modal_projector]", "thaw=0.5", "steps=2")
    before = run.model.multi_modal_projector.linear_1.weight.detach().clone()
    seen: list[bool] = []
    train(
        run,
        lambda step, steps, losses: seen.append(bool(run.model.multi_modal_projector.linear_1.weight.eq(before).all())),
    )
    assert seen == [True, False]


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["adamw", "muon"])
def test_a_run_goes_on_the_same_from_before_and_after_the_thaw(begin: Begin, tmp_path: Path, kind: str) -> None:
    settings = ("frozen=[multi_modal_projector]", "thaw=0.5", "keep=9", f"optimiser.kind={kind}")
    train(begin(tmp_path / "whole", *settings))
    for state in (2, 4):
        cut = tmp_path / f"cut{state}"
        shutil.copytree(tmp_path / "whole", cut)
        for path in (cut / "states").iterdir():
            if int(path.name.removeprefix("step-")) > state:
                shutil.rmtree(path)
        train(begin(cut, *settings))
        assert weights(cut / "checkpoint") == weights(tmp_path / "whole" / "checkpoint")


def test_the_tower_can_be_taught_alone(begin: Begin, lessons: Path, tmp_path: Path) -> None:
    folder = train(begin(tmp_path / "run", *MINI, "steps=0", recipe="mini", data=lessons))
    assert json.loads((folder / "training.json").read_text())["step"] == 0
    assert len(history(tmp_path / "run")) == 1


def test_a_frozen_module_that_does_not_exist_is_named_before_training(begin: Begin, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="no part 'vision_towr'. Did you mean 'vision_tower'"):
        begin(tmp_path / "run", "frozen=[vision_towr]")


def test_everything_that_is_missing_is_said_at_once(begin: Begin, tmp_path: Path) -> None:
    with pytest.raises(EnvironmentProblem) as caught:
        begin(tmp_path / "run", f"base.checkpoint={tmp_path}/none", data=tmp_path)
    for expected in (
        "none is no checkpoint folder",
        "task rsvqa_hr: the data is not at",
        "task rrsis: the data is not",
    ):
        assert expected in str(caught.value)


def test_pictures_show_what_is_marked(begin: Begin, tmp_path: Path) -> None:
    train(begin(tmp_path / "run", "pictures={every: 4, count: 2}"))
    folder = tmp_path / "run" / "pictures"
    assert sorted(path.name for path in folder.iterdir()) == ["step-00000004", "step-00000006"]
    with Image.open(folder / "step-00000004" / "2.png") as picture:
        assert picture.size == (256, 128)


def test_the_best_checkpoint_is_kept(begin: Begin, tmp_path: Path) -> None:
    tasks = "[{task: rrsis}, {task: rsvqa_hr}]"
    folder = train(begin(tmp_path / "run", f"evaluation={{tasks: {tasks}, every: 3, limit: 4, best: rrsis.oiou}}"))
    scores = [row for row in history(tmp_path / "run") if "scores" in row]
    assert [row["step"] for row in scores] == [3, 6]
    told = json.loads((tmp_path / "run" / "best" / "training.json").read_text())
    values = [row["scores"]["rrsis.oiou"] for row in scores]
    assert json.loads((folder / "training.json").read_text())["best"] == {
        "score": max(values),
        "step": scores[values.index(max(values))]["step"],
    }
    assert told["step"] == scores[values.index(max(values))]["step"]
    run = json.loads((tmp_path / "run" / "evaluation" / "step-00000003" / "run.json").read_text())
    assert run["settings"] == {"recipe": "tiny", "step": "3"}


def test_an_evaluation_does_not_change_the_training(begin: Begin, tmp_path: Path) -> None:
    train(begin(tmp_path / "one"))
    extra = ("pictures={every: 2, count: 1}", "evaluation={tasks: [{task: rrsis}], every: 2, limit: 2}")
    train(begin(tmp_path / "two", *extra))
    assert weights(tmp_path / "one" / "checkpoint") == weights(tmp_path / "two" / "checkpoint")


def test_a_score_that_does_not_exist_is_named(begin: Begin, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"no score 'rrsis.mioo'. Did you mean 'rrsis.miou'"):
        begin(tmp_path / "run", "evaluation={tasks: [{task: rrsis}], every: 2, best: rrsis.mioo}")


def test_losses_go_to_tensorboard(begin: Begin, tmp_path: Path) -> None:
    train(begin(tmp_path / "run", "trackers=[tensorboard]", "pictures={every: 6, count: 1}"))
    content = b"".join(file.read_bytes() for file in (tmp_path / "run").rglob("events.out.tfevents.*"))
    assert all(name in content for name in (b"bce_loss", b"dice_loss", b"class_loss", b"pictures/1"))


@pytest.mark.slow
def test_images_that_processes_cannot_share_are_refused(recipe_file: Path, earth: Path, tmp_path: Path) -> None:
    line = command(recipe_file, earth, tmp_path / "run", "images_per_step=3")
    launched = ["-m", "torch.distributed.run", "--nproc-per-node", "2", *line]
    done = subprocess.run(
        [sys.executable, *launched], cwd=ROOT, capture_output=True, text=True, timeout=240, check=False
    )
    assert done.returncode != 0
    words = " ".join(done.stderr.split())
    assert "cannot be shared evenly by 2 processes; set images_per_step to a multiple of 2." in words


@pytest.mark.slow
def test_two_processes_have_the_losses_of_one(recipe_file: Path, begin: Begin, earth: Path, tmp_path: Path) -> None:
    """At the same global batch, batch normalisation by stored means: it is the one part that looks across images."""
    batches = ("batch_norm=stored", "images_per_step=4", "accumulate=2", "steps=3", SLOWLY)
    settings = (*batches, "frozen=[multi_modal_projector]", "thaw=0.34")
    settings = (*settings, "evaluation={tasks: [{task: rrsis}], every: 3, limit: 2}", "pictures={every: 3, count: 1}")
    train(begin(tmp_path / "one", *settings))
    line = command(recipe_file, earth, tmp_path / "two", *settings)
    launched = ["-m", "torch.distributed.run", "--nproc-per-node", "2", *line]
    done = subprocess.run(
        [sys.executable, *launched], cwd=ROOT, capture_output=True, text=True, timeout=400, check=False
    )
    assert done.returncode == 0, done.stderr
    one, two = ([row for row in history(tmp_path / name) if "loss" in row] for name in ("one", "two"))
    assert len(one) == len(two) == 3
    for alone, together in zip(one, two, strict=True):
        assert together == pytest.approx(alone, rel=1e-3, abs=2e-5)
    assert json.loads((tmp_path / "two" / "checkpoint" / "training.json").read_text())["processes"] == 2
    assert (tmp_path / "two" / "best" / "model.safetensors").is_file()
