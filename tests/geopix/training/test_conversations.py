"""Files of conversations: what is read, and all that can be wrong with them."""

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from geopix.training.conversations import ConversationFile
from geopix.training.mixture import LeftOut
from geopix.training.schema import Augmentation, Source
from geopix.training.turns import Lesson
from harness.errors import DataError
from harness.masks import decode, encode
from harness.records import Mask


def corner() -> Mask:
    pixels = np.zeros((6, 8), dtype=np.bool_)
    pixels[:2, :3] = True
    return encode(pixels)


def rle() -> dict[str, Any]:
    return {"size": [6, 8], "counts": corner().counts}


def user(text: str, **more: Any) -> dict[str, Any]:
    return {"role": "user", "text": text, **more}


def assistant(text: str, *masks: Any, **more: Any) -> dict[str, Any]:
    return {"role": "assistant", "text": text, **({"masks": list(masks)} if masks else {}), **more}


def line(*turns: Any, image: str = "images/a.png", **more: Any) -> dict[str, Any]:
    return {"image": image, "turns": list(turns), **more}


def read(folder: Path, *lines: Any, on_defect: str = "stop", skipped: list[LeftOut] | None = None) -> list[Lesson]:
    (folder / "images").mkdir(exist_ok=True)
    Image.new("RGB", (8, 6)).save(folder / "images/a.png")
    Image.new("RGB", (8, 6)).save(folder / "images/b.png")
    Image.fromarray(decode(corner()).astype(np.uint8) * np.uint8(255)).save(folder / "mask.png")
    path = folder / "train.jsonl"
    path.write_text("\n".join(each if isinstance(each, str) else json.dumps(each) for each in lines), "utf-8")
    source = Source(conversations="train.jsonl", weight=2.0, augment=Augmentation(rotation=0.5))
    return list(ConversationFile(source, path, on_defect).lessons([] if skipped is None else skipped))


@pytest.mark.parametrize(
    "mask",
    [
        rle(),
        {"size": [6, 8], "counts": [0, 2, 4, 2, 4, 2, 34]},
        {"polygons": [[0, 0, 3, 0, 3, 2, 0, 2]]},
        {"polygons": [[0, 0, 2, 0, 2, 2, 0, 2], [1, 0, 3, 0, 3, 2, 1, 2]]},
        {"file": "mask.png"},
    ],
    ids=["rle", "runs", "polygon", "polygons", "png"],
)
def test_masks_come_in_every_form(tmp_path: Path, mask: dict[str, Any]) -> None:
    (lesson,) = read(tmp_path, line(user("Mark it."), assistant("It is <SEG>.", {**mask, "category": "ship"})))
    (turn,) = lesson.turns
    assert turn.masks == (corner(),)
    assert turn.classes == ("ship",)
    assert (turn.capability, turn.question, turn.answer, turn.id) == ("segment", "Mark it.", "It is <SEG>.", "line 1")
    assert (lesson.weight, lesson.augmentation.rotation) == (2.0, 0.5)


def test_questions_that_follow_each_other_stay_together_and_lines_of_an_image_meet(tmp_path: Path) -> None:
    one = line(user("What is there?"), assistant("A ship."), user("Mark it."), assistant("<SEG>", rle()), id="one")
    two = line(user("Where?"), assistant("{<0><0><37><33>}"), image="images/b.png")
    three = line(user("Describe.", task="caption"), assistant("A harbour."))
    first, second = read(tmp_path, one, "", two, three)
    assert [lesson.image.id for lesson in (first, second)] == ["images/a.png", "images/b.png"]
    asked, described = first.turns
    assert [(turn.question, turn.capability) for turn in asked.exchanges] == [
        ("What is there?", "vqa"),
        ("Mark it.", "segment"),
    ]
    assert (asked.id, described.id) == ("one", "line 4")
    assert (described.capability, second.turns[0].capability) == ("caption", "refer")


GOOD = (user("Mark it."), assistant("It is <SEG>.", rle()))
MISTAKES: list[tuple[Any, str]] = [
    ('{"image": 1', "not valid JSON: "),
    ("[1]", "expected an object, found a list"),
    ({"image": "images/a.png"}, "turns: 'turns' is missing"),
    (line(*GOOD, imag="x"), "imag: unknown key 'imag'. Did you mean 'image'? Known: id, image, turns."),
    (line(user("a", tsk="vqa"), assistant("b")), "turns[0].tsk: unknown key 'tsk'. Did you mean 'task'?"),
    (line(user("a"), assistant("<SEG>", {"fil": "x"})), "masks[0].fil: unknown key 'fil'. Did you mean 'file'?"),
    (line(user("a", task="ask"), assistant("b")), "turns[0].task: "),
    (line({"role": "human", "text": "a"}, assistant("b")), "turns[0].role: "),
    (line(user("a")), "turns: "),
    (line(user(""), assistant("b")), "turns[0].text: "),
    (line(user(" "), assistant("b")), "turns[0].text: there is nothing but space in it"),
    (line(assistant("a"), user("b")), "turns[0].role: expected 'user', found 'assistant': the two speak in turns"),
    (line(user("a"), assistant("b"), user("c")), "turns: the last word is the user's; expected an answer to it"),
    (line(user("<image> a"), assistant("b")), "turns[0].text: <image> may not stand in it"),
    (line(user("a"), assistant("[SEG0]")), "turns[1].text: [SEG0] may not stand in it"),
    (line(user("a <SEG>"), assistant("b")), "turns[0].text: only the assistant may say <SEG> and have masks"),
    (line(user("a"), assistant("b <SEG>")), "turns[1].masks: 0 masks for 1 places <SEG> in the text"),
    (line(user("a"), assistant("b", rle())), "turns[1].masks: 1 masks for 0 places <SEG> in the text"),
    (line(user("a"), assistant("b", task="vqa")), "turns[1].task: it belongs to the question"),
    (line(user("a"), assistant("<SEG>", {})), "turns[1].masks[0]: a mask is `size` with `counts`, or `polygons`, or"),
    (line(user("a"), assistant("<SEG>", {**rle(), "file": "mask.png"})), "turns[1].masks[0]: a mask is "),
    (line(user("a"), assistant("<SEG>", {"size": [6, 9], "counts": "`1"})), "turns[1].masks[0]: "),
    (line(user("a"), assistant("<SEG>", {"size": [2, 2], "counts": [4]})), "has 2 x 2 pixels and its image 6 x 8"),
    (line(user("a"), assistant("<SEG>", {"polygons": [[1, 2]]})), "turns[1].masks[0]: a polygon needs three corners"),
    (line(user("a"), assistant("<SEG>", {"file": "no.png"})), "turns[1].masks[0]: its mask: "),
    (line(user("a"), assistant("<SEG>", {"file": "train.jsonl"})), "turns[1].masks[0]: its mask "),
    (line(user("a"), assistant("<SEG>", {"file": "../x.png"})), "outside its root"),
    (line(*GOOD, image="../a.png"), "outside its root"),
    (line(*GOOD, image="/etc/passwd"), "outside its root"),
]  # fmt: skip


@pytest.mark.parametrize(("wrong", "expected"), MISTAKES, ids=range(len(MISTAKES)))
def test_a_mistake_is_told_with_its_line(tmp_path: Path, wrong: Any, expected: str) -> None:
    with pytest.raises(DataError) as caught:
        read(tmp_path, line(*GOOD), wrong)
    first, *_ = str(caught.value).splitlines()
    assert first.startswith(f"{tmp_path / 'train.jsonl'}:2: ")
    assert expected in first


def test_all_mistakes_of_a_file_are_told_at_once(tmp_path: Path) -> None:
    with pytest.raises(DataError) as caught:
        read(tmp_path, *(wrong for wrong, _ in MISTAKES))
    lines = str(caught.value).splitlines()
    assert [each.split(":")[1] for each in lines[:5]] == ["1", "2", "3", "4", "5"]
    assert re.fullmatch(r"and \d+ more", lines[-2])
    assert int(lines[-2].split()[1]) >= len(MISTAKES) - 20
    assert lines[-1] == "docs/training-data.md describes the format."


def test_an_id_stands_once(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r":2: id: 'x' is that of line 1 already; give each its own"):
        read(tmp_path, line(*GOOD, id="x"), line(*GOOD, id="x"))


def test_missing_and_damaged_images_stop_or_are_left_out_with_their_names(tmp_path: Path) -> None:
    (tmp_path / "broken.png").write_bytes(b"no picture")
    gone, broken = line(*GOOD, image="images/gone.png"), line(*GOOD, image="broken.png")
    with pytest.raises(DataError) as caught:
        read(tmp_path, gone, line(*GOOD), gone, broken)
    message = str(caught.value)
    assert "3 of 4 samples cannot be used; 1 image is missing: images/gone.png" in message
    assert "train.jsonl:4: line 4: " in message
    skipped: list[LeftOut] = []
    (lesson,) = read(tmp_path, gone, line(*GOOD), gone, broken, on_defect="skip", skipped=skipped)
    assert lesson.image.id == "images/a.png"
    assert [each.missing for each in skipped] == ["images/gone.png", "images/gone.png", None]


def test_a_file_with_nothing_to_teach_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="there is no conversation in it that can be taught"):
        read(tmp_path, "")
