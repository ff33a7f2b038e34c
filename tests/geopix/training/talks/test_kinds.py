"""What each kind of talk makes of a scene."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from geopix.training.talks.files import load_talks, shipped_templates
from geopix.training.talks.scene import Fact, Scene
from geopix.training.turns import Turn
from harness.errors import ConfigurationError
from harness.masks import area, encode
from harness.records import Mask

Talker = Callable[..., list[Turn]]


def mask(*pixels: int) -> Mask:
    values = np.zeros(16, dtype=np.bool_)
    values[list(pixels)] = True
    return encode(values.reshape(4, 4))


SHIP = Fact("s", "segment", "the red ship", "ship", {}, (), (mask(0),), ("{<0><0><25><25>}",))
QUAY = Fact("q", "segment", "the quay", "quay", {}, (), (mask(5, 6),), ("{<25><25><75><50>}",))
CARS = Fact("c", "segment", "car", "car", {}, (), (mask(1), mask(2)), ("{<1><1><2><2>}", "{<3><3><4><4>}"))
CAPTION = Fact("i", "caption", "", "", {}, ("A harbour.", "Ships at a quay."))
QUESTION = Fact("v", "vqa", "", "", {"question": "How many ships?"}, ("1",))
SCENE = Scene((SHIP, QUAY, CARS, CAPTION, QUESTION), absent=("bridge", "stadium"))


@pytest.fixture
def talk(tmp_path: Path) -> Talker:
    def turns(kind: str, question: str, answer: str, scene: Scene = SCENE, seed: int = 0, **more: Any) -> list[Turn]:
        path = tmp_path / "talks.yaml"
        talk = {"kind": kind, "questions": [question], "answers": [answer], **more}
        path.write_text(yaml.safe_dump({"talks": [talk]}), encoding="utf-8")
        return list(load_talks([str(path)], seed).turns("data", "image", scene))

    return turns


def test_segment_asks_for_each_target_with_all_of_its_masks(talk: Talker) -> None:
    turns = talk("segment", "Mark {{ target }}.", "{{ target }}: {{ seg }}, at {{ box }}.")
    assert [(turn.question, turn.answer) for turn in turns] == [
        ("Mark the red ship.", "the red ship: <SEG>, at {<0><0><25><25>}."),
        ("Mark the quay.", "the quay: <SEG>, at {<25><25><75><50>}."),
        ("Mark car.", "car: <SEG> and <SEG>, at {<1><1><2><2>} {<3><3><4><4>}."),
    ]
    assert turns[2].masks == CARS.masks
    assert turns[2].classes == ("car", "car")
    assert [turn.id for turn in turns] == ["s", "q", "c"]
    assert {turn.capability for turn in turns} == {"segment"}


def test_segment_unites_masks_or_leaves_out_what_has_too_many(talk: Talker) -> None:
    (united,) = talk("segment", "?", "{{ seg }}", Scene((CARS,)), united=True)
    assert (united.answer, area(united.masks[0])) == ("<SEG>", 2)
    assert talk("segment", "?", "{{ seg }}", Scene((CARS,)), most=1) == []


def test_several_asks_for_different_targets_in_the_order_of_the_masks(talk: Talker) -> None:
    for seed in range(5):
        (turn,) = talk("several", "Mark {{ targets }}.", "{{ named }}.", seed=seed)
        names = [{SHIP.masks[0]: SHIP.target, QUAY.masks[0]: QUAY.target}[mask] for mask in turn.masks]
        assert sorted(names) == ["the quay", "the red ship"]
        assert turn.question == f"Mark {names[0]} and {names[1]}."
        assert turn.answer == f"{names[0]} <SEG> and {names[1]} <SEG>."


def test_several_needs_two_different_masks(talk: Talker) -> None:
    again = Fact("s2", "segment", "a ship", "ship", {}, (), SHIP.masks)
    assert talk("several", "?", "{{ seg }}", Scene((SHIP, again, CARS))) == []


def test_absent_asks_for_what_is_not_there_and_has_no_mask(talk: Talker) -> None:
    turns = talk("absent", "Mark the {{ category }}.", "There is no {{ category }}.", count=5)
    assert {turn.answer for turn in turns} == {"There is no bridge.", "There is no stadium."}
    assert all(not turn.masks and turn.capability == "segment" for turn in turns)
    assert talk("absent", "?", "None.", Scene((SHIP,))) == []


def test_partly_absent_has_the_mask_of_what_is_there(talk: Talker) -> None:
    (turn,) = talk("partly_absent", "{{ target }} and {{ absent }}?", "{{ seg }}; no {{ absent }}.")
    assert turn.masks in (SHIP.masks, QUAY.masks)
    assert turn.answer in ("<SEG>; no bridge.", "<SEG>; no stadium.")


def test_boxes_are_asked_for_and_described(talk: Talker) -> None:
    located = talk("locate", "Where is {{ target }}?", "{{ box }}", most=1)
    assert [(turn.question, turn.answer, turn.capability) for turn in located] == [
        ("Where is the red ship?", "{<0><0><25><25>}", "refer"),
        ("Where is the quay?", "{<25><25><75><50>}", "refer"),
    ]
    described = talk("describe", "What is at {{ box }}?", "{{ target }}")
    assert [turn.answer for turn in described] == ["the red ship", "the quay"]
    assert {turn.capability for turn in described} == {"caption"}


def test_every_caption_is_taught_and_every_question_asked(talk: Talker) -> None:
    assert [turn.answer for turn in talk("caption", "Describe.", "{{ caption }}")] == list(CAPTION.texts)
    (asked,) = talk("ask", "{{ question }} In a word.", "{{ answer }}")
    assert (asked.question, asked.answer, asked.capability) == ("How many ships? In a word.", "1", "vqa")


def test_the_share_is_a_chance_and_the_seed_decides(talk: Talker) -> None:
    facts = tuple(Fact(str(number), "segment", str(number), "", {}, (), (mask(0),)) for number in range(400))
    first, again, other = (
        [turn.id for turn in talk("segment", "?", "{{ seg }}", Scene(facts), seed, share=0.3)] for seed in (1, 1, 2)
    )
    assert first == again != other
    assert 90 < len(first) < 150


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("Mark {{ targt }}.", "{{ seg }}"), r"talks.yaml:2: .*'targt'.* Did you mean 'target'"),
        (("?", "It is."), "the answer 'It is.' has 0 places <SEG> for 1 masks; write `{{ seg }}`"),
        (("?", "<SEG> <SEG>"), "has 2 places <SEG> for 1 masks"),
    ],
)
def test_words_that_do_not_fit_are_refused(talk: Talker, words: tuple[str, str], expected: str) -> None:
    with pytest.raises(ConfigurationError, match=expected):
        talk("segment", *words, Scene((SHIP,)))


@pytest.mark.parametrize("name", sorted(shipped_templates()))
def test_shipped_templates_have_something_to_say(name: str) -> None:
    asked = {
        (turn.question, turn.answer)
        for seed in range(40)
        for turn in load_talks([name], seed).turns("data", "image", SCENE)
    }
    questions = {question for question, _ in asked}
    assert len(questions) >= 2
    assert not [text for pair in asked for text in pair if "{{" in text or not text.strip()]
