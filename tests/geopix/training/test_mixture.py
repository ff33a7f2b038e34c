"""What a model is taught."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from geopix.boxes import parse_boxes
from geopix.training.drawing import PAIR_ANSWER, draw
from geopix.training.examination import Examiner
from geopix.training.mixture import Mixture, read_mixture, texts
from geopix.training.recipe import load_recipe, shipped_recipes
from geopix.training.schema import Source
from geopix.training.sources import changed_task, find_data
from geopix.training.turns import Lesson, Turn
from harness.errors import ConfigurationError, DataError, MissingDataError
from harness.plugins import installed
from harness.records import ImageFile, Mask
from harness.run import catalogue_of

VQA = Source(task="rsvqa_hr", dataset={"prefix": "USGS_split_train"})
SEGMENT = Source(task="rrsis", dataset={"split": "train"})


def mixture(earth: Path, *sources: Source, on_defect: str = "stop") -> Mixture:
    return read_mixture(find_data(sources, earth, catalogue_of(()), installed(), on_defect=on_defect))


def read(earth: Path, *sources: Source) -> list[Lesson]:
    return list(mixture(earth, *sources).lessons)


def test_every_active_question_of_the_split_is_taught(earth: Path) -> None:
    questions = json.loads((earth / "RSVQA_HR/USGS_split_train_questions.json").read_text())["questions"]
    taught = [turn for lesson in read(earth, VQA) for turn in lesson.turns]
    assert len(taught) == sum(question["active"] for question in questions)
    assert {turn.capability for turn in taught} == {"vqa"}
    assert all("Answer the question using a single word or phrase." in turn.question for turn in taught)


def test_segmentation_brings_mask_and_class(earth: Path) -> None:
    turns = [turn for lesson in read(earth, SEGMENT) for turn in lesson.turns]
    assert turns
    for turn in turns:
        assert turn.answer == "It is <SEG>."
        assert len(turn.masks) == len(turn.classes) == 1
        assert turn.question == f"Please segment {turn.subject} in this image."


def test_texts_are_the_words_as_the_model_sees_them(earth: Path) -> None:
    words = next(texts(read(earth, SEGMENT)))
    assert words.startswith("USER: \n[segment] Please segment")
    assert words.endswith("ASSISTANT: It is <SEG>.")


def test_a_missing_data_set_is_named(tmp_path: Path) -> None:
    with pytest.raises(MissingDataError, match="rsvqa_hr: the data is not at"):
        read(tmp_path, VQA)


def test_all_that_is_missing_is_named_at_once(tmp_path: Path) -> None:
    with pytest.raises(MissingDataError) as caught:
        read(tmp_path, VQA, SEGMENT, VQA)
    assert [line.split(":")[0] for line in str(caught.value).splitlines()] == ["task rsvqa_hr", "task rrsis"]


def test_captions_boxes_and_scenes_are_taught_too(earth: Path) -> None:
    caption = read(earth, Source(task="rsicd", dataset={"split": "train"}))[0].turns[0]
    assert caption.capability == "caption"
    assert len(caption.answer.split()) > 3
    scene = read(earth, Source(task="ucmerced"))[0].turns[0]
    assert scene.capability == "vqa"
    assert scene.answer


def test_boxes_are_spoken_in_hundredths_of_the_image(earth: Path) -> None:
    source = Source(task="dior_rsvg", dataset={"split": "train"}, prompt="Where is {{ expression }}?")
    data = find_data([source], earth, catalogue_of(()), installed())[0]
    (sample, *_), turn = list(data.reader.samples(data.root)), read(earth, source)[0].turns[0]
    assert turn.question == f"Where is {sample.fields['expression']}?"
    spoken = parse_boxes(turn.answer, 128, 128)
    assert np.abs(spoken - np.array(sample.target.boxes)).max() <= 0.65  # half a hundredth of 128 pixels


def test_the_digest_tells_other_data(earth: Path) -> None:
    one, again = mixture(earth, VQA, SEGMENT).digests, mixture(earth, VQA, SEGMENT).digests
    other = mixture(earth, VQA.model_copy(update={"prompt": "{{ question }}"}), SEGMENT).digests
    assert one == again
    assert [name for name, _ in one] == ["rsvqa_hr", "rrsis"]
    assert one[0] != other[0]
    assert one[1] == other[1]


def test_a_defective_sample_stops_or_is_left_out_and_counted(earth: Path, tmp_path: Path) -> None:
    folder = tmp_path / "earth"
    shutil.copytree(earth / "rrsisd", folder / "rrsisd")
    gone = min((folder / "rrsisd/images/rrsisd/JPEGImages").iterdir())
    gone.unlink()
    message = r"(?s)sample .* cannot be used for training.*Mend it, or set `defects: .sample: skip"
    with pytest.raises(DataError, match=message):
        mixture(folder, SEGMENT)
    left = mixture(folder, SEGMENT, on_defect="skip")
    assert left.skipped
    assert {each.missing for each in left.skipped} == {gone.name}
    assert gone.name not in {lesson.image.path.name for lesson in left.lessons}


@pytest.mark.parametrize("name", sorted(shipped_recipes()))
def test_shipped_recipes_name_tasks_options_and_scores_that_exist(name: str, tmp_path: Path) -> None:
    recipe = load_recipe(name)
    catalogue, plugins = catalogue_of(()), installed()
    for source in recipe.data:
        changed_task(source.task, source.dataset, catalogue, plugins)
    if recipe.evaluation is not None:
        tasks = [changed_task(each.task, each.dataset, catalogue, plugins) for each in recipe.evaluation.tasks]
        examiner = Examiner(recipe, recipe.evaluation, tasks, tmp_path, tmp_path)
        assert examiner.deciding == recipe.evaluation.best
        assert examiner.higher_is_better


def test_a_split_option_is_checked_as_in_a_task_file(earth: Path) -> None:
    with pytest.raises(ConfigurationError, match="unknown key 'splitt'. Did you mean 'split'"):
        read(earth, Source(task="rrsis", dataset={"splitt": "train"}))


def lesson() -> Lesson:
    turns = tuple(
        Turn("segment", f"Please segment {name} in this image.", "It is <SEG>.", (Mask((2, 2), counts),), (name,), name)
        for name, counts in (("a ship", "04"), ("a car", "13"), ("a road", "22"))
    )
    return Lesson(ImageFile("1", Path("1.png")), turns, 1.0)


def test_half_of_the_questions_are_put_in_another_of_the_recipe_s_phrasings(earth: Path) -> None:
    source = SEGMENT.model_copy(update={"phrasings": ["Segment {{ expression }}.", "Mask {{ expression }}."]})
    taught = read(earth, source)[0]
    turn = taught.turns[0]
    assert turn.phrasings == (f"Segment {turn.subject}.", f"Mask {turn.subject}.")
    assert f"Segment {turn.subject}." in " ".join(texts([taught]))
    random = np.random.default_rng(0)
    asked = [draw(replace(taught, turns=(turn,)), 1, 0.0, random)[0].question for _ in range(200)]
    assert 80 < asked.count(turn.question) < 120
    assert set(asked) == {turn.question, *turn.phrasings}


def test_a_mistake_in_a_phrasing_is_told(earth: Path) -> None:
    with pytest.raises(ConfigurationError, match="expresion"):
        read(earth, SEGMENT.model_copy(update={"phrasings": ["Segment {{ expresion }}."]}))


def test_at_most_so_many_questions_are_drawn_and_the_seed_decides() -> None:
    first = draw(lesson(), 2, 0.0, np.random.default_rng(3))
    assert len(first) == 2
    assert first == draw(lesson(), 2, 0.0, np.random.default_rng(3))
    assert {turn.answer for turn in first} == {"It is <SEG>."}


def test_pairs_ask_for_two_targets_in_order() -> None:
    for turn in draw(lesson(), 3, 1.0, np.random.default_rng(0)):
        first, second = turn.classes
        assert turn.answer == PAIR_ANSWER
        assert turn.question == f"Please segment {first} and {second} in this image."
        assert len(set(turn.masks)) == 2
