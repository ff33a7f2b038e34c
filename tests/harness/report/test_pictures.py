"""Pictures and masks become data addresses, or a note that says why not."""

import base64
import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from harness.errors import SampleError
from harness.records import Mask
from harness.report.masks import overlay
from harness.report.pictures import SIDE, Album, data_address
from harness.report.runs import load
from tests.harness.report.factory import OA, manifest, picture, record, rectangle, result, write_run
from tests.harness.report.factory import SIDE as MASK_SIDE


def opened(address: str | None) -> Image.Image:
    assert address is not None
    return Image.open(io.BytesIO(base64.b64decode(address.partition(",")[2])))


def album(root: Path, previews: bool = False) -> Album:
    records = [record("a", image="1")]
    write_run(root / "run", manifest("m", root / "data"), [(result("t", [OA], records), records)], previews)
    return Album("p", "t", load([root / "run"]), data_address)


def test_preview_of_a_run_is_embedded_as_it_is(tmp_path: Path) -> None:
    found = album(tmp_path, previews=True).picture("1", "images/1.png")
    assert found.address is not None
    assert found.address.startswith("data:image/webp;base64,")
    assert (found.width, found.height) == (MASK_SIDE, MASK_SIDE)


def test_picture_of_the_data_folder_is_made_small(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    picture(1).resize((1000, 500)).save(tmp_path / "data" / "1.png")
    found = album(tmp_path).picture("1", "1.png")
    assert opened(found.address).size == (found.width, found.height) == (SIDE, SIDE // 2)


def test_picture_is_embedded_once(tmp_path: Path) -> None:
    pictures = album(tmp_path, previews=True)
    assert pictures.picture("1", "x") is pictures.picture("1", "x")
    assert len(pictures.pictures) == 1


def test_path_that_leaves_the_data_folder_is_not_read(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    picture(1).save(tmp_path / "secret.png")
    found = album(tmp_path).picture("1", "../secret.png")
    assert found.address is None
    assert "outside its root" in str(found.problem)


@pytest.mark.parametrize("content", [b"", b"not a picture", b"\x89PNG\r\n\x1a\n" + b"\0" * 40])
def test_corrupt_picture_leaves_a_note(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "1.png").write_bytes(content)
    found = album(tmp_path).picture("1", "1.png")
    assert found.address is None
    assert "1.png" in str(found.problem)


def test_missing_picture_says_where_it_was_looked_for(tmp_path: Path) -> None:
    found = album(tmp_path).picture("1", "images/1.png")
    assert str(found.problem) == f"images/1.png is not in {tmp_path / 'data'}"


def test_agreement_tells_both_from_either(tmp_path: Path) -> None:
    drawn = overlay([rectangle(0, 0, 80, 160)], [rectangle(40, 0, 80, 160)], 16, 16)
    assert drawn is not None
    values = np.asarray(opened(drawn.agreement))
    assert values[0].tolist() == [1] * 4 + [3] * 4 + [2] * 4 + [0] * 4
    assert np.unique(np.asarray(opened(drawn.truth))).tolist() == [0, 1]
    assert np.unique(np.asarray(opened(drawn.prediction))).tolist() == [0, 2]
    assert opened(drawn.agreement).info["transparency"] == 0


def test_answer_without_masks_has_no_overlay() -> None:
    assert overlay([], [], 16, 16) is None


def test_truth_alone_is_drawn_where_nothing_was_predicted() -> None:
    drawn = overlay([rectangle(0, 0, 80, 160)], [], 16, 16)
    assert drawn is not None
    assert drawn.prediction is None


def test_malformed_mask_is_refused() -> None:
    with pytest.raises(SampleError):
        overlay([Mask((4, 4), "")], [], 16, 16)


def test_mask_of_many_runs_is_drawn_right() -> None:
    stripes = Mask((1, 700), "1" + "1" * 2 + "0" * 697)
    drawn = overlay([stripes], [], 700, 1)
    assert drawn is not None
    assert np.asarray(opened(drawn.truth))[0].tolist() == [0, 1] * 350


def test_size_of_the_stored_image_is_known_where_the_data_are_at_hand(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    picture(1).resize((1000, 500)).save(tmp_path / "data" / "1.png")
    pictures = album(tmp_path, previews=True)
    found = pictures.picture("1", "1.png")
    assert (found.full, found.width) == ((1000, 500), MASK_SIDE)
    assert pictures.picture("2", "absent.png").full is None
