"""Lists of phrases: RefSegRS's and RISBench's layouts, masks as pictures of several kinds."""

import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from harness.errors import DataError, MissingDataError
from harness.masks import decode
from harness.readers.phrases import PhrasesReader
from harness.records import Sample

TRUTH = np.array([[0, 255, 0], [0, 255, 255]], dtype=np.uint8)


def write(root: Path, lines: str, *, mask: Image.Image | None = None, ending: str = "tif") -> Path:
    for folder in ("images", "masks"):
        (root / folder).mkdir(exist_ok=True)
    (root / "output_phrase_test.txt").write_text(lines, "utf-8")
    Image.new("RGB", (3, 2)).save(root / "images" / f"7.{ending}")
    (mask or Image.fromarray(TRUTH)).save(root / "masks" / f"7.{ending}")
    return root


def read(root: Path, **options: str) -> list[Sample]:
    return list(PhrasesReader(**options).samples(root))


def test_each_line_is_a_sample(tmp_path: Path) -> None:
    first, second = read(write(tmp_path, "7 vehicle driving on the road\n\n7  the trucks \n"))
    assert (first.id, second.id) == ("7", "7-2")
    assert (first.fields["expression"], second.fields["expression"]) == ("vehicle driving on the road", "the trucks")
    assert np.array_equal(decode(first.target.masks[0]), TRUTH > 0)
    assert first.images[0].path == tmp_path / "images" / "7.tif"
    assert (first.tags, first.defect) == ({"size": "small"}, None)


def test_names_may_have_their_ending(tmp_path: Path) -> None:
    write(tmp_path, "7.png the ship", ending="png")
    (sample,) = read(tmp_path, extension="")
    assert (sample.id, sample.defect) == ("7.png", None)


@pytest.mark.parametrize(
    "mask",
    [
        Image.fromarray(TRUTH > 0),
        Image.fromarray(TRUTH // 255),
        Image.fromarray(np.stack([TRUTH] * 3, axis=-1)),
        Image.fromarray(TRUTH.astype(np.uint16)),
    ],
)
def test_every_kind_of_mask_picture_is_read(tmp_path: Path, mask: Image.Image) -> None:
    (sample,) = read(write(tmp_path, "7 x y", mask=mask))
    assert np.array_equal(decode(sample.target.masks[0]), TRUTH > 0)


def test_a_palettes_colours_count_and_not_its_numbers(tmp_path: Path) -> None:
    mask = Image.fromarray(np.array([[2, 1, 2], [2, 1, 1]], dtype=np.uint8)).convert("P")
    mask.putpalette([9, 9, 9, 255, 255, 255, 0, 0, 0])
    write(tmp_path, "7.png x", mask=mask, ending="png")
    (sample,) = read(tmp_path, extension="")
    assert np.array_equal(decode(sample.target.masks[0]), TRUTH > 0)


def test_a_mask_that_cannot_be_read_is_a_defect(tmp_path: Path) -> None:
    write(tmp_path, "7 x")
    (tmp_path / "masks" / "7.tif").write_bytes(b"no picture")
    (sample,) = read(tmp_path)
    assert re.match(r"image 7: its mask .*7\.tif cannot be read: .* Check or replace the file\.", sample.defect or "")
    assert (sample.target.masks, sample.tags) == ((), {"size": "unknown"})


def test_what_is_not_there_is_a_defect(tmp_path: Path) -> None:
    write(tmp_path, "7 x\n8 y")
    (tmp_path / "masks" / "7.tif").unlink()
    first, second = read(tmp_path)
    assert re.search(r"its mask: image 7: 7\.tif is not in .*masks", first.defect or "")
    assert re.search(r"image 8: 8\.tif is not in .*images", second.defect or "")


@pytest.mark.parametrize("name", ["../7", "/etc/passwd"])
def test_a_name_outside_the_data_is_a_defect(tmp_path: Path, name: str) -> None:
    (sample,) = read(write(tmp_path, f"../{name} x" if name.startswith(".") else f"{name} x"))
    assert "outside its root" in (sample.defect or "")


def test_lines_without_a_phrase_are_all_told(tmp_path: Path) -> None:
    with pytest.raises(DataError) as caught:
        read(write(tmp_path, "7 x\n7\n8 \n"))
    assert "line 2: expected an image's name, a space and a phrase, found '7'" in str(caught.value)
    assert "line 3: expected an image's name, a space and a phrase, found '8'" in str(caught.value)


def test_a_list_without_lines_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"output_phrase_test\.txt has no line\."):
        read(write(tmp_path, "\n"))


def test_a_list_that_is_no_text_is_refused(tmp_path: Path) -> None:
    write(tmp_path, "")
    (tmp_path / "output_phrase_test.txt").write_bytes(b"\xff\xfe\xff")
    with pytest.raises(DataError, match=r"cannot be read as text in UTF-8"):
        read(tmp_path)


def test_an_absent_list_is_named(tmp_path: Path) -> None:
    with pytest.raises(MissingDataError, match=r"output_phrase_val\.txt does not exist.*'output_phrase_test\.txt'"):
        read(write(tmp_path, "7 x"), split="val")


def test_an_absent_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(MissingDataError, match=r"label does not exist"):
        read(write(tmp_path, "7 x"), masks="label")
